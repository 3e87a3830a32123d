# SPDX-License-Identifier: AGPL-3.0-or-later
"""make-config: what comes of /etc/config/lockstep, what LibreMesh adds, and what is refused; with each shell that a
router or a Debian has."""
import json
import re
import subprocess
import unittest

from node import LIBREMESH, PACKAGING, PATIENCE_S, ROOT, Node, running, with_each_shell

DEFAULTS = {
    "mesh": "Quintana-Libre", "name": "", "address": "10.13.80.170", "compat_version": "1.1",
    "http": {"listen": "::", "port": 8430}, "gossip": {"listen": "::", "port": 3490, "types": []},
    "neighbours": {"interfaces": ["wlan0-mesh_17", "eth0_17"], "list": [], "discover": ""},
    "flasher": "/usr/lib/lockstep/flashers/sysupgrade", "flasher_environment": {},
    "threshold": 1, "rate_limit_kbit": 0, "polite": False, "limeapp_projection": True,
}
LIMEAPP = {
    "mode": "read-only", "key": "/etc/lockstep/limeapp.sec", "release": "/etc/lockstep/release",
    "expected": "/usr/lib/lockstep/reference-state", "lockstep": "/usr/sbin/lockstep",
    "config": "/var/etc/lockstep.json",
}
LONG_PATH = "/" + "p" * 255


def quote(value):
    return "'" + value.replace("'", "'\\''") + "'"


