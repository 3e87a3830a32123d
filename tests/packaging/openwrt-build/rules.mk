# SPDX-License-Identifier: AGPL-3.0-or-later
# A stand-in of what our packages use of OpenWrt's rules.mk. TOPDIR is this folder; BUILD_DIR and DESTDIR are
# given by whoever calls make.
.DEFAULT_GOAL:=packages
INCLUDE_DIR:=$(TOPDIR)/include
INSTALL_DIR:=install -d -m0755
INSTALL_BIN:=install -m0755
INSTALL_DATA:=install -m0644
INSTALL_CONF:=install -m0600
CP:=cp -fpR
LN:=ln -sf
# All that we have is chosen.
CONFIG_PACKAGE_lockstep-web?=y
