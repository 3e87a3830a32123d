# SPDX-License-Identifier: AGPL-3.0-or-later
"""Builds three times (plain, as small as routers get it, and with the address and undefined-behaviour
sanitizers), and for other worlds (docs/worlds.md), and runs every test: checks of the tree, unit tests in all
builds, tests in the lab, and, beside them, the fuzz targets. What ./test runs."""
import argparse
import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build/test-logs"
BUILD_TIMEOUT_S = 900
UNIT_TIMEOUT_S = 300
FILE_TIMEOUT_S = 1200
LAB_TIMEOUT_S = 400
# A mesh mostly waits: for boots, countdowns and windows. Several at once keep the processors busy.
LABS_AT_ONCE = 2 * (os.cpu_count() or 1)
# … but for these, which wait for minutes and do next to nothing: they take nobody's place.
IDLE_LABS = ("Attach.test_comes_and_goes", "History.test_whole_upgrade", "Whole.test_from_a_new_version_to_no_update",
             "Revert.test_nobody_confirms", "Abort.test_a_download_that_stands_still_can_be_aborted")
FUZZ_SEED = 1  # the same tests find the same; `fuzz/run` by itself looks elsewhere each time
FUZZERS_AT_ONCE = 2
WORLDS = ("s390x", "armhf", "musl")
SIMULATED = ("--seed", "1", "--count", "2", "--trace")


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.broken = []
        self.lock = threading.Lock()

    def add(self, name, passed, failed, skipped=0, seconds=0.0):
        with self.lock:
            self.passed += passed
            self.failed += failed
            self.skipped += skipped
            if failed:
                self.broken.append(name)
            print(f"{'FAIL' if failed else ' ok '} {name}: {passed} passed, {failed} failed"
                  f"{f', {skipped} skipped' if skipped else ''} ({seconds:.0f} s)", flush=True)


def run(command, log, timeout_s, env=None):
    """Exit status and output; the output goes to the log too."""
    begin = time.monotonic()
    try:
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s,
                                errors="replace", env={**os.environ, **(env or {})})
        status, output = result.returncode, result.stdout + result.stderr
    except subprocess.TimeoutExpired as error:
        status = 124
        output = (error.stdout or b"").decode(errors="replace") + "\ntimed out\n"
    (LOGS / f"{log}.log").write_text(output)
    return status, output, time.monotonic() - begin


def build(directory, *options):
    for command in (["cmake", "-S", ".", "-B", directory, "-G", "Ninja", "-DLOCKSTEP_WERROR=ON", *options],
                    ["cmake", "--build", directory]):
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if result.returncode:
            print(result.stdout[-6000:] + result.stderr[-6000:])
            return False
    return True


def list_units(directory):
    return [program for program in sorted((ROOT / directory / "tests").glob("test_*"))
            if program.is_file() and not program.suffix and os.access(program, os.X_OK)]


def run_unit(tally, directory, label, pattern, through=()):
    for program in list_units(directory):
        name = f"{label}: {program.name}"
        if pattern and pattern not in name:
            continue
        status, output, seconds = run([*through, str(program)], f"{label}-{program.name}", UNIT_TIMEOUT_S,
                                      {"CMOCKA_MESSAGE_OUTPUT": "tap",
                                       "ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"})
        skipped = len(re.findall(r"^ok .*# SKIP", output, re.M))
        passed = len(re.findall(r"^ok ", output, re.M)) - skipped
        failed = len(re.findall(r"^not ok ", output, re.M))
        if status and not failed:
            failed = 1
        tally.add(name, passed, failed, skipped, seconds)
        if failed:
            print(output[-4000:])


def run_python(tally, path, label, pattern, env=None):
    name = f"{label}: {path.relative_to(ROOT)}"
    if pattern and pattern not in name:
        return
    status, output, seconds = run([sys.executable, str(path), "-v"], f"{label}-{path.stem}", FILE_TIMEOUT_S,
                                  env)
    count = re.search(r"^Ran (\d+) tests?", output, re.M)
    ran = int(count.group(1)) if count else 0
    failed = sum(int(number) for number in re.findall(r"(?:failures|errors)=(\d+)", output))
    skipped = sum(int(number) for number in re.findall(r"skipped=(\d+)", output))
    if status and not failed:
        failed = 1
    tally.add(name, max(ran - failed - skipped, 0), failed, skipped, seconds)
    if failed:
        print(output[-8000:])


def list_tests(path, env):
    """Class.test of every test of a file, as unittest itself would run them."""
    script = ("import sys, unittest\n"
              f"sys.path.insert(0, {str(path.parent)!r})\n"
              "def walk(tests):\n"
              "    for test in tests:\n"
              "        if isinstance(test, unittest.TestSuite):\n"
              "            walk(test)\n"
              "        else:\n"
              "            print('.'.join(test.id().split('.')[-2:]))\n"
              f"walk(unittest.defaultTestLoader.loadTestsFromName({path.stem!r}))\n")
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True,
                            env={**os.environ, **env}).stdout
    return output.split()


