# SPDX-License-Identifier: AGPL-3.0-or-later
# A stand-in of what our packages use of OpenWrt's cmake.mk: builds for /usr, in the folder of the sources or one below it.
CMAKE_BINARY_DIR=$(PKG_BUILD_DIR)$(if $(CMAKE_BINARY_SUBDIR),/$(CMAKE_BINARY_SUBDIR))

define Build/Configure
	cmake -S $(PKG_BUILD_DIR) -B $(CMAKE_BINARY_DIR) -G Ninja -DCMAKE_BUILD_TYPE=Release \
		-DCMAKE_C_FLAGS="$(TARGET_CFLAGS)" -DCMAKE_C_FLAGS_RELEASE="-DNDEBUG" \
		-DCMAKE_FIND_ROOT_PATH=$(PKG_BUILD_DIR) -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER \
		-DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_STRIP=: $(CMAKE_OPTIONS)
endef

define Build/Compile
	cmake --build $(CMAKE_BINARY_DIR)
	DESTDIR=$(PKG_INSTALL_DIR) cmake --install $(CMAKE_BINARY_DIR)
endef
