# SPDX-License-Identifier: AGPL-3.0-or-later
"""Usage: tracker.py PORT   The least that BitTorrent clients need to find each other: whoever announces
himself hears of all who did before."""
import http.server
import socket
import sys
import urllib.parse

peers = {}


class Tracker(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(self.path).query, encoding="latin-1"))
        own = (self.client_address[0], int(query.get("port", 0)))
        peers[own] = True
        others = b"".join(socket.inet_aton(address) + port.to_bytes(2, "big")
                          for address, port in peers if (address, port) != own)
        body = b"d8:intervali1e12:min intervali1e5:peers%d:%se" % (len(others), others)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Tracker).serve_forever()
