# shellcheck shell=sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# What the flashers for OpenWrt share: their JSON, and what they all look at first.

# A value as a JSON string; programs say what they like, in any encoding.
quote() {
	printf '"%s"' "$(printf '%s' "$1" | tr -d '\000-\037\177-\377' | sed 's/[\\"]/\\&/g')"
}

refuse() {
	printf '{"message":%s}\n' "$(quote "$1")"
	exit 1
}

# The last words of a program that failed.
last_line() {
	printf '%s\n' "$1" | sed '/^[[:space:]]*$/d' | tail -n 1
}

# Fails unless so many KiB beside the image are free. Nothing is in memory twice: what lies in /tmp
# stays there, all else is copied to it.
look_at_memory() {
	need_kib=$2
	case $(readlink -f "$1") in
	/tmp/*) ;;
	*) need_kib=$((need_kib + $(wc -c <"$1") / 1024 + 1)) ;;
	esac
	available_kib=$(awk '$1 == "MemAvailable:" { print $2 }' "$root/proc/meminfo")
	[ "${available_kib:-0}" -ge "$need_kib" ] ||
		refuse "There is too little memory: ${available_kib:-0} KiB of $need_kib KiB are free. End other services, or reboot, and try again."
}

# Makes `archive` of what keep.d names for us: of the journal and the keys nothing may be lost.
pack() {
	paths=$(sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e 's|^/||' "$keep_list") ||
		refuse "$keep_list cannot be read."
	set --
	while IFS= read -r path; do
		[ -z "$path" ] || [ ! -e "$root/$path" ] || set -- "$@" "$path"
	done <<-END
		$paths
	END
	[ $# -gt 0 ] || refuse "Nothing of what $keep_list names is here to be kept."
	archive=$(mktemp /tmp/lockstep-keep.XXXXXX)
	tar -c -z -f "$archive" -C "$root/" "$@" || refuse "What must be kept cannot be packed."
}

root=${LOCKSTEP_ROOT:-}       # where another system lies than the one that runs: tests
keep=${LOCKSTEP_KEEP:-config} # what outlives the flash: config, or lockstep's own alone
keep_list=$root/lib/upgrade/keep.d/lockstep
case $keep in
config | lockstep) ;;
*) refuse "LOCKSTEP_KEEP must be config or lockstep." ;;
esac
archive=
trap 'rm -f "$archive"' EXIT
