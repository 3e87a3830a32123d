# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lockstep beside a shared-state daemon: as its guest, as the neighbour of one, and when it comes and goes.

The daemon is plain.py; with SHARED_STATE_ASYNC=/path/to/shared-state-async it is the real one, which wants the folders
/tmp/shared-state and /usr/share/shared-state/hooks to be there."""
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time
import unittest

from mesh import MeshCase

HERE = pathlib.Path(__file__).resolve().parent
REAL = os.environ.get("SHARED_STATE_ASYNC")
OURS = ("lockstep_nodes", "lockstep_orders", "mesh_wide_upgrade")
PLAIN_INTERVAL_S = 5
# Until a guest takes the port that its host has left, and one look more.
PATIENCE_S = 60 + 5
IDLE_EXCHANGE_S = 30


def program(path, *lines):
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)


class Attach(MeshCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lockstep-attach-"))
        self.addCleanup(shutil.rmtree, self.directory, True)

    def folder(self, name):
        return self.directory / name / "shared-state"

    def command(self, name):
        """How the shared-state daemon of a node is called, from within."""
        if not REAL:
            return f"{sys.executable} {HERE}/plain.py {self.folder(name)}"
        return (f"unshare --mount sh -c 'mount --bind {self.folder(name)} /tmp/shared-state && "
                f"mount --bind {self.folder(name)}/hooks /usr/share/shared-state/hooks && "
                f"PATH={self.folder(name)}/bin:$PATH exec {REAL} \"$@\"' sh")

    def make_folder(self, name):
        folder = self.folder(name)
        (folder / "hooks/lockstep_orders").mkdir(parents=True)
        (folder / "bin").mkdir()
        return folder

    def add_host(self, name, neighbours, alone=False):
        """A shared-state daemon for the node, which a supervisor starts again as often as it ends."""
        folder = self.make_folder(name)
        (folder / "discover").write_text("".join(address + "\n" for address in neighbours))
        shared = self.command(name)
        program(folder / "bin/shared-state-async-discover", f"cat {folder}/discover")
        program(folder / "hooks/lockstep_orders/news", "cat >/dev/null",
                f"kill -USR1 $(cat {folder.parent}/daemon.pid) && echo >>{folder}/hook.ran", "exit 0")
        program(folder.parent / "attach", *(f"{shared} register {name} community {PLAIN_INTERVAL_S} 2400"
                                            for name in OURS))
        program(folder.parent / "host",
                f"[ -e {folder}/stopped ] || echo '{{}}' >{folder}/shared-state-async.conf",
                *(f"{shared} register {name} community {PLAIN_INTERVAL_S} 2400" for name in OURS if alone),
                "while :; do", f"  [ -e {folder}/stopped ] || {shared} peer", "  sleep 1", "done")
        if alone:
            (folder.parent / "alone").touch()

    def add_discover(self, name, *addresses):
        (self.directory / name).mkdir(exist_ok=True)
        program(self.directory / name / "discover", *(f"echo {address}" for address in addresses))

    def start(self, topology, names=None, **options):
        self.acquainted = names
        self.start_mesh(topology, directory=self.directory, **options)

    def wait_acquainted(self, names=None):
        super().wait_acquainted(names or self.acquainted)

    def attached(self, name):
        return self.nodes[name].status().get("attached")

    def get(self, name, data_type):
        result = self.nodes[name].run("sh", "-c", f"{self.command(name)} get {data_type}")
        return json.loads(result["stdout"]) if result["status"] == 0 and result["stdout"].strip() else {}

    def insert(self, name, data_type, entries):
        result = self.nodes[name].run(
            "sh", "-c", f"echo '{json.dumps(entries)}' | {self.command(name)} insert {data_type}")
        self.assertEqual(result["status"], 0, result)

    def exchanges(self, name):
        """How many the daemon of the node had with its host; but for those of get() and insert()."""
        return (self.directory / name / "log/host.log").read_text().count("127.0.0.1 exchanges")

    def stop_host(self, name):
        (self.folder(name) / "stopped").touch()
        self.nodes[name].run("sh", "-c", "fuser -k 3490/tcp")

    def test_mixed_mesh(self):
        """node1 is a peer, node2 a guest, node3 knows nothing of Lockstep, node4 is a peer behind it."""
        addresses = [None, *(f"10.77.0.{number}" for number in range(1, 5))]
        self.add_host("node2", [addresses[1], addresses[3]])
        self.add_host("node3", [addresses[2], addresses[4]], alone=True)
        self.add_discover("node2", addresses[1], addresses[3])
        self.add_discover("node4", addresses[3])
        ours = ["node1", "node2", "node4"]
        self.start("chain:4", ours)
        self.assertEqual([self.attached(name) for name in ours], [False, True, False])
        self.assertLessEqual({"node1", "node2", "node4"}, set(self.get("node3", "lockstep_nodes")))

        self.start_upgrade("release-2", "--participants", ",".join(ours))
        self.wait_seen("UPGRADE_READY", ours, "node1")
        self.assertTrue((self.folder("node2") / "hook.ran").exists())
        self.schedule(8)
        self.wait_state("CONFIRMATION_PENDING", ours)
        self.wait(lambda: self.confirm(check=False).returncode == 0, "a confirm order that is taken")
        self.wait_state("UPDATED", ours)
        self.assert_versions(2, ours)
        self.wait(lambda: self.get("node3", "mesh_wide_upgrade").get("node4", {}).get("current_fw") == "Demo 2.0",
                  "the news at the plain node")

    def test_comes_and_goes(self):
        """And what an idle guest costs its host."""
        self.add_host("node1", [])
        self.add_host("node2", [])
        (self.directory / "node2/shared-state/stopped").touch()
        self.start("chain:2")
        self.assertEqual([self.attached(name) for name in self.nodes], [True, False])
        (self.directory / "node2/shared-state/stopped").unlink()
        (self.folder("node2") / "shared-state-async.conf").write_text("{}")
        self.wait(lambda: self.attached("node2"), "a guest")
        self.wait(lambda: set(self.get("node2", "lockstep_nodes")) == {"node1", "node2"}, "both records at the host")
        self.wait_acquainted()
        began, before = time.monotonic(), self.exchanges("node1")
        self.stop_host("node2")
        self.wait(lambda: not self.attached("node2"), "a peer", PATIENCE_S + 30)
        turns = (time.monotonic() - began) / IDLE_EXCHANGE_S
        if not REAL:
            self.assertIn(self.exchanges("node1") - before, (int(turns), int(turns) + 1))
        self.assertEqual(set(self.get("node2", "lockstep_nodes")), {"node1", "node2"})

    def test_types_of_others(self):
        self.start("chain:2", config={"gossip": {"types": ["node_info", "bat_links_info"]}})
        for name in self.nodes:
            (self.make_folder(name) / "shared-state-async.conf").write_text("{}")
            for data_type in ("node_info", "bat_links_info", "unheard_of"):  # the program asks for no others
                self.nodes[name].run("sh", "-c", f"{self.command(name)} register {data_type} community 30 2400")
        self.insert("node1", "node_info", {"node1": {"board": "x"}})
        self.insert("node1", "bat_links_info", {"node1": []})
        for name in ("node_info", "bat_links_info"):
            self.wait(lambda: self.get("node2", name), f"{name} at the other node")
        self.assertEqual(self.get("node2", "node_info"), {"node1": {"board": "x"}})
        self.assertEqual(self.get("node2", "unheard_of"), {})


if __name__ == "__main__":
    unittest.main()
