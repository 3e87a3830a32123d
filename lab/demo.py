# SPDX-License-Identifier: AGPL-3.0-or-later
"""The demonstration that ./demo runs: keys, two releases, twelve nodes, one upgrade; from the terminal or by the page."""
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time

from lab import MESH, ROOT, Lab, LabError

WORK = ROOT / ".demo"
LOCKSTEP = ROOT / "build/lockstep"
BOARDS = ("demo,alpha", "demo,beta")
PAGE_PORT = 8430
COUNTDOWN_S = 10
WINDOW_S = 120


def say(text=""):
    print(text, flush=True)


def lockstep(*arguments, **options):
    return subprocess.run([str(LOCKSTEP), *arguments], check=True, cwd=WORK, text=True, capture_output=True, **options)


def make_keys():
    """Returns the passphrase: a second operator, for who has no key file at hand."""
    say("Making an operator key, a community passphrase and a release key ...")
    lockstep("key", "generate", "operator")
    lockstep("key", "generate", "release")
    for role in ("operator", "release"):
        (WORK / "keys" / role).mkdir(parents=True)
        shutil.copy(WORK / f"{role}.pub", WORK / "keys" / role)
    derived = lockstep("key", "derive", "--mesh", MESH, "--generate")
    (WORK / "keys/operator/community.pub").write_text(derived.stdout)
    return derived.stderr.strip().rpartition(" ")[2]


def make_release(number):
    images = []
    for board in BOARDS:
        image = WORK / f"{board.replace(',', '_')}-{number}.0.bin"
        subprocess.run([sys.executable, str(ROOT / "lab/image"), "--board", board, "--version",
                        f"Demo {number}.0", "--out", str(image)], check=True)
        images += ["--image", f"{board}={image}"]
    lockstep("release", "create", "--version", f"Demo {number}.0", "--sequence", str(number), *images,
             "--out", f"release-{number}")
    lockstep("release", "sign", "--key", "release.sec", f"release-{number}")


