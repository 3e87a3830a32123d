# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lockstep beside a shared-state daemon (hosts.py): as its guest, as the neighbour of one, and when it comes and goes."""
import pathlib
import shutil
import tempfile
import time
import unittest

from hosts import Hosts
from mesh import MeshCase

PLAIN_INTERVAL_S = 5
# Until a guest takes the port that its host has left, and one look more.
PATIENCE_S = 60 + 5
IDLE_EXCHANGE_S = 30


class Attach(MeshCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lockstep-attach-"))
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.hosts = Hosts(self.directory, PLAIN_INTERVAL_S)

    def start(self, topology, names=None, **options):
        self.acquainted = names
        self.start_mesh(topology, directory=self.directory, **options)

    def wait_acquainted(self, names=None):
        super().wait_acquainted(names or self.acquainted)

    def attached(self, name):
        return self.nodes[name].status().get("attached")

    def get(self, name, data_type):
        return self.hosts.get(self.nodes[name], data_type)

    def test_mixed_mesh(self):
        """node1 is a peer, node2 a guest, node3 knows nothing of Lockstep, node4 is a peer behind it."""
        addresses = [None, *(f"10.77.0.{number}" for number in range(1, 5))]
        self.hosts.add("node2", [addresses[1], addresses[3]])
        self.hosts.add("node3", [addresses[2], addresses[4]], alone=True)
        self.hosts.add_discover("node2", addresses[1], addresses[3])
        self.hosts.add_discover("node4", addresses[3])
        ours = ["node1", "node2", "node4"]
        self.start("chain:4", ours)
        self.assertEqual([self.attached(name) for name in ours], [False, True, False])
        self.assertLessEqual({"node1", "node2", "node4"}, set(self.get("node3", "lockstep_nodes")))

        self.start_upgrade("release-2", "--participants", ",".join(ours))
        self.wait_seen("UPGRADE_READY", ours, "node1")
        self.assertTrue((self.hosts.folder("node2") / "hook.ran").exists())
        self.schedule(8)
        self.wait_state("CONFIRMATION_PENDING", ours)
        self.wait(lambda: self.confirm(check=False).returncode == 0, "a confirm order that is taken")
        self.wait_state("UPDATED", ours)
        self.assert_versions(2, ours)
        self.wait(lambda: self.get("node3", "mesh_wide_upgrade").get("node4", {}).get("current_fw") == "Demo 2.0",
                  "the news at the plain node")

    def test_comes_and_goes(self):
        """And what an idle guest costs its host."""
        self.hosts.add("node1", [])
        self.hosts.add("node2", [])
        (self.directory / "node2/shared-state/stopped").touch()
        self.start("chain:2")
        self.assertEqual([self.attached(name) for name in self.nodes], [True, False])
        (self.directory / "node2/shared-state/stopped").unlink()
        (self.hosts.folder("node2") / "shared-state-async.conf").write_text("{}")
        self.wait(lambda: self.attached("node2"), "a guest")
        self.wait(lambda: set(self.get("node2", "lockstep_nodes")) == {"node1", "node2"}, "both records at the host")
        self.wait_acquainted()
        began, before = time.monotonic(), self.hosts.exchanges(self.nodes["node1"])
        self.hosts.stop(self.nodes["node2"])
        self.wait(lambda: not self.attached("node2"), "a peer", PATIENCE_S + 30)
        turns = (time.monotonic() - began) / IDLE_EXCHANGE_S
        if before is not None:
            self.assertIn(self.hosts.exchanges(self.nodes["node1"]) - before, (int(turns), int(turns) + 1))
        self.assertEqual(set(self.get("node2", "lockstep_nodes")), {"node1", "node2"})

    def test_types_of_others(self):
        self.start("chain:2", config={"gossip": {"types": ["node_info", "bat_links_info"]}})
        for name in self.nodes:
            (self.hosts.make_folder(name) / "shared-state-async.conf").write_text("{}")
            for data_type in ("node_info", "bat_links_info", "unheard_of"):  # the program asks for no others
                self.nodes[name].run("sh", "-c", self.hosts.register(name, data_type))
        self.hosts.insert(self.nodes["node1"], "node_info", {"node1": {"board": "x"}})
        self.hosts.insert(self.nodes["node1"], "bat_links_info", {"node1": []})
        for name in ("node_info", "bat_links_info"):
            self.wait(lambda: self.get("node2", name), f"{name} at the other node")
        self.assertEqual(self.get("node2", "node_info"), {"node1": {"board": "x"}})
        self.assertEqual(self.get("node2", "unheard_of"), {})


if __name__ == "__main__":
    unittest.main()