def run_labs(tally, paths, label, pattern, env=None, webs=()):
    """Every test of these files in a process of its own, several at once, and among them those of the page, by file."""
    def run_one(test):
        path, name = test
        status, output, seconds = run([sys.executable, str(path), name], f"{label}-{name}".replace(" ", "-"),
                                      LAB_TIMEOUT_S, env)
        tally.add(f"{label}: {path.stem}: {name}", int(status == 0), int(status != 0), 0, seconds)
        if status:
            print(output[-8000:])

    wanted = [(path, test) for path in paths for test in list_tests(path, env or {})
              if pattern in f"{label}: {path.stem}: {test}"]
    wanted.sort(key=lambda test: test[1] not in IDLE_LABS)
    idle = sum(name in IDLE_LABS for _, name in wanted)
    with concurrent.futures.ThreadPoolExecutor(LABS_AT_ONCE + idle) as pool:
        # Those that only wait first, for nobody else then waits for them; then the longest.
        jobs = [pool.submit(run_one, test) for test in wanted[:idle]]
        jobs += [pool.submit(run_node, tally, f"web: {path.relative_to(ROOT)}", path) for path in webs]
        jobs += [pool.submit(run_one, test) for test in wanted[idle:]]
        for job in jobs:
            job.result()


def run_node(tally, name, path):
    """Tests for Node's own runner."""
    status, output, seconds = run(["node", "--test-reporter=tap", str(path)],
                                  f"{name.partition(':')[0]}-{path.stem}", FILE_TIMEOUT_S)
    counts = {word: int(number)
              for word, number in re.findall(r"^[#ℹ] (pass|fail|cancelled|skipped) (\d+)$", output, re.M)}
    failed = counts.get("fail", 0) + counts.get("cancelled", 0)
    if (status or not counts.get("pass")) and not failed:
        failed = 1
    tally.add(name, counts.get("pass", 0), failed, counts.get("skipped", 0), seconds)
    if failed:
        print(output[-8000:])


def list_webs(tally, pattern):
    """The tests of the page in a browser. What they need of others is fetched once."""
    paths = [path for path in sorted((ROOT / "tests/web").glob("test_*.mjs"))
             if pattern in f"web: {path.relative_to(ROOT)}"]
    if not paths:
        return []
    status, output, seconds = run(["web/tools", "tests/web"], "web-tools", BUILD_TIMEOUT_S)
    if status:
        tally.add("web: tools", 0, 1, 0, seconds)
        print(output[-4000:])
        return []
    return paths


def run_check(tally, name, command, pattern):
    if pattern and pattern not in f"check: {name}":
        return
    status, output, seconds = run(command, f"check-{name}", UNIT_TIMEOUT_S)
    tally.add(f"check: {name}", int(status == 0), int(status != 0), 0, seconds)
    if status:
        print(output[-4000:])


def run_world(tally, world, pattern, traces):
    """Builds for it and runs the unit tests there; and a seed is the same run there as here, to the letter."""
    through = [str(ROOT / "dev/world"), world]
    status, output, seconds = run(through, f"build-{world}", BUILD_TIMEOUT_S)
    if status:
        tally.add(f"{world}: build", 0, 1, 0, seconds)
        print(output[-6000:])
        return
    run_unit(tally, f"build-{world}", world, pattern, through)
    name = f"{world}: simulator"
    if pattern in name:
        status, output, seconds = run([*through, f"build-{world}/lockstep-sim", *SIMULATED], f"traces-{world}",
                                      UNIT_TIMEOUT_S)
        same = status == 0 and output == traces
        tally.add(name, int(same), int(not same), 0, seconds)
        if not same:
            print(f"build/test-logs/traces-{world}.log is not what traces.log beside it is")


def run_worlds(tally, pattern):
    names = ["simulator", *(program.name for program in list_units("build"))]
    wanted = [world for world in WORLDS if any(pattern in f"{world}: {name}" for name in names)]
    if not wanted:
        return
    status, output, seconds = run(["dev/deps", "worlds"], "deps", BUILD_TIMEOUT_S)
    if status:
        tally.add("worlds: dev/deps", 0, 1, 0, seconds)
        print(output[-4000:])
        return
    traces = run(["build/lockstep-sim", *SIMULATED], "traces", UNIT_TIMEOUT_S)[1]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda world: run_world(tally, world, pattern, traces), wanted))


