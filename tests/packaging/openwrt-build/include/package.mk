# SPDX-License-Identifier: AGPL-3.0-or-later
# A stand-in of what our packages use of OpenWrt's package.mk: `build`, and for each package
# `install-NAME`, which fills $(DESTDIR)/NAME, and `tell-NAME`, which writes what is said of it into
# files $(DESTDIR)/NAME.FIELD.
PKG_BUILD_DIR:=$(BUILD_DIR)/$(PKG_NAME)-$(PKG_VERSION)
PKG_INSTALL_DIR:=$(PKG_BUILD_DIR)/ipkg-install
FIELDS:=SECTION CATEGORY SUBMENU TITLE DEPENDS CONFLICTS PKGARCH
TEXTS:=conffiles description prerm

configure:
	$(Build/Prepare)
	$(Build/Configure)

build: configure
	$(Build/Compile)

# What a package does not say itself must not come from the one before it.
define BuildPackage
$(foreach field,$(FIELDS),$(eval $(field):=))
$(eval $(Package/$(1)))
$(foreach field,$(FIELDS),$(eval $(1)_$(field):=$$($(field))))

install-$(1):
	$$(call Package/$(1)/install,$(DESTDIR)/$(1))

tell-$(1):
	@mkdir -p $(DESTDIR)
	$$(foreach field,$(FIELDS),$$(file >$(DESTDIR)/$(1).$$(field),$$($(1)_$$(field))))
	$$(file >$(DESTDIR)/$(1).PKG_BUILD_DEPENDS,$(PKG_BUILD_DEPENDS))
	$$(foreach text,$(TEXTS),$$(file >$(DESTDIR)/$(1).$$(text),$$(Package/$(1)/$$(text))))
endef
