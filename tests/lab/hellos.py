# SPDX-License-Identifier: AGPL-3.0-or-later
"""An ear on the links of one node: listens for so many seconds and prints the last digest of each neighbour's
hellos by its name, read as src/io/neighbours.h describes them."""
import json
import socket
import struct
import sys
import time

GROUP = "ff02::4c:6f63:6b"
PORT = 8430
MAGIC = b"LOCKSTEP\1"
NAME_AT = 26


def read(hello):
    """(name, digest), or None if it is no hello."""
    if not hello.startswith(MAGIC) or len(hello) < NAME_AT:
        return None
    return hello[NAME_AT:NAME_AT + hello[NAME_AT - 1]].decode(), hello[13:21].hex()


def listen(seconds):
    heard = {}
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as ear:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ear.bind(("::", PORT))
        for index, name in socket.if_nameindex():
            if name.startswith("to-"):
                ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                               socket.inet_pton(socket.AF_INET6, GROUP) + struct.pack("@I", index))
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ear.settimeout(left)
            try:
                hello = read(ear.recv(2048))
            except TimeoutError:
                break
            if hello:
                heard[hello[0]] = hello[1]
    return heard


if __name__ == "__main__":
    print(json.dumps(listen(float(sys.argv[1]))))
