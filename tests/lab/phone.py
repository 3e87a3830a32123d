# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an operator's phone does with a release that lies on it: it asks a node what is held, and sends what comes next
(docs/api.md), until all is there or it is told to stop. By itself it speaks HTTP from wherever it runs:

    phone.py http://HOST:PORT RELEASE-DIR SHA256,... [PIECES]

prints {"sent": N, "state": STATE}; the offer was made before."""
import hashlib
import http.client
import json
import pathlib
import sys
import urllib.parse

PIECE_SIZE = 65536


class Phone:
    """`ask` takes method, path and body, and gives status and body."""

    def __init__(self, ask, directory, images, pieces=None):
        self.ask, self.directory, self.images = ask, pathlib.Path(directory), images
        self.manifest = (self.directory / "release.json").read_bytes()
        self.release = hashlib.sha256(self.manifest).hexdigest()
        self.sent, self.pieces = 0, pieces

    def upload_part(self):
        """For the offer."""
        return {"release": self.release, "manifest_size": len(self.manifest), "images": self.images}

    def signatures(self):
        return json.dumps({"signatures": [file.read_text().splitlines()[1]
                                          for file in sorted((self.directory / "signatures").glob("*.sig"))]}).encode()

    def entry(self):
        """What the node says of this upload; None if it knows of none."""
        status, body = self.ask("GET", "/v1/releases", None)
        if status != 200:
            raise OSError(f"GET /v1/releases: {status} {body}")
        return next((entry for entry in json.loads(body)["releases"]
                     if entry["source"] == "upload" and entry["id"] == self.release), None)

    def post(self, name, offset, piece):
        """Status, and the document that came back."""
        status, body = self.ask("POST", f"/v1/uploads/{self.release}/{name}/{offset}", piece)
        return status, json.loads(body)

    def send(self, name, offset, piece):
        """False if that was enough."""
        if self.pieces is not None and self.sent >= self.pieces:
            return False
        status, answer = self.post(name, offset, piece)
        if status != 200 or answer["held"] != offset + len(piece):
            raise OSError(f"{name} at {offset}: {status} {answer}")
        self.sent += 1
        return True

    def send_from(self, name, data, held, size):
        return all(self.send(name, offset, data[offset:offset + size]) for offset in range(held, len(data), size))

    def run(self):
        """Goes on where the upload is. The state that the node tells of it then."""
        entry = self.entry()
        if not entry["images"]:
            if not self.send_from("release.json", self.manifest, entry["held"], PIECE_SIZE):
                return self.entry()["state"]
            entry = self.entry()
        if not entry["signed_by"] and not self.send("signatures", 0, self.signatures()):
            return self.entry()["state"]
        held = {image["sha256"]: image["held"] for image in entry["images"]}
        for image in json.loads(self.manifest)["images"]:
            if image["sha256"] in self.images and not self.send_from(
                    image["sha256"], (self.directory / image["file"]).read_bytes(), held[image["sha256"]],
                    image["chunk_size"]):
                break
        return self.entry()["state"]


def ask_over_http(base):
    place = urllib.parse.urlsplit(base)

    def ask(method, path, body):
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    return ask


if __name__ == "__main__":
    one = Phone(ask_over_http(sys.argv[1]), sys.argv[2], sys.argv[3].split(","),
                int(sys.argv[4]) if len(sys.argv) > 4 else None)
    end = one.run()
    print(json.dumps({"sent": one.sent, "state": end}))
