# SPDX-License-Identifier: AGPL-3.0-or-later
"""The runs of bench/spread: one image, from the first node to all others of a lab, by several methods.

Each method gets a lab whose nodes are up and returns after the last node has verified the image. What is
measured around it is the same for all."""
import collections
import dataclasses
import functools
import hashlib
import json
import queue
import shutil
import subprocess
import sys
import threading
import time

from mesh import ALPHA, BINARY, DATA, Lab, lockstep, prepare
from lab import ROOT
from topology import parse_topology

CHUNK = 65536
WAIT_S = 600
WEB_PORT = 8080
TRACKER_PORT = 6969


@dataclasses.dataclass
class Shape:
    topology: str
    min_cut: int  # links that the node with the fewest has: no node can get more than they give

    @functools.cached_property
    def names(self):
        return parse_topology(self.topology)[0]

    @functools.cached_property
    def parents(self):
        """Of each node: the neighbour that is one hop nearer to the first node."""
        around = {name: [] for name in self.names}
        for a, b in parse_topology(self.topology)[1]:
            around[a].append(b)
            around[b].append(a)
        parents, at = {self.names[0]: None}, [self.names[0]]
        for name in at:
            for peer in around[name]:
                if peer not in parents:
                    parents[peer] = name
                    at.append(peer)
        return parents

    @functools.cached_property
    def hops(self):
        def depth(name):
            return 0 if self.parents[name] is None else 1 + depth(self.parents[name])
        return max(depth(name) for name in self.names)


SHAPES = {"chain": Shape("chain:8", 1), "grid": Shape("grid:4x4", 2), "tree": Shape("tree:15", 1),
          "clusters": Shape("clusters:4x4", 1)}


def bound_s(shape, size, rate_bit, air=False):
    """No method can be faster: the last node's links must carry the image, and the hops before it a chunk; over the air,
    all of them share one rate."""
    if air:
        return size * (len(SHAPES[shape].names) - 1) * 8 / rate_bit
    return (size / SHAPES[shape].min_cut + SHAPES[shape].hops * CHUNK) * 8 / rate_bit


def prepare_image(mib):
    """An image that does not compress, and a release with it."""
    prepare()
    image = DATA / f"spread-{mib}.bin"
    if not (DATA / f"spread-{mib}/release.json").exists():
        subprocess.run([str(ROOT / "lab/image"), "--board", ALPHA, "--version", "Demo 9.0", "--noise",
                        "--size", str(mib), "--out", str(image)], check=True, stdout=subprocess.DEVNULL)
        lockstep("release", "create", "--version", "Demo 9.0", "--sequence", "9", "--image",
                 f"{ALPHA}={image}", "--out", f"spread-{mib}")
        lockstep("release", "sign", "--key", "release.sec", f"spread-{mib}")
    return image


class Run:
    """One lab, one method."""

    def __init__(self, lab, shape, image):
        self.lab, self.shape, self.image = lab, shape, image
        self.nodes = [lab.nodes[name] for name in shape.names]
        self.first, self.others = self.nodes[0], self.nodes[1:]
        self.addresses = {name: facts["address"] for name, facts in lab.ask(do="status").items()}
        self.sha256 = hashlib.sha256(image.read_bytes()).hexdigest()
        self.cpu_s = 0.0
        self.ready_s = None  # with all other checks, where there are any
        self.begin_s = None  # when it began, by the clock of the daemons' logs

    def on(self, node, command, *more):
        """Runs a line of shell on a node; it must succeed."""
        result = node.run("sh", "-c", command, "sh", *map(str, more), timeout_s=WAIT_S)
        if result["status"]:
            raise RuntimeError(f"{node.name}: {command}: {result['stdout']}{result['stderr']}")
        self.cpu_s += result["cpu_s"]
        return result["stdout"]

    def on_all(self, work):
        """work(node) for all that need the image, side by side."""
        failed = queue.Queue()

        def one(node):
            try:
                work(node)
            except Exception as error:
                failed.put(error)

        threads = [threading.Thread(target=one, args=(node,)) for node in self.others]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not failed.empty():
            raise failed.get()

    def copy_of(self, node):
        return node.directory / "tmp/image"

    def serve(self, node):
        """A web server with the node's copy."""
        folder = node.directory / "tmp"
        (folder / "nginx.conf").write_text(
            f"user root; worker_processes 1; pid {folder}/pid; error_log /dev/null; events {{}} "
            f"http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; "
            f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; "
            f"server {{ listen {WEB_PORT}; root {folder}; }} }}")
        self.on(node, 'exec nginx -c "$1"', folder / "nginx.conf")

    def fetch(self, node, source):
        """The whole file, verified."""
        self.on(node, 'curl -sf -o "$1" "http://$2/image" && echo "$3  $1" | sha256sum -c --quiet',
                self.copy_of(node), f"{self.addresses[source.name]}:{WEB_PORT}", self.sha256)


