# SPDX-License-Identifier: AGPL-3.0-or-later
"""A neighbour of bad manners: says hello, claims to hold all of an image, and then …

  drip    sends a byte a second
  lie     does not hold what it is asked for
  wrong   sends other bytes
  vanish  serves well, until 99 % have gone out

Usage: liar.py MODE MESH IMAGE INTERFACE..."""
import hashlib
import http.server
import os
import pathlib
import socket
import struct
import sys
import threading
import time

PORT, HELLO_PORT, GROUP = 8431, 8430, "ff02::4c:6f63:6b"
CHUNK = 65536
mode, mesh, image_path, *interfaces = sys.argv[1:]
image = pathlib.Path(image_path).read_bytes()
sha256 = hashlib.sha256(image).digest()
chunk_count = -(-len(image) // CHUNK)
all_held = bytes(sum(1 << bit for bit in range(8) if byte * 8 + bit < chunk_count)
                 for byte in range(-(-chunk_count // 8)))
served = set()


def say_hello():
    hello = (b"LOCKSTEP\1" + struct.pack(">HH", PORT, PORT) + bytes(8) +
             hashlib.sha256(mesh.encode()).digest()[:4] + b"\4liar" + sha256[:8] + b"\0" + all_held)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as out:
        while True:
            for interface in interfaces:
                out.sendto(hello, (GROUP, HELLO_PORT, 0, socket.if_nametoindex(interface)))
            time.sleep(0.2)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if mode == "drip" and status == 206:
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(1)
        self.wfile.write(body)

    def do_GET(self):
        if self.path == f"/v1/images/{sha256.hex()}/chunks":
            self.answer(200, all_held)
        elif self.path != f"/v1/images/{sha256.hex()}" or mode == "lie":
            self.answer(416, b"no")
        else:
            first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
            part = image[first:last + 1]
            self.answer(206, part if mode != "wrong" else bytes(len(part)))
            served.add(first)
            if mode == "vanish" and len(served) >= chunk_count * 99 // 100:
                os._exit(0)


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


threading.Thread(target=say_hello, daemon=True).start()
Server(("::", PORT), Handler).serve_forever()
