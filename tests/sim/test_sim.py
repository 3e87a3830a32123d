# SPDX-License-Identifier: AGPL-3.0-or-later
"""The simulator as a person uses it: one seed is one run, and the options change it."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SIM = ROOT / "build/lockstep-sim"


def sim(*arguments):
    return subprocess.run([str(SIM), *arguments], capture_output=True, text=True, timeout=200)


class Simulator(unittest.TestCase):
    def test_same_seed_is_the_same_run_to_the_byte(self):
        for arguments in (("--seed", "3", "--trace"), ("--seed", "12", "--trace", "--nodes", "5"),
                          ("--seed", "5", "--trace", "--nodes", "6", "--plain", "300", "--meddler", "100")):
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

    def test_records_by_reference_are_the_same_run(self):
        arguments = ("--quiet", "--once", "--nodes", "30", "--loss", "20", "--drift_ppm", "300", "--trace")
        text, shared = sim(*arguments), sim(*arguments, "--shared")
        self.assertEqual(text.returncode, 0, text.stdout[-2000:])
        self.assertEqual(text.stdout, shared.stdout)
        self.assertIn("there is --forger", sim("--shared", "--forger", "1").stderr)

    def test_two_threads_make_the_same_run(self):
        for arguments in (("--shape", "2", "--nodes", "90", "--shared"),
                          ("--nodes", "60", "--seed", "2", "--delay", "50", "--replay", "20", "--unhealthy", "30"),
                          ("--shape", "3", "--nodes", "70", "--seed", "3", "--shared", "--straggler", "100")):
            one, two = (sim("--quiet", "--once", "--loss", "20", "--drift_ppm", "500", *arguments, "--lanes", lanes)
                        for lanes in ("1", "2"))
            self.assertIn("events; the last flash within" if one.returncode == 0 else "replay:", one.stdout)
            self.assertEqual(one.stdout, two.stdout)

    def test_large_mesh_flashes_at_one_moment(self):
        result = sim("--quiet", "--once", "--shared", "--nodes", "200", "--shape", "3", "--loss", "10",
                     "--drift_ppm", "500")
        self.assertEqual(result.returncode, 0, result.stdout[-2000:])
        self.assertLess(float(result.stdout.split("the last flash within ")[1].split()[0]), 250)

    def test_trace_as_json(self):
        result = sim("--quiet", "--nodes", "3", "--trace", "--json")
        *lines, outcome = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertGreater(len(lines), 50)
        self.assertTrue(all({"us", "node", "code", "text"} == set(line) for line in lines))
        self.assertEqual({"seed", "us", "events", "flash_spread_us"}, set(outcome))

    def test_outcomes_as_json(self):
        broken = sim("--seed", "3", "--rehearse", "1", "--json")
        self.assertEqual(broken.returncode, 1)
        outcome = json.loads(broken.stdout)
        self.assertTrue(outcome["broken"].startswith("R1 "), outcome)
        self.assertEqual(outcome["replay"], "lockstep-sim --seed 3 --rehearse 1")
        several = [json.loads(line) for line in sim("--seed", "1", "--count", "3", "--json").stdout.splitlines()]
        self.assertEqual([line.get("seed") for line in several], [1, 2, 3, None])
        self.assertEqual(several[-1], {"seeds": 3, "broken": 0})

    def test_shrinks_to_few_nodes_and_faults(self):
        # What is called a breach here is none: a node that goes back.
        result = sim("--quiet", "--nodes", "12", "--chaos_s", "300", "--unhealthy", "200", "--loss", "50", "--cut",
                     "20", "--restart", "20", "--delay", "50", "--boards", "3", "--rehearse", "1", "--shrink")
        self.assertEqual(result.returncode, 1, result.stdout[-2000:])
        self.assertIn("R1", result.stdout)
        self.assertRegex(result.stderr, r"(?m)^run \d+: still R1 with --\w+ \d+$")
        smallest = result.stdout.split("replay: lockstep-sim ")[1].splitlines()[0].split()
        faults = {"--unhealthy", "--loss", "--cut", "--restart", "--delay"} & set(smallest)
        self.assertIn("--quiet", smallest)
        self.assertLessEqual(int(smallest[smallest.index("--nodes") + 1]), 3)
        self.assertEqual(faults, {"--unhealthy"}, smallest)
        # It prints the arguments of just that run, and tells what happens in it.
        broken = re.search(r"(?m)^seed \d+: R1 at .*$", result.stdout).group()
        self.assertIn(broken, sim(*smallest).stdout)
        self.assertIn("BREACH: R1", result.stdout)

    def test_shrinking_is_bounded_and_needs_a_breach(self):
        result = sim("--seed", "4", "--rehearse", "1", "--shrink", "--runs", "3")
        self.assertEqual(result.returncode, 1)
        self.assertIn("3 runs, which is the bound", result.stderr)
        result = sim("--quiet", "--nodes", "3", "--shrink")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_meshes_of_the_lab(self):
        sys.path.insert(0, str(ROOT / "lab"))
        from topology import parse_topology
        for number, name in enumerate(("valley", "city", "islands"), 4):
            file = ROOT / f"lab/meshes/{name}.mesh"
            count = len(parse_topology(f"file:{file}")[0])
            by_file = sim("--quiet", "--mesh", str(file))
            by_number = sim("--quiet", "--shape", str(number), "--nodes", str(count))
            self.assertEqual(by_file.returncode, 0, by_file.stdout)
            self.assertEqual(by_file.stdout, by_number.stdout)
            self.assertEqual(by_file.stdout.count("  node-"), count)
            self.assertEqual(sim("--shape", str(number), "--nodes", str(count + 1)).returncode, 2)

    def test_refuses_what_is_no_mesh(self):
        for text, problem in (("link a b\nlink c d\n", "hang together"), ("link a a\n", "line 1"),
                              ("link a b\na --- c\n", "line 2"), ("", "cannot be read")):
            with tempfile.NamedTemporaryFile("w") as file:
                file.write(text)
                file.flush()
                result = sim("--mesh", file.name)
                self.assertEqual(result.returncode, 2)
                self.assertIn(problem, result.stderr)

    def test_orders_pass_through_plain_peers(self):
        for arguments in ((), ("--plain_inflates", "200"), ("--meddler", "500", "--boards", "1")):
            result = sim("--quiet", "--seed", "503", "--plain", "400", "--nodes", "9", "--chaos_s", "300",
                         "--countdown_s", "60", "--window_s", "400", *arguments)
            self.assertEqual(result.returncode, 0, result.stdout)
            lines = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("  node-")]
            self.assertGreater(lines.count("*p"), 1)
            self.assertGreater(len([line for line in lines if line.endswith("drsF*cu")]), 2)

    def test_half_a_flash_bricks_a_board_with_one_slot(self):
        result = sim("--quiet", "--chaos_s", "200", "--single_slot", "1000", "--flash_cut", "300")
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertRegex(result.stdout, r"(?m)^  node-\d+ .*F!\.$")
        self.assertRegex(result.stdout, r"(?m)^  node-\d+ .*F\*cu$")

    def test_two_operators_start_at_the_same_moment(self):
        result = sim("--quiet", "--chaos_s", "200", "--duel", "1", "--operators", "2", "--trace")
        self.assertEqual(result.returncode, 0, result.stdout[-2000:])
        starts = re.findall(r"(?m)^ *([\d.]+)  (node-\d+) .*order: start of epoch 1 is posted", result.stdout)
        self.assertEqual(len(starts), 2)
        self.assertEqual(starts[0][0], starts[1][0])
        self.assertNotEqual(starts[0][1], starts[1][1])

    def test_mesh_falls_in_two_in_the_countdown(self):
        result = sim("--quiet", "--chaos_s", "100", "--trace", "--countdown_s", "10", "--partition_countdown", "1000")
        self.assertEqual(result.returncode, 0, result.stdout[-2000:])
        scheduled = float(re.search(r"(?m)^ *([\d.]+) .*order: schedule", result.stdout).group(1))
        divided = float(re.search(r"(?m)^ *([\d.]+) .*falls in two", result.stdout).group(1))
        self.assertTrue(scheduled < divided < scheduled + 20)

    def test_power_is_lost_before_the_flash_and_after_the_boot(self):
        for option, symbols in (("--cut_before_flash", "F!"), ("--boot_cut", "*u!")):
            result = sim("--quiet", "--chaos_s", "200", option, "150")
            self.assertEqual(result.returncode, 0, result.stdout)
            self.assertIn(symbols, result.stdout)

    def test_wrong_use(self):
        for arguments in (("--sed", "3"), ("--seed",), ("--seed", "x"), ("--nodes", "1"), ("--boards", "9"),
                          ("--lanes", "0"), ("--lanes", "17")):
            result = sim(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn("lockstep-sim", result.stderr)
        self.assertIn("--power_cut", sim("--help").stdout)


if __name__ == "__main__":
    unittest.main()
