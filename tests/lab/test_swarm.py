# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hard days for an image on its way: each ends with the image complete on every node (docs/spread.md)."""
import pathlib
import signal
import subprocess
import sys
import time
import unittest

from mesh import ALPHA, BETA, DATA, ROOT, MeshCase, alone, lockstep, only_quick_ones, prepare
from lab import MESH

LIAR = pathlib.Path(__file__).resolve().parent / "liar.py"
MIB = 2
RATE = "8mbit"  # an image needs two seconds for each hop


def make_large_release():
    prepare()
    with alone():
        if (DATA / "large/release.json").exists():
            return
        images = []
        for board in (ALPHA, BETA):
            image = DATA / f"large-{board.replace(',', '_')}.bin"
            subprocess.run([sys.executable, str(ROOT / "lab/image"), "--noise", "--size", str(MIB), "--board", board,
                            "--version", "Demo 2.0", "--out", str(image)], check=True, stdout=subprocess.DEVNULL)
            images += ["--image", f"{board}={image}"]
        lockstep("release", "create", "--version", "Demo 2.0", "--sequence", "2", *images, "--out", "large")
        lockstep("release", "sign", "--key", "release.sec", "large")


class SwarmCase(MeshCase):
    def start(self, topology, boards=(ALPHA,), rate=RATE, **options):
        make_large_release()
        self.start_mesh(topology, boards=boards, rate=rate, **options)

    def begin(self):
        self.start_upgrade("large", "--confirm", "auto")

    def held_bytes(self, name):
        mesh = self.nodes[name].get("/v1/mesh") or {"nodes": []}
        return next((row.get("held_bytes") or 0 for row in mesh["nodes"] if row["name"] == name), 0)

    def wait_half(self, name):
        """Until a good part of the image is there."""
        total = MIB * 1048576
        self.wait(lambda: self.held_bytes(name) > total // 4 or self.nodes[name].state() == "UPGRADE_READY",
                  f"a part of the image on {name}")

    def end(self, nodes=None):
        """All have the image, and what was wrong in between hinders no later upgrade."""
        self.wait_ready(nodes)
        self.schedule(window_s=60)
        self.wait_updated(2, nodes)

    def replace_by_liar(self, name, mode, board=ALPHA):
        node = self.nodes[name]
        peers = [line.split(":")[0].strip() for line in node.run("cat", "/proc/net/dev")["stdout"].splitlines()
                 if line.strip().startswith("to-")]
        node.kill_daemon(signal.SIGSTOP)
        image = DATA / f"large-{board.replace(',', '_')}.bin"
        result = node.run("sh", "-c", '"$@" >/dev/null 2>&1 </dev/null &', "sh", sys.executable, str(LIAR), mode,
                          MESH, str(image), *peers)
        self.assertEqual(result["status"], 0, result)

    def send_liar_home(self, name):
        node = self.nodes[name]
        node.run("pkill", "-f", str(LIAR))
        node.kill_daemon(signal.SIGKILL)


class Links(SwarmCase):
    def test_links_die_and_come_back(self):
        self.start("chain:4")
        self.begin()
        for _ in range(2):
            self.wait_half("node2")
            self.lab.link_down("node2", "node3")
            time.sleep(2)
            self.lab.link_up("node2", "node3")
            time.sleep(0.5)
        self.end()

    def test_one_weak_link_to_the_source(self):
        """A chunk needs longer there than anybody waits elsewhere."""
        topology = self.make_topology("link node1 node2 rate=64kbit\nlink node2 node3\nlink node3 node4\n")
        self.start_mesh(topology, boards=(ALPHA,))
        self.start_upgrade("release-2", "--confirm", "auto")
        self.wait_ready()
        self.schedule(window_s=60)
        self.wait_updated(2)

    def make_topology(self, text):
        prepare()
        path = DATA / f"{self.id().rpartition('.')[2]}.mesh"
        path.write_text(text)
        return f"file:{path}"


class Liars(SwarmCase):
    """In a square, node4 hears node2 and node3; node2 is the liar."""

    others = ["node1", "node3", "node4"]

    def deceive(self, mode):
        self.start("grid:2x2")
        self.replace_by_liar("node2", mode)
        self.wait(lambda: all("liar is here" in self.nodes[name].log() for name in ("node1", "node4")),
                  "somebody who hears the liar")
        self.begin()

    def come_through(self):
        self.wait_state("UPGRADE_READY", self.others)
        self.send_liar_home("node2")
        self.end()

    def test_byte_a_second(self):
        self.deceive("drip")
        self.come_through()

    def test_holds_nothing_of_what_it_tells(self):
        self.deceive("lie")
        self.come_through()

    def test_serves_wrong_bytes(self):
        self.deceive("wrong")
        self.come_through()
        self.assertIn("served a wrong chunk", self.nodes["node4"].log())

    def test_disappears_at_99_per_cent(self):
        """The only neighbour who has the image, while the other has no link."""
        self.deceive("vanish")
        self.wait_state("DOWNLOADING", ["node4"])
        self.lab.link_down("node3", "node4")
        self.wait(lambda: self.nodes["node2"].run("pgrep", "-f", str(LIAR))["status"] != 0, "a liar who is gone")
        self.assertNotEqual(self.nodes["node4"].state(), "UPGRADE_READY")
        self.lab.link_up("node3", "node4")
        self.come_through()


class Nodes(SwarmCase):
    def test_initiator_is_switched_off_with_one_copy_out(self):
        self.start("chain:4")
        self.lab.link_down("node2", "node3")
        self.begin()
        self.wait_state("UPGRADE_READY", ["node1", "node2"])
        self.lab.link_up("node2", "node3")
        self.wait_state("DOWNLOADING", ["node3"])
        self.nodes["node1"].power_off()
        self.wait_state("UPGRADE_READY", ["node2", "node3", "node4"])
        self.nodes["node1"].power_on()
        self.end()

    def test_board_behind_others(self):
        """Its only image passes three nodes that cannot use it."""
        self.start("chain:5", boards=(ALPHA, ALPHA, ALPHA, ALPHA, BETA))
        self.begin()
        self.end()

    def test_rate_limit_and_polite(self):
        """Nobody is in the way, so it comes, and not faster than it may."""
        self.start("chain:2", rate="", config={"rate_limit_kbit": 4000, "polite": True})
        begin = time.monotonic()
        self.begin()
        self.wait_ready()
        self.assertGreater(time.monotonic() - begin, MIB * 8 * 1.048576 / 4 * 0.8)
        self.end()

    def test_restart_in_the_middle(self):
        """What is on disk is not fetched again."""
        self.start("chain:3")
        self.begin()
        self.wait_half("node2")
        self.nodes["node2"].kill_daemon()
        self.end()
        chunks = [int(line.split(" of ")[0].rsplit(" ", 1)[1]) for line in self.nodes["node2"].log().splitlines()
                  if " chunks are here" in line]
        self.assertEqual(chunks[0], 0)
        self.assertTrue(any(count > 0 for count in chunks[1:]), chunks)


load_tests = only_quick_ones("Liars.test_serves_wrong_bytes")

if __name__ == "__main__":
    unittest.main()
