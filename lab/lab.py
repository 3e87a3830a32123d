# SPDX-License-Identifier: AGPL-3.0-or-later
"""A mesh of network namespaces on this machine, with a real daemon in each (docs/lab.md).

The whole lab lives inside one unshared net, mount and PID namespace (and user namespace where we are
not root). Its server is process 1 in there: when it ends, however it ends, the kernel ends everything
that it started and takes every interface away. Nothing outside is touched.

Two halves:  Server runs inside, owns namespaces, links, boards and daemons.
             Lab is what tests and tools use from outside, over DIR/lab.sock and the nodes' own sockets.
"""
import argparse
import http.client
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from topology import TOPOLOGIES, LabError, parse_topology

ROOT = pathlib.Path(__file__).resolve().parent.parent
FLASHER = ROOT / "flashers" / "simulated"
MESH = "lab"
POLL_S = 0.03
CRASH_PAUSE_S = 0.2


# ---- inside --------------------------------------------------------------------------------------


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options)


def execute(command):
    """Runs it to its end: what it said, and what processor time it took with its children."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return {"status": process.returncode, "stdout": out.read(), "stderr": err.read(),
                "cpu_s": usage.ru_utime + usage.ru_stime}


class Node:
    """One router: its namespaces, its simulated board, and whoever runs on it."""

    def __init__(self, server, number, name, settings):
        self.server = server
        self.number = number
        self.name = name
        self.directory = server.directory / name
        self.device = self.directory / "device"
        self.address = f"10.77.{number // 250}.{number % 250 + 1}"
        self.board = settings.get("board", server.boards[number % len(server.boards)])
        self.slots = int(settings.get("slots", server.slots))
        self.program = server.programs.get(name, [str(server.binary)])
        self.interfaces = {}
        self.powered = False
        self.radio = False
        self.daemon = None
        self.lock = threading.RLock()
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--uts", "sh", "-c", f"hostname {name}; echo ok; exec sleep infinity"],
            stdout=subprocess.PIPE, text=True)
        self.holder.stdout.readline()
        self.pid = self.holder.pid
        self.netns = os.readlink(f"/proc/{self.pid}/ns/net")

    def inside(self, *command):
        return ["nsenter", "-t", str(self.pid), "-n", "-u", "--", *command]

    def prepare(self):
        for part in ("etc/trust/release", "etc/trust/operator", "etc/health.d", "state", "tmp", "log",
                     "device/faults", "device/slot_a", "device/slot_b"):
            (self.directory / part).mkdir(parents=True, exist_ok=True)
        for role in ("release", "operator"):
            for key in self.server.trust(role):
                shutil.copy(key, self.directory / "etc/trust" / role)
        (self.device / "board").write_text(self.board + "\n")
        (self.device / "slots").write_text(f"{self.slots}\n")
        image = self.server.images.get(self.board)
        if image and not (self.device / "slot_a/image").exists():
            shutil.copy(image, self.device / "slot_a/image")
        (self.directory / "lockstep.json").write_text(json.dumps(self.config(), indent=1))
        run(*self.inside("sh", "-c",
            "for f in default all; do echo 0 >/proc/sys/net/ipv6/conf/$f/accept_dad;"
            " echo 0 >/proc/sys/net/ipv6/conf/$f/dad_transmits; done;"
            " echo 1 >/proc/sys/net/ipv4/ip_forward; ip link set lo up;"
            # As routers do; not every machine lets a namespace choose.
            " { echo cubic >/proc/sys/net/ipv4/tcp_congestion_control; } 2>/dev/null || true;"
            f" ip address add {self.address}/32 dev lo"))

    def config(self):
        return {
            "mesh": MESH,
            "name": self.name,
            "address": self.address,
            "http": {"control": str(self.directory / "run.sock")},
            "gossip": {"host_file": str(self.directory / "shared-state/shared-state-async.conf"),
                       "attach": str(self.directory / "attach")},
            "neighbours": {"interfaces": list(self.interfaces.values()), **self.discover()},
            "flasher": str(FLASHER),
            "flasher_environment": {"LOCKSTEP_DEVICE": str(self.device)},
            "directories": {
                "config": str(self.directory / "etc"),
                "state": str(self.directory / "state"),
                "work": str(self.directory / "tmp"),
                "web": str(ROOT / "web"),
                "media": str(self.directory / "media"),
            },
            **self.server.extra_config,
        }

    # Programs of the router that a test may lay into its folder: `discover`, `attach`, and `host`, which runs from the
    # boot on, as a shared-state daemon does. With `alone` there it is all that runs.

    def discover(self):
        program = self.directory / "discover"
        return {"discover": str(program)} if program.exists() else {}

    def start_host(self):
        if (self.directory / "host").exists():
            with open(self.directory / "log/host.log", "ab") as log:
                subprocess.Popen(self.inside(str(self.directory / "host")), stdout=log, stderr=log,
                                 stdin=subprocess.DEVNULL, start_new_session=True)

    def note(self, what, **more):
        entry = {"ms": int(time.monotonic() * 1000), "node": self.name, "what": what, **more}
        with open(self.directory / "log/events.jsonl", "a") as log:
            log.write(json.dumps(entry) + "\n")

    def fault(self, name):
        return (self.device / "faults" / name).exists()

    # -- power

    def processes(self):
        """All in this node's namespace but its holder."""
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) in (1, self.pid):
                continue
            try:
                if os.readlink(f"/proc/{entry}/ns/net") == self.netns:
                    yield int(entry)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                pass

    def usage(self):
        """What the processes in here have taken so far: name, peak of memory, processor time; and what they hold now, of
        it what is mapped of files that they work on."""
        found = []
        for pid in self.processes():
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                times = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                maps = pathlib.Path(f"/proc/{pid}/smaps").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            facts = dict(line.split(":", 1) for line in status.splitlines())
            found.append({"name": facts["Name"].strip(), "rss_kib": int(facts.get("VmHWM", "0 kB").split()[0]),
                          "rss_now_kib": int(facts.get("VmRSS", "0 kB").split()[0]),
                          "mapped_kib": self.mapped_kib(maps),
                          "cpu_s": (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")})
        return found

    def mapped_kib(self, maps):
        """Of what /proc/PID/smaps tells: files in this node's tmp."""
        kib, ours = 0, False
        for line in maps.splitlines():
            if not line.split(None, 1)[0].endswith(":"):
                ours = f"{self.directory}/tmp/" in line
            elif ours and line.startswith("Rss:"):
                kib += int(line.split()[1])
        return kib

    def kill_all(self):
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.daemon:
            self.daemon.wait()
            self.daemon = None

    def set_radio(self, on):
        if self.radio == on:
            return
        self.radio = on
        self.server.refresh_links(self)

    def power_off(self):
        with self.lock:
            self.powered = False
            self.kill_all()
            self.set_radio(False)
            shutil.rmtree(self.directory / "tmp", ignore_errors=True)
            (self.directory / "tmp").mkdir(exist_ok=True)  # a file system of its own stays
            for name in ("reboot", "power_cut_now"):
                (self.device / name).unlink(missing_ok=True)
            self.note("power_off")

    def boot(self, delay_s):
        """Comes up after a while; the boot loader says with what."""
        with self.lock:
            self.powered = True
            self.boot_at = time.monotonic() + delay_s

    def reboot(self, why):
        self.note("reboot", why=why)
        self.power_off()
        self.boot(self.server.boot_s)

    def come_up(self):
        result = subprocess.run([str(FLASHER), "boot"], capture_output=True, text=True,
                                env={**os.environ, "LOCKSTEP_DEVICE": str(self.device)})
        self.boot_at = None
        if result.returncode:
            self.note("dead", message=result.stderr.strip())
            self.powered = False
            return
        trial = (self.device / "trial_booted").exists()
        self.note("boot", slot=(self.device / "active").read_text().strip(), trial=trial)
        self.set_radio(not (trial and self.fault("no_mesh")))
        self.start_host()
        if not (self.server.bare or (self.directory / "alone").exists() or trial and self.fault("no_daemon")):
            self.start_daemon()

    def start_daemon(self):
        log = open(self.directory / "log/daemon.log", "ab")
        # Where build/tests/lockstep-cuts finds its plan; nobody else looks at it.
        environment = {**os.environ, "LOCKSTEP_CUTS": str(self.directory)}
        self.daemon = subprocess.Popen(
            self.inside(*self.program, "daemon", "--config",
                        str(self.directory / "lockstep.json"), *self.server.daemon_options),
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
        log.close()
        (self.directory / "daemon.pid").write_text(f"{self.daemon.pid}\n")
        self.note("daemon_start", pid=self.daemon.pid)

    # -- the supervisor's look, many times a second

    boot_at = None
    restart_at = None

    def look(self):
        with self.lock:
            if not self.powered:
                return
            now = time.monotonic()
            if self.boot_at is not None:
                if now >= self.boot_at:
                    self.come_up()
                return
            if (self.device / "power_cut_now").exists():
                self.reboot("power cut")
            elif (self.device / "reboot").exists():
                self.reboot("flasher")
            elif self.window_is_over():
                self.reboot("confirm window over")
            elif self.daemon and self.daemon.poll() is not None:
                self.note("daemon_end", status=self.daemon.returncode)
                self.daemon = None
                self.restart_at = now + CRASH_PAUSE_S
            elif not self.daemon and self.restart_at and now >= self.restart_at:
                self.restart_at = None
                self.start_daemon()

    def window_is_over(self):
        try:
            deadline = float((self.device / "deadline").read_text())
        except (FileNotFoundError, ValueError):
            return False
        return float(pathlib.Path("/proc/uptime").read_text().split()[0]) >= deadline


class Server:
    def __init__(self, arguments):
        self.directory = pathlib.Path(arguments.dir).resolve()
        self.binary = pathlib.Path(arguments.binary).resolve()
        self.programs = {name: shlex.split(command)
                         for name, command in (item.split("=", 1) for item in arguments.program)}
        self.boards = arguments.boards.split(",,") if ",," in arguments.boards else [
            board.replace("/", ",") for board in arguments.boards.split()]
        self.slots = arguments.slots
        self.boot_s = arguments.boot
        self.rate = arguments.rate
        self.air = arguments.air
        self.keys = pathlib.Path(arguments.keys).resolve() if arguments.keys else None
        self.images = dict(item.split("=", 1) for item in arguments.image)
        self.extra_config = json.loads(arguments.config)
        self.daemon_options = ["--debug"] if arguments.debug else []
        self.leashed = arguments.leashed
        self.bare = arguments.bare
        self.lock = threading.RLock()
        names, links, settings = parse_topology(arguments.topology)
        self.links_down = set()
        self.nodes = {}
        for number, name in enumerate(names):
            self.nodes[name] = Node(self, number, name, settings.get(name, {}))
        self.links = []
        self.make_links(links, settings)
        for node in self.nodes.values():
            node.prepare()

    def trust(self, role):
        return sorted((self.keys / role).glob("*.pub")) if self.keys else []

    # -- links

    def make_links(self, links, settings):
        batch = []
        for a, b in links:
            one, other = self.nodes[a], self.nodes[b]
            one.interfaces[b], other.interfaces[a] = f"to-{b}"[:15], f"to-{a}"[:15]
            ends = [f"x{len(self.links)}{end}" for end in "ab"]
            if self.air:
                batch += self.over_the_air(ends)
            else:
                batch.append(f"link add {ends[0]} type veth peer name {ends[1]}")
            batch.append(f"link set {ends[0]} netns {one.pid} name {one.interfaces[b]}")
            batch.append(f"link set {ends[1]} netns {other.pid} name {other.interfaces[a]}")
            self.links.append((a, b))
        run("ip", "-batch", "-", input="\n".join(batch) + "\n")
        if self.air:
            self.share_the_air()
        for a, b in self.links:
            rate = settings.get((a, b), {}).get("rate", self.rate)
            if not rate:
                continue
            for node, peer in ((self.nodes[a], b), (self.nodes[b], a)):
                # Frame by frame, as over the air: else several count as one and come as one.
                run(*node.inside("ip", "link", "set", node.interfaces[peer], "gso_max_segs", "1"))
                run(*node.inside("tc", "qdisc", "add", "dev", node.interfaces[peer], "root", "tbf",
                                 "rate", rate, "burst", "16kb", "latency", "400ms"))

    @staticmethod
    def over_the_air(ends):
        """A link of two halves with a bridge between them, where all that passes can be caught."""
        bridge = f"{ends[0]}b"
        yield f"link add {bridge} type bridge mcast_snooping 0"
        yield f"link set {bridge} up"
        for end in ends:
            yield f"link add {end} type veth peer name {end}h"
            yield f"link set {end}h master {bridge} up"

    def share_the_air(self):
        """All links are one radio channel: whoever sends, the others wait."""
        run("ip", "link", "add", "air", "type", "ifb")
        run("ip", "link", "set", "air", "up")
        run("tc", "qdisc", "add", "dev", "air", "root", "tbf", "rate", self.air, "burst", "16kb",
            "latency", "400ms")
        batch = []
        for number in range(len(self.links)):
            for end in "ab":
                batch.append(f"qdisc add dev x{number}{end}h ingress")
                batch.append(f"filter add dev x{number}{end}h parent ffff: protocol all u32 match u32 0 0 "
                             "action mirred egress redirect dev air")
        run("tc", "-batch", "-", input="\n".join(batch) + "\n")

    def works(self, a, b):
        return (self.nodes[a].radio and self.nodes[b].radio and
                frozenset((a, b)) not in self.links_down)

    def refresh_links(self, *changed):
        """Sets interfaces up or down and lets the pretended routing protocol converge."""
        with self.lock:
            for node in changed:
                batch = "".join(
                    f"link set {interface} "
                    f"{'up' if node.radio and frozenset((node.name, peer)) not in self.links_down else 'down'}\n"
                    for peer, interface in node.interfaces.items())
                if batch:
                    run(*node.inside("ip", "-batch", "-"), input=batch)
            self.refresh_routes()

    def refresh_routes(self):
        around = {name: [] for name in self.nodes}
        for a, b in self.links:
            if self.works(a, b):
                around[a].append(b)
                around[b].append(a)
        for node in self.nodes.values():
            if not node.radio:
                continue
            first, queue, seen = {}, [node.name], {node.name}
            while queue:
                at = queue.pop(0)
                for peer in around[at]:
                    if peer not in seen:
                        seen.add(peer)
                        first[peer] = first.get(at, peer)
                        queue.append(peer)
            routes = ["route flush proto 77"]
            # Direct neighbours first: the others are reached through them.
            for target in sorted(first, key=lambda name: first[name] != name):
                via = self.nodes[first[target]].address
                hop = "" if first[target] == target else f"via {via} "
                routes.append(
                    f"route replace {self.nodes[target].address}/32 {hop}"
                    f"dev {node.interfaces[first[target]]} src {node.address} proto 77"
                    f"{' onlink' if hop else ''}")
            subprocess.run(node.inside("ip", "-force", "-batch", "-"),
                           input="\n".join(routes) + "\n", capture_output=True, text=True)

    def set_link(self, a, b, up):
        if (a, b) not in self.links and (b, a) not in self.links:
            raise LabError(f"there is no link between {a} and {b}")
        with self.lock:
            if up:
                self.links_down.discard(frozenset((a, b)))
            else:
                self.links_down.add(frozenset((a, b)))
            self.refresh_links(self.nodes[a], self.nodes[b])

    # -- orders from outside

    def node(self, name):
        if name not in self.nodes:
            raise LabError(f"there is no node {name}")
        return self.nodes[name]

    def obey(self, request):
        what = request["do"]
        if what == "status":
            return {name: {"powered": node.powered, "radio": node.radio, "board": node.board,
                           "address": node.address, "directory": str(node.directory),
                           "daemon": node.daemon.pid if node.daemon else None}
                    for name, node in self.nodes.items()}
        if what == "link":
            self.set_link(request["a"], request["b"], request["up"])
        elif what == "power":
            node = self.node(request["node"])
            if request["on"]:
                node.boot(self.boot_s)
            else:
                node.power_off()
        elif what == "kill_daemon":
            node = self.node(request["node"])
            with node.lock:
                if node.daemon:
                    node.daemon.send_signal(request.get("signal", signal.SIGKILL))
        elif what == "exec":
            return execute(self.node(request["node"]).inside(*request["command"]))
        elif what == "usage":
            return self.node(request["node"]).usage()
        elif what == "stop":
            self.end()
        else:
            raise LabError(f"unknown request {what}")
        return {}

    def end(self):
        os._exit(0)  # process 1 of the PID namespace: the kernel ends everything else

    def end_with_input(self):
        """Whoever started the lab holds the other end, and lets go of it however he dies."""
        while sys.stdin.buffer.read(1):
            pass
        self.end()

    def serve_one(self, connection):
        with connection, connection.makefile("rw") as stream:
            for line in stream:
                try:
                    answer = {"ok": self.obey(json.loads(line))}
                except Exception as error:  # whatever it is, the asker should hear of it
                    answer = {"error": f"{type(error).__name__}: {error}"}
                try:
                    stream.write(json.dumps(answer) + "\n")
                    stream.flush()
                except OSError:
                    return

    def serve(self):
        path = self.directory / "lab.sock"
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(64)
        for node in self.nodes.values():
            node.boot(0)

        def look():
            while True:
                for node in self.nodes.values():
                    try:
                        node.look()
                    except Exception as error:
                        print(f"lab: {node.name}: {error}", file=sys.stderr, flush=True)
                time.sleep(POLL_S)

        threading.Thread(target=look, daemon=True).start()
        signal.signal(signal.SIGTERM, lambda *_: self.end())
        signal.signal(signal.SIGINT, lambda *_: self.end())
        if self.leashed:
            threading.Thread(target=self.end_with_input, daemon=True).start()
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self.serve_one, args=(connection,), daemon=True).start()


# ---- outside -------------------------------------------------------------------------------------


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=10):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class LabNode:
    """A node as seen from outside."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.program = lab.programs.get(name, [str(lab.binary)])
        self.directory = lab.directory / name
        self.device = self.directory / "device"
        self.socket = self.directory / "run.sock"

    def request(self, method, path, body=None):
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def get(self, path):
        """JSON of a GET; None if the node does not answer now."""
        try:
            status, body = self.request("GET", path)
        except OSError:
            return None
        except http.client.HTTPException:
            return None
        return json.loads(body) if status == 200 else None

    def status(self):
        return self.get("/v1/status") or {"state": None, "version": None, "reason": None}

    def state(self):
        return self.status()["state"]

    def cli(self, *arguments, check=True, stdin=None):
        result = subprocess.run(
            [*self.program, *arguments], capture_output=True, text=True, input=stdin,
            env={**os.environ, "LOCKSTEP_SOCKET": str(self.socket)})
        if check and result.returncode:
            raise LabError(f"lockstep {' '.join(arguments)} on {self.name}: exit "
                           f"{result.returncode}: {result.stdout}{result.stderr}")
        return result

    def fault(self, name, content=""):
        (self.device / "faults" / name).write_text(content)

    def clear_faults(self):
        for fault in (self.device / "faults").iterdir():
            fault.unlink()

    def power_off(self):
        self.lab.ask(do="power", node=self.name, on=False)

    def power_on(self):
        self.lab.ask(do="power", node=self.name, on=True)

    def kill_daemon(self, number=signal.SIGKILL):
        self.lab.ask(do="kill_daemon", node=self.name, signal=int(number))

    def run(self, *command, timeout_s=60):
        return self.lab.ask(do="exec", node=self.name, command=list(command), timeout_s=timeout_s)

    def log(self):
        try:
            return (self.directory / "log/daemon.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def events(self):
        try:
            lines = (self.directory / "log/events.jsonl").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines]


class Lab:
    """Starts a lab and ends it with the block: with Lab(topology="grid:3x3", …) as lab: …"""

    def __init__(self, topology, binary=None, directory=None, boards=("demo,alpha",), rate="",
                 slots=2, boot_s=2.0, keys=None, images=None, config=None, debug=False, bare=False, air="",
                 programs=None):
        self.topology = topology
        self.programs = programs or {}
        self.binary = pathlib.Path(binary or os.environ.get("LOCKSTEP", ROOT / "build/lockstep"))
        self.own_directory = directory is None
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="lockstep-lab-"))
        self.arguments = [
            "--topology", topology, "--binary", str(self.binary), "--dir", str(self.directory),
            "--boards", " ".join(board.replace(",", "/") for board in boards), "--rate", rate, "--air", air,
            "--slots", str(slots), "--boot", str(boot_s), "--config", json.dumps(config or {})]
        if keys:
            self.arguments += ["--keys", str(keys)]
        for board, image in (images or {}).items():
            self.arguments += ["--image", f"{board}={image}"]
        for name, command in self.programs.items():
            self.arguments += ["--program", f"{name}={shlex.join(command)}"]
        if debug:
            self.arguments += ["--debug"]
        if bare:
            self.arguments += ["--bare"]
        self.process = None
        self.nodes = {}

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            unshare_command() + [sys.executable, __file__, "serve", "--leashed", *self.arguments],
            stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            self.process.wait()
            raise LabError("the lab did not start; see the messages above")
        self.attach()
        return self

    def attach(self):
        for name in self.ask(do="status"):
            self.nodes[name] = LabNode(self, name)

    def stop(self):
        if self.process:
            try:
                self.ask(do="stop")
            except (LabError, OSError):
                pass
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
            self.process.stdin.close()
            self.process = None
        if self.own_directory and not os.environ.get("LAB_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def ask(self, **request):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(request.pop("timeout_s", 60))
            connection.connect(str(self.directory / "lab.sock"))
            with connection.makefile("rw") as stream:
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                line = stream.readline()
        answer = json.loads(line) if line else {"ok": {}}
        if "error" in answer:
            raise LabError(answer["error"])
        return answer["ok"]

    def sent_bytes(self):
        """By (node, neighbour): what has left over this link so far, Ethernet headers included."""
        sent = {}
        for name, node in self.nodes.items():
            for line in node.run("cat", "/proc/net/dev")["stdout"].splitlines():
                interface, _, counters = line.strip().partition(":")
                if interface.startswith("to-"):
                    sent[name, interface[3:]] = int(counters.split()[8])
        return sent

    def link_down(self, a, b):
        self.ask(do="link", a=a, b=b, up=False)

    def link_up(self, a, b):
        self.ask(do="link", a=a, b=b, up=True)

    def states(self):
        return {name: node.state() for name, node in self.nodes.items()}

    def wait(self, holds, timeout_s, what):
        """Until holds() is true; says what every node was doing if that never comes."""
        end = time.monotonic() + timeout_s
        while True:
            if holds():
                return
            if time.monotonic() > end:
                raise LabError(f"{what} did not come within {timeout_s} s:\n{self.describe()}")
            time.sleep(0.05)

    def wait_state(self, state, timeout_s, nodes=None):
        names = nodes or list(self.nodes)
        self.wait(lambda: all(self.nodes[name].state() == state for name in names), timeout_s,
                  f"{state} of {', '.join(names)}")

    def describe(self):
        lines = []
        for name, node in self.nodes.items():
            status = node.status()
            lines.append(f"{name}: {status['state']} {status.get('reason')} "
                         f"{status.get('message', '')} {status.get('version')}")
            lines += ["    " + line for line in node.log().splitlines()[-6:]]
        return "\n".join(lines)

    def flash_moments_ms(self):
        """When each node's flash began, in milliseconds of the clock that all share here."""
        moments = {}
        for name, node in self.nodes.items():
            for line in node.log().splitlines():
                if " flash: the flash begins" in line:
                    moments[name] = float(line.split()[0]) * 1000
        return moments


def unshare_command():
    command = ["unshare", "--net", "--mount", "--pid", "--mount-proc", "--fork",
               "--kill-child=SIGKILL"]
    if os.geteuid() != 0:
        command += ["--user", "--map-root-user"]
    return command


# ---- the tool ------------------------------------------------------------------------------------


def add_setup(parser):
    parser.add_argument("--topology", default="grid:3x3",
                        help=TOPOLOGIES)
    parser.add_argument("--binary", default=str(ROOT / "build/lockstep"))
    parser.add_argument("--program", action="append", default=[], metavar="NODE=COMMAND",
                        help="what a node runs instead; words in the place of the binary")
    parser.add_argument("--dir", default="/tmp/lockstep-lab", help="where everything of it lies")
    parser.add_argument("--boards", default="demo/alpha",
                        help="board names, '/' for ',', given out in turn")
    parser.add_argument("--rate", default="", help="of each link and direction, such as 20mbit")
    parser.add_argument("--air", default="", help="all links share this rate, as radios on one channel")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--boot", type=float, default=2.0, help="seconds that a boot takes")
    parser.add_argument("--keys", default="", help="directory with release/*.pub and operator/*.pub")
    parser.add_argument("--image", action="append", default=[], metavar="BOARD=FILE",
                        help="what is flashed at first")
    parser.add_argument("--config", default="{}", help="more members for every lockstep.json")
    parser.add_argument("--debug", action="store_true")
    parser.add_argument("--bare", action="store_true", help="no daemons: only the network")
    parser.add_argument("--leashed", action="store_true", help="end when standard input ends")


def attach(directory):
    lab = Lab("", directory=directory)
    lab.own_directory = False
    try:
        lab.attach()
    except OSError:
        raise LabError(f"no lab runs in {directory}; start one with lab/lab up") from None
    return lab


def up(arguments, raw):
    """Stays in the foreground; the lab lives as long as this does."""
    server = subprocess.Popen(unshare_command() + [sys.executable, __file__, "serve", *raw])
    print(f"The lab lies in {arguments.dir}; Ctrl-C ends it.", flush=True)
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        return server.wait() and 0


def main():
    parser = argparse.ArgumentParser(
        prog="lab", description="A mesh of network namespaces on this machine (docs/lab.md).")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("up", "build a mesh and run it until Ctrl-C"), ("serve", argparse.SUPPRESS)):
        add_setup(commands.add_parser(name, help=text))
    for name, text in (("status", "nodes, addresses, states"), ("down", "end the lab")):
        commands.add_parser(name, help=text).add_argument("--dir", default="/tmp/lockstep-lab")
    for name, text, words in (("link", "take a link down, or up again", ("how", "a", "b")),
                              ("power", "cut a node's power, or give it back", ("how", "node")),
                              ("exec", "run a program on a node", ("node",)),
                              ("cli", "run lockstep against a node", ("node",))):
        sub = commands.add_parser(name, help=text)
        sub.add_argument("--dir", default="/tmp/lockstep-lab")
        for word in words:
            sub.add_argument(word)
        if name in ("exec", "cli"):
            sub.add_argument("rest", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if arguments.command == "serve":
        Server(arguments).serve()
    if arguments.command == "up":
        return up(arguments, sys.argv[2:])
    lab = attach(arguments.dir)
    if arguments.command == "status":
        for name, node in lab.ask(do="status").items():
            print(f"{name:10} {node['address']:14} {'on ' if node['powered'] else 'off'} "
                  f"{lab.nodes[name].state() or '-'}")
    elif arguments.command == "down":
        lab.ask(do="stop")
    elif arguments.command == "link":
        lab.ask(do="link", a=arguments.a, b=arguments.b, up=arguments.how == "up")
    elif arguments.command == "power":
        lab.ask(do="power", node=arguments.node, on=arguments.how == "on")
    elif arguments.command == "exec":
        result = lab.nodes[arguments.node].run(*arguments.rest)
        sys.stdout.write(result["stdout"])
        sys.stderr.write(result["stderr"])
        return result["status"]
    elif arguments.command == "cli":
        result = lab.nodes[arguments.node].cli(*arguments.rest, check=False)
        sys.stdout.write(result.stdout)
        sys.stderr.write(result.stderr)
        return result.returncode
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LabError, KeyError) as error:
        print(f"lab: {error}", file=sys.stderr)
        sys.exit(1)
