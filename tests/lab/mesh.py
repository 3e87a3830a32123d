# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the scenarios of tests/lab share: keys, releases, a mesh, and the words to talk about it."""
import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "lab"))
from lab import Lab  # noqa: E402

BINARY = pathlib.Path(os.environ.get("LOCKSTEP", ROOT / "build/lockstep"))
DATA = BINARY.parent / "lab-data"
ALPHA, BETA = "demo,alpha", "demo,beta"
# Far more than it ever takes: a busy machine must not decide a test.
PATIENCE_S = 90
BOOT_S = 15  # one that is under way, on a busy machine


def lockstep(*arguments):
    subprocess.run([str(BINARY), *arguments], check=True, cwd=DATA, stdout=subprocess.DEVNULL)


def make_release(name, number, boards, key):
    images = []
    for board in boards:
        image = DATA / f"{board.replace(',', '_')}-{number}.bin"
        if not image.exists():
            subprocess.run([sys.executable, str(ROOT / "lab/image"), "--small", "--board", board,
                            "--version", f"Demo {number}.0", "--out", str(image)], check=True,
                           stdout=subprocess.DEVNULL)
        images += ["--image", f"{board}={image}"]
    lockstep("release", "create", "--version", f"Demo {number}.0", "--sequence", str(number), *images,
             "--out", name)
    lockstep("release", "sign", "--key", f"{key}.sec", name)


