# SPDX-License-Identifier: AGPL-3.0-or-later
"""One real daemon in a folder, spoken to over its control socket."""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOCKSTEP = pathlib.Path(os.environ.get("LOCKSTEP", ROOT / "build/lockstep")).resolve()
PATIENCE_S = 60
END_S = 10


class Connection(http.client.HTTPConnection):
    """Over a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class OneNode(unittest.TestCase):
    """A node without neighbours. What a test lays into its folder before start_node() is there from the start."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lockstep-node-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.socket = self.directory / "control"
        for name in ("etc", "state", "work", "web"):
            (self.directory / name).mkdir()

    def configure(self):
        return {"mesh": "demo", "name": "node1", "board": "demo,alpha", "version": "Demo 1.0", "expected": "",
                "http": {"listen": "127.0.0.1", "port": 0, "control": str(self.socket)},
                "gossip": {"listen": "127.0.0.1", "port": 0, "host_file": ""},
                "flasher": str(ROOT / "flashers/simulated"),
                "directories": {name if name != "etc" else "config": str(self.directory / name)
                                for name in ("etc", "state", "work", "web")}}

    def start_node(self, **members):
        config = self.directory / "lockstep.json"
        config.write_text(json.dumps({**self.configure(), **members}))
        self.log = open(self.directory / "log", "ab")
        self.addCleanup(self.log.close)
        self.daemon = subprocess.Popen([LOCKSTEP, "daemon", "--config", config], stdin=subprocess.DEVNULL,
                                       stdout=self.log, stderr=self.log)
        self.addCleanup(self.stop_node)
        end = time.monotonic() + PATIENCE_S
        while not self.socket.exists():
            self.assertIsNone(self.daemon.poll(), (self.directory / "log").read_text())
            self.assertLess(time.monotonic(), end, "no daemon")
            time.sleep(0.01)

    def stop_node(self):
        self.daemon.terminate()
        self.assertEqual(self.daemon.wait(END_S), 0, (self.directory / "log").read_text(errors="replace"))

    def ask(self, path, method="GET", body=None):
        """Status, headers and body."""
        with contextlib.closing(Connection(self.socket)) as connection:
            connection.request(method, path, body)
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()

    def get(self, path):
        """The JSON that is there."""
        status, headers, body = self.ask(path)
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"), body)
        return json.loads(body)

    def assert_refused(self, answer, status, reason):
        """With nothing about it that belongs to what was asked for."""
        self.assertEqual((answer[0], json.loads(answer[2])["error"]["reason"]), (status, reason))
        self.assertEqual(answer[1]["Content-Type"], "application/json")
        self.assertNotIn("Content-Encoding", answer[1])
