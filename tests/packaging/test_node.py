# SPDX-License-Identifier: AGPL-3.0-or-later
"""The other shell files of the packages for OpenWrt, beside stand-ins of what they call: the init script, the first
boot, how shared-state-async is attached to and how it calls us, what a flash keeps; with each shell that a
router or a Debian has."""
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import unittest

from node import HERE, PATIENCE_S, Node, running, with_each_shell

OUR_TYPES = ["lockstep_nodes", "lockstep_orders", "mesh_wide_upgrade"]

# As upstream: `register` rewrites the configuration; what is asked of it is written down.
SHARED_STATE_ASYNC = f"""#!{sys.executable} -IS
import json, os, sys
with open(os.environ["STAND_IN"] + "/called", "a") as called:
    print(*sys.argv[1:], file=called)
if not os.path.exists(os.environ["STAND_IN"] + "/deaf"):
    _, name, scope, interval, ttl = sys.argv[1:]
    path = os.environ["LOCKSTEP_ROOT"] + "/tmp/shared-state/shared-state-async.conf"
    with open(path) as conf:
        types = json.load(conf).get("mTypeConf", [])
    types.append({{"key": name, "value": {{"mName": name, "mScope": scope}}}})
    with open(path, "w") as conf:
        json.dump({{"mTypeConf": types}}, conf, indent=4, separators=(",", ": "))
print("registered")
"""


class Service(Node):
    """The init script."""

    def service(self, verb):
        script = (HERE / "rc.common").read_text()
        self.write("etc/rc.common", script)
        result = self.run_shell(self.root / "etc/rc.common", self.root / "etc/init.d/lockstep", verb)
        try:
            calls = [line.split("\t") for line in (self.stand_in / "procd").read_text().splitlines()]
            (self.stand_in / "procd").unlink()
        except FileNotFoundError:
            calls = []
        return result, calls

    def test_order(self):
        result, _ = self.service("describe")
        self.assertEqual(result.stdout, "60 10 1\n")

    def test_start(self):
        result, calls = self.service("start")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual(calls, [
            ["open_service"], ["open_instance"],
            ["set_param", "command", "/usr/sbin/lockstep", "daemon", "--config", "/var/etc/lockstep.json"],
            ["set_param", "file", "/var/etc/lockstep.json"], ["set_param", "pidfile", "/var/run/lockstep.pid"],
            ["set_param", "respawn", "60", "5", "0"],
            ["set_param", "stdout", "1"], ["set_param", "stderr", "1"], ["close_instance"], ["close_service"],
            ["reload_trigger", "lockstep", "system", "network", "wireless", "babeld", "lime-autogen"]])
        self.assertEqual(json.loads((self.root / "var/etc/lockstep.json").read_text())["mesh"], "Quintana-Libre")
        self.assertEqual(self.logged(), "")

    def test_disabled(self):
        self.configure("lockstep", "config lockstep main\n\toption enabled 0\n")
        result, calls = self.service("start")
        self.assertEqual(result.returncode, 0)
        self.assertEqual([call[0] for call in calls], ["open_service", "close_service", "reload_trigger"])
        self.assertFalse((self.root / "var/etc").exists())

    def test_bad_configuration_at_boot(self):
        self.configure("lockstep", "config lockstep main\n\toption threshold none\n")
        result, calls = self.service("start")
        self.assertEqual(result.returncode, 1)
        self.assertEqual([call[0] for call in calls], ["open_service", "close_service", "reload_trigger"])
        self.assertIn("option threshold must be", result.stderr)
        self.assertIn("-p daemon.err /etc/config/lockstep: option threshold must be", self.logged())

    def test_bad_configuration_later(self):
        self.service("start")
        self.configure("lockstep", "config lockstep main\n\toption mesh other\n\toption threshold none\n")
        result, calls = self.service("reload")
        self.assertEqual(result.returncode, 0)
        self.assertIn(["open_instance"], calls)
        self.assertIn("It runs on", self.logged())
        self.assertIn("option threshold must be", self.logged())
        self.assertEqual(json.loads((self.root / "var/etc/lockstep.json").read_text())["mesh"], "Quintana-Libre")

    def test_warning(self):
        self.configure("babeld", "")
        result, calls = self.service("start")
        self.assertEqual(result.returncode, 0)
        self.assertIn(["open_instance"], calls)
        self.assertIn("daemon.warn /etc/config/lockstep: this node will find no neighbours", self.logged())