class Fuzzing:
    """Every fuzz target for some seconds, beside the other tests: it gets what they leave of the processors,
    and in a lab they leave most."""
    def __init__(self, pattern, seconds):
        names = sorted(path.stem.removeprefix("fuzz_") for path in (ROOT / "fuzz").glob("fuzz_*.c"))
        self.names = [name for name in names if pattern in f"fuzz: {name}"] if seconds else []
        self.log = LOGS / "fuzz.log"
        self.process = None
        self.begin = time.monotonic()
        if not self.names:
            return
        command = ["chrt", "--idle", "0", "nice", "-n", "19", str(ROOT / "fuzz/run"), "--seconds", str(seconds),
                   "--jobs", str(FUZZERS_AT_ONCE), "--seed", str(FUZZ_SEED), *self.names]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)

    def finish(self, tally):
        """Waits for the rest, and says what came of it: a finding with its input and how to see it again."""
        if self.process is None:
            return
        status = self.process.wait()
        output = self.log.read_text()
        told = re.findall(r"^(?: ok |FAIL) (\S+).* (\d+) findings$", output, re.M)
        for name, count in told:
            tally.add(f"fuzz: {name}", int(count == "0"), int(count != "0"))
        missing = set(self.names) - {name for name, _ in told}
        if missing or (status and all(count == "0" for _, count in told)):
            tally.add("fuzz", 0, 1)
        if status:
            print(output[-8000:])
        print(f"     fuzzing went on for {time.monotonic() - self.begin:.0f} s", flush=True)


def run_all(tally, arguments):
    for check in sorted((ROOT / "dev").glob("check-*")):
        command = [str(check)] + (["build"] if check.name == "check-pure" else [])
        run_check(tally, check.name.removeprefix("check-"), command, arguments.pattern)
    run_unit(tally, "build", "unit", arguments.pattern)
    if not arguments.fast:
        run_check(tally, "size", [str(ROOT / "bench/size")], arguments.pattern)
        run_check(tally, "page-memory", [str(ROOT / "bench/page-memory"), "--pages", "8", "--seconds", "5"], arguments.pattern)
        run_check(tally, "simulator", ["build/lockstep-sim", "--seed", "1", "--count", "40"], arguments.pattern)
        run_check(tally, "plants", [str(ROOT / "sim/plants/run"), "--sample", "10"], arguments.pattern)
        run_check(tally, "model", [str(ROOT / "model/check"), "--fast"], arguments.pattern)
        run_unit(tally, "build-small", "small", arguments.pattern)
        run_unit(tally, "build-sanitized", "sanitized", arguments.pattern)
        run_worlds(tally, arguments.pattern)
    paths = sorted((ROOT / "tests").glob("*/test_*.py"))
    labs = [path for path in paths if path.parent.name in ("lab", "limeapp")]
    files = [path for path in paths if path not in labs]
    if arguments.fast:
        labs = [path for path in labs if path.stem != "test_worlds"]
    # One after the other, beside the labs, which mostly wait.
    with concurrent.futures.ThreadPoolExecutor(1) as beside:
        others = [beside.submit(run_python, tally, path, "python", arguments.pattern) for path in files]
        if arguments.pattern in "page: units":
            others.append(beside.submit(run_node, tally, "page: units", ROOT / "web/tests/run.mjs"))
        run_labs(tally, labs, "lab", arguments.pattern, webs=list_webs(tally, arguments.pattern))
        for other in others:
            other.result()
    if not arguments.fast:
        run_labs(tally, [ROOT / f"tests/lab/{name}.py" for name in ("test_upgrade", "test_cuts")], "sanitized lab",
                 arguments.pattern, {"LOCKSTEP": str(ROOT / "build-sanitized/lockstep"), "LAB_QUICK": "1"})


def main():
    parser = argparse.ArgumentParser(prog="./test", description=__doc__)
    parser.add_argument("pattern", nargs="?", default="",
                        help="only tests whose line holds this, such as 'unit', 'lab' or 'test_agent'")
    parser.add_argument("--fast", action="store_true", help="without the sanitizers, the fuzzers and other worlds")
    parser.add_argument("--fuzz", type=int, default=60, metavar="SECONDS",
                        help="how long each fuzz target runs (60)")
    arguments = parser.parse_args()
    LOGS.mkdir(parents=True, exist_ok=True)
    tally = Tally()
    print("Building ...", flush=True)
    if not build("build", "-DLOCKSTEP_WEB=ON"):
        tally.add("build", 0, 1)
    elif not arguments.fast and not build("build-small", "-DCMAKE_BUILD_TYPE=MinSizeRel", "-DLOCKSTEP_WEB=OFF"):
        tally.add("build as routers get it", 0, 1)
    elif not arguments.fast and not build("build-sanitized", "-DLOCKSTEP_SANITIZE=ON", "-DCMAKE_BUILD_TYPE=Debug",
                                         "-DLOCKSTEP_WEB=OFF"):
        tally.add("build with sanitizers", 0, 1)
    else:
        if not arguments.fast:
            # Before the fuzzers, which would be in its way and it in theirs.
            run_check(tally, "coverage", [str(ROOT / "fuzz/run"), "--coverage"], arguments.pattern)
        with Fuzzing(arguments.pattern, 0 if arguments.fast else arguments.fuzz) as fuzzing:
            run_all(tally, arguments)
            fuzzing.finish(tally)
    for name in tally.broken:
        print(f"failed: {name}; its output is in build/test-logs")
    print(f"{tally.passed} passed, {tally.failed} failed"
          f"{f', {tally.skipped} skipped' if tally.skipped else ''}")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
