# SPDX-License-Identifier: AGPL-3.0-or-later
"""The table of planted faults fits the sources and the docs, and covers what must always hold. That each
fault is caught is for sim/plants/run; this takes no time."""
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "sim/plants"))
sys.dont_write_bytecode = True
import table  # noqa: E402


class Plants(unittest.TestCase):
    def test_what_is_replaced_stands_once(self):
        for plant in table.PLANTS:
            with self.subTest(plant.name):
                self.assertEqual((ROOT / plant.file).read_text().count(plant.before), 1)
                self.assertNotEqual(plant.before, plant.after)
                self.assertTrue(plant.file.startswith("src/"))

    def test_names_are_distinct(self):
        names = [plant.name for plant in table.PLANTS]
        self.assertEqual(len(names), len(set(names)))

    def test_each_names_what_catches_it(self):
        for plant in table.PLANTS:
            with self.subTest(plant.name):
                self.assertNotEqual(bool(plant.breaks), bool(plant.test))
                self.assertLessEqual(set(plant.breaks), set(table.INVARIANTS))
                if plant.test:
                    self.assertTrue((ROOT / f"tests/{plant.test}.c").exists())

    def test_every_invariant_is_broken_twice(self):
        for invariant in table.INVARIANTS:
            breakers = [plant.name for plant in table.PLANTS if invariant in plant.breaks]
            self.assertGreaterEqual(len(breakers), 2, invariant)

    def test_docs_have_the_table(self):
        self.assertTrue("\n".join(table.rows()) in (ROOT / "docs/simulator.md").read_text(),
                        "docs/simulator.md is stale: put the output of sim/plants/run --list there")

    def test_a_row_that_fits_no_more_is_an_error(self):
        result = subprocess.run([sys.executable, "-c", f"""
import runpy, sys
sys.path.insert(0, {str(ROOT / 'sim/plants')!r})
run = runpy.run_path({str(ROOT / 'sim/plants/run')!r}, run_name='run')
run['plant_text'](run['table'].PLANTS[0], 'something else')"""], capture_output=True, text=True)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("stands 0 times in src/", result.stderr)

    def test_there_is_no_such_plant(self):
        result = subprocess.run([str(ROOT / "sim/plants/run"), "no-such-plant"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn("there is no plant no-such-plant", result.stderr)


if __name__ == "__main__":
    unittest.main()
