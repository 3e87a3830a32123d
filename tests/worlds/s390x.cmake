# SPDX-License-Identifier: AGPL-3.0-or-later
# 64 bits, big-endian, with Debian's cross compiler. dev/world says where the libraries are.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR s390x)
set(CMAKE_C_COMPILER s390x-linux-gnu-gcc)
