# SPDX-License-Identifier: AGPL-3.0-or-later
"""A shared-state-async of our own, for tests: a plain peer that knows nothing of Lockstep. It follows docs/gossip.md and
what that program is known to do: one exchange at a time, a configuration that `register` writes and that it reads again
every second, a neighbour list from a discover program, hooks after every significant change, TTLs in whole seconds.

    plain.py FOLDER peer | register NAME SCOPE INTERVAL TTL | insert TYPE | get TYPE

FOLDER has shared-state-async.conf, discover (addresses, one a line) and hooks/TYPE/*."""
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import time

from peer import receive

PORT, ENTRY_TTL_S, SIZE_MAX = 3490, 2431, 1 << 20
CONFIGURATION = "shared-state-async.conf"


def read_types(folder):
    text = (folder / CONFIGURATION).read_text()
    return {entry["key"]: entry["value"] for entry in json.loads(text).get("mTypeConf", [])}


def register(folder, name, scope, interval, ttl):
    def number(text):
        return {"xint64": int(text), "xstr64": text}

    try:
        types = read_types(folder)
    except FileNotFoundError:
        types = {}
    types[name] = {"mName": name, "mScope": scope, "mUpdateInterval": number(interval), "mBleachTTL": number(ttl)}
    (folder / CONFIGURATION).write_text(json.dumps(
        {"mTypeConf": [{"key": key, "value": value} for key, value in types.items()]}))


# ---- the wire


def send(connection, data_type, entries):
    """Entries as {key: [author, ttl, data]}; returns what the other side must acknowledge."""
    name = data_type.encode()
    body = json.dumps({"stateSlice": [
        {"key": key, "value": {"mAuthor": author, "mTtl": {"xint64": ttl, "xstr64": str(ttl)}, "mData": data}}
        for key, (author, ttl, data) in sorted(entries.items())]}, indent=4).encode()
    connection.sendall(bytes([len(name)]) + name + struct.pack(">I", len(body)) + body)
    return 5 + len(name) + len(body)


def take(connection):
    name = receive(connection, receive(connection, 1)[0])
    size = struct.unpack(">I", receive(connection, 4))[0]
    if not 2 <= size <= SIZE_MAX:
        raise ConnectionError("a size out of range")
    body = receive(connection, size)
    connection.sendall(struct.pack(">I", 5 + len(name) + size))
    entries = {}
    for entry in json.loads(body).get("stateSlice", []):
        value = entry["value"]
        ttl = value["mTtl"] if isinstance(value["mTtl"], int) else value["mTtl"]["xint64"]
        entries.setdefault(entry["key"], [value["mAuthor"], ttl, value["mData"]])
    return name.decode(), entries


def expect(connection, number, what):
    if struct.unpack(">I", receive(connection, 4))[0] != number:
        raise ConnectionError(what)


def ask(address, data_type, entries):
    """One exchange; the other side's entries."""
    with socket.create_connection((address, PORT), timeout=5) as connection:
        connection.sendall(struct.pack(">I", 1))
        expect(connection, 1, "another version")
        connection.sendall(struct.pack("=I", 1))
        expect(connection, send(connection, data_type, entries), "a wrong acknowledgement")
        return take(connection)[1]


# ---- the peer


class Peer:
    def __init__(self, folder):
        self.folder = folder
        self.name = socket.gethostname()
        self.lock = threading.RLock()
        self.states = {}
        self.listener = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)

    def state(self, data_type):
        return self.states.setdefault(data_type, {})

    def merge(self, data_type, entries, remote):
        significant = False
        with self.lock:
            state = self.state(data_type)
            for key, (author, ttl, data) in entries.items():
                known = state.get(key)
                if known and (ttl < known[1] or (remote and known[0] == self.name and ttl > known[1])):
                    continue
                significant |= known is None or known[2] != data
                state[key] = [author, ttl, data]
            told = {key: data for key, (_, _, data) in state.items()}
        if significant:
            self.run_hooks(data_type, json.dumps(told))

    def run_hooks(self, data_type, text):
        for hook in (self.folder / "hooks" / data_type).glob("*"):
            if os.access(hook, os.X_OK):
                subprocess.run([str(hook)], input=text, text=True, stdout=subprocess.DEVNULL, check=False)

    def serve_one(self, connection, address):
        with connection:
            expect(connection, 1, "another version")
            connection.sendall(struct.pack(">I", 1))
            receive(connection, 4)
            data_type, entries = take(connection)
            print(f"plain: {address} exchanges {data_type}", file=sys.stderr, flush=True)
            if data_type not in read_types(self.folder):
                return
            self.merge(data_type, entries, address not in ("::1", "::ffff:127.0.0.1"))
            expect(connection, send(connection, data_type, self.state(data_type)), "a wrong acknowledgement")

    def serve(self):
        while True:
            connection, address = self.listener.accept()
            connection.settimeout(10)
            try:
                self.serve_one(connection, address[0])
            except (OSError, ValueError, KeyError) as error:
                print(f"plain: {address[0]}: {error}", file=sys.stderr, flush=True)

    def age(self):
        with self.lock:
            for state in self.states.values():
                for key in [key for key, entry in state.items() if entry[1] <= 1]:
                    del state[key]
                for entry in state.values():
                    entry[1] -= 1

    def sync(self, data_type):
        for address in (self.folder / "discover").read_text().split():
            try:
                with self.lock:
                    ours = {key: list(entry) for key, entry in self.state(data_type).items()}
                self.merge(data_type, ask(address, data_type, ours), True)
            except (OSError, ValueError, KeyError) as error:
                print(f"plain: {address}: {error}", file=sys.stderr, flush=True)

    def run(self):
        threading.Thread(target=self.serve, daemon=True).start()
        while True:
            time.sleep(1 - time.monotonic() % 1)
            self.age()
            for name, facts in read_types(self.folder).items():
                if int(time.monotonic()) % facts["mUpdateInterval"]["xint64"] == 0:
                    self.sync(name)


def main(folder, verb, *arguments):
    if verb == "peer":
        Peer(folder).run()
    elif verb == "register":
        register(folder, *arguments)
    elif verb == "insert":
        ask("127.0.0.1", arguments[0], {key: [socket.gethostname(), ENTRY_TTL_S, data]
                                        for key, data in json.load(sys.stdin).items()})
    elif verb == "get":
        print(json.dumps({key: data for key, (_, _, data) in ask("127.0.0.1", arguments[0], {}).items()}))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
