# SPDX-License-Identifier: AGPL-3.0-or-later
"""flashers/sysupgrade, with each shell that a router or a Debian has, beside a stand-in of OpenWrt's program that
answers as that does: what it says, and with which status it ends."""
import os
import signal
import tarfile
import tempfile
import time
import unittest

from openwrt import ENOUGH_KIB, PATIENCE_S, Router, with_each_shell

# Validates, and tells that it failed when it works: procd ends all services before it answers.
STAND_IN = r"""#!/bin/sh
for argument; do
	printf '%s\n' "$argument" >>"$STAND_IN/called"
done
echo end >>"$STAND_IN/called"
if [ "$1" = -f ]; then
	cp "$2" "$STAND_IN/archive"
	shift 2
fi
if [ -e "$STAND_IN/refuses" ]; then
	cat "$STAND_IN/refuses" >&2
	exit 1
fi
[ "$1" != --test ] || exit 0
if [ -e "$STAND_IN/refuses_to_begin" ]; then
	echo "Image check failed." >&2
	exit 1
fi
echo "Commencing upgrade. Closing all shell sessions." >&2
echo "Command failed: ubus call system sysupgrade (Connection failed)" >&2
: >"$STAND_IN/begun"
exit 10
"""


class Verbs(Router):
    """The tests; below they are run with every shell that there is."""

    flasher = "sysupgrade"
    stand_ins = {"sysupgrade": STAND_IN}

    def test_one_slot(self):
        self.assertEqual(self.call("probe"), (0, {"slots": 1, "trial": False, "fell_back": False}))
        self.assertEqual(self.call("confirm"), (0, {}))
        self.assertEqual(self.call("remaining"), (0, {"remaining_s": -1}))
        self.assertIn("one slot", self.refuses("revert"))
        self.assertEqual(self.called(), [])

    def test_usage(self):
        for arguments in ((), ("check",), ("check", self.image, "more"), ("flash", self.image),
                          ("flash", self.image, "ten"), ("flash", self.image, ""), ("probe", "x"), ("boot",)):
            with self.subTest(arguments):
                self.assertEqual(self.call(*arguments), (2, None))
        self.assertEqual(self.called(), [])

    def test_check(self):
        self.assertEqual(self.call("check", self.image), (0, {"message": "sysupgrade takes the image."}))
        self.assertEqual(self.called(), [["--test", str(self.image)]])

    def test_check_says_why_not(self):
        (self.stand_in / "refuses").write_bytes(b'Device not supported\n\x01 says "no" \\ \xe9\n\n')
        message = self.refuses("check", self.image)
        self.assertTrue(message.startswith("sysupgrade refuses the image:"), message)
        self.assertIn('says "no" \\', message)

    def test_no_image(self):
        self.assertIn("no such image", self.refuses("check", self.directory / "none"))
        self.assertIn("no such image", self.refuses("check", self.directory))
        self.assertEqual(self.called(), [])

    def test_too_little_memory(self):
        for kib, image_elsewhere, enough in ((4096, False, True), (4095, False, False), (4096, True, False),
                                             (4096 + 9, True, True)):
            with self.subTest(kib=kib, image_elsewhere=image_elsewhere):
                self.set_memory(kib)
                with tempfile.NamedTemporaryFile(dir="/var/tmp") as elsewhere:
                    elsewhere.write(self.image.read_bytes())
                    elsewhere.flush()
                    # By a name in /tmp, too: it is copied all the same.
                    link = self.directory / "link"
                    link.unlink(missing_ok=True)
                    link.symlink_to(elsewhere.name)
                    status, output = self.call("check", link if image_elsewhere else self.image)
                self.assertEqual(status, 0 if enough else 1, output)
                if not enough:
                    self.assertIn(f"{kib} KiB", output["message"])
        (self.root / "proc/meminfo").write_text("MemTotal: 1 kB\n")
        self.assertIn("too little memory", self.refuses("check", self.image))

    def test_flash_that_works_says_that_it_failed(self):
        process = self.begin("flash", self.image, "60", LOCKSTEP_WAIT_S="600")
        end = time.monotonic() + PATIENCE_S
        while not (self.stand_in / "begun").exists() and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.3)
        # Now procd ends everything.
        self.assertIsNone(process.poll(), "it waits for the end of the board")
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        self.assertEqual(output, "")
        self.assertEqual(self.called(), [["--test", str(self.image)], [str(self.image)]])

    def test_flash_after_which_the_board_lives(self):
        message = self.refuses("flash", self.image, "60")
        self.assertIn("still runs", message)
        self.assertIn("10", message)

    def test_flash_is_refused(self):
        (self.stand_in / "refuses_to_begin").touch()
        begin = time.monotonic()
        message = self.refuses("flash", self.image, "60", LOCKSTEP_WAIT_S="600")
        self.assertIn("has not begun", message)
        self.assertLess(time.monotonic() - begin, PATIENCE_S)

    def test_flash_looks_again(self):
        self.set_memory(100)
        self.assertIn("too little memory", self.refuses("flash", self.image, "60"))
        self.set_memory(ENOUGH_KIB)
        (self.stand_in / "refuses").write_text("broken\n")
        self.assertIn("broken", self.refuses("flash", self.image, "60"))
        self.assertTrue(all("--test" in call for call in self.called()))

    def test_only_our_own_is_kept(self):
        self.write("lib/upgrade/keep.d/lockstep", "# ours\n/etc/lockstep/\n/etc/config/lockstep # and this\n\n"
                                                  "/etc/not there\n/etc/with blank\n")
        self.write("etc/lockstep/journal", "journal")
        self.write("etc/lockstep/trust/operator/a.pub", "key")
        self.write("etc/config/lockstep", "config")
        self.write("etc/config/network", "not ours")
        self.write("etc/with blank", "ours")
        self.refuses("flash", self.image, "60", LOCKSTEP_KEEP="lockstep")
        for call in self.called():
            self.assertEqual(call[0], "-f")
            self.assertFalse(os.path.exists(call[1]), "nothing is left behind")
        self.assertEqual(self.called()[-1][2:], [str(self.image)])
        with tarfile.open(self.stand_in / "archive", "r:gz") as archive:
            files = {member.name for member in archive if member.isfile()}
        self.assertEqual(files, {"etc/lockstep/journal", "etc/lockstep/trust/operator/a.pub",
                                 "etc/config/lockstep", "etc/with blank"})

    def test_nothing_to_keep(self):
        self.assertIn("cannot be read", self.refuses("check", self.image, LOCKSTEP_KEEP="lockstep"))
        self.write("lib/upgrade/keep.d/lockstep", "/etc/lockstep/\n")
        self.assertIn("here to be kept", self.refuses("check", self.image, LOCKSTEP_KEEP="lockstep"))
        self.assertIn("must be", self.refuses("check", self.image, LOCKSTEP_KEEP="all"))
        self.assertEqual(self.called(), [])


SystemShell, Busybox = with_each_shell(Verbs)

if __name__ == "__main__":
    unittest.main()