class FirstBoot(Node):
    """What runs once, and may run again."""

    def setUp(self):
        super().setUp()
        self.configure("lime-defaults", "config lime system\n\toption hostname x\n"
                                        "\toption keep_on_upgrade 'libremesh dropbear /etc/sysupgrade.conf'\n")

    def boot(self, name="90_lockstep", status=0):
        # As OpenWrt: read into a shell.
        result = self.run_shell("-c", f'( . "$LOCKSTEP_ROOT/etc/uci-defaults/{name}" )')
        self.assertEqual((result.returncode, result.stdout), (status, ""), result.stderr)
        shutil.rmtree(self.stand_in / "uci-staged", ignore_errors=True)  # what was not committed is lost

    def files(self):
        return {str(path.relative_to(self.root)): path.read_bytes()
                for path in self.root.rglob("*") if path.is_file()}

    def uci(self, key):
        return subprocess.run([self.tools / "uci", "-q", "get", key], env=self.environment(),
                              capture_output=True, text=True).stdout

    def test_without_shared_state_async(self):
        before = self.files()
        self.boot()
        changed = {name for name, content in self.files().items() if before.get(name) != content}
        self.assertEqual(changed, {"etc/config/lime-defaults", "etc/config/lime-autogen"})
        self.assertEqual(self.uci("lime-defaults.system.keep_on_upgrade"),
                         "libremesh dropbear /etc/sysupgrade.conf lockstep\n")
        self.assertEqual(self.uci("lime-autogen.system.keep_on_upgrade"), "libremesh dropbear lockstep\n")
        self.assertEqual(self.uci("lime-defaults.system.hostname"), "x\n")

    def test_plain_openwrt(self):
        for name in ("lime-defaults", "lime-autogen"):
            (self.root / "etc/config" / name).unlink()
        before = self.files()
        self.boot()
        self.assertEqual(self.files(), before)

    def test_with_shared_state_async(self):
        self.add_program("shared-state-async", SHARED_STATE_ASYNC)
        self.boot()
        for kind in OUR_TYPES:
            self.assertEqual([self.uci(f"shared-state.{kind}{option}").strip() for option in
                              ("", ".name", ".scope", ".ttl", ".update_interval")],
                             ["dataType", kind, "community", "2400", "30"])
        once = self.files()
        self.boot()
        self.assertEqual(self.files(), once, "twice is once")
        self.assertFalse((self.stand_in / "called").exists(), "it is not disturbed")

    def test_types_that_are_there_stay(self):
        self.add_program("shared-state-async", SHARED_STATE_ASYNC)
        self.configure("shared-state", "config dataType 'nodes'\n\toption name 'lockstep_nodes'\n\toption ttl '99'\n\n"
                                       "config dataType 'mesh_wide_upgrade'\n\toption name 'mesh_wide_upgrade'\n"
                                       "\toption update_interval '7'\n")
        self.boot()
        text = (self.root / "etc/config/shared-state").read_text()
        self.assertEqual([text.count(f"'{kind}'\n\toption scope") + text.count(f"name '{kind}'") for kind in OUR_TYPES],
                         [1, 2, 1])
        self.assertEqual(self.uci("shared-state.mesh_wide_upgrade.update_interval"), "7\n")

    def test_what_fails_runs_again(self):
        self.add_program("uci", "#!/bin/sh\n[ \"$1\" != commit ] && [ \"$1\" != set ] && echo kept\n")
        self.boot(status=1)

    def test_limeapp(self):
        self.write("usr/libexec/rpcd/other")
        plugin = self.root / "usr/libexec/rpcd/eupgrade"
        for _ in range(2):
            self.boot("95_lockstep-limeapp")
            self.assertEqual(os.readlink(plugin), "/usr/lib/lockstep/limeapp")
        plugin.unlink()
        plugin.write_text("LibreMesh's own")
        self.boot("95_lockstep-limeapp")
        self.assertEqual(plugin.read_text(), "LibreMesh's own")


