# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lays a shared-state daemon and what belongs to it into the folders of a lab's nodes, before the lab starts.

The daemon is plain.py; with SHARED_STATE_ASYNC=/path/to/shared-state-async it is the real one, which wants the folders
/tmp/shared-state and /usr/share/shared-state/hooks to be there."""
import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
REAL = os.environ.get("SHARED_STATE_ASYNC")
OURS = ("lockstep_nodes", "lockstep_orders", "mesh_wide_upgrade")


def program(path, *lines):
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)


class Hosts:
    def __init__(self, directory, interval_s):
        self.directory = pathlib.Path(directory)
        self.interval_s = interval_s

    def folder(self, name):
        return self.directory / name / "shared-state"

    def command(self, name):
        """How the daemon of a node is called, from within."""
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

    def register(self, name, data_type):
        return f"{self.command(name)} register {data_type} community {self.interval_s} 2400"

    def add(self, name, neighbours, alone=False, types=OURS):
        """A daemon for the node, which a supervisor starts again as often as it ends. While the folder has a file
        `stopped` it is not started. `alone`: without Lockstep."""
        folder = self.make_folder(name)
        (folder / "discover").write_text("".join(address + "\n" for address in neighbours))
        program(folder / "bin/shared-state-async-discover", f"cat {folder}/discover")
        program(folder / "hooks/lockstep_orders/news", "cat >/dev/null",
                f"kill -USR1 $(cat {folder.parent}/daemon.pid) && echo >>{folder}/hook.ran", "exit 0")
        program(folder.parent / "attach", *(self.register(name, data_type) for data_type in types))
        program(folder.parent / "host",
                f"[ -e {folder}/stopped ] || echo '{{}}' >{folder}/shared-state-async.conf",
                *(self.register(name, data_type) for data_type in types if alone),
                "while :; do", f"  [ -e {folder}/stopped ] || {self.command(name)} peer", "  sleep 1", "done")
        if alone:
            (folder.parent / "alone").touch()

    def add_discover(self, name, *addresses):
        (self.directory / name).mkdir(exist_ok=True)
        program(self.directory / name / "discover", *(f"echo {address}" for address in addresses))

    # -- once the lab runs; with its LabNode

    def get(self, node, data_type):
        result = node.run("sh", "-c", f"{self.command(node.name)} get {data_type}")
        return json.loads(result["stdout"]) if result["status"] == 0 and result["stdout"].strip() else {}

    def insert(self, node, data_type, entries):
        result = node.run("sh", "-c", f"echo '{json.dumps(entries)}' | {self.command(node.name)} insert {data_type}")
        if result["status"] != 0:
            raise RuntimeError(f"insert on {node.name}: {result}")

    def exchanges(self, node):
        """How many there were over the loopback interface; the real daemon does not tell."""
        return None if REAL else (self.directory / node.name / "log/host.log").read_text().count(
            "127.0.0.1 exchanges")

    def stop(self, node):
        (self.folder(node.name) / "stopped").touch()
        node.run("sh", "-c", "fuser -k 3490/tcp")
