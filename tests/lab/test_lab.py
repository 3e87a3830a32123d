# SPDX-License-Identifier: AGPL-3.0-or-later
"""The lab itself: are its networks, links, rates and power cuts what they say?"""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from mesh import ALPHA, DATA, ROOT, Lab, MeshCase, prepare

from lab import LabError
from topology import parse_topology


class Topologies(unittest.TestCase):
    def links(self, text):
        names, links, _ = parse_topology(text)
        return len(names), sorted("-".join(sorted(link)) for link in links)

    def test_shapes(self):
        self.assertEqual(self.links("chain:3"), (3, ["node1-node2", "node2-node3"]))
        self.assertEqual(self.links("grid:2x2"),
                         (4, ["node1-node2", "node1-node3", "node2-node4", "node3-node4"]))
        self.assertEqual(self.links("tree:4"), (4, ["node1-node2", "node1-node3", "node2-node4"]))
        with self.assertRaises(LabError):
            parse_topology("donut:4")

    def test_drawing(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("roof --- school --- mill\n"
                       "  |                  |\n"
                       "  |                  |\n"
                       " barn ----------- tower\n"
                       "node barn board=demo/beta slots=1\n"
                       "link school tower rate=1mbit   # through the trees\n")
            file.flush()
            names, links, settings = parse_topology(f"file:{file.name}")
        self.assertEqual(sorted(names), ["barn", "mill", "roof", "school", "tower"])
        self.assertEqual(sorted("-".join(sorted(link)) for link in links),
                         ["barn-roof", "barn-tower", "mill-school", "mill-tower", "roof-school",
                          "school-tower"])
        self.assertEqual(settings["barn"]["slots"], "1")
        self.assertEqual(settings[("school", "tower")]["rate"], "1mbit")


class Mesh(MeshCase):
    def address(self, name):
        return self.lab.ask(do="status")[name]["address"]

    def reaches(self, a, b):
        return self.nodes[a].run("ping", "-c", "1", "-W", "1", self.address(b))["status"] == 0

    def test_links_go_down_and_up(self):
        self.start_mesh("grid:2x2")
        self.assertTrue(self.reaches("node1", "node4"))
        self.assertEqual(self.nodes["node3"].run("hostname")["stdout"].strip(), "node3")
        self.lab.link_down("node1", "node2")
        self.assertTrue(self.reaches("node1", "node2"), "there is a way around")
        self.lab.link_down("node1", "node3")
        self.assertFalse(self.reaches("node1", "node4"))
        self.assertTrue(self.reaches("node2", "node3"))
        self.lab.link_up("node1", "node3")
        self.assertTrue(self.reaches("node1", "node4"))
        with self.assertRaises(LabError):
            self.lab.link_down("node1", "node4")

    def test_rate(self):
        self.start_mesh("chain:2", rate="2mbit")
        script = ("import socket,time,sys\n"
                  "s=socket.create_server(('0.0.0.0',9000)); c=s.accept()[0]; n=0; b=0\n"
                  "while d:=c.recv(65536):\n b=b or time.monotonic(); n+=len(d)\n"
                  "print(n*8/(time.monotonic()-b)/1e6)\n")
        result = {}
        reader = threading.Thread(
            target=lambda: result.update(self.nodes["node2"].run(sys.executable, "-c", script)))
        reader.start()
        time.sleep(0.5)
        self.nodes["node1"].run(
            sys.executable, "-c", "import socket;c=socket.create_connection("
            f"('{self.address('node2')}',9000));c.sendall(bytes(600000))")
        reader.join()
        self.assertLess(float(result["stdout"]), 2.4)
        self.assertGreater(float(result["stdout"]), 1.0)

    def exists_inside(self, path):
        """The lab counts processes on its own: its ids mean others out here."""
        return self.nodes["node1"].run("test", "-e", path)["status"] == 0

    def test_power(self):
        self.start_mesh("chain:2")
        node2 = self.nodes["node2"]
        key = node2.status()["key"]
        daemon = f"/proc/{self.lab.ask(do='status')['node2']['daemon']}"
        self.assertTrue(self.exists_inside(daemon))
        (node2.directory / "tmp/lost").write_text("what lies in memory")
        (node2.directory / "state/kept").write_text("what lies in flash")
        node2.power_off()
        self.assertIsNone(node2.state())
        self.assertFalse(self.exists_inside(daemon))
        self.assertFalse(self.reaches("node1", "node2"))
        node2.power_on()
        self.wait_state("UPDATED", ["node2"])
        self.assertEqual(node2.status()["key"], key)
        self.assertFalse((node2.directory / "tmp/lost").exists())
        self.assertTrue((node2.directory / "state/kept").exists())

    def test_daemon_comes_back(self):
        self.start_mesh("chain:2")
        incarnation = self.nodes["node1"].status()["incarnation"]
        self.nodes["node1"].kill_daemon()
        self.wait(lambda: (self.nodes["node1"].status().get("incarnation") or 0) > incarnation,
                  "the daemon to be back")


def lab_processes(directory):
    """Ids of what has the lab's folder in its command line."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and str(directory).encode() in pathlib.Path(f"/proc/{entry}/cmdline").read_bytes():
                found.append(int(entry))
        except OSError:
            pass
    return found


class CleanUp(unittest.TestCase):
    def test_nothing_is_left_after_the_end(self):
        prepare()
        self.leaves_nothing(lambda lab: lab.stop())

    def test_nothing_is_left_after_a_kill(self):
        """Whoever runs the lab is killed without a chance to clean up: the kernel does it."""
        prepare()
        self.leaves_nothing(lambda lab: (lab.process.send_signal(signal.SIGKILL), lab.process.wait()))

    def test_nothing_is_left_when_its_user_dies(self):
        prepare()
        directory = pathlib.Path(tempfile.mkdtemp(prefix="lockstep-lab-"))
        self.addCleanup(shutil.rmtree, directory, True)
        script = (f"import sys; sys.path.insert(0, {str(ROOT / 'lab')!r}); from lab import Lab\n"
                  f"lab = Lab('chain:2', directory={str(directory)!r}, keys={str(DATA / 'keys')!r},"
                  f" images={{{ALPHA!r}: {str(DATA / 'demo_alpha-1.bin')!r}}}, boot_s=0.2); lab.start()\n"
                  "lab.wait_state('UPDATED', 60); print('up', flush=True); sys.stdin.read()\n")
        user = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        self.assertEqual(user.stdout.readline(), "up\n")
        self.assertGreaterEqual(len(lab_processes(directory)), 3)
        user.kill()
        user.wait()
        user.stdin.close()
        user.stdout.close()
        self.wait_gone(directory)

    def wait_gone(self, directory):
        deadline = time.monotonic() + 20
        while lab_processes(directory) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(lab_processes(directory), [])

    def leaves_nothing(self, end):
        interfaces = sorted(os.listdir("/sys/class/net"))
        lab = Lab("chain:3", boards=(ALPHA,), keys=DATA / "keys",
                  images={ALPHA: DATA / "demo_alpha-1.bin"}, boot_s=0.2)
        self.addCleanup(shutil.rmtree, lab.directory, True)
        lab.start()
        lab.wait_state("UPDATED", 60)
        self.assertGreaterEqual(len(lab_processes(lab.directory)), 4)
        end(lab)
        self.wait_gone(lab.directory)
        self.assertEqual(sorted(os.listdir("/sys/class/net")), interfaces)

    @unittest.skipUnless(os.geteuid() == 0, "is not root already")
    def test_without_root(self):
        """The same lab in a user namespace, started by somebody who may nothing."""
        nobody = pwd.getpwnam("nobody")
        probe = subprocess.run(["setpriv", "--reuid", "nobody", "--clear-groups", "unshare", "--user",
                                "--map-root-user", "true"], capture_output=True)
        if probe.returncode:
            self.skipTest("this kernel lets nobody make user namespaces")
        prepare()
        home = pathlib.Path(tempfile.mkdtemp(prefix="lockstep-nobody-"))
        self.addCleanup(shutil.rmtree, home, True)
        for name in ("lab", "flashers"):
            shutil.copytree(ROOT / name, home / name)
        binary = os.environ.get("LOCKSTEP", ROOT / "build/lockstep")
        shutil.copy(binary, home / "lockstep")
        shutil.copytree(DATA / "keys", home / "keys")
        shutil.copy(DATA / "demo_alpha-1.bin", home / "image")
        for path in (home, *home.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        script = ("import sys; sys.path.insert(0,'lab'); from lab import Lab\n"
                  "with Lab('chain:2', binary='lockstep', directory='mesh', keys='keys',"
                  " images={'demo,alpha': 'image'}, boot_s=0.2) as lab:\n"
                  "    lab.wait_state('UPDATED', 60); print(lab.states())\n")
        result = subprocess.run(["setpriv", "--reuid", "nobody", "--regid", str(nobody.pw_gid),
                                 "--clear-groups", "/usr/bin/python3", "-c", script], cwd=home,
                                capture_output=True, text=True, env={**os.environ, "HOME": str(home)})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("UPDATED", result.stdout)


if __name__ == "__main__":
    unittest.main()