class Attach(Node):
    def setUp(self):
        super().setUp()
        self.conf = self.root / "tmp/shared-state/shared-state-async.conf"
        self.add_program("shared-state-async", SHARED_STATE_ASYNC)
        self.write(str(self.conf.relative_to(self.root)), "{}\n")

    def attach(self, *words):
        return self.run_file("usr/lib/lockstep/attach", *words)

    def called(self):
        path = self.stand_in / "called"
        return path.read_text().splitlines() if path.exists() else []

    def types(self):
        return [entry["key"] for entry in json.loads(self.conf.read_text())["mTypeConf"]]

    def test_register(self):
        result = self.attach("register")
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)
        self.assertEqual(self.called(), [f"register {kind} community 30 2400" for kind in OUR_TYPES])
        self.assertEqual(self.types(), OUR_TYPES)
        self.assertEqual(self.attach("register").returncode, 0)
        self.assertEqual(len(self.called()), 3, "once is enough")

    def test_only_what_is_missing(self):
        for indent in (None, 4):
            self.conf.write_text(json.dumps({"mTypeConf": [{"key": name, "value": {"mName": name}} for name in
                                                           ("node_info", "lockstep_orders")]}, indent=indent))
            self.assertEqual(self.attach("register").returncode, 0)
            self.assertEqual(sorted(self.types()), sorted(["node_info", *OUR_TYPES]))

    def test_named_types(self):
        self.assertEqual(self.attach("register", "other_type").returncode, 0)
        self.assertEqual(self.types(), ["other_type"])
        for bad in ("", "a b", "$(id)", "a/b", ".*"):
            self.assertEqual(self.attach("register", bad).returncode, 1)
        self.assertEqual(len(self.called()), 1)

    def test_names_are_whole(self):
        self.attach("register", "xlockstep_nodes", "lockstep_nodes_2")
        self.assertEqual(self.attach("register", "lockstep_nodes").returncode, 0)
        self.assertIn("lockstep_nodes", self.types())

    def test_what_is_not_there(self):
        (self.stand_in / "deaf").touch()
        result = self.attach("register")
        self.assertEqual(result.returncode, 1)
        self.assertIn("does not take the type lockstep_nodes", result.stderr)
        self.assertEqual(len(self.called()), 1)
        self.conf.unlink()
        self.assertIn("does not run", self.attach("register").stderr)
        (self.tools / "shared-state-async").unlink()
        self.assertIn("not installed", self.attach("register").stderr)
        for words in ((), ("x",), ("sync",)):
            self.assertEqual(self.attach(*words).returncode, 2)


