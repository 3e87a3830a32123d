# SPDX-License-Identifier: AGPL-3.0-or-later
"""Meshes whose daemons die, or whose disks change, at numbered points (cuts.c, docs/cuts.md)."""
import fcntl
import hashlib
import json
import unittest

from mesh import BINARY, DATA, MeshCase, prepare

CUTS = BINARY.parent / "tests/lockstep-cuts"


def journal_is_sound(data):
    head, _, body = data.partition(b"\n")
    return head == b"lockstep-journal 1 " + hashlib.sha256(body).hexdigest().encode()


class CutCase(MeshCase):
    options = ()  # more of them for every start

    def start_cut_mesh(self, topology, **options):
        self.start_mesh(topology, binary=CUTS, **options)

    # -- points

    def arm(self, name, *plan):
        """From here on the points are counted, and what `plan` says happens at them."""
        directory = self.nodes[name].directory / "cuts"
        directory.mkdir(exist_ok=True)
        (directory / "points").unlink(missing_ok=True)
        (directory / "plan").write_text("".join(f"{number} {how}\n" for number, how in plan))
        (directory / "points").touch()

    def points(self, name):
        """The names of those that were reached, in their order."""
        try:
            text = (self.nodes[name].directory / "cuts/points").read_text()
        except FileNotFoundError:
            return []
        return [" ".join(line.split()) for line in text.splitlines()]

    def disarm(self):
        """Returns the points of each node."""
        points = {name: self.points(name) for name in self.nodes}
        for node in self.nodes.values():
            (node.directory / "cuts/points").unlink(missing_ok=True)
        return points

    def arm_cuts(self, cuts):
        """{node: (number, how, name)}; every other node is only watched."""
        for name in self.nodes:
            self.arm(name, *([cuts[name][:2]] if name in cuts else []))

    def wait_cut(self, cuts):
        """Until each was cut, and its daemon is back."""
        def happened():
            return all(len(self.points(name)) >= cut[0] for name, cut in cuts.items())

        self.wait(happened, f"a cut at each of {cuts}")
        for name, points in self.disarm().items():
            if name in cuts:
                self.assertEqual(points[cuts[name][0] - 1], cuts[name][2], f"{name} is not where it was counted")
        self.wait_acquainted()

    def flashes(self, since_ms=0):
        """{node: moments of all its flashes}"""
        moments = {name: [float(line.split()[0]) * 1000 for line in node.log().splitlines()
                          if " flash: the flash begins" in line] for name, node in self.nodes.items()}
        return {name: [ms for ms in all_ms if ms >= since_ms] for name, all_ms in moments.items()}

    def reboots_to_flash(self, since_ms):
        return {name: sum(event["what"] == "reboot" and event["why"] == "flasher" and event["ms"] >= since_ms
                          for event in node.events()) for name, node in self.nodes.items()}

    # -- what must hold after every cut

    def assert_disks_are_sound(self):
        for name, node in self.nodes.items():
            journal = (node.directory / "state/journal").read_bytes()
            self.assertTrue(journal_is_sound(journal), f"{name}: {journal[:200]}")
            self.assertNotIn("journal_unreadable", node.log(), name)

    def assert_nothing_is_left(self):
        """After an upgrade that nothing hindered the one before has left no litter."""
        for name, node in self.nodes.items():
            litter = [str(path) for path in node.directory.glob("state/*") if path.suffix == ".new"]
            litter += [str(path) for path in node.directory.glob("tmp/releases/*") if path.suffix == ".new"]
            self.assertEqual(litter, [], name)
            self.assertLessEqual(len(list(node.directory.glob("tmp/images/*"))), 1, name)

    def assert_installed(self, number):
        for name, node in self.nodes.items():
            board = (node.device / "board").read_text().strip().replace(",", "_")
            slot = (node.device / "active").read_text().strip()
            self.assertEqual((node.device / f"slot_{slot}/image").read_bytes(),
                             (DATA / f"{board}-{number}.bin").read_bytes(), name)
            self.assertFalse((node.device / "trial_booted").exists(), name)

    def finish(self, number=4):
        """The next upgrade works, and cleans up."""
        self.disarm()
        self.upgrade(number, None, "--allow-downgrade", *self.options)
        self.assert_installed(number)
        self.assert_disks_are_sound()
        self.assert_nothing_is_left()


# ---- how many points there are -------------------------------------------------------------------


def counted():
    """{"entry": …, "relay": …}: the points of the main path, at the node of the operator and at others."""
    prepare()
    with open(DATA / "points.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = DATA / "points.json"
        if not kept.exists() or kept.stat().st_mtime < CUTS.stat().st_mtime:
            result = unittest.TestResult()
            Count("count").run(result)
            for _, text in result.errors + result.failures:
                raise AssertionError(text)
        return json.loads(kept.read_text())


class Count(CutCase):
    def count(self):
        """Nobody is cut. The relays do the same things in the same order, or numbers would mean nothing."""
        self.start_cut_mesh("chain:3")
        for name in self.nodes:
            self.arm(name)
        self.upgrade(2)
        self.wait_acquainted()
        points = self.disarm()
        self.assertEqual(points["node2"], points["node3"])
        (DATA / "points.json").write_text(json.dumps({"entry": points["node1"], "relay": points["node2"]}))
