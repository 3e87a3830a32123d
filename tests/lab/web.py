# SPDX-License-Identifier: AGPL-3.0-or-later
"""A plain web server of a directory, with ranges: web.py DIRECTORY PORT. /slow/… never answers; /unsound/… has what is
no release."""
import http.server
import pathlib
import re
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/slow/"):
            time.sleep(600)
        try:
            data = (b'{"lockstep":1}' if self.path == "/unsound/release.json" else
                    (pathlib.Path(sys.argv[1]) / self.path[1:]).read_bytes())
        except OSError:
            self.send_error(404)
            return
        part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        body = data[int(part[1]):int(part[2]) + 1] if part else data
        self.send_response(206 if part else 200)
        if part:
            self.send_header("Content-Range", f"bytes {part[1]}-{part[2]}/{len(data)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("", int(sys.argv[2])), Handler).serve_forever()
