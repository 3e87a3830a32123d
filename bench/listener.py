# SPDX-License-Identifier: AGPL-3.0-or-later
"""Beside a node's daemon: hears the hellos of its neighbours (src/io/neighbours.h) and writes of each that carries a chunk
map when, whose, and how many chunks; and counts what leaves the node, by what it is for. The clock is the one that
daemons log."""
import collections
import json
import select
import socket
import struct
import sys
import time

GROUP = socket.inet_pton(socket.AF_INET6, "ff02::4c:6f63:6b")
HTTP, GOSSIP = 8430, 3490
NAME_AT, OFFER_HEAD = 26, 9
ALL, OUTGOING = 3, 4  # <linux/if_ether.h>, <linux/if_packet.h>
TELL_S = 0.5


def hear(heard):
    hello = heard.recv(2048)
    end = NAME_AT + hello[NAME_AT - 1]
    bits = hello[end + OFFER_HEAD:]
    if bits:
        print(f"{time.clock_gettime(time.CLOCK_MONOTONIC):.3f}", hello[NAME_AT:end].decode(),
              int.from_bytes(bits, "big").bit_count(), flush=True)


def purpose_of(frame):
    """'hello', 'gossip', 'image' (all of HTTP), or 'other'."""
    version = frame[14] >> 4
    at, kind = (54, frame[20]) if version == 6 else (14 + 4 * (frame[14] & 15), frame[23])
    if kind not in (socket.IPPROTO_TCP, socket.IPPROTO_UDP) or version not in (4, 6):
        return "other"
    ports = struct.unpack(">HH", frame[at:at + 4])
    if kind == socket.IPPROTO_UDP:
        return "hello" if HTTP in ports else "other"
    return "gossip" if GOSSIP in ports else "image" if HTTP in ports else "other"


def main():
    interfaces, counts, told = sys.argv[1:], collections.Counter(), 0
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as heard, \
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL)) as seen:
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        heard.bind(("::", HTTP))
        for interface in interfaces:
            heard.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                             GROUP + struct.pack("@I", socket.if_nametoindex(interface)))
        while True:
            ready = select.select([heard, seen], [], [], TELL_S)[0]
            if heard in ready:
                hear(heard)
            if seen in ready:
                buffer = bytearray(96)
                size, _, _, address = seen.recvmsg_into([buffer], 0, socket.MSG_TRUNC)
                if address[0] in interfaces and address[2] == OUTGOING:
                    counts[purpose_of(buffer)] += size
            if time.monotonic() > told + TELL_S:
                told = time.monotonic()
                print("bytes", json.dumps(counts, separators=(",", ":")), 0, flush=True)


if __name__ == "__main__":
    main()