class News(Node):
    """The hook that shared-state-async runs."""

    def setUp(self):
        super().setUp()
        self.daemons = []
        self.addCleanup(self.end_daemons)

    def end_daemons(self):
        for daemon in self.daemons:
            daemon.kill()
            daemon.communicate()

    def begin_daemon(self, name="lockstep"):
        """A process of this name that says so when it is told of news."""
        daemon = subprocess.Popen(
            [sys.executable, "-IS", "-c", "import signal\n"
             f"open('/proc/self/comm', 'w').write({name!r})\n"
             "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\nprint('ready', flush=True)\n"
             "while True: signal.sigwait([signal.SIGUSR1]); print('news', flush=True)\n"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.daemons.append(daemon)
        self.assertEqual(self.hear(daemon), "ready\n")
        self.write("var/run/lockstep.pid", f"{daemon.pid}\n")
        return daemon

    def hear(self, daemon):
        ready, _, _ = select.select([daemon.stdout], [], [], PATIENCE_S)
        return daemon.stdout.readline() if ready else "silence"

    def hook(self, kind="lockstep_orders"):
        return self.root / f"usr/share/shared-state/hooks/{kind}/lockstep-news"

    def call(self, kind="lockstep_orders", state=b'{"a":1}'):
        """As upstream calls it: every descriptor is inherited, and it is waited for. How long that took."""
        read, write = os.pipe()
        held = [os.dup(write) for _ in range(40)]
        hook = subprocess.Popen([self.hook(kind)], env=self.environment(), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[write, *held])
        for fd in (write, *held):
            os.close(fd)
        begin = time.monotonic()
        try:
            output = hook.communicate(state, timeout=PATIENCE_S)
        finally:
            took_s = time.monotonic() - begin
            os.set_blocking(read, False)
            left = None
            try:
                left = os.read(read, 1)
            except BlockingIOError:
                pass
            os.close(read)
        self.assertEqual(left, b"", "nobody holds what the hook was handed")
        self.assertEqual((hook.returncode, *output), (0, b"", b""))
        return took_s

    def test_tells_the_daemon(self):
        daemon = self.begin_daemon()
        for kind in ("lockstep_orders", "lockstep_nodes"):
            self.assertTrue(os.access(self.hook(kind), os.X_OK))
            self.call(kind)
            self.assertEqual(self.hear(daemon), "news\n")

    def test_a_daemon_that_stands_still(self):
        daemon = self.begin_daemon()
        daemon.send_signal(signal.SIGSTOP)
        self.assertLess(self.call(), 1)
        daemon.send_signal(signal.SIGCONT)
        self.assertEqual(self.hear(daemon), "news\n")

    def test_a_state_that_nobody_reads(self):
        self.begin_daemon()
        self.assertLess(self.call(state=b"x" * 1000000), 1)

    def test_the_real_daemon(self):
        with running(self.directory, {"mesh": "mine"}) as (daemon, ask):
            self.write("var/run/lockstep.pid", f"{daemon.pid}\n")
            for _ in range(3):
                self.call()
            self.assertEqual(ask()["mesh"], "mine")
            self.assertIsNone(daemon.poll())

    def test_nobody_else_is_signalled(self):
        other = self.begin_daemon("another")
        self.call()
        time.sleep(0.2)
        self.assertIsNone(other.poll())
        other.send_signal(signal.SIGTERM)
        self.assertEqual(other.stdout.read(), "")

    def test_no_daemon(self):
        self.call()
        for pid in ("", "\n", "x\n", "-1\n", "0\n", "1; id\n", "99999999\n", "../1\n"):
            with self.subTest(pid):
                self.write("var/run/lockstep.pid", pid)
                self.call()


class Keep(Node):
    def test_what_a_flash_keeps(self):
        """The flashers' own tar of it, of a node on which all is there."""
        kept = ["etc/config/lockstep", "etc/lockstep/journal", "etc/lockstep/node.sec", "etc/lockstep/expected",
                "etc/lockstep/flashed_from", "etc/lockstep/trust/operator/a.pub", "etc/lockstep/trust/release/b.pub"]
        for name in kept:
            self.write(name, "x")
        self.write("proc/meminfo", "MemAvailable: 100000 kB\n")
        self.add_program("sysupgrade", '#!/bin/sh\n[ "$1" = -f ] && tar -tzf "$2" | grep -v /$ >"$STAND_IN/list"\n')
        result = self.run_file("usr/lib/lockstep/flashers/sysupgrade", "check", self.image, LOCKSTEP_KEEP="lockstep")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(sorted((self.stand_in / "list").read_text().splitlines()), sorted(kept))


for _tests in (Service, FirstBoot, Attach, News, Keep):
    _system, _router = with_each_shell(_tests)
    globals()[f"System{_tests.__name__}"] = _system
    globals()[f"Busybox{_tests.__name__}"] = _router
del _tests, _system, _router

if __name__ == "__main__":
    unittest.main()