class Making(Node):
    """The tests; below they are run with every shell that there is."""

    def set_options(self, lines):
        self.configure("lockstep", "config lockstep 'main'\n" + lines)

    def read(self, name):
        return json.loads((self.root / name).read_bytes().decode("utf-8"))

    def make(self, lines=""):
        """The daemon's configuration of these lines of UCI."""
        self.set_options(lines)
        result = self.run_file("usr/lib/lockstep/make-config")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.said = result.stderr
        return self.read("var/etc/lockstep.json")

    def refuses(self, lines):
        self.set_options(lines)
        result = self.run_file("usr/lib/lockstep/make-config")
        self.assertEqual((result.returncode, result.stdout), (1, ""), result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        return result.stderr

    def test_as_it_is_installed(self):
        result = self.run_file("usr/lib/lockstep/make-config")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual(self.read("var/etc/lockstep.json"), DEFAULTS)
        self.assertEqual(self.read("var/run/lockstep-limeapp.json"), LIMEAPP)
        self.assertEqual(sorted(path.name for path in (self.root / "var/etc").iterdir()), ["lockstep.json"])

    def test_what_the_installed_file_shows_is_right(self):
        text = (PACKAGING / "files/etc/config/lockstep").read_text()
        self.assertEqual(self.make(re.sub(r"(?m)^\t#(option|list) ", r"\t\1 ",
                                          text.split("config lockstep 'main'\n")[1])),
                         {**DEFAULTS, "mesh": "mymesh", "gossip": {"listen": "::", "port": 3490, "types": ["node_info"]},
                          "flasher_environment": {"LOCKSTEP_KEEP": "config"},
                          "neighbours": {"interfaces": ["wlan0-mesh"], "list": ["fe80::1%eth0"], "discover": ""}})
        self.assertEqual(self.read("var/run/lockstep-limeapp.json"), LIMEAPP)

    def test_all_options(self):
        (self.root / "usr/local/flash").parent.mkdir(parents=True)
        self.write("usr/local/flash it", "#!/bin/sh\n")
        (self.root / "usr/local/flash it").chmod(0o755)
        self.assertEqual(
            self.make("option mesh m-1.x_\noption name n\noption address '[fd00::1]:80'\n"
                      "option http_listen 0.0.0.0\noption http_port 1\noption gossip_listen ::1\n"
                      "option gossip_port 65535\nlist interface a\nlist interface br-lan.1@x\n"
                      "list neighbour 10.0.0.1\nlist neighbour fe80::1%wlan0\noption discover /bin/d\n"
                      "option flasher '/usr/local/flash it'\nlist flasher_environment A=1\n"
                      "list flasher_environment 'B=x=y z'\noption threshold 32\noption rate_limit_kbit 10000000\n"
                      "option polite on\nlist type node_info\nlist type bat-hosts\noption limeapp full\n"
                      "option limeapp_key /k\noption limeapp_release /r\n"),
            {**DEFAULTS, "mesh": "m-1.x_", "name": "n", "address": "[fd00::1]:80",
             "http": {"listen": "0.0.0.0", "port": 1}, "gossip": {"listen": "::1", "port": 65535, "types": ["node_info", "bat-hosts"]},
             "neighbours": {"interfaces": ["a", "br-lan.1@x"], "list": ["10.0.0.1", "fe80::1%wlan0"],
                            "discover": "/bin/d"},
             "flasher": "/usr/local/flash it", "flasher_environment": {"A": "1", "B": "x=y z"}, "threshold": 32,
             "rate_limit_kbit": 10000000, "polite": True})
        self.assertEqual(self.read("var/run/lockstep-limeapp.json"),
                         {**LIMEAPP, "mode": "full", "key": "/k", "release": "/r"})
        self.make("option limeapp_release http://10.0.0.1:8000/release/\n")
        self.assertEqual(self.read("var/run/lockstep-limeapp.json")["release"], "http://10.0.0.1:8000/release/")

    def test_strings_are_exact(self):
        values = ["it's", 'say "no" \\ \\n $(id) `id` ${x} %s !', "ünï \u20ac \U0001f600 \u07ff \ue000 \uffff \U0010ffff",
                  "".join(map(chr, range(1, 0x80))), "two\nlines\n", " blanks  ", "*", "-n", "\\", "'", "{},[]:", "\x7f"]
        lines = "".join(f"list flasher_environment {quote(f'V{i}={value}')}\n" for i, value in enumerate(values))
        self.assertEqual(self.make(lines)["flasher_environment"],
                         {f"V{i}": value for i, value in enumerate(values)})
        made = self.make(f"option limeapp_key {quote('/' + values[1] + values[2])}\noption discover /d\n")
        self.assertEqual(self.read("var/run/lockstep-limeapp.json")["key"], "/" + values[1] + values[2])
        self.assertEqual(made["neighbours"]["discover"], "/d")

    def test_what_is_not_utf_8(self):
        for broken in (b"\xff", b"\x80", b"a\xc3", b"\xc3(", b"\xc0\x80", b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xf0\x8f\xbf\xbf",
                       b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"):
            with self.subTest(broken):
                self.assertIn("option discover is not UTF-8", self.refuses(
                    "option discover '/" + broken.decode("utf-8", "surrogateescape") + "'\n"))

    def write(self, name, content=""):
        # As the tests write it: with bytes that are no UTF-8.
        super().write(name, content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))

    def test_bad_values(self):
        for option, *values in (
                ("mesh", "-a", ".a", "a b", "é", "m" * 64, "a/b", "'"),
                ("name", "a b", "-", "x" * 64),
                ("address", "a b", "http://x/", 'x"', "1" * 112),
                ("http_port", "0", "65536", "x", "080", "-1", "1.5", "99999999999999999999"),
                ("gossip_port", "0", " 1"),
                ("http_listen", "eth0", "localhost", ":" * 64),
                ("gossip_listen", "x"),
                ("interface", "a b", "0123456789abcdef", "..", "a/b", "a\nb", '"'),
                ("neighbour", "localhost", "10.0.0.1:80", "fe80::1%", "fe80::1%a b", "1", "0" * 110 + "::"),
                ("type", "a b", "t" * 64, "a/b", "-t"),
                ("discover", "shared-state-async-discover", "None", LONG_PATH),
                ("flasher", "nothing", "/nothing", "/etc", "/etc/config/lockstep", "../flashers/sysupgrade x"),
                ("flasher_environment", "A", "=1", "A B=1", "A=" + "x" * 318),
                ("threshold", "0", "33", "two"),
                ("rate_limit_kbit", "10000001", "1k"),
                ("polite", "2", "maybe", "TRUE"),
                ("limeapp", "readonly", "1"),
                ("limeapp_key", "limeapp.sec", LONG_PATH),
                ("limeapp_release", "release", "ftp://x/", "http://", LONG_PATH)):
            kind = "list" if option in ("interface", "neighbour", "type", "flasher_environment") else "option"
            for value in values:
                with self.subTest(option=option, value=value):
                    self.assertIn(f"option {option} ", self.refuses(f"{kind} {option} {quote(value)}\n"))
        self.assertFalse((self.root / "var").exists(), "nothing was written")

    def test_too_many(self):
        for option, count_max, value in (("interface", 16, "e{}"), ("neighbour", 32, "10.0.0.{}"), ("type", 8, "t{}"),
                                         ("flasher_environment", 16, "A{}=")):
            lines = [f"list {option} {value.format(i)}\n" for i in range(count_max + 1)]
            with self.subTest(option):
                self.make("".join(lines[:-1]))
                self.assertIn(f"option {option} has more than {count_max} values", self.refuses("".join(lines)))

    def test_what_was_there_stays(self):
        before = self.make("option mesh before\n")
        limeapp = self.read("var/run/lockstep-limeapp.json")
        for lines in ("option mesh after\noption limeapp full\noption threshold 0\n",
                      "option mesh after\noption limeapp full\noption limeapp_key x\n"):
            self.refuses(lines)
            self.assertEqual(self.read("var/etc/lockstep.json"), before)
            self.assertEqual(self.read("var/run/lockstep-limeapp.json"), limeapp)

    def test_lists_that_were_written_as_options(self):
        neighbours = self.make("option interface 'a b'\noption neighbour '10.0.0.1'\n")["neighbours"]
        self.assertEqual((neighbours["interfaces"], neighbours["list"]), (["a", "b"], ["10.0.0.1"]))
        (self.directory / "eth9").touch()
        self.assertIn("option interface", self.refuses("option interface 'eth?'\n"))

    def test_mesh_of_libremesh(self):
        for ssid, mesh in (("LibreMesh.org", "LibreMesh.org"), ("a  b/c!", "a-b-c"), ("--.x", "x"), ("Ñandú", "and"),
                           ("m" * 70, "m" * 63), ("it's \"q\" \\", "it-s-q")):
            with self.subTest(ssid):
                self.configure("lime-autogen", f"config lime wifi\n\toption ap_ssid {quote(ssid)}\n")
                self.assertEqual(self.make()["mesh"], mesh)
        self.configure("lime-autogen", "config lime wifi\n\toption ap_ssid '???'\n")
        self.assertIn("option mesh is missing", self.refuses(""))
        (self.root / "etc/config/lime-autogen").unlink()
        self.configure("lime-community", "config lime wifi\n\toption ap_ssid community\n")
        self.configure("lime-defaults", "config lime wifi\n\toption ap_ssid defaults\n")
        self.assertEqual(self.make()["mesh"], "community")
        (self.root / "etc/config/lime-community").unlink()
        self.assertEqual(self.make()["mesh"], "defaults")

    def test_plain_openwrt(self):
        for package in LIBREMESH:
            (self.root / "etc/config" / package).unlink()
        self.assertIn("option mesh is missing", self.refuses(""))
        made = self.make("option mesh m\n")
        self.assertEqual((made["address"], made["neighbours"]["interfaces"]), ("", []))
        self.assertNotIn("compat_version", made)
        self.assertIn("no neighbours", self.said)

    def test_address_of_the_node(self):
        for lines, address in (("option ipaddr '10.1.2.3'", "10.1.2.3"), ("option ipaddr '10.1.2.3/24'", "10.1.2.3"),
                               ("list ipaddr '10.1.2.3/24'\n\tlist ipaddr '10.9.9.9/8'", "10.1.2.3"),
                               ("list ipaddr 10.1.2.3\n\tlist ipaddr 10.9.9.9", "10.1.2.3"), ("option proto dhcp", ""), ("option ipaddr 'fd00::1/64'", ""), ("option ipaddr '$(id)'", "")):
            with self.subTest(lines):
                self.configure("network", f"config interface lan\n\t{lines}\n")
                self.assertEqual(self.make()["address"], address)

    def test_interfaces_of_the_mesh(self):
        self.configure("wireless", "config wifi-iface\n\toption mode ap\n\toption ifname wlan0-ap\n"
                                   "config wifi-iface\n\toption mode mesh\n\toption ifname wlan0-mesh\n"
                                   "config wifi-iface\n\toption mode adhoc\n\toption ifname wlan1-adhoc\n"
                                   "config wifi-iface\n\toption mode mesh\n\toption ifname wlan2-mesh\n"
                                   "\toption disabled 1\nconfig wifi-iface\n\toption mode mesh\n")
        self.assertEqual(self.make()["neighbours"]["interfaces"], ["wlan0-mesh_17", "eth0_17"])
        self.configure("babeld", "config interface\n\toption ifname eth0\n\toption ignore 1\n")
        self.assertEqual(self.make()["neighbours"]["interfaces"], ["wlan0-mesh", "wlan1-adhoc"])
        self.configure("babeld", "".join(f"config interface\n\toption ifname eth{i}\n" for i in range(20)))
        self.assertEqual(self.make()["neighbours"]["interfaces"], [f"eth{i}" for i in range(16)])
        self.assertEqual(self.make("list interface wlan0\n")["neighbours"]["interfaces"], ["wlan0"])
        self.configure("babeld", "config interface\n\toption ifname 'a b/c'\n")
        self.assertIn("option interface", self.refuses(""))

    def test_neighbours_that_others_discover(self):
        self.add_program("shared-state-async-discover", "#!/bin/sh\n")
        found = str(self.tools / "shared-state-async-discover")
        self.assertEqual(self.make()["neighbours"]["discover"], found)
        self.assertEqual(self.make("option discover none\n")["neighbours"]["discover"], "")

    def test_flasher_of_the_board(self):
        for status, flasher in ((0, "safe-upgrade"), (198, "sysupgrade")):
            self.add_program("safe-upgrade", "#!/bin/sh\necho This board; [ \"$1\" = board-supported ] || exit 1\n"
                                             f"exit {status}\n")
            self.assertEqual(self.make()["flasher"], f"/usr/lib/lockstep/flashers/{flasher}")
        self.assertEqual(self.make("option flasher safe-upgrade\n")["flasher"],
                         "/usr/lib/lockstep/flashers/safe-upgrade")

    def test_limeapp_off(self):
        self.assertFalse(self.make("option limeapp off\n")["limeapp_projection"])
        self.assertEqual(self.read("var/run/lockstep-limeapp.json")["mode"], "off")

    def test_limeapps_program_takes_it(self):
        plugin = self.directory / "lime-mesh-upgrade"
        plugin.symlink_to(ROOT / "build/lockstep-limeapp")
        for mode, answer in (("off", "switched off"), ("read-only", "may only look"), ("full", "Lockstep does not answer")):
            self.make(f"option limeapp {mode}\n")
            path = self.root / "var/run/lockstep-limeapp.json"
            # Whatever daemon may run here, it is not asked.
            path.write_text(json.dumps({**json.loads(path.read_text()), "control": str(self.directory / "none")}))
            said = subprocess.run([plugin, "call", "abort"], input="{}", capture_output=True, text=True,
                                  env=self.environment(LOCKSTEP_LIMEAPP_CONFIG=str(path)), timeout=PATIENCE_S)
            error = json.loads(said.stdout)["error"]
            self.assertIn(answer, error)
            self.assertNotIn("settings are not good", error)

    def test_no_file_and_no_section(self):
        (self.root / "etc/config/lockstep").unlink()
        self.assertEqual(self.run_file("usr/lib/lockstep/make-config").returncode, 0)
        self.assertEqual(self.read("var/etc/lockstep.json"), DEFAULTS)
        self.configure("lockstep", "config other x\n\toption mesh y\n")
        self.assertEqual(self.run_file("usr/lib/lockstep/make-config").returncode, 0)
        self.assertEqual(self.read("var/etc/lockstep.json"), DEFAULTS)

    def test_nothing_can_be_written(self):
        (self.root / "var").write_text("no directory")
        self.set_options("")
        result = self.run_file("usr/lib/lockstep/make-config")
        self.assertEqual(result.returncode, 1)
        self.assertIn("/var/etc/lockstep.json cannot be written", result.stderr)

    def test_the_daemon_takes_it(self):
        made = self.make("list interface lo\nlist neighbour fe80::1%lo\nlist flasher_environment "
                         + quote('LOCKSTEP_DEVICE=it\'s "\\" ü\n') + "\nlist type node_info\nlist type bat-hosts\n")
        with running(self.directory, made) as (_, ask):
            self.assertEqual(ask()["mesh"], "Quintana-Libre")


SystemShell, Busybox = with_each_shell(Making)

if __name__ == "__main__":
    unittest.main()
