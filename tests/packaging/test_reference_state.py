# SPDX-License-Identifier: AGPL-3.0-or-later
"""reference-state, beside a stand-in of shared-state-async: who belongs to the mesh, what is remembered of that, and
what strangers may put into shared state; with each shell (and its awk) that a router or a Debian has."""
import json
import os
import random
import subprocess
import time
import unittest

from node import Node, with_each_shell

GET = r"""#!/bin/sh
echo "$*" >>"$STAND_IN/called"
cat "$STAND_IN/answer"
[ ! -e "$STAND_IN/hangs" ] || exec sleep 30
exit "$(cat "$STAND_IN/status" 2>/dev/null || echo 0)"
"""
INFO = {"hostname": "x", "macs": ["02:00:00:00:00:01"], "coordinates": {"lat": "-31.8", "long": "{}[],:\""},
        "uptime": 1.5, "board": "a\\", "links": [], "none": None}


class Reading(Node):
    """The tests; below they are run with every shell that there is."""

    def setUp(self):
        super().setUp()
        self.expected = self.root / "etc/lockstep/expected"
        self.write("proc/sys/kernel/hostname", "here\n")
        self.add_program("shared-state-async", GET)
        self.answer({})

    def answer(self, value, status=0):
        text = value if isinstance(value, (str, bytes)) else json.dumps(value, indent=4)
        (self.stand_in / "answer").write_bytes(text if isinstance(text, bytes) else text.encode())
        (self.stand_in / "status").write_text(str(status))

    def ask(self, *words, **environment):
        result = self.run_file("usr/lib/lockstep/reference-state", *words, **environment)
        self.said = result.stderr
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.split("\n")[:-1]

    def remembered(self):
        return self.expected.read_text().split("\n")[:-1] if self.expected.exists() else None

    def yesterday(self):
        then = time.time() - 86400
        os.utime(self.expected, (then, then))

    def test_who_is_set(self):
        self.answer({"b": INFO, "LiMe-8a50aa": {"x": {}}, "a.b_c-1": [0], "d": {"": ""}, "empty": {}, "list": [],
                     "null": None, "text": "", "e": {"x": []}, "f": [[]], "g": "x"})
        self.assertEqual(self.ask(), ["LiMe-8a50aa", "a.b_c-1", "b", "d", "e", "f", "g"])
        self.assertEqual(self.said, "")
        self.assertEqual((self.stand_in / "called").read_text(), "get node_info_ref\n")
        self.assertEqual(self.ask("--list"), ["LiMe-8a50aa,a.b_c-1,b,d,e,f,g"])

    def test_compact_and_pretty(self):
        nodes = {f"n{i}": INFO for i in range(3)}
        for text in (json.dumps(nodes), json.dumps(nodes, indent=1), json.dumps(nodes, separators=(",", ":")),
                     "\r\n\t " + json.dumps(nodes, indent="\t") + "\n\n"):
            self.answer(text)
            self.assertEqual(self.ask(), ["n0", "n1", "n2"], text)

    def test_nobody_is_set(self):
        for nothing in ({}, {"a": {}, "b": []}):
            self.answer(nothing)
            self.assertEqual(self.ask(), [])
            self.assertIn("nobody has set", self.said)
            self.assertIsNone(self.remembered())

    def test_names_that_no_node_has(self):
        self.answer(b'{"a":{"x":1},"-b":{"x":1},".c":{"x":1},"":{"x":1},"d e":{"x":1},"$(id)":{"x":1},"\\u0041":{"x":1},'
                    b'"f\\"g":{"x":1},"h\\\\":{"x":1},"../i":{"x":1},"\xc3\xa9":{"x":1},"\xff":{"x":1},"'
                    + b"j" * 64 + b'":{"x":1},"' + b"k" * 63 + b'":{"x":1}}')
        self.assertEqual(self.ask(), ["a", "k" * 63])

    def test_what_is_no_such_object(self):
        self.expected.parent.mkdir(parents=True)
        self.expected.write_text("known\n")
        for text in ("", " ", "[]", "null", '"a"', "{", "}", '{"a"}', '{"a":}', '{"a":{}', '{"a":{"x":1}}}',
                     '{"a":{"x":1}} {}', '{"a":{"x":1},}', '{"a":{"x":1},,"b":{}}', '{"a" "b":{"x":1}}', '{a:{"x":1}}',
                     '{"a":{"x":1]}', '{"a":[}', '{"a":{"x":1}', '{"a":{"x":1}}x', '{"a":{"x":"}}', '{"a\n":{"x":1}}',
                     '{"a":{"x":1} "b":{"x":1}}', '{"a"::{"x":1}}', '{"a":"x" "y"}', '{"a":{"x":1}{"y":1}}',
                     '{"a":x{}}', '{"a":{"x":1}} "b\\"', '{"a":{"x":1}} "b', '{:{"x":1}}', '{,}', '{"a":{"x":1},"b"', "shared-state: error 74", "{" * 5000,
                     '{"a":' + "[" * 4000, '{"a":' + "[" * 5000 + "]" * 5000 + "}", '{"a":1 2}', '{"a":-}x'):
            with self.subTest(text[:60]):
                self.answer(text)
                self.assertEqual(self.ask(), ["known"])
                self.assertIn("not understood", self.said)
        self.assertEqual(self.remembered(), ["known"])

    def test_against_a_real_parser(self):
        """Objects with something wrong at a random place: never a name that the parser would not give."""
        maker = random.Random(1)
        for _ in range(25):
            nodes = {f"n{i}": maker.choice([INFO, {}, [], None, "", "t", [1], {"a": {"b": []}}]) for i in range(4)}
            text = bytearray(json.dumps(nodes, indent=maker.choice([None, 2])).encode())
            for _ in range(maker.randrange(2)):
                text[maker.randrange(len(text))] = maker.choice(b'"{}[],:\\ 0n')
            try:
                value = json.loads(text)
                wanted = {name for name, part in value.items() if part not in ({}, [], None, "")}
            except ValueError:
                wanted = None
            self.answer(bytes(text))
            self.expected.unlink(missing_ok=True)
            names = set(self.ask())
            if wanted is not None and all(name.isalnum() for name in wanted):
                self.assertEqual(names, wanted, text)

    def test_large(self):
        self.answer({f"node-{i}": {**INFO, "text": "x" * 700} for i in range(768)})
        begin = time.monotonic()
        self.assertEqual(len(self.ask()), 768)
        self.assertLess(time.monotonic() - begin, 10)

    def test_flood(self):
        self.expected.parent.mkdir(parents=True)
        self.expected.write_text("known\n")
        self.yesterday()
        self.answer({f"node-{i}": INFO for i in range(769)})
        self.assertEqual(self.ask(), ["known"])
        self.assertIn("more than 768", self.said)
        self.assertEqual(self.remembered(), ["known"])

    def test_our_own_part(self):
        own = "etc/shared-state/ref_state/node_info_ref.json"
        for content, names in ((json.dumps(INFO), ["here"]), ("{}", []), ("", []), ("broken", []), ("[]\n", [])):
            self.write(own, content)
            self.expected.unlink(missing_ok=True)
            self.assertEqual(self.ask(), names)
        self.expected.write_text("here\n")
        self.write(own, "{}")
        self.assertEqual(self.ask(), ["here"])
        self.expected.unlink()
        # That it is empty is how it begins; that others see it empty says that it is not set.
        self.write(own, json.dumps(INFO))
        self.answer({"here": {}, "b": INFO})
        self.assertEqual(self.ask(), ["b", "here"])
        (self.tools / "shared-state-async").unlink()
        self.assertEqual(self.ask(), ["b", "here"])

    def test_who_is_off_is_remembered(self):
        self.answer({"a": INFO, "b": INFO})
        self.ask()
        self.assertEqual(self.remembered(), ["a", "b"])
        self.answer({"a": INFO})
        self.assertEqual(self.ask(), ["a", "b"])
        self.answer({}, status=111)
        self.assertEqual(self.ask(), ["a", "b"])
        self.assertIn("does not answer", self.said)

    def test_who_is_not_set_any_more_is_forgotten(self):
        self.answer({"a": INFO, "b": INFO, "c": INFO})
        self.ask()
        self.yesterday()
        self.answer({"a": INFO, "b": {}, "d": []})
        self.assertEqual(self.ask(), ["a", "c"])
        self.assertEqual(self.said, "reference-state: no longer set: b\n")
        self.assertEqual(self.remembered(), ["a", "c"])

    def test_written_once_a_day_and_only_if_changed(self):
        self.answer({"a": INFO})
        self.ask()
        self.answer({"a": INFO, "b": INFO})
        self.assertEqual(self.ask(), ["a", "b"])
        self.assertEqual(self.remembered(), ["a"], "written today already")
        self.yesterday()
        self.ask()
        self.assertEqual(self.remembered(), ["a", "b"])
        self.yesterday()
        before = self.expected.stat()
        self.ask()
        self.assertEqual((self.expected.stat().st_mtime_ns, self.expected.stat().st_ino),
                         (before.st_mtime_ns, before.st_ino), "nothing changed")
        then = time.time() + 10 * 86400
        os.utime(self.expected, (then, then))
        self.answer({"c": INFO})
        self.ask()
        self.assertEqual(self.remembered(), ["a", "b", "c"], "the clock went back")
        self.assertEqual(sorted(path.name for path in self.expected.parent.iterdir()), ["expected"])

    def test_edited_by_hand(self):
        self.expected.parent.mkdir(parents=True)
        self.expected.write_text("# a comment\n\nb\nbad name\n$(id)\na\nb\n")
        self.assertEqual(self.ask(), ["a", "b"])

    def test_a_peer_that_never_answers(self):
        self.expected.parent.mkdir(parents=True)
        self.expected.write_text("known\n")
        self.answer({"a": INFO})
        (self.stand_in / "hangs").touch()
        begin = time.monotonic()
        self.assertEqual(self.ask(LOCKSTEP_PATIENCE_S="1"), ["known"])
        self.assertLess(time.monotonic() - begin, 5)
        self.assertIn("does not answer", self.said)

    def test_nobody_waits_for_the_watch(self):
        self.answer({"a": INFO})
        begin = time.monotonic()
        self.assertEqual(self.ask(), ["a"])
        self.assertLess(time.monotonic() - begin, 5)

    def test_nothing_stays(self):
        before = {name for name in os.listdir("/tmp") if name.startswith("lockstep-reference.")}
        self.ask()
        after = {name for name in os.listdir("/tmp") if name.startswith("lockstep-reference.")}
        self.assertEqual(after - before, set())

    def test_cannot_be_written(self):
        self.write("etc/lockstep", "no directory")
        self.answer({"a": INFO})
        self.assertEqual(self.ask(), ["a"])
        self.assertIn("cannot be written", self.said)

    def test_usage(self):
        for words in (("x",), ("--list", "x"), ("-h",)):
            self.assertEqual(self.run_file("usr/lib/lockstep/reference-state", *words).returncode, 2)


SystemShell, Busybox = with_each_shell(Reading)

if __name__ == "__main__":
    unittest.main()
