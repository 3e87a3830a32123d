# SPDX-License-Identifier: AGPL-3.0-or-later
"""A stranger on the mesh: one exchange of the shared-state protocol (docs/gossip.md), written from its
description alone. Sends the slice of standard input, prints the slice that comes back."""
import json
import socket
import struct
import sys


def receive(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError(f"the peer closed after {len(data)} of {size} bytes")
        data += part
    return data


def send(connection, data_type, entries, **members):
    """The half of an exchange that the one who connects says: entries as {key: (author, ttl, data)}. Members go beside
    the slice."""
    body = json.dumps({**members, "stateSlice": [
        {"key": key, "value": {"mAuthor": author, "mTtl": ttl, "mData": data}}
        for key, (author, ttl, data) in entries.items()]}).encode()
    name = data_type.encode()
    connection.sendall(struct.pack(">I", 1))
    if receive(connection, 4) != struct.pack(">I", 1):
        raise ConnectionError("another version")
    connection.sendall(struct.pack("<I", 1) + bytes([len(name)]) + name + struct.pack(">I", len(body)) + body)
    if receive(connection, 4) != struct.pack(">I", 5 + len(name) + len(body)):
        raise ConnectionError("a wrong acknowledgement")


def tell(address, data_type, entries, port=3490):
    """Does not wait for what the other side has."""
    with socket.create_connection((address, port), timeout=5) as connection:
        send(connection, data_type, entries)


def exchange(address, data_type, entries, port=3490, **members):
    """Returns {key: data} of the other side."""
    with socket.create_connection((address, port), timeout=5) as connection:
        send(connection, data_type, entries, **members)
        other = receive(connection, receive(connection, 1)[0])
        size = struct.unpack(">I", receive(connection, 4))[0]
        state = receive(connection, size)
        connection.sendall(struct.pack(">I", 5 + len(other) + size))
    return {entry["key"]: entry["value"]["mData"] for entry in json.loads(state)["stateSlice"]}


if __name__ == "__main__":
    print(json.dumps(exchange(sys.argv[1], sys.argv[2], json.load(sys.stdin))))
