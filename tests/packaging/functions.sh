# shellcheck shell=sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# A stand-in of what Lockstep uses of OpenWrt's /lib/functions.sh: the same names with the same results.
# shellcheck disable=SC2154 # what `uci shell` assigns

# Sections and lists of what was loaded before are gone; single options of it stay, as in OpenWrt.
config_load() {
	CONFIG_SECTIONS=
	loaded=$(uci -q shell "$1"; echo .)
	eval "${loaded%.}"
}

# VARIABLE SECTION OPTION [DEFAULT]
config_get() {
	case $2$3 in
	*[!A-Za-z0-9_]*) return ;;
	esac
	eval "$1=\${CONFIG_$2_$3:-\${4:-}}"
}

config_get_bool() {
	config_get bool_value "$2" "$3" "${4:-}"
	case $bool_value in
	1 | on | true | yes | enabled) bool_value=1 ;;
	0 | off | false | no | disabled) bool_value=0 ;;
	*) bool_value=${4:-} ;;
	esac
	eval "$1=\$bool_value"
}

# FUNCTION TYPE
config_foreach() {
	for section in $CONFIG_SECTIONS; do
		config_get section_type "$section" TYPE
		if [ "$section_type" = "$2" ]; then
			"$1" "$section"
		fi
	done
}

# SECTION OPTION FUNCTION
config_list_foreach() {
	config_get list_length "$1" "$2_LENGTH"
	list_number=1
	while [ "$list_number" -le "${list_length:-0}" ]; do
		config_get list_item "$1" "$2_ITEM$list_number"
		"$3" "$list_item"
		list_number=$((list_number + 1))
	done
}
