# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lets a node hear of a crowd that does not exist (tests/lab/crowd.c): crowd.py CROWD MESH COUNT NAME ADDRESS, from the
network of a neighbour. First of all of them; then, whenever it reads a line, it does what that says:

  change COUNT SECONDS   for so long, two times a second, so many have something new to say
  upgrade EPOCH UPGRADE  from now on they take part in it

and says "done"."""
import json
import subprocess
import sys
import time

from peer import tell

TYPE = "lockstep_nodes"
EVERY_S = 0.5
AT_ONCE = 100  # records in one exchange


class Crowd:
    def __init__(self, program, mesh, count, neighbour, address):
        self.address = address
        self.process = subprocess.Popen([program, mesh, count, neighbour], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def ask(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def say(self, line):
        entries = list(self.ask(line).items())
        for begin in range(0, len(entries), AT_ONCE):
            tell(self.address, TYPE, dict(entries[begin:begin + AT_ONCE]))

    def obey(self, line):
        word, *rest = line.split()
        if word == "upgrade":
            self.ask(line)
            return
        count, seconds = int(rest[0]), float(rest[1])
        for turn in range(round(seconds / EVERY_S)):
            begin = time.monotonic()
            self.say(f"change {count}")
            time.sleep(max(0.0, begin + EVERY_S - time.monotonic()))


def main():
    crowd = Crowd(*sys.argv[1:])
    crowd.say("whole")
    print("done", flush=True)
    for line in sys.stdin:
        crowd.obey(line.strip())
        print("done", flush=True)


if __name__ == "__main__":
    main()
