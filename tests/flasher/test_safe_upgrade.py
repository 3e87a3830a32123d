# SPDX-License-Identifier: AGPL-3.0-or-later
"""flashers/safe-upgrade, with each shell that a router or a Debian has, beside stand-ins of LibreMesh's program, of the
boot loader's variables and of the flash, which answer and fail as those do."""
import os
import signal
import tarfile
import time
import unittest

from openwrt import ENOUGH_KIB, PATIENCE_S, Router, with_each_shell

SLOT_SIZE = 1024 * 1024

# Writes the other slot and does not look whether that went well; tells the boot loader to try it once.
SAFE_UPGRADE = r"""#!/bin/sh
fault() { [ -e "$STAND_IN/$1" ]; }
case $1 in
board-supported)
	! fault unsupported || { echo "This board is not supported"; exit 198; }
	exit 0
	;;
upgrade)
	if [ "$2" = --help ]; then
		! fault reboots_itself || echo "[--no-reboot]"
		exit 0
	fi
	;;
esac
for argument; do
	printf '%s\n' "$argument" >>"$STAND_IN/called"
done
echo end >>"$STAND_IN/called"
case $1 in
verify)
	! fault invalid || { echo "Invalid firmware!"; exit 111; }
	;;
upgrade)
	! fault upgrade_fails || exit 199
	current=1 other=2
	grep -q fw2 "$LOCKSTEP_ROOT/proc/mtd" || { current=2 other=1; }
	for image; do
		[ "$archive" != next ] || cp "$image" "$STAND_IN/archive"
		archive=
		[ "$image" != --preserve-archive ] || archive=next
	done
	if ! fault mtd_write; then
		cp "$image" "$LOCKSTEP_ROOT/dev/mtd5"
		printf 'other end' | dd of="$LOCKSTEP_ROOT/dev/mtd5" bs=1 seek=$(($(wc -c <"$image") - 100)) conv=notrunc 2>/dev/null
	fi
	fault env_write || fw_setenv testing_part $other
	;;
confirm)
	! fault confirm_fails || exit 114
	current=1
	grep -q fw2 "$LOCKSTEP_ROOT/proc/mtd" || current=2
	[ "$(fw_printenv -n stable_part)" != $current ] || exit 113
	fault env_write || fw_setenv stable_part $current
	;;
confirm-remaining)
	! fault remaining_fails || exit 115
	printf '%s' "$(cat "$STAND_IN/remaining" 2>/dev/null || echo -1)"
	;;
esac
"""
PRINTENV = r"""#!/bin/sh
[ -e "$STAND_IN/env_$2" ] || { echo "## Error: \"$2\" not defined" >&2; exit 1; }
cat "$STAND_IN/env_$2"
"""
SETENV = r"""#!/bin/sh
echo "$2" >"$STAND_IN/env_$1"
"""
REBOOT = r"""#!/bin/sh
: >"$STAND_IN/reboots"
"""
SYSUPGRADE = r"""#!/bin/sh
echo sysupgrade >>"$STAND_IN/called"
echo end >>"$STAND_IN/called"
"""


