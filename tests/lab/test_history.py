# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a node tells of the last upgrades (GET /v1/history), and how it keeps that over flash, boot and restart."""
import base64
import hashlib
import threading
import time
import unittest

from mesh import DATA, PATIENCE_S, MeshCase

WAY = ["DOWNLOADING", "UPGRADE_READY", "UPGRADE_SCHEDULED", "FLASHING", "CONFIRMATION_PENDING", "UPDATED"]
SETTLE_S = 60  # an end is written when it has lasted so long
RATE = "2mbit"  # a download takes longer than it takes to tell everybody


def fingerprint(key):
    return base64.b64decode((DATA / f"{key}.pub").read_text().splitlines()[1])[2:10].hex()


def is_sound(data):
    head, _, body = data.partition(b"\n")
    return head == b"lockstep-history 1 " + hashlib.sha256(body).hexdigest().encode()


class Watch(threading.Thread):
    """Notes every time at which the file is another one than before."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = path
        self.moments = []
        self.ending = threading.Event()
        self.start()

    def run(self):
        last = None
        while not self.ending.wait(0.01):
            try:
                status = self.path.stat()
            except FileNotFoundError:
                continue
            if (status.st_ino, status.st_mtime_ns) != last:
                last = (status.st_ino, status.st_mtime_ns)
                self.moments.append(time.monotonic())

    def end(self):
        self.ending.set()
        self.join()


class History(MeshCase):
    def setUp(self):
        self.began_s = int(time.time())

    def history(self, name):
        history = self.nodes[name].get("/v1/history")
        self.assertIsNotNone(history, name)
        return history

    def newest(self, name):
        return (self.history(name)["upgrades"] or [None])[0]

    def path(self, name):
        return self.nodes[name].directory / "state/history"

    def wait_phase(self, phase, names=None):
        names = names or list(self.nodes)
        self.wait(lambda: all((self.newest(name) or {}).get("phase") == phase for name in names),
                  f"history that says {phase}")

    def wait_whole(self, state, names=None):
        """Until these have heard the last state of everybody."""
        names = names or list(self.nodes)
        self.wait(lambda: all(node["states"] and node["states"][-1][0] == state for name in names
                              for node in self.newest(name)["nodes"]), f"history that ends with {state}")

    def assert_told(self, at, upgrade, way, last, operator="node1"):
        """What must hold of an upgrade as this node tells it: its times are those of now and never run backwards."""
        now_s = int(time.time()) + 1
        self.assertEqual([node["name"] for node in upgrade["nodes"]], list(self.nodes))
        self.assertEqual(upgrade["participants"], len(self.nodes))
        orders = [order["at"] for order in upgrade["orders"]]
        self.assertEqual(orders, sorted(orders))
        self.assertLessEqual(self.began_s, upgrade["begun"])
        self.assertEqual(upgrade["begun"], orders[0])
        if upgrade["ended"] is not None:
            self.assertLessEqual(orders[-1], upgrade["ended"])
            self.assertLessEqual(upgrade["ended"], now_s)
        for node in upgrade["nodes"]:
            words, times = [state for state, _ in node["states"]], [at for _, at in node["states"]]
            self.assertEqual(words, [state for state in way if state in words], node)
            # Who has the release at hand has it before he could tell anybody that he has not.
            begins = way[:2] if node["name"] == operator != at else way[:1]
            self.assertIn(words[0], begins, node)
            self.assertEqual(words[-1], last, node)
            self.assertEqual(times, sorted(times))
            self.assertLessEqual(upgrade["begun"], times[0])
            self.assertLessEqual(times[-1], now_s)

    def assert_same_after(self, what, names=None):
        names = names or list(self.nodes)
        before = {name: self.history(name)["upgrades"] for name in names}
        lives = {name: self.nodes[name].status()["incarnation"] for name in names}
        for name in names:
            what(self.nodes[name])
        self.wait(lambda: all((self.nodes[name].status().get("incarnation") or 0) > lives[name] for name in names),
                  "the daemons to be back")
        self.wait_acquainted()
        time.sleep(1)  # what others say again is no news
        for name in names:
            self.assertEqual(self.history(name)["upgrades"], before[name], name)

    def reboot(self, node):
        node.power_off()
        node.power_on()

    def test_whole_upgrade(self):
        self.start_mesh("chain:3", rate=RATE)
        watches = {name: Watch(self.path(name)) for name in self.nodes}
        for name in self.nodes:
            self.assertEqual(self.history(name)["upgrades"], [])
        self.start_upgrade("release-2")
        self.wait_ready()
        self.wait_whole("UPGRADE_READY")
        for name in self.nodes:
            upgrade = self.newest(name)
            self.assertEqual((upgrade["phase"], upgrade["ended"]), ("open", None))
            self.assert_told(name, upgrade, WAY[:2], "UPGRADE_READY")
        self.schedule(3, 60)
        self.wait_phase("scheduled")
        self.assertEqual({name: watch.moments for name, watch in watches.items()}, {name: [] for name in self.nodes})
        self.wait_running(at=self.last)
        self.wait_phase("confirming")
        for name in self.nodes:
            self.assertEqual(len(watches[name].moments), 1, "written once, before the flash")
            self.assertTrue(is_sound(self.path(name).read_bytes()))
            self.assertIn(name, self.lab.flash_moments_ms())
        self.wait(lambda: all(node.status()["healthy"] for node in self.nodes.values()), "health")
        self.confirm(at=self.last)
        self.wait_updated(2)
        self.wait_phase("confirmed")
        ended = time.monotonic()
        self.wait_whole("UPDATED")
        mesh = self.nodes["node2"].get("/v1/mesh")["upgrade"]
        for name in self.nodes:
            upgrade = self.newest(name)
            self.assert_told(name, upgrade, WAY, "UPDATED")
            for member in ("id", "epoch", "release", "version", "sequence", "phase"):
                self.assertEqual(upgrade[member], mesh[member], member)
            self.assertEqual([(order["kind"], order["signed_by"], order["wave"]) for order in upgrade["orders"]],
                             [(kind, fingerprint("operator"), 0) for kind in ("start", "schedule", "confirm")])
            own = next(node for node in upgrade["nodes"] if node["name"] == name)
            self.assertEqual([state for state, _ in own["states"]], WAY, "of itself it misses nothing")
            self.assertEqual({node["reason"] for node in upgrade["nodes"]}, {""})
            self.assertLessEqual(abs(self.history(name)["now"] - time.time()), 2)
        self.wait(lambda: all(len(watch.moments) >= 2 for watch in watches.values()), "an end that is written",
                  SETTLE_S + PATIENCE_S)
        self.assertGreaterEqual(min(watch.moments[1] for watch in watches.values()), ended + SETTLE_S - 2)
        self.assert_same_after(lambda node: node.kill_daemon())
        self.assert_same_after(self.reboot)
        for name, watch in watches.items():
            watch.end()
            self.assertEqual(len(watch.moments), 2, f"{name} wrote its history more often than twice")
            self.assertTrue(is_sound(self.path(name).read_bytes()))

    def test_abort_and_what_follows(self):
        """Nothing of it is on disk before the flash of the next one."""
        self.start_mesh("chain:3", rate=RATE)
        self.start_upgrade("release-2")
        self.wait_ready()
        self.schedule(60)
        self.wait_seen("UPGRADE_SCHEDULED", None, self.first)
        self.abort(at=self.last)
        self.wait_state("ABORTED")
        self.wait_phase("aborted")
        self.wait_whole("ABORTED")
        way = [*WAY[:3], "ABORTED"]
        for name in self.nodes:
            upgrade = self.newest(name)
            self.assert_told(name, upgrade, way, "ABORTED")
            self.assertIsNotNone(upgrade["ended"])
            self.assertEqual({node["reason"] for node in upgrade["nodes"]}, {"operator"})
            self.assertEqual([order["kind"] for order in upgrade["orders"]], ["start", "schedule", "abort"])
            self.assertFalse(self.path(name).exists())
        before = {name: self.newest(name) for name in self.nodes}
        self.upgrade(3)
        self.wait_phase("confirmed")
        self.wait_whole("UPDATED")
        for name in self.nodes:
            upgrades = self.history(name)["upgrades"]
            self.assertEqual(upgrades[1], before[name])
            self.assertEqual([upgrade["epoch"] for upgrade in upgrades], [2, 1])
            self.assert_told(name, upgrades[0], WAY, "UPDATED")

    def test_another_start_and_nobody_confirms(self):
        """The first ends as what it was, the second as what came of it."""
        self.start_mesh("chain:3", rate=RATE)
        self.start_upgrade("release-2")
        self.wait_ready()
        self.wait_phase("open")
        self.start_upgrade("release-3", at=self.last)
        self.wait(lambda: all(self.newest(name)["epoch"] == 2 for name in self.nodes), "the second start")
        for name in self.nodes:
            first = self.history(name)["upgrades"][1]
            self.assertEqual((first["phase"], first["epoch"]), ("open", 1))
            self.assertIsNotNone(first["ended"])
        self.wait_ready()
        self.schedule(2, 8)
        self.wait_state("CONFIRMATION_PENDING")
        self.wait_state("REVERTED")
        self.wait_phase("reverted")
        self.wait_whole("REVERTED")
        for name in self.nodes:
            upgrades = self.history(name)["upgrades"]
            self.assert_told(name, upgrades[0], [*WAY[:5], "REVERTED"], "REVERTED", self.last)
            self.assertLessEqual({node["reason"] for node in upgrades[0]["nodes"]}, {"window_over", "wave_reverted"})
            self.assertEqual(upgrades[1]["phase"], "open")

    def test_damaged_file(self):
        self.start_mesh("chain:3", boards=("demo,alpha",))
        self.upgrade(2)
        sound = self.path("node2").read_bytes()
        self.assertTrue(is_sound(sound))
        for number, damage in enumerate((sound[:-1], sound[:80], b"", bytes(len(sound)), sound + b"\n",
                                         sound.replace(b"node1", b"node7"), b"x" * 70000), 1):
            self.assertNotEqual(damage, sound)
            self.nodes["node2"].power_off()
            self.path("node2").write_bytes(damage)
            self.nodes["node2"].power_on()
            self.wait_acquainted()
            self.assertEqual(self.nodes["node2"].log().count(" history: "), number, damage[:100])
            # It begins anew with what the journal says and the others tell.
            upgrade, = self.history("node2")["upgrades"]
            self.assertEqual([order["kind"] for order in upgrade["orders"]], ["start", "schedule"])
        self.upgrade(3)
        self.wait_phase("confirmed")
        self.wait_whole("UPDATED")
        self.assertTrue(is_sound(self.path("node2").read_bytes()))


if __name__ == "__main__":
    unittest.main()
