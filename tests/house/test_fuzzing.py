# SPDX-License-Identifier: AGPL-3.0-or-later
"""Plants a bug that only a fuzzer finds, and takes away the inputs that reach a parser, in a copy of the
tree: fuzz/run must find the one, with its input, and miss the others."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = "30"  # at most: it ends with the finding, which comes at once

PLANTED = """// SPDX-License-Identifier: AGPL-3.0-or-later
#include <stdlib.h>
#include <string.h>

#include "common.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (size >= 3 && memcmp(bytes, "bug", 3) == 0)
		abort();
	return 0;
}
"""


class Fuzzing(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="lockstep-fuzzing-")
        self.addCleanup(scratch.cleanup)
        self.tree = pathlib.Path(scratch.name) / "tree"
        files = subprocess.run([ROOT / "dev/files"], capture_output=True, text=True, check=True).stdout
        for name in files.splitlines():
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.tree / name)

    def run_fuzz(self, *arguments):
        result = subprocess.run([self.tree / "fuzz/run", *arguments], cwd=self.tree, capture_output=True,
                                text=True, stdin=subprocess.DEVNULL)
        return result.returncode, result.stdout + result.stderr

    def test_a_bug_is_found_again(self):
        (self.tree / "fuzz/fuzz_planted.c").write_text(PLANTED)
        (self.tree / "fuzz/corpus/planted").mkdir()
        (self.tree / "fuzz/corpus/planted/none").write_text("nothing")
        status, output = self.run_fuzz("--seconds", SECONDS, "planted")
        self.assertEqual(status, 1, output)
        again = re.search(r"^ +again: (\S+) (\S+)$", output, re.M)
        self.assertIsNotNone(again, output)
        self.assertTrue((self.tree / again[2]).read_bytes().startswith(b"bug"))
        result = subprocess.run([self.tree / again[1], again[2]], cwd=self.tree, capture_output=True,
                                env={**os.environ, "ASAN_OPTIONS": "handle_abort=1"})
        self.assertNotEqual(result.returncode, 0)

    def test_what_is_not_reached_is_named(self):
        (self.tree / "fuzz/parsers").write_text("io/range\nio/url\n")
        for path in (self.tree / "fuzz/corpus/url").iterdir():
            if not path.read_bytes().startswith(b"r"):
                path.unlink()
        status, output = self.run_fuzz("--coverage", "url")
        self.assertEqual(status, 1, output)
        self.assertRegex(output, r"(?m)^ ok .*src/io/range\.c$")
        self.assertRegex(output, r"(?m)^FAIL .*src/io/url\.c$")

    def test_a_parser_that_is_none_is_refused(self):
        (self.tree / "fuzz/parsers").write_text("io/url url_parse no_such_function # a reason\n")
        status, output = self.run_fuzz("--coverage", "url")
        self.assertEqual(status, 1, output)
        self.assertIn("no_such_function", output)


if __name__ == "__main__":
    unittest.main()
