# SPDX-License-Identifier: AGPL-3.0-or-later
"""flashers/simulated, verb by verb and fault by fault, with each shell that a router or a Debian has."""
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest
import zlib

FLASHER = pathlib.Path(__file__).resolve().parents[2] / "flashers" / "simulated"
PATIENCE_S = 20


def uptime_s():
    return float(pathlib.Path("/proc/uptime").read_text().split()[0])


def chunk(before, kind, data):
    crc = zlib.crc32(before + data) ^ 0xFFFFFFFF
    return data + b"FWx0" + struct.pack(">IBxxxI", crc, kind, len(data) + 16)


def make_image(version="Demo 2.0", boards=("demo,alpha",), body=b"firmware " * 500, signed=False, **more):
    metadata = {"metadata_version": "1.1", "compat_version": "1.0", "supported_devices": list(boards),
                "version": {"dist": "Demo", "version": version, "board": boards[0]}, **more}
    return with_metadata(body, json.dumps(metadata).encode(), signed)


def with_metadata(body, metadata, signed=False):
    image = body + chunk(body, 1, bytes(8) + metadata)
    return image + chunk(image, 0, b"certificate" * 20) if signed else image


class Board:
    """The directory, and a supervisor that does what it is told."""

    shell = ("sh",)
    path = None

    def __init__(self, directory, slots=2):
        self.directory = pathlib.Path(directory)
        for part in ("faults", "slot_a", "slot_b"):
            (self.directory / part).mkdir(parents=True)
        self.write("board", "demo,alpha\n")
        self.write("slots", f"{slots}\n")
        self.write("slot_a/image", make_image("Demo 1.0"))

    def write(self, name, content=""):
        (self.directory / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    def read(self, name):
        try:
            return (self.directory / name).read_text().strip()
        except FileNotFoundError:
            return None

    def has(self, name):
        return (self.directory / name).exists()

    def files(self):
        """Everything in the directory, to see that nothing changed."""
        return {str(path.relative_to(self.directory)): path.read_bytes()
                for path in self.directory.rglob("*") if path.is_file()}

    def begin(self, *arguments):
        environment = {**os.environ, "LOCKSTEP_DEVICE": str(self.directory)}
        if self.path:
            environment["PATH"] = self.path
        return subprocess.Popen([*self.shell, str(FLASHER), *map(str, arguments)], env=environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, start_new_session=True)

    def call(self, *arguments):
        """Exit status and the JSON that it said (None for none)."""
        process = self.begin(*arguments)
        try:
            output, _ = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise AssertionError(f"{arguments[0]} did not return") from None
        return process.returncode, json.loads(output) if output else None

    def until(self, name, *arguments):
        """Runs a verb until it asks for `name` (reboot, power_cut_now); then the board is dark."""
        process = self.begin(*arguments)
        end = time.monotonic() + PATIENCE_S
        while not self.has(name) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        ended = process.poll() is not None
        if not ended:
            os.killpg(process.pid, signal.SIGKILL)
        output = "".join(process.communicate())
        assert not ended, f"{arguments} ended by itself: {output}"
        assert self.has(name), f"{arguments} never asked for {name}"

    def boot(self):
        status, output = self.call("boot")
        assert output is None
        return status

    def flash(self, image, window_s=60):
        self.until("reboot", "flash", image, window_s)

    def probe(self):
        status, output = self.call("probe")
        assert status == 0
        return output


class Verbs:
    """The tests; below they are run with every shell that there is."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="lockstep-flasher-")
        self.addCleanup(temporary.cleanup)
        self.directory = pathlib.Path(temporary.name)
        self.image = self.directory / "new image.bin"
        self.image.write_bytes(make_image())
        self.board = self.make_board("device")

    def make_board(self, name, slots=2):
        board = Board(self.directory / name, slots)
        board.shell, board.path = self.shell, self.applets()
        self.assertEqual(board.boot(), 0)
        return board

    def applets(self):
        return None

    def refuses(self, *arguments):
        before = self.board.files()
        status, output = self.board.call(*arguments)
        self.assertEqual(status, 1)
        self.assertEqual(self.board.files(), before, "a refusal changes nothing")
        return output["message"]

    # -- probe and check

    def test_probe_of_a_board_at_rest(self):
        self.assertEqual(self.board.probe(), {
            "board": "demo,alpha", "version": "Demo 1.0", "slots": 2, "trial": False,
            "fell_back": False, "boot_id": self.board.read("boot_id"), "remaining_s": -1})
        self.assertEqual(self.board.call("remaining"), (0, {"remaining_s": -1}))

    def test_every_boot_has_its_own_id(self):
        first = self.board.probe()["boot_id"]
        self.board.boot()
        self.assertNotIn(self.board.probe()["boot_id"], (first, "", "none"))

    def test_strings_are_escaped(self):
        self.board.write("board", 'a "board"\\, 100% $(id) `id`\n')
        version = 'Demo "1" \\ \u00fc }],{"version":"no"}'
        for escaped in (True, False):
            metadata = json.dumps({"version": {"version": version}}, ensure_ascii=escaped).encode()
            self.board.write("slot_a/image", with_metadata(b"", metadata))
            probe = self.board.probe()
            self.assertEqual(probe["board"], 'a "board"\\, 100% $(id) `id`')
            self.assertEqual(probe["version"], version)

    def test_version_is_the_trailers(self):
        rows = {
            "signed": (make_image("S", signed=True), "S"),
            "spaces and lines": (with_metadata(b"x", b'{ "version" :\n\t{ "a":[{"version":"no"}], '
                                                     b'"version" : "W" } }\n'), "W"),
            "deeper one": (with_metadata(b"x", b'{"a":{"version":{"version":"no"}}}'), ""),
            "not a string": (with_metadata(b"x", b'{"version":{"version":12}}'), ""),
            "no JSON": (with_metadata(b"x", b'{"version":{"version":"A"'), "A"),
            "garbage": (with_metadata(b"x", b"\xff\xfe;;"), ""),
            "no trailer": (b"plain" * 100, ""),
            "empty": (b"", ""),
            "short": (b"FWx0", ""),
        }
        for name, (image, version) in rows.items():
            with self.subTest(name):
                self.board.write("slot_a/image", image)
                self.assertEqual(self.board.probe()["version"], version)

    def test_check_takes_what_is_for_this_board(self):
        for name, image in (("plain", make_image()), ("signed", make_image(signed=True)),
                            ("second", make_image(boards=("demo,beta", "demo,alpha")))):
            with self.subTest(name):
                self.image.write_bytes(image)
                before = self.board.files()
                self.assertEqual(self.board.call("check", self.image)[0], 0)
                self.assertEqual(self.board.files(), before)

    def test_check_refuses(self):
        good = make_image()

        def size(number):
            return good[:-4] + struct.pack(">I", number)

        rows = {
            "another board": (make_image(boards=("demo,beta",)), "not for demo,alpha"),
            "a longer name": (make_image(boards=("demo,alpha2", "xdemo,alpha")), "not for"),
            "a name with a quote": (make_image(boards=('x"demo,alpha',)), "not for"),
            "a name in another list": (make_image(boards=("x",), others=["demo,alpha"]), "not for"),
            "a name as a member": (make_image(boards=("x",), supported="demo,alpha"), "not for"),
            "only the new ones": (make_image(boards=("x",), new_supported_devices=["demo,alpha"]), "not for"),
            "no list": (with_metadata(b"x", b"{}"), "not for"),
            "no trailer": (b"firmware" * 99, "no metadata"),
            "empty": (b"", "no metadata"),
            "only a signature": (b"x" + chunk(b"x", 0, b"sig"), "no metadata"),
            "cut off": (good[:-1], "no metadata"),
            "something behind": (good + b"\n", "no metadata"),
            "size 0": (size(0), "no metadata"),
            "size of the trailer": (size(16), "no metadata"),
            "size of the headers": (size(24), "no metadata"),
            "size beyond the file": (size(len(good) + 1), "no metadata"),
            "size beyond the limit": (make_image(filler="x" * 30720), "no metadata"),
            "size of 2^31": (size(0x80000000), "no metadata"),
            "size of 2^32 - 16": (size(0xFFFFFFF0), "no metadata"),
        }
        for name, (image, message) in rows.items():
            with self.subTest(name):
                self.image.write_bytes(image)
                self.assertIn(message, self.refuses("check", self.image))
        self.assertIn("no metadata", self.refuses("check", self.directory / "missing"))

    # -- a whole upgrade

    def test_flash_try_confirm(self):
        before = self.board.probe()["boot_id"]
        self.board.flash(self.image, 60)
        self.assertEqual((self.board.directory / "slot_b/image").read_bytes(), self.image.read_bytes())
        self.assertEqual(self.board.read("trial"), "b 60")
        self.assertEqual(self.board.read("active"), "a")

        self.assertEqual(self.board.boot(), 0)
        self.assertFalse(self.board.has("reboot"))
        self.assertAlmostEqual(float(self.board.read("deadline")), uptime_s() + 60, delta=5)
        self.assertRegex(self.board.read("deadline"), r"^\d+\.\d\d$")
        probe = self.board.probe()
        self.assertEqual((probe["version"], probe["trial"], probe["fell_back"]), ("Demo 2.0", True, False))
        self.assertNotEqual(probe["boot_id"], before)
        self.assertIn(probe["remaining_s"], range(50, 61))
        self.assertEqual(self.board.read("stable"), None)

        self.assertEqual(self.board.call("confirm"), (0, {}))
        for name in ("trial", "trial_booted", "deadline", "fell_back"):
            self.assertFalse(self.board.has(name), name)
        self.assertEqual(self.board.call("confirm"), (0, {}), "saying it twice is no error")
        self.assertEqual(self.board.boot(), 0)
        probe = self.board.probe()
        self.assertEqual((probe["version"], probe["trial"], probe["fell_back"]), ("Demo 2.0", False, False))

        self.image.write_bytes(make_image("Demo 3.0"))
        self.board.flash(self.image)
        self.assertEqual(self.board.boot(), 0)
        self.assertEqual(self.board.read("active"), "a", "the slots take turns")
        self.assertEqual(self.board.probe()["version"], "Demo 3.0")

    def test_unconfirmed_firmware_is_tried_once(self):
        self.board.flash(self.image)
        self.board.boot()
        self.assertTrue(self.board.probe()["trial"])
        for _ in range(2):
            self.assertEqual(self.board.boot(), 0)
            probe = self.board.probe()
            self.assertEqual((probe["version"], probe["trial"], probe["fell_back"], probe["remaining_s"]),
                             ("Demo 1.0", False, True, -1))
        self.board.flash(self.image)
        self.assertFalse(self.board.has("fell_back"), "the next flash clears it")
        self.board.boot()
        self.assertTrue(self.board.probe()["trial"])

    def test_revert(self):
        self.assertIn("confirmed", self.refuses("revert"))
        self.board.flash(self.image)
        self.board.boot()
        self.board.until("reboot", "revert")
        self.board.boot()
        probe = self.board.probe()
        self.assertEqual((probe["version"], probe["trial"], probe["fell_back"]), ("Demo 1.0", False, True))

    def test_a_window_that_is_over_has_nothing_left(self):
        self.board.flash(self.image, 0)
        self.board.boot()
        self.assertEqual(self.board.call("remaining"), (0, {"remaining_s": 0}))

    def test_firmware_on_trial_does_not_overwrite_the_way_back(self):
        self.board.flash(self.image)
        self.board.boot()
        self.assertIn("not confirmed", self.refuses("flash", self.image, 60))

    def test_a_flash_without_an_image_is_refused(self):
        self.assertIn("no such image", self.refuses("flash", self.directory / "missing", 60))

    def test_wrong_usage(self):
        before = self.board.files()
        for arguments in ((), ("fly",), ("flash", self.image), ("flash", self.image, "60s"), ("check",),
                          ("flash", self.image, ""), ("probe", "now")):
            with self.subTest(arguments):
                self.assertEqual(self.board.call(*arguments), (2, None))
        self.assertEqual(self.board.files(), before)

    def test_an_image_may_be_named_from_here(self):
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.directory)
        self.assertEqual(self.board.call("check", self.image.name)[0], 0)

    # -- faults

    def test_fault_check_fails(self):
        self.board.write("faults/check_fails")
        self.assertIn("refuses", self.refuses("check", self.image))

    def test_fault_flash_fails(self):
        self.board.write("faults/flash_fails")
        self.assertIn("write error", self.refuses("flash", self.image, 60))
        self.board.boot()
        self.assertEqual(self.board.probe()["version"], "Demo 1.0")

    def test_fault_never_boots(self):
        self.board.flash(self.image)
        self.board.write("faults/never_boots")
        self.assertEqual(self.board.boot(), 0)
        probe = self.board.probe()
        self.assertEqual((probe["version"], probe["trial"], probe["fell_back"]), ("Demo 1.0", False, True))

    def test_fault_forgets_confirm(self):
        self.board.write("faults/forgets_confirm")
        self.board.flash(self.image)
        self.board.boot()
        self.assertEqual(self.board.call("confirm"), (0, {}))
        self.assertTrue(self.board.probe()["trial"])
        self.board.boot()
        self.assertTrue(self.board.probe()["fell_back"])

    def test_faults_of_the_supervisor_are_not_the_flashers(self):
        for fault in ("no_mesh", "no_daemon"):
            self.board.write(f"faults/{fault}")
        self.board.flash(self.image)
        self.assertEqual(self.board.boot(), 0)
        self.assertTrue(self.board.probe()["trial"])

    def test_power_cut_with_two_slots(self):
        for point, trial in (("flash_start", False), ("flash_half", False), ("flash_written", False),
                             ("flash_armed", True)):
            with self.subTest(point):
                board = self.make_board(point)
                board.write("faults/power_cut", f"{point}\n")
                board.until("power_cut_now", "flash", self.image, 60)
                self.assertFalse(board.has("reboot"))
                self.assertEqual(board.boot(), 0)
                self.assertFalse(board.has("power_cut_now"))
                probe = board.probe()
                self.assertEqual(probe["trial"], trial)
                self.assertEqual(probe["version"], "Demo 2.0" if trial else "Demo 1.0")
                self.assertFalse(probe["fell_back"])
                if trial:
                    continue
                board.flash(self.image)  # the cut comes once, and a flash can start over
                self.assertEqual(board.boot(), 0)
                self.assertEqual(board.probe()["version"], "Demo 2.0")
                self.assertTrue(board.probe()["trial"])

    def test_power_cut_with_one_slot(self):
        for point, status, version in (("flash_start", 0, "Demo 1.0"), ("flash_half", 1, None),
                                       ("flash_written", 0, "Demo 2.0"), ("flash_armed", 0, "Demo 2.0")):
            with self.subTest(point):
                board = self.make_board(point, slots=1)
                board.write("faults/power_cut", point)
                board.until("power_cut_now", "flash", self.image, 60)
                self.assertEqual(board.boot(), status)
                self.assertEqual(board.boot(), status, "and so it stays")
                if version:
                    self.assertEqual(board.probe()["version"], version)

    def test_a_flash_that_was_killed_starts_over(self):
        board = self.make_board("killed", slots=1)
        board.write("faults/power_cut", "flash_half")
        board.until("power_cut_now", "flash", self.image, 60)
        (board.directory / "power_cut_now").unlink()  # only the flasher died
        board.flash(self.image)
        self.assertEqual(board.boot(), 0)
        self.assertEqual(board.probe()["version"], "Demo 2.0")

    def test_a_confirm_that_was_cut_off_holds(self):
        self.board.flash(self.image)
        self.board.boot()
        self.board.write("stable", "b\n")
        self.assertEqual(self.board.boot(), 0)
        probe = self.board.probe()
        self.assertEqual((probe["version"], probe["trial"], probe["fell_back"]), ("Demo 2.0", False, False))

    # -- one slot

    def test_one_slot_has_no_trial_and_no_way_back(self):
        self.board = board = self.make_board("single", slots=1)
        board.write("faults/never_boots")
        board.flash(self.image, 60)
        self.assertFalse(board.has("trial"))
        self.assertEqual(board.boot(), 0)
        probe = board.probe()
        self.assertEqual((probe["slots"], probe["version"], probe["trial"], probe["remaining_s"]),
                         (1, "Demo 2.0", False, -1))
        self.assertFalse(board.has("slot_b/image"))
        self.assertIn("one slot", self.refuses("revert"))
        self.assertEqual(board.call("confirm"), (0, {}))

    def test_an_empty_board_does_not_boot(self):
        for slots in (1, 2):
            board = self.make_board(f"empty{slots}", slots)
            (board.directory / "slot_a/image").unlink()
            self.assertEqual(board.boot(), 1)


class SystemShell(Verbs, unittest.TestCase):
    shell = ("sh",)


@unittest.skipUnless(shutil.which("busybox"), "busybox is not installed")
class Busybox(Verbs, unittest.TestCase):
    """As on a router: busybox's shell, and its tools only."""

    shell = ("busybox", "sh")

    def applets(self):
        folder = self.directory / "applets"
        if not folder.exists():
            folder.mkdir()
            busybox = shutil.which("busybox")
            # Debian's list has busybox itself, others' do not.
            for name in {"busybox", *subprocess.check_output([busybox, "--list"], text=True).split()}:
                (folder / name).symlink_to(busybox)
        return str(folder)


if __name__ == "__main__":
    unittest.main()