def serve_page(node):
    """Lets a browser on this machine reach the node's page, which is in a network of its own."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for port in range(PAGE_PORT, PAGE_PORT + 20):
        try:
            listener.bind(("127.0.0.1", port))
            break
        except OSError:
            continue
    else:
        return None
    listener.listen(16)

    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept():
        while True:
            client, _ = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(node.socket))
            except OSError:
                client.close()
                continue
            threading.Thread(target=pump, args=(client, server), daemon=True).start()
            threading.Thread(target=pump, args=(server, client), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


class Walk:
    """One step after the other; a person presses Enter in between, --auto goes on by itself."""

    def __init__(self, lab, auto):
        self.lab = lab
        self.auto = auto
        self.entry = lab.nodes["node1"]

    def step(self, text, *command):
        say()
        say(text)
        if command:
            say("$ lockstep " + " ".join(command))
        if not self.auto:
            input("[Enter] ")
        if command:
            say(self.entry.cli(*command).stdout.rstrip())

    def follow(self, states, timeout_s):
        """Shows how many are where, until all are in one of the states and the entry knows that."""
        end, last = time.monotonic() + timeout_s, None
        while True:
            counts = {}
            for state in self.lab.states().values():
                counts[state or "rebooting"] = counts.get(state or "rebooting", 0) + 1
            line = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
            mesh = self.entry.get("/v1/mesh")
            countdown = mesh and mesh["upgrade"] and mesh["upgrade"]["countdown_ms"]
            if countdown:
                line += f" (flash in {countdown / 1000:.0f} s)"
            if line != last:
                say("  " + line)
                last = line
            # The node that is asked must know of it, too, before the next order.
            if set(counts) <= set(states) and mesh and {row.get("state") for row in mesh["nodes"]} <= set(states):
                return
            if time.monotonic() > end:
                raise LabError(f"this took more than {timeout_s} s:\n{self.lab.describe()}")
            time.sleep(0.25)


def upgrade(lab, auto):
    walk = Walk(lab, auto)
    key = str(WORK / "operator.sec")
    lab.wait(lambda: len((walk.entry.get("/v1/mesh") or {"nodes": []})["nodes"]) == len(lab.nodes), 30,
             "a node that knows all others")
    walk.step("This is the mesh, as one of its nodes sees it.", "status")
    say("\nThe nodes measure the links to their neighbours; half a minute ...")
    lab.wait(lambda: all(row.get("links") for row in walk.entry.get("/v1/mesh")["nodes"]), 60, "measured links")
    walk.step("Is anything wrong with it?", "check", str(WORK / "release-2"))
    walk.step("An operator opens the upgrade. Every node fetches its image, mostly from its neighbours.",
              "start", str(WORK / "release-2"), "--key", key)
    walk.follow({"UPGRADE_READY"}, 180)
    walk.step("All are ready. Nothing was flashed yet; now the countdown.",
              "schedule", "--key", key, "--in", f"{COUNTDOWN_S}s", "--confirm-window", f"{WINDOW_S}s")
    walk.follow({"CONFIRMATION_PENDING"}, COUNTDOWN_S + 60)
    moments = lab.flash_moments_ms()
    say(f"  All {len(moments)} nodes began to flash within "
        f"{max(moments.values()) - min(moments.values()):.0f} ms of each other.")
    lab.wait(lambda: all(node.status().get("healthy") for node in lab.nodes.values()), 60,
             "a healthy mesh")
    walk.step("They rebooted into the new firmware and see each other. Unless somebody confirms, all of "
              "them go back.", "confirm", "--key", key)
    walk.follow({"UPDATED"}, 30)
    walk.step("That is all.", "status")
    return all(node.status()["version"] == "Demo 2.0" and node.state() == "UPDATED"
               for node in lab.nodes.values())


def plug_in_stick(node):
    """The new release on a USB stick in this router."""
    shutil.copytree(WORK / "release-2", node.directory / "media/stick/demo-2.0")


def live(lab):
    """The page does it all; here, one can be the weather."""
    say("\nTake it from here in the page, as a volunteer would. What a router's owner or the weather could do, type here:"
        "\n  off NAME    cut a router's power      on NAME   give it back"
        "\n  status      what node1 sees           end       end the mesh\n")
    while True:
        word, _, name = input("> ").strip().partition(" ")
        if word in ("end", "quit", "exit"):
            return
        if word in ("on", "off") and name in lab.nodes:
            (lab.nodes[name].power_on if word == "on" else lab.nodes[name].power_off)()
            say(f"{name} is {word}.")
        elif word == "status":
            say(lab.nodes["node1"].cli("status", check=False).stdout.rstrip())
        elif word:
            say(f"That is none of off NAME, on NAME, status and end; names are {', '.join(lab.nodes)}.")


def main():
    auto = "--auto" in sys.argv[1:]
    by_page = "--page" in sys.argv[1:]
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    passphrase = make_keys()
    say("Making two releases for two boards out of this machine's own packages ...")
    for number in (1, 2):
        make_release(number)
    images = {board: WORK / f"{board.replace(',', '_')}-1.0.bin" for board in BOARDS}
    say("Starting 12 nodes in a grid of 4 by 3, with links of 20 Mbit/s ...")
    with Lab("grid:4x3", binary=LOCKSTEP, directory=WORK / "lab", boards=BOARDS, rate="20mbit",
             keys=WORK / "keys", images=images) as lab:
        lab.wait_state("UPDATED", 60)
        port = serve_page(lab.nodes["node1"])
        plug_in_stick(lab.nodes["node1"])
        if port:
            say(f"\nThe page of node1:     http://127.0.0.1:{port}/\n"
                f"  its passphrase:      {passphrase}\n"
                f"  or its key file:     {WORK / 'operator.sec'}\n"
                f"  the new firmware:    on a stick in node1, and in {WORK / 'release-2'}")
        if by_page:
            live(lab)
            return 0
        say(f"In another terminal: LOCKSTEP_SOCKET={lab.nodes['node1'].socket} "
            f"{LOCKSTEP.relative_to(pathlib.Path.cwd()) if LOCKSTEP.is_relative_to(pathlib.Path.cwd()) else LOCKSTEP}"
            " status --watch")
        try:
            done = upgrade(lab, auto)
        except LabError as error:
            say(f"The upgrade did not come through: {error}")
            done = False
        if done:
            say("\nEvery node runs Demo 2.0, confirmed.")
        if not auto:
            input("Press Enter to end the mesh. ")
    return 0 if done else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, EOFError):
        say("\nEnded; nothing is left behind.")
        sys.exit(130)