class Verbs(Router):
    """The tests; below they are run with every shell that there is."""

    flasher = "safe-upgrade"
    stand_ins = {"safe-upgrade": SAFE_UPGRADE, "fw_printenv": PRINTENV, "fw_setenv": SETENV, "reboot": REBOOT,
                 "sysupgrade": SYSUPGRADE}

    def setUp(self):
        super().setUp()
        self.write("dev/mtd5", b"\xff" * SLOT_SIZE)
        self.write("lib/upgrade/keep.d/lockstep", "/etc/lockstep/\n")
        self.write("etc/lockstep/journal", "journal")
        for name, value in (("su_version", "1.0"), ("stable_part", 1), ("testing_part", 0)):
            self.set_env(name, value)
        self.boot(1, "first")

    def boot(self, slot, boot_id):
        """The other slot keeps its name; the one that runs is "firmware"."""
        self.write("proc/mtd", 'dev:    size   erasesize  name\nmtd0: 00040000 00010000 "u-boot"\n'
                               'mtd4: 00100000 00010000 "firmware"\n'
                               f'mtd5: 00100000 00010000 "fw{3 - slot}"\n')
        self.write("proc/sys/kernel/random/boot_id", boot_id + "\n")

    def set_env(self, name, value):
        (self.stand_in / f"env_{name}").write_text(f"{value}\n")

    def env(self, name):
        return (self.stand_in / f"env_{name}").read_text().strip()

    def break_it(self, name, content=""):
        (self.stand_in / name).write_text(content)

    def probe(self):
        status, output = self.call("probe")
        self.assertEqual(status, 0)
        return output["slots"], output["trial"], output["fell_back"]

    def flash(self, window="600", verb="flash", **environment):
        """Until it asks for a reboot; then the board goes down."""
        arguments = ("flash", self.image, window) if verb == "flash" else (verb,)
        process = self.begin(*arguments, LOCKSTEP_WAIT_S="600", **environment)
        end = time.monotonic() + PATIENCE_S
        while not (self.stand_in / "reboots").exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        ended = process.poll() is not None
        if not ended:
            os.killpg(process.pid, signal.SIGKILL)
        output = "".join(process.communicate())
        self.assertFalse(ended, output)
        (self.stand_in / "reboots").unlink()

    def test_a_flash_that_is_kept(self):
        self.assertEqual(self.probe(), (2, False, False))
        self.assertEqual(self.call("remaining"), (0, {"remaining_s": -1}))
        self.flash()
        self.assertEqual(self.env("testing_part"), "2")
        # The boot loader tries it once.
        self.set_env("testing_part", 0)
        self.boot(2, "second")
        self.break_it("remaining", "540")
        self.assertEqual(self.probe(), (2, True, False))
        self.assertEqual(self.call("remaining"), (0, {"remaining_s": 540}))
        self.assertEqual(self.call("confirm"), (0, {}))
        self.assertEqual(self.env("stable_part"), "2")
        self.assertEqual(self.probe(), (2, False, False))
        self.assertEqual(self.call("confirm"), (0, {}), "a second time is no error")

    def test_a_board_that_falls_back(self):
        self.flash()
        self.assertEqual(self.probe(), (2, False, False), "not before it was booted")
        self.set_env("testing_part", 0)
        self.boot(1, "third")
        self.assertEqual(self.probe(), (2, False, True))
        # The next flash begins anew.
        self.flash()
        self.assertEqual(self.probe(), (2, False, False))

    def test_from_the_second_slot(self):
        self.set_env("stable_part", 2)
        self.boot(2, "first")
        self.flash()
        self.assertEqual(self.env("testing_part"), "1")
        self.set_env("testing_part", 0)
        self.boot(1, "second")
        self.assertEqual(self.probe(), (2, True, False))
        self.boot(2, "third")
        self.assertEqual(self.probe(), (2, False, True))

    def test_revert(self):
        self.assertIn("is confirmed", self.refuses("revert"))
        self.set_env("testing_part", 2)
        self.boot(2, "second")
        self.flash(verb="revert")
        self.assertEqual(self.env("testing_part"), "0")

    def test_remaining_is_never_nonsense(self):
        self.boot(2, "second")
        for said, meant in (("-1", 0), ("-77", 0), ("", 0), ("nil", 0), ("17", 17)):
            with self.subTest(said):
                self.break_it("remaining", said)
                self.assertEqual(self.call("remaining"), (0, {"remaining_s": meant}))
        self.break_it("remaining_fails")
        self.assertEqual(self.call("remaining"), (0, {"remaining_s": 0}))

    def test_what_is_asked_of_safe_upgrade(self):
        self.flash("120")
        verify, upgrade = self.called()
        self.assertEqual(verify, ["verify", str(self.image)])
        self.assertEqual(upgrade[:2], ["upgrade", "--reboot-safety-timeout=120"])
        self.assertEqual(upgrade[2], "--preserve-archive")
        self.assertEqual(upgrade[4:], [str(self.image)])
        with tarfile.open(self.stand_in / "archive", "r:gz") as archive:
            self.assertIn("etc/lockstep/journal", archive.getnames())
        self.break_it("reboots_itself")
        self.flash("120", LOCKSTEP_KEEP="lockstep")
        self.assertEqual(self.called()[-1][4:], ["--do-not-preserve-config", "--no-reboot", str(self.image)])

    def test_usage(self):
        for arguments in ((), ("check",), ("flash", self.image), ("flash", self.image, "ten"), ("boot",)):
            with self.subTest(arguments):
                self.assertEqual(self.call(*arguments), (2, None))
        self.assertEqual(self.called(), [])

    def test_refusals(self):
        self.assertIn("no such image", self.refuses("check", self.directory / "none"))
        self.assertIn("at least 60", self.refuses("flash", self.image, "59"))
        self.set_memory(100)
        self.assertIn("too little memory", self.refuses("check", self.image))
        self.set_memory(ENOUGH_KIB)
        self.boot(2, "second")
        self.assertIn("not confirmed", self.refuses("flash", self.image, "600"))
        self.boot(1, "third")
        (self.stand_in / "env_su_version").unlink()
        self.assertIn("bootstrap", self.refuses("check", self.image))
        self.assertEqual(self.probe(), (1, False, False))
        self.assertIn("two slots", self.refuses("revert"))
        self.assertEqual(self.called(), [], "nothing was written")

    def test_check(self):
        self.assertEqual(self.call("check", self.image), (0, {"message": "safe-upgrade takes the image."}))
        self.break_it("invalid")
        self.assertIn("Invalid firmware!", self.refuses("check", self.image))
        self.image.write_bytes(bytes(SLOT_SIZE + 1))
        self.assertIn("larger than its slot", self.refuses("check", self.image))
        self.image.write_bytes(bytes(SLOT_SIZE))
        (self.stand_in / "invalid").unlink()
        self.assertEqual(self.call("check", self.image)[0], 0)

    def test_a_flash_that_fails(self):
        for fault, words in (("upgrade_fails", "ended with 199"), ("mtd_write", "is not the image"),
                             ("env_write", "was not told")):
            with self.subTest(fault):
                self.break_it(fault)
                self.assertIn(words, self.refuses("flash", self.image, "600"))
                self.assertFalse((self.stand_in / "reboots").exists())
                self.assertEqual(self.env("testing_part"), "0", "what is not whole is not tried")
                (self.stand_in / fault).unlink()
                (self.root / "dev/mtd5").write_bytes(b"\xff" * SLOT_SIZE)
        self.assertIn("does not reboot", self.refuses("flash", self.image, "600"))

    def test_a_confirmation_that_fails(self):
        self.boot(2, "second")
        self.break_it("confirm_fails")
        self.assertIn("does not confirm", self.refuses("confirm"))
        (self.stand_in / "confirm_fails").unlink()
        self.break_it("env_write")
        self.assertIn("still takes slot 1", self.refuses("confirm"))

    def test_large_images_are_compared_up_to_their_end(self):
        body = os.urandom(900000)
        self.image.write_bytes(body)
        self.flash()

    def test_boards_that_it_does_not_know(self):
        self.break_it("unsupported")
        self.assertEqual(self.probe(), (1, False, False))
        self.assertEqual(self.call("check", self.image), (0, {"message": "sysupgrade takes the image."}))
        self.assertEqual(self.called(), [["sysupgrade"]])


SystemShell, Busybox = with_each_shell(Verbs)

if __name__ == "__main__":
    unittest.main()
