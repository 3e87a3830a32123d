# SPDX-License-Identifier: AGPL-3.0-or-later
"""Disks that are full, read-only or torn under a real daemon (docs/cuts.md). The node says so, the mesh
goes on or gives up together, and once the disk is well the next upgrade works."""
import unittest

from cutting import CutCase, counted, journal_is_sound

# Which write of the journal is which, on a node that is not the operator's.
START, SCHEDULE, FLASH, BOOT, CONFIRMATION = range(5)
VICTIM = "node2"


class FullDisk:
    said = "No space left on device"

    def trouble(self):
        """The command that brings it, as the daemon runs it at the point."""
        return f"dd if=/dev/zero of={self.disk}/filler bs=4k 2>/dev/null; test -s {self.disk}/filler"

    def mend(self):
        self.on_victim(f"rm -f {self.disk}/filler")  # memory is empty after a boot anyway


class ReadOnlyDisk:
    said = "Read-only file system"

    def trouble(self, word="ro"):
        return f"mount -o remount,{word} {self.disk}"

    def mend(self):
        self.on_victim(self.trouble("rw"))


class DiskCase(CutCase):
    def start_with_own_disk(self, folder, size, victim=VICTIM):
        """A mesh in which the victim has a small file system of its own for state/ or tmp/."""
        self.start_cut_mesh("chain:3")
        self.victim = self.nodes[victim]
        self.disk = self.victim.directory / folder
        self.victim.power_off()
        self.on_victim(f"cp -a {self.disk} {self.disk}.kept && mount -t tmpfs -o size={size} tmpfs {self.disk}"
                       f" && cp -a {self.disk}.kept/. {self.disk} && rm -r {self.disk}.kept")
        self.victim.power_on()
        self.wait_acquainted()

    def on_victim(self, command):
        """The lab's mounts are seen from inside alone."""
        result = self.victim.run("sh", "-c", command)
        self.assertEqual(result["status"], 0, result)
        return result["stdout"]

    def break_at(self, name, which=0, role="relay"):
        number = [number for number, found in enumerate(counted()[role], 1) if found == name][which]
        self.arm(self.victim.name, (number, f"run {self.trouble()}"))

    def restart_victim(self):
        """Once as a supervisor does it and once as a person: the trouble is still there."""
        for again in (self.victim.kill_daemon, lambda: (self.victim.power_off(), self.victim.power_on())):
            again()
            self.wait_acquainted()

    def assert_says(self, state, reason):
        """It says so itself, and the operator sees it at his own node."""
        self.wait_seen(state, [self.victim.name], self.first)
        self.assert_reason(reason, [self.victim.name])
        rows = {row["name"]: row for row in self.nodes[self.first].get("/v1/mesh")["nodes"]}
        self.assertEqual(rows[self.victim.name]["reason"], reason)

    def others(self):
        return [name for name in self.nodes if name != self.victim.name]

    def finish(self):
        """The disk is well again."""
        self.disarm()
        self.upgrade(3)
        if self.disk.name == "state":
            journal = self.on_victim(f"cat {self.disk}/journal").encode()
            self.assertTrue(journal_is_sound(journal))
            left = set(self.on_victim(f"ls {self.disk}").split()) - {"directory"}
            self.assertEqual(left, {"history", "journal", "node.sec"})
        self.assert_survives_restart()


