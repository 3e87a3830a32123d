# SPDX-License-Identifier: AGPL-3.0-or-later
# This machine with musl in the place of glibc. dev/world says where the libraries are.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER musl-gcc)
