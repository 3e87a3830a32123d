# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the tests of the packages for OpenWrt share: a node in a directory, on which the package's files lie, with
stand-ins of OpenWrt's programs, run with each shell that a router or a Debian has."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "flasher"))

from openwrt import PATIENCE_S, Router, with_each_shell  # noqa: E402

PACKAGING = ROOT / "packaging/openwrt"
LOCKSTEP = ROOT / "build/lockstep"

# What OpenWrt's busybox has if nobody has chosen otherwise; Debian's has more.
APPLETS = set("""[ [[ ash awk basename cat chgrp chmod chown chroot clear cmp cp cut date dd df dirname dmesg du
echo egrep env expr false fgrep find flock free grep gunzip gzip halt head hexdump id ifconfig ip kill killall less
ln ls md5sum mkdir mkfifo mknod mktemp mount mv nc netstat nice nslookup pgrep pidof ping ping6 pivot_root
poweroff printf ps pwd readlink reboot reset rm rmdir route sed seq sh sha256sum sleep sort start-stop-daemon strings
swapoff swapon switch_root sync sysctl tail tar tee test time top touch tr true umount uname uniq uptime vi wc which
xargs yes zcat""".split())

LOGGER = r"""#!/bin/sh
for word; do
	printf '%s ' "$word" >>"$STAND_IN/log"
done
echo >>"$STAND_IN/log"
if [ "$1" = -s ]; then
	printf '%s\n' "$word" >&2
fi
"""

LIBREMESH = {
    "lime-autogen": "config lime 'system'\n\toption keep_on_upgrade 'libremesh dropbear'\n"
                    "config lime 'wifi'\n\toption ap_ssid 'Quintana Libre'\n",
    "network": "config interface 'lan'\n\toption ipaddr '10.13.80.170/16'\n",
    "system": "config system\n\toption hostname 'LiMe-8a50aa'\n\toption compat_version '1.1'\n",
    "babeld": "config general 'general'\n\nconfig interface 'lm_net_wlan0_mesh_babeld_if'\n"
              "\toption ifname 'wlan0-mesh_17'\n\nconfig interface 'lm_net_eth0_babeld_if'\n\toption ifname 'eth0_17'\n",
}


class Node(Router):
    """To be mixed into a TestCase; see with_each_shell()."""

    stand_ins = {"logger": LOGGER, "uci": f"#!{sys.executable} -IS\n" + (HERE / "uci.py").read_text()}

    def setUp(self):
        super().setUp()
        self.install(PACKAGING / "files")
        self.install(PACKAGING / "files-limeapp")
        self.install(ROOT / "flashers", "usr/lib/lockstep/flashers")
        self.write("lib/functions.sh", (HERE / "functions.sh").read_text())
        for name in LIBREMESH:
            self.configure(name, LIBREMESH[name])

    def add_applets(self):
        super().add_applets()
        for tool in self.tools.iterdir():
            if tool.name not in APPLETS | {"busybox"}:
                tool.unlink()

    def install(self, source, under=""):
        """The files, with the shell that is tested in their first line."""
        shell = " ".join([shutil.which(self.shell[0]), *self.shell[1:]])
        for path in sorted(source.rglob("*")):
            to = self.root / under / path.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            if path.is_symlink():
                to.symlink_to(os.readlink(path))
            elif path.is_file():
                to.write_text(path.read_text().replace("#!/bin/sh\n", f"#!{shell}\n", 1))
                shutil.copymode(path, to)

    def configure(self, package, text):
        self.write(f"etc/config/{package}", text)

    def path(self):
        return str(self.tools) if self.shell[0] == "busybox" else f"{self.tools}:{os.environ['PATH']}"

    def environment(self, **more):
        return {"PATH": self.path(), "LOCKSTEP_ROOT": str(self.root), "STAND_IN": str(self.stand_in), **more}

    def run_shell(self, *words, **environment):
        """Runs the shell that is tested with these words."""
        return subprocess.run([shutil.which(self.shell[0]), *self.shell[1:], *map(str, words)],
                              cwd=self.directory, env=self.environment(**environment), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="surrogateescape", timeout=PATIENCE_S)

    def run_file(self, path, *words, **environment):
        """Runs an installed file."""
        return self.run_shell(self.root / path, *words, **environment)

    def logged(self):
        try:
            return (self.stand_in / "log").read_text()
        except FileNotFoundError:
            return ""


@contextlib.contextmanager
def running(folder, config):
    """The real daemon with this configuration, but for what lies elsewhere here. Gives the process and what it
    says of itself when it is asked."""
    state, control = str(folder / "state"), str(folder / "control")
    config = {**config, "flasher": str(ROOT / "flashers/simulated"), "expected": "",
              "http": {**config.get("http", {}), "listen": "::1", "port": 18430, "control": control},
              "gossip": {**config.get("gossip", {}), "listen": "::1", "port": 13490, "host_file": ""},
              "directories": {"config": state, "state": state, "work": state, "web": state}}
    path = folder / "lockstep.json"
    path.write_text(json.dumps(config, ensure_ascii=False))
    daemon = subprocess.Popen([LOCKSTEP, "daemon", "--config", path], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def ask():
        asked = subprocess.run([LOCKSTEP, "status", "--json", "--socket", control], capture_output=True, text=True)
        if asked.returncode:
            raise AssertionError(asked.stderr + (daemon.stdout.read() if daemon.poll() is not None else ""))
        return json.loads(asked.stdout)

    try:
        end = time.monotonic() + PATIENCE_S
        while not os.path.exists(control) and daemon.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        yield daemon, ask
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=PATIENCE_S)


__all__ = ["HERE", "LIBREMESH", "LOCKSTEP", "Node", "PACKAGING", "PATIENCE_S", "ROOT", "running",
           "with_each_shell"]
