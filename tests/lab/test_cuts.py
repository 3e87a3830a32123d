# SPDX-License-Identifier: AGPL-3.0-or-later
"""Real daemons that die at each point at which they change a file (docs/cuts.md). After each the mesh ends
where it was meant to, and the next upgrade works."""
import os
import re
import subprocess
import time
import unittest

from cutting import CUTS, CutCase, counted
from mesh import BINARY, DATA, only_quick_ones, prepare

ALL = bool(os.environ.get("LAB_ALL"))
MAIN_SHARDS = 6
ENTRY_SHARDS = 2
BACK_SHARDS = 2
COUNTDOWN_S = 1


def cuts_at(points):
    """(number, how, name) of each cut: a kill at every point, and a power cut where more than memory
    is at stake."""
    kills = [(number, "kill", name) for number, name in enumerate(points, 1)]
    powers = [(number, "power", name) for number, _, name in kills if " state" in name]
    return kills + powers


def part(items, number, count):
    """The neighbours of a list stay together: those that die in the same write die in the same mesh."""
    return items[len(items) * number // count:len(items) * (number + 1) // count]


class Upgrade(CutCase):
    """A whole upgrade in which somebody is cut."""

    def start_patiently(self, number, *options):
        self.insist(lambda: self.start_upgrade(f"release-{number}", "--allow-downgrade", *self.options,
                                               *options, check=False))

    def running(self):
        """The number of the release that all run."""
        versions = set(self.versions().values())
        self.assertEqual(len(versions), 1, self.lab.describe())
        return int(versions.pop().removeprefix("Demo ").removesuffix(".0"))

    def begin_with_cuts(self, cuts, window_s, hold_s=30):
        """As far as the schedule; returns the number of the release and when it may be flashed."""
        for node in self.nodes.values():
            if (node.directory / "tmp/images").exists():
                # It gave up last time: without a boot it has less to do now than when it was counted.
                node.power_off()
                node.power_on()
        self.wait_acquainted()
        number = 3 if self.running() == 2 else 2
        self.arm_cuts(cuts)
        self.start_patiently(number, "--confirm", "auto", "--hold", f"{hold_s}s")
        self.wait_ready()
        earliest_ms = (time.monotonic() + COUNTDOWN_S - 0.05) * 1000
        self.insist(lambda: self.schedule(COUNTDOWN_S, window_s, "--force", check=False))
        return number, earliest_ms

    def upgrade_with_cuts(self, cuts):
        """All end with the new firmware, flashed once."""
        begin_ms = time.monotonic() * 1000
        number, earliest_ms = self.begin_with_cuts(cuts, 150)
        self.wait_updated(number, timeout_s=140)
        self.wait_cut(cuts)
        self.wait_updated(number)
        self.assert_flashed_in_time(begin_ms, earliest_ms)
        self.assertEqual(set(self.reboots_to_flash(begin_ms).values()), {1}, "flashed once each")
        self.assert_installed(number)
        self.assert_disks_are_sound()

    def trial_with_cuts(self, cuts):
        """Boards that lose their power on trial boot the old firmware: all go back, once."""
        before = self.running()
        begin_ms = time.monotonic() * 1000
        _, earliest_ms = self.begin_with_cuts(cuts, 8)
        self.wait_state("REVERTED")
        self.wait_cut(cuts)
        self.wait_state("REVERTED")
        self.assert_flashed_in_time(begin_ms, earliest_ms)
        self.assert_installed(before)
        self.assert_disks_are_sound()

    def assert_flashed_in_time(self, begin_ms, earliest_ms):
        for name, moments in self.flashes(begin_ms).items():
            self.assertGreaterEqual(min(moments, default=earliest_ms), earliest_ms, f"{name} flashed too early")


class Points(CutCase):
    """Are the points what they say?"""

    def test_no_call_that_changes_a_file_is_forgotten(self):
        """Those that lockstep-cuts does not lead through cuts.c are not used."""
        others = set("""creat open64 openat openat64 __openat_2 __open64_2 fopen fopen64 freopen fdopen mkstemp
            mkostemp mkdtemp tmpfile writev pwritev pwritev2 pwrite64 sendfile sendfile64 copy_file_range splice
            fdatasync sync syncfs sync_file_range msync renameat renameat2 linkat symlink symlinkat unlinkat
            remove rmdir mkdirat mknod mkfifo truncate truncate64 ftruncate64 fallocate fallocate64
            posix_fallocate64 fchmod chmod dprintf __dprintf_chk""".split())
        symbols = subprocess.run(["nm", "-D", "--undefined-only", str(BINARY)], capture_output=True, text=True,
                                 check=True).stdout
        used = set(re.findall(r" U ([^@\s]+)", symbols))
        self.assertIn("rename", used)
        self.assertEqual(used & others, set(), "teach tests/lab/cuts.c and tests/CMakeLists.txt this call")

    def test_shipped_program_has_none(self):
        self.assertNotIn(b"LOCKSTEP_CUTS", BINARY.read_bytes())
        self.assertIn(b"LOCKSTEP_CUTS", CUTS.read_bytes())

    def test_each_file_is_synced_before_its_name_and_its_name_before_anything_else(self):
        """What files_write() promises, held against what it did."""
        whole = ("before open", "after open", "before write", "half write", "after write", "before fsync",
                 "after fsync", "before rename", "after rename", "before fsync", "after fsync")
        for role, points in counted().items():
            for at, name in enumerate(points):
                if not name.startswith("before open") or not name.endswith(".new"):
                    continue
                path = name.split()[-1]
                fresh, final, folder = path, path.removesuffix(".new"), path.rpartition("/")[0]
                expected = [f"{step} {target}" for step, target in zip(
                    whole, [fresh] * 7 + [final] * 2 + [folder] * 2)]
                self.assertEqual(points[at:at + len(whole)], expected, role)

    def test_power_cut_loses_what_was_not_synced(self):
        """Else a power cut would be only a kill."""
        self.start_cut_mesh("chain:2")
        node2 = self.nodes["node2"]
        points = counted()["relay"]
        before = (node2.directory / "state/journal").read_bytes()
        for name, left in (("after write state/journal.new", b""), ("after rename state/journal", None)):
            self.arm("node2", (points.index(name) + 1, "power"))
            self.start_upgrade("release-2")
            self.wait(lambda: len(self.points("node2")) > points.index(name), name)
            self.wait(lambda: node2.status()["state"] is None, "darkness")
            self.assertEqual((node2.directory / "state/journal").read_bytes(), before, name)
            if left is not None:
                self.assertEqual((node2.directory / "state/journal.new").read_bytes(), left)
            self.disarm()
            self.wait_acquainted()
            self.wait_ready()
            self.abort()
            self.wait_state("ABORTED")
            self.wait_acquainted()
            before = (node2.directory / "state/journal").read_bytes()


# ---- cuts ----------------------------------------------------------------------------------------


def trial_of(points):
    """The numbers of the points between the boot of the new firmware and its confirmation, which the
    last write of the journal follows."""
    opens = [at for at, name in enumerate(points, 1) if name == "before open state/journal.new"]
    return range(opens[-2] - 2, opens[-1])


class Main(Upgrade):
    """Upgrades in which every node but the first is cut, each at another point."""

    topology = "grid:3x3"
    mesh = {}

    def shard(self, number):
        points = counted()["relay"]
        trial = trial_of(points)
        self.start_cut_mesh(self.topology, **self.mesh)
        others = list(self.nodes)[1:]
        for goes_back in (False, True):
            cuts = [cut for cut in cuts_at(points)
                    if (cut[1] == "power" and cut[0] in trial and not self.mesh) == goes_back]
            cuts = part(cuts, number, MAIN_SHARDS)
            for i in range(0, len(cuts), len(others)):
                some = dict(zip(others, cuts[i:i + len(others)]))
                if goes_back:
                    self.trial_with_cuts(some)
                else:
                    self.upgrade_with_cuts(some)
        self.finish()


if ALL:
    class MainWithoutAWayBack(Main):
        """Boards with one slot: a power cut on trial changes nothing for them."""

        mesh = {"slots": 1}
        options = ("--allow-single-slot",)

        def assert_installed(self, number):
            self.assert_versions(number)


class Entry(Upgrade):
    """The node at which the operator gives his orders is cut, and he gives them again."""

    def start_again(self, how):
        points = counted()["entry"]
        last = [at for at, name in enumerate(points, 1) if name == "after fsync state"][1]
        self.start_cut_mesh("chain:2")
        for number in range(1, last + 1):
            cuts = {self.first: (number, how, points[number - 1])}
            self.arm_cuts(cuts)
            self.start_patiently(2)
            self.wait_ready()
            self.wait_cut(cuts)
            self.wait_ready()
            self.abort()
            self.wait_state("ABORTED")
        self.finish()

    def test_start_kill(self):
        self.start_again("kill")

    def test_start_power(self):
        self.start_again("power")

    def later(self, number):
        """Nobody else knows the countdown: all may give up, but all the same."""
        points = counted()["entry"]
        orders = [at for at, name in enumerate(points, 1) if name == "after fsync state"][1]
        cuts = [cut for cut in cuts_at(points) if cut[0] > orders and
                (ALL or cut[1] == "power" and cut[2] in
                 ("before rename state/journal", "after rename state/journal", "after fsync state"))]
        self.start_cut_mesh("chain:3")
        for cut in part(cuts, number, ENTRY_SHARDS):
            begin_ms = time.monotonic() * 1000
            _, earliest_ms = self.begin_with_cuts({self.first: cut}, 10, hold_s=5)
            self.wait_settled()
            self.wait_cut({self.first: cut})
            self.wait_settled()
            self.running()
            self.assert_flashed_in_time(begin_ms, earliest_ms)
            self.assert_disks_are_sound()
        self.finish()

    def wait_settled(self):
        """Everybody is where he will be: the same for a few looks."""
        last, since = None, time.monotonic()

        def still():
            nonlocal last, since
            now = [(node.state(), node.status()["version"]) for node in self.nodes.values()]
            if now != last:
                last, since = now, time.monotonic()
            return (all(state in ("UPDATED", "ABORTED", "REVERTED") for state, _ in now) and
                    time.monotonic() - since > 2.5)

        self.wait(still, "an end")


class Rounds(Upgrade):
    """The same thing again and again, each time with other cuts."""

    def rounds(self, number, count):
        """`self.once()` with nobody cut shows the points; then all are taken."""
        self.wait_acquainted()
        self.once({})
        counts = self.disarm()
        self.assertEqual(len({tuple(points) for points in counts.values()}), 1, counts)
        cuts = part(cuts_at(counts[self.first]), number, count)
        self.assertTrue(cuts)
        for i in range(0, len(cuts), len(self.nodes)):
            self.once(dict(zip(self.nodes, cuts[i:i + len(self.nodes)])))
        self.finish()


class Abort(Rounds):
    def once(self, cuts):
        begin_ms = time.monotonic() * 1000
        self.start_patiently(2)
        self.wait_ready()
        self.insist(lambda: self.schedule(60, 60, check=False))
        self.wait_seen("UPGRADE_SCHEDULED", None, self.first)
        self.arm_cuts(cuts)
        self.insist(lambda: self.abort(check=False))
        self.wait_state("ABORTED")
        if cuts:
            self.wait_cut(cuts)
            self.wait_state("ABORTED")
        self.assert_reason("operator")
        self.assertEqual([ms for all_ms in self.flashes(begin_ms).values() for ms in all_ms], [])
        self.assert_disks_are_sound()

    def test_abort(self):
        self.start_cut_mesh("grid:3x3")
        self.rounds(0, 1)


class GoBack(Rounds):
    def once(self, cuts):
        begin_ms = time.monotonic() * 1000
        self.start_patiently(2)
        self.wait_ready()
        self.schedule(COUNTDOWN_S, 8)
        self.wait_state("CONFIRMATION_PENDING")
        self.arm_cuts(cuts)
        self.wait_state("REVERTED")
        if cuts:
            self.wait_cut(cuts)
            self.wait_state("REVERTED")
        else:
            time.sleep(1)  # the boards boot once more
        self.wait_acquainted()
        self.assert_versions(1)
        self.assert_installed(1)
        self.assertEqual({len(moments) for moments in self.flashes(begin_ms).values()}, {1})
        self.assert_disks_are_sound()

    def shard(self, number):
        self.start_cut_mesh("grid:3x3")
        self.rounds(number, BACK_SHARDS)


class FirstStart(CutCase):
    def test_first_start(self):
        """A node with nothing on its disk; nobody is near."""
        lonely = DATA / "lonely.txt"
        prepare()
        lonely.write_text("".join(f"node node{i}\n" for i in range(1, 13)))
        self.start_cut_mesh(f"file:{lonely}")
        points = self.first_start({})
        self.assertEqual(len({tuple(names) for names in points.values()}), 1, points)
        cuts = cuts_at(points[self.first])
        for i in range(0, len(cuts), len(self.nodes)):
            self.first_start(dict(zip(self.nodes, cuts[i:i + len(self.nodes)])))
        self.assert_nothing_is_left()

    def wait_acquainted(self, names=None):
        self.wait_state("UPDATED")

    def first_start(self, cuts):
        for node in self.nodes.values():
            node.power_off()
            node.run("rm", "-rf", str(node.directory / "state"))
        self.arm_cuts(cuts)
        for node in self.nodes.values():
            node.power_on()
        self.wait_state("UPDATED")
        if cuts:
            self.wait_cut(cuts)
        points = self.disarm()
        self.assert_disks_are_sound()
        self.assert_survives_restart()
        return points


if os.environ.get("LAB_CUT"):
    class Replay(Upgrade):
        def test_replay(self):
            """LAB_CUT="node5 37 power, node1 3 kill": these in one upgrade."""
            points = counted()
            cuts = {}
            for words in os.environ["LAB_CUT"].split(","):
                name, number, how = words.split()
                role = "entry" if name == "node1" else "relay"
                cuts[name] = (int(number), how, points[role][int(number) - 1])
            self.start_cut_mesh("grid:3x3")
            self.upgrade_with_cuts(cuts)
            self.finish()


def add_shards():
    """One test for each part: several run at once."""
    for group, method, count in ((Main, "shard", MAIN_SHARDS), (Entry, "later", ENTRY_SHARDS),
                                 (GoBack, "shard", BACK_SHARDS)):
        for number in range(count):
            def test(self, method=method, number=number):
                getattr(self, method)(number)
            setattr(group, f"test_{method}_{number + 1}_of_{count}", test)


add_shards()
load_tests = only_quick_ones("Main.test_shard_3_of_6", "FirstStart.test_first_start")


if __name__ == "__main__":
    unittest.main()