# ---- the methods ---------------------------------------------------------------------------------


def moment_of(node, words):
    """When the last line with these words was logged, in seconds of the clock that all share here; or None."""
    lines = [line for line in node.log().splitlines() if all(word in line for word in words)]
    return float(lines[-1].split()[0]) if lines else None


class Lockstep:
    """An upgrade up to the moment when each chunk on each node has the hash that the signed release names. After that
    the nodes read the whole file once more and ask their flashers: until all are ready."""

    @staticmethod
    def prepare(run):
        links = len(parse_topology(run.shape.topology)[1])

        def is_settled(node):
            """Knows all, and all have timed their links."""
            rows = (node.get("/v1/mesh") or {"nodes": []})["nodes"]
            return sum(len(row["links"]) for row in rows) == 2 * links

        run.lab.wait(lambda: all(is_settled(node) for node in run.nodes), 60, "a mesh that knows itself")

    @staticmethod
    def work(run):
        release = run.image.with_suffix("")
        run.first.cli("start", str(release), "--key", str(DATA / "operator.sec"))
        # Who asks takes processor time from those who are measured.
        end = time.monotonic() + WAIT_S
        while not all(moment_of(node, ("state:", "UPGRADE_READY")) for node in run.nodes):
            if time.monotonic() > end:
                raise RuntimeError(f"the image does not come everywhere\n{run.lab.describe()}")
            time.sleep(0.5)
        begin = moment_of(run.first, ("order_accepted", "start"))
        run.begin_s = begin
        run.ready_s = max(moment_of(node, ("state:", "UPGRADE_READY")) for node in run.nodes) - begin
        return max(moment_of(node, ("image:", "chunks are here")) for node in run.nodes) - begin


class Star:
    """Every node fetches from the first one, as upstream does."""

    @staticmethod
    def prepare(run):
        shutil.copy(run.image, run.copy_of(run.first))
        run.serve(run.first)

    @staticmethod
    def work(run):
        run.on_all(lambda node: run.fetch(node, run.first))


class Hops:
    """Each node fetches the whole file from the one before it, when that has it."""

    @staticmethod
    def prepare(run):
        shutil.copy(run.image, run.copy_of(run.first))
        for node in run.nodes:
            run.serve(node)

    @staticmethod
    def work(run):
        there = {node.name: threading.Event() for node in run.nodes}
        there[run.first.name].set()

        def one(node):
            parent = run.shape.parents[node.name]
            there[parent].wait(WAIT_S)
            run.fetch(node, run.lab.nodes[parent])
            there[node.name].set()

        run.on_all(one)


