# SPDX-License-Identifier: AGPL-3.0-or-later
"""The package for Debian: it is built, and installed, run, upgraded, removed and purged by dpkg itself, in a copy of
this system that vanishes afterwards (an overlay in memory, in namespaces of its own)."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from node import LOCKSTEP, ROOT

# Lays the copy, and runs what stands on standard input in it: $1 is where, $2 the folder with the package.
IN_A_COPY = r"""
set -e
mount -t tmpfs lockstep "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay lockstep -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t tmpfs lockstep "$1/root/run"
mount -t tmpfs lockstep "$1/root/tmp"
mount -t proc proc "$1/root/proc"
mount --bind /dev "$1/root/dev"
ip link set lo up
cp "$2"/*.deb "$1/root/tmp/"
set +e
chroot "$1/root" sh -e
status=$?
find "$1/upper" ! -type d ! -path "$1/upper/var/lib/dpkg/*" ! -path "$1/upper/var/log/*" -printf 'left %P\n'
find "$1/upper" -type d -name '*lockstep*' -printf 'left %P\n'
exit $status
"""

# Everything that dpkg does with a package, and what a user sees of it. Each step says its name.
STEPS = r"""
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
ask() { lockstep status --json >/dev/null; }
wait_for() { for _ in $(seq 200); do ! "$@" 2>/dev/null || return 0; sleep 0.05; done; return 1; }
state() { dpkg-query -W -f '${db:Status-Status}\n' lockstep 2>/dev/null || echo none; }

echo "install $(dpkg -i /tmp/lockstep_*.deb 2>&1 | grep -c 'name your mesh') $(state)"
dpkg --verify lockstep | sed 's/^/changed /'
dpkg -L lockstep | sed 's/^/file /'
echo "unit $(! command -v systemd-analyze >/dev/null || systemd-analyze verify /lib/systemd/system/lockstep.service 2>&1 |
	grep lockstep || echo fine)"
echo "help $(lockstep start --help | grep -c -e --participants)"

# As the unit does it.
set -- $(sed -n 's/^ExecStart=//p' /lib/systemd/system/lockstep.service)
"$@" >/tmp/log 2>&1 &
daemon=$!
wait_for ask || { cat /tmp/log; exit 1; }
echo "status $(lockstep status --json)"
echo "http $(PYTHON -c 'import urllib.request as r; print(r.urlopen("http://127.0.0.1:8430/v1/status").read().decode())')"
page=/usr/share/lockstep/web/index.html.gz
[ -e $page ] || { echo page | gzip >$page; mine=$page; }
echo "page $(PYTHON -c 'import urllib.request as r; print(r.urlopen("http://127.0.0.1:8430/").status)')"
rm -f ${mine:-}
kill $daemon
wait $daemon || :
ls -d /var/lib/lockstep/node.sec /run/lockstep.sock 2>/dev/null | sed 's/^/there /'

sed -i 's/"example"/"mine"/' /etc/lockstep/lockstep.json
lockstep key generate /etc/lockstep/trust/operator/mine >/dev/null
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -s /lib/systemd/system/lockstep.service /etc/systemd/system/multi-user.target.wants/
echo "again $(dpkg -i /tmp/lockstep_*.deb 2>&1 | grep -c 'name your mesh') $(state) $(grep -c mine /etc/lockstep/lockstep.json)"

dpkg -r lockstep >/dev/null 2>&1
echo "removed $(state)"
find /usr/sbin/lockstep /usr/lib/lockstep /usr/share/lockstep /usr/share/doc/lockstep /lib/systemd/system/lockstep.service \
	/etc/systemd/system/multi-user.target.wants/lockstep.service /etc/lockstep /var/lib/lockstep -not -type d 2>/dev/null |
	sed 's/^/kept /'
dpkg -P lockstep >/dev/null 2>&1
echo "purged $(state)"
"""


def can_copy():
    """May we mount here?"""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "lockstep", folder], capture_output=True,
                              ).returncode == 0


@unittest.skipUnless(shutil.which("dpkg-deb"), "this is no Debian")
class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="lockstep-debian-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        built = subprocess.run([ROOT / "packaging/debian/build", cls.folder],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if built.returncode:
            raise AssertionError(built.stderr)
        cls.deb = pathlib.Path(built.stdout.strip())

    def test_name_and_fields(self):
        version = subprocess.check_output([LOCKSTEP, "--version"], text=True).split()[1]
        architecture = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
        self.assertEqual(self.deb, self.folder / f"lockstep_{version}_{architecture}.deb")
        depends = subprocess.check_output(["dpkg-deb", "-f", self.deb, "Depends"], text=True)
        self.assertEqual(sorted(re.findall(r"(lib[a-z]+)[-0-9a-z.]* \(>= [0-9]", depends)),
                         ["libc", "libevent", "libjson", "libsodium"], depends)

    def test_modes_and_owners(self):
        for line in subprocess.check_output(["dpkg-deb", "-c", self.deb], text=True).splitlines():
            mode, owner, *_, name = line.split()
            wanted = ("drwxr-xr-x" if name.endswith("/") else
                      "-rwxr-xr-x" if re.search(r"/sbin/|/flashers/[a-z-]+$", name) else "-rw-r--r--")
            self.assertEqual((mode, owner), (wanted, "root/root"), name)

    def test_all_that_is_documented_is_in_it(self):
        names = subprocess.check_output(["dpkg-deb", "-c", self.deb], text=True)
        for folder, under in (("docs", "doc/lockstep/docs"), ("help", "lockstep/help")):
            for path in (ROOT / folder).iterdir():
                self.assertIn(f"./usr/share/{under}/{path.name}\n", names)
        self.assertIn("./usr/share/lockstep/web/index.html.gz\n", names)
        self.assertRegex(names, r"\./usr/share/lockstep/web/assets/index-[\w-]+\.js\.gz\n")
        for path in (ROOT / "flashers").iterdir():
            self.assertIn(f"./usr/lib/lockstep/flashers/{path.name}\n", names)

    @unittest.skipUnless(can_copy(), "mounting is not allowed here")
    def test_from_installation_to_purge(self):
        where = self.folder / "copy"
        where.mkdir()
        run = subprocess.run(["unshare", "-m", "-n", "-p", "-f", "--kill-child", "sh", "-c", IN_A_COPY, "sh", where,
                              self.folder], input=STEPS.replace("PYTHON", sys.executable), capture_output=True, text=True,
                             timeout=120)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        said = {}
        for line in run.stdout.splitlines():
            word, _, rest = line.partition(" ")
            said.setdefault(word, []).append(rest)
        self.assertEqual(said["install"], ["1 installed"])
        self.assertNotIn("changed", said)
        self.assertIn("/usr/sbin/lockstep", said["file"])
        self.assertIn("/etc/lockstep/trust/operator", said["file"])
        self.assertEqual(said["unit"], ["fine"])
        self.assertEqual(said["help"], ["1"])
        self.assertEqual(json.loads(said["status"][0])["mesh"], "example")
        self.assertEqual(json.loads(said["http"][0])["slots"], 1)
        self.assertEqual(said["page"], ["200"])
        self.assertEqual(said["there"], ["/var/lib/lockstep/node.sec"])
        self.assertEqual(said["again"], ["0 installed 1"])
        self.assertEqual(said["removed"], ["config-files"])
        self.assertEqual({path for path in said["kept"] if not path.startswith("/var/lib/lockstep/")},
                         {"/etc/lockstep/lockstep.json", "/etc/lockstep/trust/operator/mine.pub",
                          "/etc/lockstep/trust/operator/mine.sec"})
        self.assertIn("/var/lib/lockstep/node.sec", said["kept"])
        self.assertEqual(said["purged"], ["none"])
        self.assertEqual(said.get("left", []), [], "nothing is left behind")


if __name__ == "__main__":
    unittest.main()
