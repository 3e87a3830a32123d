# SPDX-License-Identifier: AGPL-3.0-or-later
"""How rpcd calls the plug-in on a node, and what LimeApp's page makes of the answers (docs/limeapp.md): a
stand-in for both, which knows of a node what a browser would."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lab"))
from mesh import BINARY, DATA, MeshCase, lockstep  # noqa: E402, F401

PLUGIN = BINARY.parent / "lockstep-limeapp"
WIZARD, EUPGRADE = "lime-mesh-upgrade", "eupgrade"
# What uhttpd gives a call, and what each may take at most to be on the safe side of it.
UHTTPD_S, CALL_S = 15, 10.5
LOOK_S = 0.5
SESSION = "0123456789abcdef0123456789abcdef"
TRIANGLE = "link node1 node2\nlink node2 node3\nlink node1 node3\n"


class Door:
    """The plug-in of one node, with its settings in a file of its own."""

    def __init__(self, directory, **settings):
        self.directory = pathlib.Path(directory)
        self.path = self.directory / "limeapp.json"
        self.programs = self.directory / "rpcd"
        self.programs.mkdir(exist_ok=True)
        for name in (WIZARD, EUPGRADE):
            (self.programs / name).symlink_to(PLUGIN)
        self.set(**settings)

    def set(self, **settings):
        self.settings = settings
        self.path.write_text(json.dumps(settings))

    def change(self, **settings):
        self.set(**{**self.settings, **settings})

    def run(self, *arguments, given=b"", name=WIZARD, wrap=()):
        return subprocess.run([*wrap, str(self.programs / name), *arguments], input=given, capture_output=True,
                              timeout=UHTTPD_S, env={**os.environ, "LOCKSTEP_LIMEAPP_CONFIG": str(self.path)})

    def raw(self, method, given, name=WIZARD, wrap=()):
        """The answer to these very bytes: whatever happens, one JSON object, in time."""
        begin = time.monotonic()
        result = self.run("call", method, given=given, name=name, wrap=wrap)
        took_s = time.monotonic() - begin
        assert result.returncode == 0, result
        assert result.stderr == b"", result.stderr
        answer = json.loads(result.stdout)
        assert isinstance(answer, dict), answer
        assert took_s < CALL_S, took_s
        return answer

    def call(self, method, name=WIZARD, wrap=(), **arguments):
        """As uhttpd passes it on: with the session among the arguments."""
        return self.raw(method, json.dumps({**arguments, "ubus_rpc_session": SESSION}).encode(), name, wrap)

    def note(self):
        path = self.directory / "limeapp.json.note"
        return json.loads(path.read_text()) if path.exists() else None


def up_for(seconds):
    """What a program must be wrapped with to find that its machine started so long ago."""
    host_s = float(pathlib.Path("/proc/uptime").read_text().split()[0])
    command = ["unshare", "--time", "--boottime", str(int(seconds - host_s)), "--fork"]
    return command + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])


class CallError(Exception):
    """A call that the page counts as failed, with the words that it shows."""


class Page:
    """One tab of LimeApp's page, open on node `at`. What it decides is told in docs/limeapp.md; it has what a
    browser has: the answers, and what it remembers of its own calls until it is loaded anew."""

    ABORTABLE = ("READY_FOR_UPGRADE", "UPGRADE_SCHEDULED", "CONFIRMATION_PENDING", "ERROR")
    FOOTERS = {
        "UPDATE_AVAILABLE": ("Start mesh upgrade",),
        "DOWNLOADED_MAIN": ("Start",),
        "TRANSACTION_STARTED": ("Schedule upgrade", "Abort"),
        "UPGRADE_SCHEDULED": ("Schedule again", "Abort"),
        "CONFIRMATION_PENDING": ("Confirm", "Abort"),
        "ERROR": ("Abort",),
    }

    def __init__(self, mesh, at, newer_page=True):
        self.mesh = mesh  # nodes by name: .call(), .shared_state(), .address
        self.at = at
        self.newer_page = newer_page
        self.status = self.records = None
        self.status_failed = False
        self.scheduled = self.confirmed = None  # errors by node, of the last call in this tab
        self.version = self.ask_version()
        self.look()

    def ask_version(self):
        """Once: the page keeps it for as long as the tab is open."""
        try:
            return self.checked(self.mesh[self.at].call("is_new_version_available", EUPGRADE)).get("version")
        except CallError:
            return None

    @staticmethod
    def checked(answer):
        """LimeApp throws for these, before it looks at anything else."""
        assert isinstance(answer, dict)
        if answer.get("status") == "error":
            raise CallError(answer["message"])
        return answer

    def look(self):
        """What the page does every five seconds."""
        try:
            self.status = self.checked(self.mesh[self.at].call("get_node_status"))
            self.status_failed = False
        except (CallError, OSError):
            self.status_failed = True
        records = self.mesh[self.at].shared_state()
        if records is not None:
            self.records = records

    def state(self):
        """Which screen it shows: the first of these that fits."""
        mine = self.status
        if mine is None or self.records is None:
            return "INITIAL"
        download, upgrade = mine["eupgradestate"], mine["upgrade_state"]
        if download == "download-failed" or (not self.newer_page and upgrade == "ERROR"):
            return "ERROR"
        if upgrade in ("DEFAULT", "ABORTED"):
            return "UPDATE_AVAILABLE" if self.version else "NO_UPDATE"
        if mine["main_node"] == "STARTING":
            return "DOWNLOADED_MAIN" if download == "downloaded" else "DOWNLOADING_MAIN"
        if upgrade in ("READY_FOR_UPGRADE", "DOWNLOADING", "UPGRADE_SCHEDULED"):
            if upgrade == "UPGRADE_SCHEDULED" and self.status_failed:
                return "UPGRADING"
            if any(record["upgrade_state"] == "DOWNLOADING" for record in self.records.values()):
                return "NODES_DOWNLOADING"
            return "TRANSACTION_STARTED" if self.scheduled is None else "UPGRADE_SCHEDULED"
        if upgrade in ("CONFIRMATION_PENDING", "CONFIRMED"):
            return "CONFIRMATION_PENDING" if self.confirmed else upgrade
        return "ERROR" if upgrade == "ERROR" else "INITIAL"

    def buttons(self):
        return self.FOOTERS.get(self.state(), ())

    def error(self):
        """The text on the screen for ERROR."""
        return self.status["error"] if self.status["upgrade_state"] == "ERROR" else None

    def press(self, button):
        """What failed: nothing, or the words of each failure by node."""
        assert button in self.buttons(), f"there is no {button} in {self.state()}"
        if button == "Start mesh upgrade":
            return self.here("become_main_node")
        if button == "Start":
            return self.here("start_firmware_upgrade_transaction")
        if button in ("Schedule upgrade", "Schedule again"):
            self.scheduled = self.everywhere("start_safe_upgrade", ("READY_FOR_UPGRADE",))
            return self.scheduled
        if button == "Confirm":
            self.confirmed = self.everywhere("confirm_boot_partition", ("CONFIRMATION_PENDING",))
            return self.confirmed
        # The page keeps the results of an abort where those of a confirmation are.
        self.confirmed = self.everywhere("abort", self.ABORTABLE)
        return self.confirmed

    def here(self, method):
        try:
            self.succeed(self.mesh[self.at].call(method))
        except CallError as error:
            return {self.at: str(error)}  # which the page shows nowhere
        return {}

    def succeed(self, answer):
        if self.checked(answer).get("error"):
            raise CallError(answer["error"])

    def everywhere(self, method, states):
        """On every node whose record says so, at once."""
        by_address = {node.address: name for name, node in self.mesh.items()}
        targets = [by_address[record["node_ip"]] for record in self.records.values()
                   if record["node_ip"].strip() and record["upgrade_state"] in states]
        errors = {}

        def one(name):
            try:
                self.succeed(self.mesh[name].call(method))
            except CallError as error:
                errors[name] = str(error)

        with concurrent.futures.ThreadPoolExecutor(max(len(targets), 1)) as pool:
            list(pool.map(one, targets))
        return errors


class PageNode:
    """A node as the page reaches it: its methods, and shared-state."""

    def __init__(self, lab_node, address, door):
        self.lab_node, self.address, self.door = lab_node, address, door

    def call(self, method, name=WIZARD, **arguments):
        """Nobody answers while the node reboots; after that, it has just started."""
        moments = [event for event in self.lab_node.events() if event["what"] in ("boot", "power_off")]
        if moments[-1]["what"] == "power_off":
            raise ConnectionRefusedError(self.lab_node.name)
        up_s = time.monotonic() - moments[-1]["ms"] / 1000
        return self.door.call(method, name, wrap=up_for(max(up_s, 1)), **arguments)

    def shared_state(self):
        """The map that every shared-state peer of this node would get; None if nobody answers."""
        result = self.lab_node.run("sh", "-c", 'echo {} | "$1" "$2" 127.0.0.1 mesh_wide_upgrade', "sh",
                                   sys.executable, str(ROOT / "tests/lab/peer.py"))
        return json.loads(result["stdout"]) if result["status"] == 0 else None


class LimeCase(MeshCase):
    """A mesh with a door to LimeApp on every node."""

    def start_mesh(self, topology="triangle", release="release-2", mode="full", **options):
        if topology == "triangle":
            topology = self.draw(TRIANGLE)
        super().start_mesh(topology, **options)
        places = self.lab.ask(do="status")
        self.doors = {name: Door(node.directory, mode=mode, key=str(DATA / "operator.sec"),
                                 release=str(DATA / release), lockstep=str(BINARY),
                                 config=str(node.directory / "lockstep.json"))
                      for name, node in self.nodes.items()}
        self.mesh = {name: PageNode(node, places[name]["address"], self.doors[name])
                     for name, node in self.nodes.items()}

    def draw(self, text):
        DATA.mkdir(parents=True, exist_ok=True)
        path = DATA.parent / f"{self.id().rpartition('.')[2]}.mesh"
        path.write_text(text)
        self.addCleanup(path.unlink)
        return f"file:{path}"

    def open_page(self, at="node1", **options):
        return Page(self.mesh, at, **options)

    def wait_look(self, page, holds, what, timeout_s=90):
        """Until it holds for what the page sees, which looks again and again: seldom, as it does."""
        end = time.monotonic() + timeout_s
        page.look()
        while not holds():
            self.assertLess(time.monotonic(), end, f"{what} did not come: {page.state()}\n{self.lab.describe()}")
            time.sleep(LOOK_S)
            page.look()

    def wait_page(self, page, *states, timeout_s=90):
        self.wait_look(page, lambda: page.state() in states, f"the screen {' or '.join(states)}", timeout_s)

    def wait_records(self, page, state):
        """Until the whole mesh is in this state, as shared-state tells the page."""
        self.wait_look(page, lambda: {
            name for name, record in page.records.items() if record["upgrade_state"] == state} == set(self.nodes),
            f"{state} of all in shared-state")

    def press(self, page, button):
        """Without any failure."""
        self.assertEqual(page.press(button), {}, f"{button} in {page.state()}\n{self.lab.describe()}")

    def call_everywhere(self, method, names, times=1, **arguments):
        """At once: [(name, answer)]."""
        wanted = [name for _ in range(times) for name in names]
        with concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
            return list(zip(wanted, pool.map(lambda name: self.doors[name].call(method, **arguments), wanted)))

    def orders(self, at="node1"):
        """All orders of the present upgrade that a node knows, as their documents."""
        result = self.nodes[at].run("sh", "-c", 'echo {} | "$1" "$2" 127.0.0.1 lockstep_orders', "sh",
                                    sys.executable, str(ROOT / "tests/lab/peer.py"))
        self.assertEqual(result["status"], 0, result["stderr"])
        return {key: json.loads(value["order"]) for key, value in json.loads(result["stdout"]).items()}

    def orders_of_kind(self, kind, at="node1"):
        return [order for order in self.orders(at).values() if order["kind"] == kind]

    def assert_nothing_ordered(self):
        for name, node in self.nodes.items():
            self.assertNotIn("order_accepted", node.log(), name)