class BitTorrent:
    """aria2 on every node, one tracker, pieces of 64 KiB."""

    OPTIONS = ("--enable-dht=false --enable-dht6=false --bt-enable-lpd=false --check-integrity=true --seed-ratio=0 "
               "--bt-tracker-interval=1 --bt-max-peers=0 --bt-request-peer-speed-limit=0 --summary-interval=0 "
               "--console-log-level=error --file-allocation=none --listen-port=6881 --disk-cache=4M")

    @staticmethod
    def torrent(run):
        image = run.image.read_bytes()
        pieces = b"".join(hashlib.sha1(image[at:at + CHUNK]).digest() for at in range(0, len(image), CHUNK))
        announce = f"http://{run.addresses[run.first.name]}:{TRACKER_PORT}/announce".encode()
        info = b"d6:lengthi%de4:name5:image12:piece lengthi%de6:pieces%d:%se" % (
            len(image), CHUNK, len(pieces), pieces)
        return b"d8:announce%d:%s4:info%se" % (len(announce), announce, info)

    @staticmethod
    def begin(run, node):
        """In the background; `done` appears beside the image when all of it is there."""
        folder = node.directory / "tmp"
        hook = folder / "hook"
        hook.write_text(f"#!/bin/sh\n: >{folder}/done\n")
        hook.chmod(0o755)
        run.on(node, f'aria2c -d "$1" --on-bt-download-complete="$2" {BitTorrent.OPTIONS} "$3" '
                     '>/dev/null 2>&1 </dev/null &', folder, hook, run.lab.directory / "image.torrent")

    @staticmethod
    def prepare(run):
        (run.lab.directory / "image.torrent").write_bytes(BitTorrent.torrent(run))
        shutil.copy(run.image, run.copy_of(run.first))
        run.on(run.first, '"$1" "$2" "$3" >/dev/null 2>&1 </dev/null &', sys.executable,
               ROOT / "bench/tracker.py", TRACKER_PORT)
        time.sleep(0.5)
        BitTorrent.begin(run, run.first)
        time.sleep(1.5)

    @staticmethod
    def work(run):
        run.on_all(lambda node: BitTorrent.begin(run, node))
        end = time.monotonic() + WAIT_S
        while not all((node.directory / "tmp/done").exists() for node in run.others):
            if time.monotonic() > end:
                raise RuntimeError("aria2 does not come to an end")
            time.sleep(0.02)


def listen(run):
    """Writes down on every node what its neighbours tell of their chunks."""
    for node in run.nodes:
        run.on(node, 'to="$1"; shift; "$@" >"$to" 2>&1 </dev/null &', node.directory / "progress", sys.executable,
               ROOT / "bench/listener.py", *(f"to-{peer}"[:15] for peer in node_peers(run, node)))


def node_peers(run, node):
    return [b if a == node.name else a for a, b in parse_topology(run.shape.topology)[1] if node.name in (a, b)]


def heard_progress(run):
    """By node: when it had told first of so many chunks, as (seconds, chunks); and the bytes by what they were for."""
    time.sleep(1)  # the last are told of twice a second
    first, purposes = {}, collections.Counter()
    for node in run.nodes:
        counted = {}
        for line in (node.directory / "progress").read_text().splitlines():
            seconds, name, count = line.split()
            if seconds == "bytes":
                counted = json.loads(name)
                continue
            key = name, int(count)
            first[key] = min(first.get(key, float("inf")), float(seconds) - run.begin_s)
        purposes.update(counted)
    return {node.name: sorted((seconds, count) for (name, count), seconds in first.items() if name == node.name)
            for node in run.others}, purposes


METHODS = {"lockstep": Lockstep, "star": Star, "hops": Hops, "aria2": BitTorrent}


def spread(shape_name, method_name, image, rate, air="", trace=False):
    shape, method = SHAPES[shape_name], METHODS[method_name]
    with Lab(shape.topology, binary=BINARY, boards=(ALPHA,), keys=DATA / "keys", boot_s=0.1,
             rate="" if air else f"{rate}mbit", air=air, images={ALPHA: DATA / "demo_alpha-1.bin"},
             bare=method is not Lockstep) as lab:
        lab.wait(lambda: all(facts["radio"] for facts in lab.ask(do="status").values()), 60, "links")
        run = Run(lab, shape, image)
        method.prepare(run)
        if trace:
            listen(run)
        before, begin = lab.sent_bytes(), time.monotonic()
        cpu_s = sum(use["cpu_s"] for node in run.nodes for use in lab.ask(do="usage", node=node.name))
        took_s = method.work(run) or time.monotonic() - begin
        sent = lab.sent_bytes()
        for node in run.nodes if method is not Lockstep else ():
            if hashlib.sha256(run.copy_of(node).read_bytes()).hexdigest() != run.sha256:
                raise RuntimeError(f"{node.name} has a wrong image")
        usage = {node.name: lab.ask(do="usage", node=node.name) for node in run.nodes}
        moved = [sent[link] - before[link] for link in sent]
        progress, purposes = heard_progress(run) if trace else ({}, {})
        return {"progress": progress, "purposes": purposes, "s": took_s, "ready_s": run.ready_s or took_s, "bytes": sum(moved), "busiest": max(moved),
                "rss_kib": max(sum(use["rss_kib"] for use in uses) for uses in usage.values()),
                "cpu_s": run.cpu_s + sum(use["cpu_s"] for uses in usage.values() for use in uses) - cpu_s}
