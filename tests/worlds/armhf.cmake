# SPDX-License-Identifier: AGPL-3.0-or-later
# 32 bits, little-endian, with Debian's cross compiler. dev/world says where the libraries are.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(CMAKE_C_COMPILER arm-linux-gnueabihf-gcc)
