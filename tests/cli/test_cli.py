# SPDX-License-Identifier: AGPL-3.0-or-later
"""The command line as its users meet it: keys and releases, refusals, exit codes, and help."""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOCKSTEP = pathlib.Path(os.environ.get("LOCKSTEP", ROOT / "build/lockstep")).resolve()
PATIENCE_S = 60
DONE, FAILED, USAGE, NO_DAEMON = 0, 1, 2, 3
COMMANDS = ("status", "check", "start", "schedule", "confirm", "abort", "log", "release", "key", "daemon")
PASSPHRASE = "correct horse battery staple apple tree"


class Case(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lockstep-cli-"))
        self.addCleanup(shutil.rmtree, self.directory)

    def run_it(self, *arguments, given=""):
        environment = {**os.environ, "LOCKSTEP_SOCKET": str(self.directory / "no.sock")}
        return subprocess.run([str(LOCKSTEP), *map(str, arguments)], cwd=self.directory, input=given,
                              capture_output=True, text=True, timeout=PATIENCE_S, env=environment)

    def good(self, *arguments, given=""):
        """What it printed; nothing was wrong."""
        result = self.run_it(*arguments, given=given)
        self.assertEqual((result.returncode, result.stderr), (DONE, ""), result.stdout)
        return result.stdout

    def refused(self, *arguments, says, status=FAILED, reason=None, given=""):
        """Refused in one line on standard error, and with --json as one document that names the reason."""
        before = self.files()
        result = self.run_it(*arguments, given=given)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertIn(says, result.stderr)
        self.assertTrue(result.stderr.startswith("lockstep"), result.stderr)
        if status == USAGE:
            self.assertIn("Usage: lockstep", result.stderr)
        else:
            self.assertEqual(result.stderr.count("\n"), 1)
        if reason:
            result = self.run_it(*arguments, "--json", given=given)
            self.assertEqual((result.returncode, result.stderr), (status, ""))
            error = json.loads(result.stdout)["error"]
            self.assertEqual(error["reason"], reason)
            self.assertIn(says, error["message"])
        self.assertEqual(self.files(), before)

    def files(self):
        return {str(path.relative_to(self.directory)): path.read_bytes()
                for path in self.directory.rglob("*") if path.is_file()}

    def write(self, name, content):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def make_key(self, name="anna"):
        """The fingerprint of a new pair."""
        self.good("key", "generate", name)
        return json.loads(self.good("key", "show", f"{name}.pub", "--json"))["fingerprint"]

    def make_release(self):
        self.write("a.bin", b"firmware alpha" * 10000)
        self.write("b.bin", b"firmware beta" * 100)
        return self.good("release", "create", "--version", "Demo 2.0", "--sequence", 5,
                         "--image", "demo,alpha,demo-a=a.bin", "--image", "demo-b=b.bin", "--out", "release")

    def trust(self, *names):
        for name in names:
            self.write(f"trust/{name}.pub", (self.directory / f"{name}.pub").read_bytes())


class Help(Case):
    def test_overview(self):
        output = self.good("--help")
        for command in COMMANDS:
            self.assertRegex(output, rf"(?m)^  {command} +\S")
        self.assertEqual(self.good("help"), output)
        result = self.run_it()
        self.assertEqual((result.returncode, result.stdout, result.stderr), (USAGE, "", output))

    def test_each_command(self):
        for command in COMMANDS:
            with self.subTest(command):
                output = self.good(command, "--help")
                self.assertTrue(output.startswith(f"Usage: lockstep {command}"), output)
                self.assertIn("\n\n" + (ROOT / f"help/{command}.txt").read_text(), output)
                self.assertEqual(self.good("help", command), output)
                for line in output.splitlines():
                    self.assertLessEqual(len(line), 100)
                    self.assertNotIn("\t", line)

    def test_version(self):
        self.assertRegex(self.good("--version"), r"^lockstep \d+\.\d+\.\d+\n$")

    def test_tools_are_a_program_of_their_own(self):
        alone = self.directory / "lockstep"
        shutil.copy(LOCKSTEP, alone)
        for words in (("release", "show", "x"), ("key", "generate", "x"), ("check",), ("start", "x", "--key", "y"),
                      ("schedule", "--key", "y", "--in", "9"), ("confirm", "--key", "y"), ("abort", "--key", "y")):
            result = subprocess.run([str(alone), *words], capture_output=True, text=True, timeout=PATIENCE_S)
            self.assertEqual((result.returncode, result.stdout), (FAILED, ""))
            self.assertRegex(result.stderr, "lockstep-tools, which is not here.*page of any router")
            self.assertEqual(self.good("help", words[0]), self.good(words[0], "--help"))
            by_name = subprocess.run([f"{LOCKSTEP}-tools", words[0], "--help"], capture_output=True, text=True,
                                     timeout=PATIENCE_S)
            self.assertEqual((by_name.returncode, by_name.stdout), (DONE, self.good("help", words[0])))
        for words in (("status",), ("log",)):
            result = subprocess.run([str(alone), *words, "--socket", "x"], capture_output=True, text=True, timeout=PATIENCE_S)
            self.assertEqual(result.returncode, NO_DAEMON)
        nothing = subprocess.run([f"{LOCKSTEP}-tools", "x"], capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(nothing.returncode, USAGE)

    def test_unknown_command(self):
        for word, nearest in (("relase", "release"), ("stat", "status"), ("schedul", "schedule")):
            with self.subTest(word):
                result = self.run_it(word)
                self.assertEqual((result.returncode, result.stdout), (USAGE, ""))
                self.assertIn(f"no command {word}", result.stderr)
                self.assertIn(f"did you mean {nearest}?", result.stderr)


class Use(Case):
    def test_wrong_use(self):
        for arguments, says in (
                (("status", "--colour"), "does not know --colour"),
                (("status", "--socket"), "needs a value: --socket"),
                (("log", "--url"), "needs a value: --url"),
                (("key",), "needs one of"),
                (("key", "make", "x"), "needs one of"),
                (("key", "generate"), "needs one of"),
                (("key", "show"), "needs one of"),
                (("key", "derive"), "needs one of"),
                (("release",), "needs one of create, sign, verify, show"),
                (("release", "build"), "needs one of"),
                (("release", "create", "--version", "1"), "create needs"),
                (("release", "sign", "."), "sign needs --key"),
                (("release", "verify", "."), "verify needs --trust"),
                (("release", "show"), "exactly one directory"),
                (("release", "show", "a", "b"), "does not know b"),
                (("schedule", "--key", "k", "--in", "1x"), "1x"),
                (("schedule", "--key", "k", "--at", "25:00"), "25:00")):
            with self.subTest(" ".join(arguments)):
                self.refused(*arguments, says=says, status=USAGE)

    def test_no_daemon(self):
        self.make_key()
        for arguments in (("status",), ("log",), ("check",), ("abort", "--key", "anna.sec"),
                          ("confirm", "--key", "anna.sec"),
                          ("schedule", "--key", "anna.sec", "--in", "60s")):
            with self.subTest(arguments[0]):
                self.refused(*arguments, says="no daemon answers", status=NO_DAEMON, reason="no_daemon")


class Keys(Case):
    def test_generate(self):
        fingerprint = self.make_key()
        self.assertEqual(stat.S_IMODE((self.directory / "anna.sec").stat().st_mode), 0o600)
        comment, blob = (self.directory / "anna.pub").read_text().splitlines()
        self.assertTrue(comment.startswith("untrusted comment: "))
        key = base64.b64decode(blob, validate=True)
        self.assertEqual((key[:2], len(key)), (b"Ed", 42))
        self.assertEqual(key[2:10].hex(), fingerprint)
        self.assertEqual(self.good("key", "show", "anna.sec"), f"secret key {fingerprint}\n")
        self.assertEqual(json.loads(self.good("key", "show", "--json", "anna.sec")),
                         {"kind": "secret key", "fingerprint": fingerprint})
        self.assertNotEqual(self.make_key("berta"), fingerprint)

    def test_nothing_is_overwritten(self):
        self.make_key()
        self.refused("key", "generate", "anna", says="anna.sec is there already", reason="exists")

    def test_no_key(self):
        self.write("empty", b"")
        self.write("text", b"untrusted comment: x\nhello\n")
        for name in ("empty", "text"):
            with self.subTest(name):
                self.refused("key", "show", name, says=name, reason="bad_key")
        self.refused("key", "show", "missing", says="No such file", reason="internal")
        self.refused("key", "generate", "missing/x", says="missing/x", reason="internal")

    def test_derive(self):
        one = self.good("key", "derive", "--mesh", "demo", given=PASSPHRASE + "\n")
        self.assertIn("demo", one.splitlines()[0])
        self.assertEqual(self.good("key", "derive", "--mesh", "demo", given=PASSPHRASE + "\n"), one)
        other = self.good("key", "derive", "--mesh", "demo2", given=PASSPHRASE + "\n")
        self.assertNotEqual(other.splitlines()[1], one.splitlines()[1])
        self.write("derived.pub", one.encode())
        # Everywhere the same: the fingerprint comes from the key, too.
        key = base64.b64decode(one.splitlines()[1])
        fingerprint = hashlib.sha256(key[10:]).hexdigest()[:16]
        self.assertEqual(self.good("key", "show", "derived.pub"), f"public key {fingerprint}\n")

    def test_poor_passphrases(self):
        self.refused("key", "derive", "--mesh", "demo", says="no passphrase", reason="no_passphrase")
        self.refused("key", "derive", "--mesh", "demo", given="short\n", says="too short",
                     reason="weak_passphrase")


class Releases(Case):
    def test_create_and_show(self):
        self.assertIn("2 images", self.make_release())
        document = json.loads(self.good("release", "show", "--json", "release"))
        self.assertEqual((document["version"], document["sequence"], document["signers"]),
                         ("Demo 2.0", 5, []))
        self.assertEqual([image["boards"] for image in document["images"]],
                         [["demo,alpha", "demo-a"], ["demo-b"]])
        for image, source in zip(document["images"], ("a.bin", "b.bin")):
            content = (self.directory / source).read_bytes()
            self.assertEqual((self.directory / "release" / image["file"]).read_bytes(), content)
            self.assertEqual((image["size"], image["sha256"]),
                             (len(content), hashlib.sha256(content).hexdigest()))
        self.assertEqual(document["id"], hashlib.sha256(
            (self.directory / "release/release.json").read_bytes()).hexdigest())
        shown = self.good("release", "show", "release")
        for part in ("Demo 2.0", "sequence 5", document["id"], "demo,alpha", "demo-b", "not signed yet"):
            self.assertIn(part, shown)

    def test_sign_and_verify(self):
        fingerprints = [self.make_key("anna"), self.make_key("berta")]
        self.make_release()
        self.trust("anna", "berta")
        verify = ("release", "verify", "--trust", "trust", "release")
        self.refused(*verify, says="0 of 1", reason="too_few_signatures")
        self.assertIn(fingerprints[0], self.good("release", "sign", "--key", "anna.sec", "release"))
        self.good(*verify)
        self.refused(*verify, "--threshold", "2", says="1 of 2", reason="too_few_signatures")
        self.good("release", "sign", "--key", "anna.sec", "release")  # again: still one signer
        self.refused(*verify, "--threshold", "2", says="1 of 2", reason="too_few_signatures")
        signed = json.loads(self.good("release", "sign", "--key", "berta.sec", "--json", "release"))
        self.assertEqual(signed["signature"], f"release/signatures/{fingerprints[1]}.sig")
        self.assertEqual(json.loads(self.good(*verify, "--threshold", "2", "--json")),
                         {"ok": True, "signers": 2, "images": 2})
        shown = json.loads(self.good("release", "show", "--json", "release"))
        self.assertEqual(sorted(shown["signers"]), sorted(fingerprints))

    def test_strangers_do_not_count(self):
        self.make_key("anna")
        self.make_key("mallory")
        self.make_release()
        self.trust("anna")
        self.good("release", "sign", "--key", "mallory.sec", "release")
        self.refused("release", "verify", "--trust", "trust", "release", says="0 of 1",
                     reason="too_few_signatures")

    def test_damage(self):
        self.make_key()
        self.make_release()
        self.trust("anna")
        self.good("release", "sign", "--key", "anna.sec", "release")
        verify = ("release", "verify", "--trust", "trust", "release")
        image = next((self.directory / "release/images").glob("*a.bin"))
        sound, manifest = image.read_bytes(), self.directory / "release/release.json"
        for name, content in (("a byte changed", sound[:-1] + b"X"), ("a byte missing", sound[:-1]),
                              ("a byte more", sound + b"X"), ("empty", b"")):
            with self.subTest(name):
                image.write_bytes(content)
                self.refused(*verify, says=image.name, reason="hash_mismatch")
        image.unlink()
        self.assertEqual(self.run_it(*verify).returncode, FAILED)
        image.write_bytes(sound)
        self.good(*verify)
        manifest.write_bytes(manifest.read_bytes().replace(b"Demo 2.0", b"Demo 2.1"))
        self.refused(*verify, says="0 of 1", reason="too_few_signatures")
        manifest.write_bytes(b"{}")
        self.refused(*verify, says="release", reason="bad_release")
        self.refused("release", "show", "release", says="release", reason="bad_release")

    def test_damage_of_a_twin(self):
        """Two files of the same content: each is looked at, not one of them twice."""
        self.make_key()
        for name in ("a.bin", "b.bin"):
            self.write(name, b"firmware" * 1000)
        self.good("release", "create", "--version", "1", "--sequence", 1, "--image", "demo-a=a.bin",
                  "--image", "demo-b=b.bin", "--out", "release")
        self.trust("anna")
        self.good("release", "sign", "--key", "anna.sec", "release")
        verify = ("release", "verify", "--trust", "trust", "release")
        self.good(*verify)
        for image in (self.directory / "release/images").iterdir():
            with self.subTest(image.name):
                sound = image.read_bytes()
                image.write_bytes(b"X" + sound[1:])
                self.refused(*verify, says=image.name, reason="hash_mismatch")
                image.write_bytes(sound)

    def test_what_cannot_be_a_release(self):
        self.write("a.bin", b"firmware")
        self.write("empty.bin", b"")
        for name, version, sequence, image, status in (
                ("no such image", "1", 1, "demo=missing.bin", FAILED),
                ("empty image", "1", 1, "demo=empty.bin", FAILED),
                ("a directory", "1", 1, "demo=.", FAILED),
                ("no board", "1", 1, "=a.bin", USAGE),
                ("a comma for a board", "1", 1, ",=a.bin", FAILED),
                ("half a board", "1", 1, "demo,=a.bin", FAILED),
                ("no file", "1", 1, "demo", USAGE),
                ("sequence as a word", "1", "one", "demo=a.bin", USAGE),
                ("negative sequence", "1", -1, "demo=a.bin", USAGE),
                ("version of two lines", "1\n2", 1, "demo=a.bin", FAILED)):
            with self.subTest(name):
                result = self.run_it("release", "create", "--version", version, "--sequence", sequence,
                                     "--image", image, "--out", "release")
                self.assertEqual(result.returncode, status, result.stdout + result.stderr)
                self.assertNotEqual(result.stderr, "")
                self.assertFalse((self.directory / "release/release.json").exists())

    def test_what_cannot_be_signed(self):
        self.make_key()
        self.refused("release", "sign", "--key", "anna.sec", "missing", says="No such file")
        self.make_release()
        self.refused("release", "sign", "--key", "anna.pub", "release", says="anna.pub", reason="bad_key")
        self.refused("release", "sign", "--key", "missing.sec", "release", says="missing.sec")

    def test_nobody_to_trust(self):
        self.make_release()
        result = self.run_it("release", "verify", "--trust", "missing", "release")
        self.assertEqual(result.returncode, FAILED)
        self.assertIn("missing", result.stderr)


if __name__ == "__main__":
    unittest.main()
