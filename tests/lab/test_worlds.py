# SPDX-License-Identifier: AGPL-3.0-or-later
"""One mesh of machines of different worlds (docs/worlds.md): what one of them writes, signs, counts or tells,
the others read."""
import json
import subprocess
import sys
import unittest

from mesh import ALPHA, DATA, ROOT, MeshCase

WORLDS = {"node2": "s390x", "node3": "armhf", "node4": "musl"}  # node1 is of this machine's own
RUNS = {"node1": "/lockstep", "node2": "/qemu-s390x", "node3": "/qemu-arm", "node4": "/build-musl/lockstep"}
SPREAD_MAX_MS = 3000  # of the flash; emulated daemons are slow, and the machine has other tests to run
HELLOS_S = 6  # an idle node says one in five seconds


class Worlds(MeshCase):
    @classmethod
    def setUpClass(cls):
        cls.programs = {}
        for name, world in WORLDS.items():
            subprocess.run([str(ROOT / "dev/world"), world], check=True, stdout=subprocess.DEVNULL)
            cls.programs[name] = [str(ROOT / "dev/world"), world, str(ROOT / f"build-{world}/lockstep")]

    def start_worlds(self):
        # A chain, so that all of it passes through every world; with one image, so that they swarm.
        self.start_mesh("chain:4", boards=(ALPHA,), programs=self.programs)
        for name, status in self.lab.ask(do="status").items():
            runs = self.nodes[name].run("readlink", f"/proc/{status['daemon']}/exe")["stdout"].strip()
            self.assertTrue(runs.endswith(RUNS[name]), f"{name} runs {runs}")

    def make_release(self, at):
        """Release 2, made and signed by the program of a node's world."""
        release = self.lab.directory / "release"
        image = f"{ALPHA}={DATA / 'demo_alpha-2.bin'}"
        # By its own name: an emulated program cannot run another one of its world.
        tools = [*self.programs[at][:2], f"{self.programs[at][2]}-tools", "release"]
        for command in (["create", "--version", "Demo 2.0", "--sequence", "2", "--image", image, "--out", str(release)],
                        ["sign", "--key", str(DATA / "release.sec"), str(release)]):
            subprocess.run([*tools, *command], check=True, stdout=subprocess.DEVNULL)
        return release

    def digests(self):
        """What each node says of all that it knows; heard by the two in the middle."""
        heard = {}

        def hear(name):
            result = self.nodes[name].run(sys.executable, str(ROOT / "tests/lab/hellos.py"), str(HELLOS_S))
            self.assertEqual(result["status"], 0, result["stderr"])
            heard[name] = json.loads(result["stdout"])

        self.at_once(lambda: hear("node2"), lambda: hear("node3"))
        self.assertEqual({*heard["node2"]}, {"node1", "node3"})
        self.assertEqual({*heard["node3"]}, {"node2", "node4"})
        return {**heard["node2"], **heard["node3"]}

    def assert_agreement(self):
        """All know the same, and hold it for the same."""
        self.wait(lambda: len(set(self.digests().values())) == 1, "the same digest of all")

    def test_one_mesh(self):
        self.start_worlds()
        release = self.make_release("node2")
        self.start_upgrade(release, at="node2")
        self.wait_ready(at="node2")
        self.assert_agreement()
        self.schedule(5, 60, at="node3")
        self.wait_running(at="node4")
        moments = self.lab.flash_moments_ms()
        self.assertEqual(set(moments), set(self.nodes))
        spread_ms = max(moments.values()) - min(moments.values())
        self.assertLess(spread_ms, SPREAD_MAX_MS, moments)
        print(f"all flashed within {spread_ms:.0f} ms")
        self.confirm(at="node4")
        self.wait_updated(2)
        for name, node in self.nodes.items():
            self.assertEqual((node.device / "slot_b/image").read_bytes(),
                             (DATA / "demo_alpha-2.bin").read_bytes(), name)
        self.assert_survives_restart()
        self.assert_agreement()
        self.upgrade(3)


if __name__ == "__main__":
    unittest.main()