@contextlib.contextmanager
def alone():
    """Nobody else makes keys or releases meanwhile."""
    DATA.mkdir(parents=True, exist_ok=True)
    with open(DATA / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare():
    """Makes keys and releases once for all processes that test this binary."""
    with alone():
        if (DATA / "made").exists() and (DATA / "made").stat().st_mtime > BINARY.stat().st_mtime:
            return
        for entry in DATA.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()
        for key in ("operator", "release", "stranger"):
            lockstep("key", "generate", key)
        for role in ("operator", "release"):
            (DATA / "keys" / role).mkdir(parents=True)
            shutil.copy(DATA / f"{role}.pub", DATA / "keys" / role)
        for number in (1, 2, 3, 4):
            make_release(f"release-{number}", number, (ALPHA, BETA), "release")
        make_release("alpha-only", 2, (ALPHA,), "release")
        make_release("forged", 2, (ALPHA, BETA), "stranger")
        (DATA / "made").touch()


def only_quick_ones(*names):
    """A load_tests for a file of which LAB_QUICK=1 runs only these, for slow builds."""
    def load_tests(loader, tests, _):
        if not os.environ.get("LAB_QUICK"):
            return tests
        return unittest.TestSuite(test for group in tests for test in group
                                  if ".".join(test.id().split(".")[-2:]) in names)
    return load_tests


class MeshCase(unittest.TestCase):
    """A test that starts a mesh, upgrades it in some way, and then shows that the next upgrade works."""

    lab = None

    def start_mesh(self, topology="grid:3x3", **options):
        prepare()
        self.lab = Lab(topology, binary=options.pop("binary", BINARY),
                       boards=options.pop("boards", (ALPHA, BETA)), keys=DATA / "keys", boot_s=0.5,
                       images={board: DATA / f"{board.replace(',', '_')}-1.bin"
                               for board in (ALPHA, BETA)}, **options)
        self.addCleanup(self.stop_mesh)
        self.lab.start()
        self.nodes = self.lab.nodes
        self.first, self.last = list(self.nodes)[0], list(self.nodes)[-1]
        self.wait_acquainted()

    def stop_mesh(self):
        logs = {name: node.log() for name, node in self.nodes.items()}
        self.lab.stop()
        for name, log in logs.items():
            for word in ("Sanitizer", "runtime error:", "Assertion"):
                at = log.find(word)
                self.assertEqual(at, -1, f"{name}: {log[max(at - 200, 0):at + 2000]}")

    # -- looking

    def wait(self, holds, what, timeout_s=PATIENCE_S):
        self.lab.wait(holds, timeout_s, what)

    def wait_state(self, state, nodes=None, timeout_s=PATIENCE_S):
        self.lab.wait_state(state, timeout_s, nodes)

    def wait_states(self, states, nodes=None, timeout_s=PATIENCE_S):
        names = nodes or list(self.nodes)
        self.wait(lambda: all(self.nodes[name].state() in states for name in names),
                  f"one of {', '.join(states)} of {', '.join(names)}", timeout_s)

    def wait_acquainted(self, names=None):
        """Until each has heard of each other's present life."""
        names = names or list(self.nodes)

        def known():
            lives = {name: self.nodes[name].status().get("incarnation") for name in names}
            for name in names:
                mesh = self.nodes[name].get("/v1/mesh")
                seen = {row["name"]: row.get("incarnation") for row in mesh["nodes"]} if mesh else {}
                if any(life is None or seen.get(other) != life for other, life in lives.items()):
                    return False
            return True

        self.wait(known, f"a mesh in which {', '.join(names)} know each other")

    def versions(self):
        return {name: node.status()["version"] for name, node in self.nodes.items()}

    def assert_versions(self, number, nodes=None):
        """Who goes back says so a moment before it boots: that moment is waited for."""
        names = nodes or list(self.nodes)
        end = time.monotonic() + BOOT_S
        while time.monotonic() < end and any(
                self.nodes[name].status()["version"] != f"Demo {number}.0" for name in names):
            time.sleep(0.05)
        for name in names:
            self.assertEqual(self.nodes[name].status()["version"], f"Demo {number}.0",
                             f"{name}\n{self.lab.describe()}")

    def assert_reason(self, reason, nodes=None):
        for name in nodes or self.nodes:
            status = self.nodes[name].status()
            self.assertEqual(status["reason"], reason, f"{name}: {status}\n{self.lab.describe()}")

    def assert_nobody_flashed(self):
        self.assertEqual(self.lab.flash_moments_ms(), {})

    def assert_survives_restart(self, nodes=None):
        """An end state is the same after the daemon was killed and came back."""
        names = nodes or list(self.nodes)
        before = {name: self.nodes[name].status() for name in names}
        for name in names:
            self.nodes[name].kill_daemon()
        for name in names:
            self.wait(lambda: (self.nodes[name].status().get("incarnation") or 0) >
                      before[name]["incarnation"], f"the daemon of {name} to be back")
            after = self.nodes[name].status()
            for member in ("state", "reason", "version", "epoch", "upgrade", "release_sequence", "key"):
                self.assertEqual(before[name][member], after[member], f"{member} of {name}")

    # -- doing

    def start_upgrade(self, release, *options, at=None, key="operator", check=True):
        return self.nodes[at or self.first].cli(
            "start", str(DATA / release), "--key", str(DATA / f"{key}.sec"), *options, check=check)

    def schedule(self, in_s=2, window_s=20, *options, at=None, check=True):
        return self.nodes[at or self.first].cli(
            "schedule", "--key", str(DATA / "operator.sec"), "--in", f"{in_s}s", "--confirm-window",
            f"{window_s}s", *options, check=check)

    def confirm(self, *options, at=None, check=True):
        return self.nodes[at or self.first].cli(
            "confirm", "--key", str(DATA / "operator.sec"), *options, check=check)

    def abort(self, at=None, check=True):
        return self.nodes[at or self.first].cli("abort", "--key", str(DATA / "operator.sec"), check=check)

    def insist(self, command):
        """As a person would whose router lost its power while he pressed the key."""
        def taken():
            result = command()
            return result.returncode == 0 or "already" in result.stderr

        self.wait_acquainted()
        if not taken():
            self.wait_acquainted()
            self.wait(taken, "an order that is taken")

    def wait_seen(self, state, nodes, at):
        """All are in the state, and the operator's node knows it."""
        names = nodes or list(self.nodes)
        self.wait_state(state, names)

        def seen():
            mesh = self.nodes[at or self.first].get("/v1/mesh") or {"nodes": []}
            return {row["name"] for row in mesh["nodes"] if row.get("state") == state} >= set(names)

        self.wait(seen, f"{state} of {', '.join(names)} at the operator's node")

    def wait_ready(self, nodes=None, at=None):
        self.wait_seen("UPGRADE_READY", nodes, at)

    def wait_running(self, nodes=None, at=None):
        """The new firmware runs, unconfirmed."""
        self.wait_seen("CONFIRMATION_PENDING", nodes, at)

    def wait_updated(self, number, nodes=None, timeout_s=PATIENCE_S):
        names = nodes or list(self.nodes)

        def done():
            return all(status["state"] == "UPDATED" and status["version"] == f"Demo {number}.0"
                       for status in (self.nodes[name].status() for name in names))

        self.wait(done, f"Demo {number}.0, confirmed, on {', '.join(names)}", timeout_s)

    def upgrade(self, number=3, at=None, *options):
        """A whole upgrade of the whole mesh that nothing hinders. The next one always works."""
        self.wait_acquainted()
        self.start_upgrade(f"release-{number}", "--confirm", "auto", *options, at=at)
        self.wait_ready(at=at)
        self.schedule(at=at, window_s=60)
        self.wait_updated(number)

    def at_once(self, *calls):
        threads = [threading.Thread(target=call) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def watch_for(self, name, state, timeout_s=PATIENCE_S):
        """Returns at the moment a node is in a state that does not last, by its log."""
        begin = len(self.nodes[name].log())
        end = time.monotonic() + timeout_s
        while f"-> {state}" not in self.nodes[name].log()[begin:]:
            if time.monotonic() > end:
                self.fail(f"{name} did not come to {state}\n{self.lab.describe()}")
            time.sleep(0.005)
