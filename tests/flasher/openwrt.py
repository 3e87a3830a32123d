# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the tests of the flashers for OpenWrt share: a router in a directory, with stand-ins of its programs."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

FLASHERS = pathlib.Path(__file__).resolve().parents[2] / "flashers"
PATIENCE_S = 20
ENOUGH_KIB = 20000


class Router:
    """To be mixed into a TestCase. `flasher` names the flasher, `stand_ins` the programs."""

    flasher = ""
    stand_ins = {}
    shell = ("sh",)

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="lockstep-flasher-", dir="/tmp")
        self.addCleanup(temporary.cleanup)
        self.directory = pathlib.Path(temporary.name)
        self.root = self.directory / "root"
        self.stand_in = self.directory / "stand in"
        self.stand_in.mkdir()
        self.tools = self.directory / "tools"
        self.tools.mkdir()
        if self.shell[0] == "busybox":
            self.add_applets()
        for name, text in self.stand_ins.items():
            self.add_program(name, text)
        self.set_memory(ENOUGH_KIB)
        self.image = self.directory / "new image; $(id) .bin"
        self.image.write_bytes(b"firmware " * 1000)

    def add_applets(self):
        """As on a router: busybox's tools only."""
        busybox = shutil.which("busybox")
        # Debian's list has busybox itself, others' do not.
        for name in {"busybox", *subprocess.check_output([busybox, "--list"], text=True).split()}:
            (self.tools / name).symlink_to(busybox)

    def add_program(self, name, text):
        program = self.tools / name
        program.unlink(missing_ok=True)
        program.write_text(text)
        program.chmod(0o755)

    def write(self, name, content=""):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def set_memory(self, kib):
        self.write("proc/meminfo", f"MemTotal: 60000 kB\nMemFree: 1000 kB\nMemAvailable: {kib} kB\n")

    def begin(self, *arguments, **environment):
        path = str(self.tools) if self.shell[0] == "busybox" else f"{self.tools}:{os.environ['PATH']}"
        return subprocess.Popen(
            [shutil.which(self.shell[0]), *self.shell[1:], str(FLASHERS / self.flasher), *map(str, arguments)],
            env={"PATH": path, "LOCKSTEP_ROOT": str(self.root), "STAND_IN": str(self.stand_in),
                 "LOCKSTEP_WAIT_S": "1", **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True)

    def call(self, *arguments, **environment):
        output, _ = (process := self.begin(*arguments, **environment)).communicate(timeout=PATIENCE_S)
        return process.returncode, json.loads(output) if output else None

    def refuses(self, *arguments, **environment):
        status, output = self.call(*arguments, **environment)
        self.assertEqual(status, 1, output)
        return output["message"]

    def called(self):
        """The arguments of each call of the stand-in that writes them down."""
        try:
            lines = (self.stand_in / "called").read_text().splitlines()
        except FileNotFoundError:
            return []
        calls = [[]]
        for line in lines:
            calls.append([]) if line == "end" else calls[-1].append(line)
        return calls[:-1]


def with_each_shell(verbs):
    """The tests of `verbs`, a Router, with Debian's shell and with a router's."""
    system = type("SystemShell", (verbs, unittest.TestCase), {"shell": ("sh",), "__module__": verbs.__module__})
    router = type("Busybox", (verbs, unittest.TestCase), {"shell": ("busybox", "sh"), "__module__": verbs.__module__})
    return system, unittest.skipUnless(shutil.which("busybox"), "busybox is not installed")(router)