class JournalCase(DiskCase):
    """A journal that cannot be written, from each of its writes on."""

    def begin(self, write, confirm="auto"):
        self.start_with_own_disk("state", "256k")
        self.break_at("before open state/journal.new", write)
        self.start_upgrade("release-2", "--confirm", confirm, "--hold", "2s")
        if write == START:
            self.wait_state("UPGRADE_READY", self.others())
        else:
            self.wait_ready()
            self.schedule(1, 8)

    def finish(self):
        self.assertIn(self.said, self.victim.log())
        super().finish()

    def before_the_flash(self, write):
        """The node takes no part, and so nobody flashes."""
        self.begin(write)
        self.assert_says("INTERNAL_ERROR", "journal_failed")
        if write == START:
            refused = self.schedule(check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn(VICTIM, refused.stdout + refused.stderr)
            self.schedule(1, 8, "--force")
        self.wait_state("ABORTED", self.others())
        self.assert_reason("not_everyone_scheduled", self.others())
        self.restart_victim()
        self.assert_nobody_flashed()
        self.mend()
        self.finish()

    def at_the_flash(self):
        """The others flash, but nobody keeps it without the node."""
        self.begin(FLASH)
        self.assert_says("INTERNAL_ERROR", "journal_failed")
        self.wait_state("REVERTED", self.others())
        self.assert_versions(1)
        self.wait_acquainted()
        self.assertNotIn(VICTIM, self.lab.flash_moments_ms())
        self.restart_victim()
        self.assert_versions(1)
        self.mend()
        self.finish()

    def on_trial(self, write, confirm="auto"):
        """Nobody stays behind because he cannot write down what happens: what runs is evidence enough."""
        self.begin(write, confirm)
        if confirm == "operator":
            self.wait_running()
            self.confirm()
        self.wait_updated(2)
        self.restart_victim()
        self.wait_updated(2)
        self.mend()
        self.finish()


class JournalFull(FullDisk, JournalCase):
    def test_at_the_start(self):
        self.before_the_flash(START)

    def test_at_the_schedule(self):
        self.before_the_flash(SCHEDULE)

    def test_at_the_flash(self):
        self.at_the_flash()

    def test_at_the_boot(self):
        self.on_trial(BOOT)

    def test_at_the_confirmation(self):
        self.on_trial(CONFIRMATION)

    def test_at_the_order_to_confirm(self):
        self.on_trial(CONFIRMATION, "operator")

    def test_where_the_operator_is(self):
        """He hears of it at once. The node takes no part, but passes on what it was given: orders must
        reach those behind a node that is out of order."""
        self.start_with_own_disk("state", "256k", "node1")
        self.break_at("before open state/journal.new", START, "entry")
        refused = self.start_upgrade("release-2", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("journal could not be written", refused.stdout + refused.stderr)
        self.assert_says("INTERNAL_ERROR", "journal_failed")
        self.wait_state("UPGRADE_READY", self.others())
        self.abort(at=self.last)
        self.wait_state("ABORTED")
        self.restart_victim()
        self.wait_state("ABORTED")
        self.assert_nobody_flashed()
        self.mend()
        self.finish()


class JournalReadOnly(ReadOnlyDisk, JournalCase):
    def test_at_the_start(self):
        self.before_the_flash(START)

    def test_at_the_flash(self):
        self.at_the_flash()

    def test_first_start(self):
        """A node without a key does not run, and says why; it does as soon as it can make one. The mesh
        knows its name by another key, so this is not about an upgrade."""
        self.start_with_own_disk("state", "256k")
        self.victim.power_off()
        self.on_victim(f"rm {self.disk}/*; {self.trouble()}")
        self.victim.power_on()
        self.wait(lambda: "node.sec: Read-only file system" in self.victim.log(), "the reason")
        self.assertIsNone(self.victim.state())
        self.mend()
        self.wait_state("UPDATED", [VICTIM])


class HistoryFull(FullDisk, DiskCase):
    def test_at_the_flash(self):
        """What is told of an upgrade is not worth the upgrade."""
        self.start_with_own_disk("state", "256k")
        self.break_at("before open state/history.new")
        self.start_upgrade("release-2", "--confirm", "auto")
        self.wait_ready()
        self.schedule(1, 20)
        self.wait_updated(2)
        self.assertIn(f"/history: {self.said}", self.victim.log())
        self.restart_victim()
        self.wait_updated(2)
        self.mend()
        self.finish()


class ImageCase(DiskCase):
    """A place for images that has no room for one; node3 has to get its own from further away."""

    def run_out(self, name, state, reason):
        self.start_with_own_disk("tmp", "4m")
        self.break_at(name)
        self.start_upgrade("release-2", "--confirm", "auto")
        self.assert_says(state, reason)
        self.wait_ready(self.others())
        held = self.on_victim(f"ls {self.disk}/images 2>/dev/null || true")
        self.assertEqual(held, "", "what does not fit is not left there")
        self.victim.kill_daemon()
        self.wait_acquainted()
        self.assert_says(state, reason)
        self.assert_nobody_flashed()
        self.mend()
        self.abort()
        self.wait_state("ABORTED")
        self.finish()


class ImageFull(FullDisk, ImageCase):
    def test_before_the_release_is_kept(self):
        self.run_out("before open tmp/releases/HASH.json.new", "UPGRADE_CHECK_FAILED", "no_space")

    def test_before_the_image_is_reserved(self):
        self.run_out("before fallocate tmp/images/HASH", "UPGRADE_CHECK_FAILED", "no_space")


class ImageReadOnly(ReadOnlyDisk, ImageCase):
    def test_before_the_image_is_made(self):
        self.run_out("before mkdir tmp/images", "INTERNAL_ERROR", "image_file_failed")


class Torn(CutCase):
    """A journal that is cut short or has other bits in it. Every length and every bit are tested where
    it is read (tests/test_journal.c); here is what the daemon does then."""

    def damages(self, sound):
        size, head = len(sound), sound.index(b"\n") + 1
        places = sorted({0, 1, 18, 19, head - 2, head - 1, head, head + 1, size - 2, size - 1,
                         *range(head + 50, size, (size - head) // 8)})
        for at in places:
            yield f"cut off at {at}", sound[:at]
            yield f"another bit at {at}", sound[:at] + bytes([sound[at] ^ 4]) + sound[at + 1:]
        yield "zeroes", bytes(size)
        yield "zeroes behind half", sound[:size // 2].ljust(size, b"\0")
        yield "one byte more", sound + b"\n"

    def test_scheduled_node(self):
        """It does not act upon half a record, and hears from the others what it lost."""
        self.start_cut_mesh("chain:3")
        self.start_upgrade("release-2", "--confirm", "auto")
        self.wait_ready()
        self.schedule(300)
        self.wait_state("UPGRADE_SCHEDULED")
        paths = {name: node.directory / "state/journal" for name, node in self.nodes.items()}
        self.set_power(False)
        sound = {name: path.read_bytes() for name, path in paths.items()}
        damaged = list(zip(*(self.damages(data) for data in sound.values())))
        self.assertGreater(len(damaged), 30)
        for at in range(0, len(damaged), 3):
            self.start_torn(dict(zip(paths, damaged[at:at + 3])))
        for name, path in paths.items():
            path.write_bytes(sound[name])
        paths[VICTIM].write_bytes(sound[VICTIM][:-1])
        self.set_power(True)
        self.wait_acquainted()
        self.wait_state("UPGRADE_SCHEDULED")
        self.assert_nobody_flashed()
        self.abort()
        self.wait_state("ABORTED")
        self.upgrade(3)

    def set_power(self, on):
        for node in self.nodes.values():
            (node.power_on if on else node.power_off)()

    def start_torn(self, damages):
        """Each node with damage of its own, so that all are torn."""
        said = {}
        for position, (name, row) in enumerate(damages.items()):
            what, data = row[position]
            node = self.nodes[name]
            (node.directory / "state/journal").write_bytes(data)
            said[name] = (what, node.log().count("journal_unreadable"))
        self.set_power(True)
        self.wait_state("UPDATED", list(damages))
        for name, (what, count) in said.items():
            node = self.nodes[name]
            self.assertEqual(node.log().count("journal_unreadable"), count + 1, f"{name}: {what}")
            self.assertEqual(node.status()["epoch"], 0, f"{name}: {what}")
            self.assertTrue(journal_is_sound((node.directory / "state/journal").read_bytes()), what)
        self.assert_nobody_flashed()
        self.set_power(False)


if __name__ == "__main__":
    unittest.main()
