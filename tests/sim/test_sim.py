# SPDX-License-Identifier: AGPL-3.0-or-later
"""The simulator as a person uses it: one seed is one run, and the options change it."""
import json
import pathlib
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SIM = ROOT / "build/lockstep-sim"


def sim(*arguments):
    return subprocess.run([str(SIM), *arguments], capture_output=True, text=True, timeout=200)


class Simulator(unittest.TestCase):
    def test_same_seed_is_the_same_run_to_the_byte(self):
        for arguments in (("--seed", "3", "--trace"), ("--seed", "12", "--trace", "--nodes", "5")):
            first, second = sim(*arguments), sim(*arguments)
            self.assertEqual(first.returncode, 0, first.stdout[-2000:])
            self.assertEqual(first.stdout, second.stdout)

    def test_another_seed_is_another_run(self):
        self.assertNotEqual(sim("--seed", "3").stdout, sim("--seed", "4").stdout)

    def test_quiet_mesh_upgrades_in_step(self):
        for shape in range(4):
            result = sim("--quiet", "--shape", str(shape), "--nodes", "20", "--drift_ppm", "500")
            self.assertEqual(result.returncode, 0, result.stdout)
            within = float(result.stdout.split("the last flash within ")[1].split()[0])
            self.assertLess(within, 100)
            # Each boots, upgrades twice in the run, and once more at the end of it.
            for line in result.stdout.splitlines():
                if line.startswith("  node-"):
                    self.assertRegex(line, r"\*u(drsF\*cu)+$")

    def test_trace_as_json(self):
        result = sim("--quiet", "--nodes", "3", "--trace", "--json")
        lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
        self.assertGreater(len(lines), 50)
        self.assertTrue(all({"us", "node", "code", "text"} == set(json.loads(line)) for line in lines))

    def test_wrong_use(self):
        for arguments in (("--sed", "3"), ("--seed",), ("--seed", "x"), ("--nodes", "1"), ("--boards", "9")):
            result = sim(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn("lockstep-sim", result.stderr)
        self.assertIn("--power_cut", sim("--help").stdout)


if __name__ == "__main__":
    unittest.main()
