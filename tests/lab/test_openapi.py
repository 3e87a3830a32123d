# SPDX-License-Identifier: AGPL-3.0-or-later
"""docs/openapi.json held against real daemons: every path, every answer in every phase of an upgrade, every error that
can be provoked. What a node answers and the document does not say, or the other way round, fails."""
import base64
import gzip
import hashlib
import http.client
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import jsonschema

from mesh import ALPHA, BETA, DATA, PATIENCE_S, ROOT, MeshCase
from lab import UnixConnection  # mesh.py says where it lies

NOBODY = "0" * 64
METHODS = {"get", "post"}
# Documented, and beyond what this test brings about: memory or disks that are full or fail, forty orders of one upgrade,
# and a machine without /proc.
BEYOND = {"internal", "journal_failed", "image_file_failed", "no_space", "too_many_orders"}
BEYOND_AT = {("/v1/probe", "get", 404, "not_found")}
ELSEWHERE = {("/v1/orders", "post", 409, "too_late")}  # test_every_answer_of_a_whole_upgrade has it
OPEN_SCHEMAS = {"ReleaseDocument", "SignedOrder", "SignedOffer", "DirectoryPath"}  # unknown members are ignored there


def starred(path):
    return re.sub(r"\{\w+\}", "*", path)


def routes():
    """{path: method} of the daemon's own table."""
    table = (ROOT / "src/daemon/api.c").read_text().partition("api_routes[]")[2].partition("};")[0]
    return dict((path, method.lower()) for path, method in
                re.findall(r'\{ "([^"]+)", \w+, HTTP_(\w+),', table))


class Document:
    def __init__(self):
        self.tree = json.loads((ROOT / "docs/openapi.json").read_text())
        # What it says of a daemon that is still to come: paths, and what does not show in a path.
        self.to_come = set(self.tree.get("x-to-come", []))
        self.seen = set()  # (path, method, status) and (path, method, status, reason)

    def resolve(self, part):
        if "$ref" not in part or not part["$ref"].startswith("#/components/responses/"):
            return part
        return self.tree["components"]["responses"][part["$ref"].rpartition("/")[2]]

    def operations(self):
        for path, item in self.tree["paths"].items():
            for method, operation in item.items():
                yield path, method, operation

    def validate(self, schema, value):
        jsonschema.Draft202012Validator({"components": self.tree["components"], **schema}).validate(value)

    def reasons(self, response):
        """Those that an error's answer may have."""
        schema = self.resolve(response)["content"]["application/json"]["schema"]
        return schema["properties"]["error"]["properties"]["reason"]["enum"]

    def check(self, path, method, status, headers, body):
        """Is this answer one that the document knows? Its JSON, if it is that."""
        response = self.tree["paths"][path][method]["responses"].get(str(status))
        if response is None:
            raise AssertionError(f"{method} {path}: {status} is not documented: {body[:200]}")
        response = self.resolve(response)
        kinds = {kind.partition(";")[0]: content for kind, content in response["content"].items()}
        kind = headers["content-type"].partition(";")[0]
        if kind not in kinds:
            raise AssertionError(f"{method} {path}: {status} is {kind} and not {', '.join(kinds)}")
        for name, header in response.get("headers", {}).items():
            if f"header {name}" not in self.to_come:
                self.validate(header["schema"], headers.get(name.lower()))
        self.seen.add((path, method, status))
        if kind != "application/json" or "schema" not in kinds[kind]:
            return None
        value = json.loads(body)
        try:
            self.validate(kinds[kind]["schema"], value)
        except jsonschema.ValidationError as error:
            best = jsonschema.exceptions.best_match([error])
            raise AssertionError(f"{method} {path}: {status}: {best.json_path}: {best.message}"[:2000]) from None
        if status >= 400:
            self.seen.add((path, method, status, value["error"]["reason"]))
        return value


class Paper(unittest.TestCase):
    """Is the document sound in itself, and does it know what the sources know?"""

    def setUp(self):
        self.document = Document()
        self.tree = self.document.tree

    def walk(self, part, where="#"):
        yield where, part
        for key, child in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
            yield from self.walk(child, f"{where}/{key}")

    def test_form(self):
        self.assertEqual(self.tree["openapi"], "3.1.0")
        ids = [operation["operationId"] for _, _, operation in self.document.operations()]
        self.assertEqual(len(ids), len(set(ids)))
        used = set()
        for where, part in self.walk(self.tree):
            if isinstance(part, dict) and isinstance(part.get("$ref"), str):
                target = self.tree
                for name in part["$ref"].removeprefix("#/").split("/"):
                    target = target[name]
                used.add(part["$ref"])
        for kind in ("schemas", "responses"):
            for name in self.tree["components"][kind]:
                self.assertIn(f"#/components/{kind}/{name}", used, "nobody refers to it")
        for path, method, operation in self.document.operations():
            self.assertIn(method, METHODS)
            named = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"]
            self.assertEqual(named, re.findall(r"\{(\w+)\}", path))
            for status in operation["responses"]:
                response = self.document.resolve(operation["responses"][status])
                self.assertIn("content", response, f"{path} {status}")

    def test_schemas_know_every_member(self):
        for name, schema in self.tree["components"]["schemas"].items():
            jsonschema.Draft202012Validator.check_schema(schema)
            for where, part in self.walk(schema, name):
                if not isinstance(part, dict) or not isinstance(part.get("properties"), dict) or name in OPEN_SCHEMAS:
                    continue
                self.assertEqual(part.get("type"), "object", where)
                self.assertIs(part["additionalProperties"], False, where)
                missing = set(part["properties"]) - set(part["required"])
                self.assertLessEqual(missing, {"candidate_fw", "repo_url", "release"}, where)

    def test_every_route_is_a_path_and_every_path_a_route(self):
        documented = {(path, method) for path, method, _ in self.document.operations()}
        there = set(routes().items())
        self.assertGreater(len(there), 10)
        to_come = {path for path, _ in documented} & self.document.to_come
        self.assertEqual({path for path, _ in there} & set(map(starred, to_come)), set(),
                         "the daemon has it: take it from x-to-come")
        self.assertEqual(there, {(starred(path), method) for path, method in documented if path not in to_come})
        self.assertEqual({name for name in self.document.to_come if name.startswith("/")}, to_come)

    def test_words_are_those_of_the_sources(self):
        schemas = self.tree["components"]["schemas"]
        reasons = re.findall(r'X\(\w+, "(\w*)"', (ROOT / "src/base/reason.h").read_text())
        self.assertLessEqual(set(schemas["Reason"]["enum"]) - set(reasons),
                             {"no_upload", "wrong_offset"} if self.document.to_come else set())
        self.assertLessEqual(set(reasons), set(schemas["Reason"]["enum"]))
        states = re.findall(r"X\((\w+)\)", (ROOT / "src/core/state.h").read_text())
        self.assertEqual(schemas["State"]["enum"], states)
        phases = re.findall(r"PHASE_(\w+)", (ROOT / "src/core/phase.h").read_text())
        self.assertEqual(schemas["Phase"]["enum"], [phase.lower() for phase in phases if phase != "H"])
        said = {reason for _, _, operation in self.document.operations() for status, response in
                operation["responses"].items() if status[0] in "45" for reason in self.document.reasons(response)}
        of_http = set()
        for path in ("src/io/http_server.c", "src/daemon/images.c", "src/daemon/releases.c"):
            of_http |= set(re.findall(r'[45]\d\d,\s+"([a-z_]+)"', (ROOT / path).read_text()))
        self.assertGreater(len(of_http), 8)
        self.assertLessEqual(of_http, said)
        self.assertLessEqual(said, of_http | set(schemas["Reason"]["enum"]))


class Reader(threading.Thread):
    """Reads the events of a node to its end, one (name, data) after the other."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.events = []
        self.connection = UnixConnection(node.socket, PATIENCE_S)
        self.connection.request("GET", "/v1/events")
        self.response = self.connection.getresponse()
        self.start()

    def run(self):
        name = None
        try:
            while line := self.response.readline().decode():
                if line.startswith("event: "):
                    name = line[7:].rstrip("\n")
                elif line.startswith("data: "):
                    self.events.append((name, line[6:]))
        except (OSError, http.client.HTTPException, ValueError):
            pass  # the daemon is gone

    def end(self):
        if self.connection.sock is not None:
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.join()
        self.connection.close()


class Answers(MeshCase):
    def setUp(self):
        self.document = Document()
        self.readers = []
        self.addCleanup(lambda: [reader.end() for reader in self.readers])

    # -- asking

    def operations(self):
        return [(path, method) for path, method, _ in self.document.operations() if not self.is_to_come(path)]

    def is_to_come(self, path):
        return path in self.document.to_come

    def ask(self, at, path, method="get", body=None, headers=None, **parameters):
        """Asks for a path of the document, and holds the answer against it."""
        target = re.sub(r"\{(\w+)\}", lambda match: str(parameters[match[1]]), path)
        connection = UnixConnection(self.nodes[at].socket)
        try:
            connection.request(method.upper(), target, body, headers or {})
            response = connection.getresponse()
            data = response.read()
            self.status = response.status
            found = {key.lower(): value for key, value in response.getheaders()}
            return self.document.check(path, method, response.status, found, data)
        finally:
            connection.close()

    def refused(self, status, reason, *arguments, **options):
        value = self.ask(*arguments, **options)
        self.assertEqual((self.status, value and value["error"]["reason"]), (status, reason), arguments)

    def raw(self, name, bytes_sent):
        """What comes back for bytes that no HTTP client would send: status, headers, body."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(self.nodes[name].socket))
            connection.sendall(bytes_sent)
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536) or self.nobody_answers(data)
            head, _, rest = data.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            headers = dict((key.lower(), value) for key, value in (line.split(": ", 1) for line in lines[1:]))
            while len(rest) < int(headers.get("content-length", 0)) and not bytes_sent.startswith(b"HEAD"):
                rest += connection.recv(65536) or self.nobody_answers(data)
        return int(lines[0].split()[1]), headers, rest

    def nobody_answers(self, data):
        raise AssertionError(f"the answer ends after {data[:200]}")

    # -- making what is signed

    def sign(self, text, key="operator"):
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch) / "text"
            path.write_text(text)
            subprocess.run(["signify-openbsd", "-S", "-s", str(DATA / f"{key}.sec"), "-m", str(path), "-x",
                            str(path) + ".sig"], check=True)
            return (pathlib.Path(scratch) / "text.sig").read_text().splitlines()[1]

    def order(self, kind, **members):
        return json.dumps({"lockstep": 1, "mesh": "lab", "kind": kind, "upgrade": "8" * 16, "epoch": 1,
                           "issued": "2026-11-23T10:00:00Z", **members})

    def start(self, **members):
        participants = [{"name": name, "key": base64.b64encode(base64.b64decode(node.status()["key"])[10:]).decode()}
                        for name, node in self.nodes.items()]
        return self.order("start", **{"release": {"id": "5" * 64, "version": "Demo 7.0", "sequence": 7},
                                      "participants": participants, "policy": {"confirm": "auto", "kind": "atomic"},
                                      **members})

    def post(self, text, key="operator", signature=None, path="/v1/orders", member="order"):
        return (self.first, path, "post", json.dumps({member: text, "signature": signature or self.sign(text, key)}))

    def give(self, text, status=202, **options):
        value = self.ask(*self.post(text, **options))
        self.assertEqual(self.status, status, value)
        return value

    # -- a page

    def make_page(self):
        """A page of few bytes: what it says is not what this is about."""
        folder = self.lab.directory / "web"
        (folder / "assets").mkdir(parents=True)
        (folder / "index.html").write_text("<p>page</p>")
        for name in ("index.html", *(f"assets/x.{ending}" for ending in ("js", "css", "svg", "json"))):
            (folder / f"{name}.gz").write_bytes(gzip.compress(b"<p>page</p>"))

    def serve(self, name, folder):
        """From here on the node has its page there, below the lab's folder."""
        config = self.nodes[name].directory / "lockstep.json"
        tree = json.loads(config.read_text())
        tree["directories"]["web"] = str(self.lab.directory / folder)
        if not self.is_to_come("/v1/offers"):
            tree["directories"]["media"] = str(self.lab.directory / "media")
        config.write_text(json.dumps(tree))
        life = self.nodes[name].status()["incarnation"]
        self.nodes[name].kill_daemon()
        self.wait(lambda: (self.nodes[name].status().get("incarnation") or 0) > life, "the daemon to be back")

    # -- phases

    def look(self, names=None):
        """Everything that can be read at each node, without what needs a name."""
        for name in names or self.nodes:
            for path, method in self.operations():
                if method == "get" and "{" not in path and path != "/v1/events":
                    value = self.ask(name, path)
                    self.assertEqual(self.status, 200, path)
                    if path == "/v1/mesh":
                        self.note_mesh(value)
                    elif path == "/v1/history":
                        self.told |= {"nodes" for upgrade in value["upgrades"] if upgrade["nodes"]}

    def note_mesh(self, mesh):
        """What a schema allows in two ways should have been there in both."""
        upgrade = mesh["upgrade"]
        self.told.add(f"upgrade {upgrade and upgrade['phase']}")
        if upgrade:
            self.told |= {f"{member} {upgrade[member] is None}" for member in
                          ("countdown_ms", "window_remaining_ms", "waiting")}
        self.told |= {f"seen {node['seen_ms'] is not None}" for node in mesh["nodes"]}

    def watch(self, names=None):
        self.readers += [Reader(self.nodes[name]) for name in names or self.nodes]

    def test_every_answer_of_a_whole_upgrade(self):
        self.told = set()
        self.start_mesh("chain:3", rate="1mbit")
        self.make_page()
        for name in self.nodes:
            self.serve(name, "web")
        self.wait_acquainted()
        self.look()
        self.look_at_page()
        self.watch()
        self.start_upgrade("release-2")
        self.wait_state("DOWNLOADING", [self.last])
        self.look()
        self.wait_ready()
        self.look()
        self.look_at_release()
        self.schedule(3, 60)
        self.wait_state("UPGRADE_SCHEDULED")
        self.look()
        self.wait_running(at=self.last)
        self.watch()
        self.look()
        self.refused(409, "too_late", *self.post(self.same_upgrade("abort")))
        self.wait(lambda: all(node.status()["healthy"] for node in self.nodes.values()), "health")
        self.look()
        self.confirm()
        self.wait_updated(2)
        self.look()
        self.wait(lambda: all(len(reader.events) > 1 for reader in self.readers), "an event for each reader")
        self.look_at_a_lonely_node()
        for phase in (None, "open", "scheduled", "confirming", "confirmed"):
            self.assertIn(f"upgrade {phase}", self.told)
        for member in ("countdown_ms", "window_remaining_ms", "waiting", "seen"):
            self.assertLessEqual({f"{member} True", f"{member} False"}, self.told)
        self.assertIn("nodes", self.told)
        self.check_events()
        self.assert_seen(lambda path, method, status: method == "get" and status < 300)

    def same_upgrade(self, kind, **members):
        upgrade = self.nodes[self.first].get("/v1/mesh")["upgrade"]
        return self.order(kind, upgrade=upgrade["id"], epoch=upgrade["epoch"], **members)

    def look_at_page(self):
        for ending in () if self.is_to_come("/assets/{name}") else ("js", "css", "svg", "json"):
            self.ask(self.first, "/assets/{name}", name=f"x.{ending}")
            self.assertEqual(self.status, 200)

    def look_at_release(self):
        upgrade = self.nodes[self.first].get("/v1/mesh")["upgrade"]
        document = self.ask(self.first, "/v1/releases/{id}/release.json", id=upgrade["release"])
        self.assertEqual(self.status, 200)
        self.ask(self.last, "/v1/releases/{id}/signatures", id=upgrade["release"])
        self.assertEqual(self.status, 200)
        self.assertEqual({board for image in document["images"] for board in image["boards"]}, {ALPHA, BETA})
        for image in document["images"]:
            for headers, status in (({}, 200), ({"Range": "bytes=10-19"}, 206), ({"Range": "bytes=-7"}, 206)):
                self.ask(self.first, "/v1/images/{sha256}", sha256=image["sha256"], headers=headers)
                self.assertEqual(self.status, status)
            self.ask(self.first, "/v1/images/{sha256}/chunks", sha256=image["sha256"])
            self.assertEqual(self.status, 200)

    def look_at_a_lonely_node(self):
        """Participants of whom nobody has heard since the daemon began."""
        for name in list(self.nodes)[1:]:
            self.nodes[name].power_off()
        life = self.nodes[self.first].status()["incarnation"]
        self.nodes[self.first].kill_daemon()
        self.wait(lambda: (self.nodes[self.first].status().get("incarnation") or 0) > life, "the daemon to be back")
        self.look([self.first])

    def check_events(self):
        schemas = self.document.tree["paths"]["/v1/events"]["get"]["x-events"]
        names = set()
        for reader in self.readers:
            self.document.check("/v1/events", "get", reader.response.status,
                                {"content-type": reader.response.getheader("Content-Type")}, b"")
            reader.end()
            self.assertEqual(reader.events[0][0], "mesh")
            for name, data in reader.events:
                self.assertIn(name, schemas)
                self.document.validate(schemas[name], json.loads(data))
                names.add(name)
        self.assertEqual(names, {name for name in schemas if not self.is_to_come(f"event {name}")})

    def assert_seen(self, wanted):
        for path, method, operation in self.document.operations():
            if self.is_to_come(path):
                continue
            for status in map(int, operation["responses"]):
                if wanted(path, method, status):
                    self.assertTrue((path, method, status) in self.document.seen, f"{method} {path} {status} was not seen")

    # -- errors

    def test_every_error(self):
        self.start_mesh("chain:2")
        self.make_page()
        self.serve(self.first, "web")
        self.wait_acquainted()
        self.say_it_wrongly()
        self.ask_for_what_is_not_there()
        self.give_wrong_orders()
        if not self.is_to_come("/v1/offers"):
            self.offer_wrongly()
        self.watch_too_often()
        for path, method, operation in self.document.operations():
            for status, response in operation["responses"].items():
                if status[0] not in "45" or self.is_to_come(path):
                    continue
                for reason in set(self.document.reasons(response)) - BEYOND:
                    case = (path, method, int(status), reason)
                    self.assertTrue(case in self.document.seen | BEYOND_AT | ELSEWHERE, f"{case} was not provoked")

    def say_it_wrongly(self):
        for path, method in self.operations():
            target = re.sub(r"\{\w+\}", NOBODY, path).encode()
            verb = method.upper().encode()
            other = b"POST" if method == "get" else b"GET"
            for request, status in (
                    (other + b" " + target + b" HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405),
                    (b"DELETE " + target + b" HTTP/1.1\r\n\r\n", 405),
                    (verb + b" " + target + b" HTTP/1.1\r\nno colon\r\n\r\n", 400),
                    (verb + b" " + target + b" HTTP/1.1\r\nContent-Length: 98305\r\n\r\n", 413),
                    (verb + b" " + target + b" HTTP/1.1\r\nLong: " + b"x" * 8192 + b"\r\n\r\n", 431)):
                found, headers, body = self.raw(self.first, request)
                self.assertEqual(found, status, request[:100])
                self.document.check(path, method, found, headers, body)
            if method == "get":
                found, headers, body = self.raw(self.first, b"HEAD " + target + b" HTTP/1.1\r\n\r\n")
                self.assertNotIn(found, (400, 405), path)

    def ask_for_what_is_not_there(self):
        found, _, body = self.raw(self.first, b"GET /v1/nothing HTTP/1.1\r\n\r\n")
        self.assertEqual((found, json.loads(body)["error"]["reason"]), (404, "not_found"))
        for path in ("/v1/releases/{id}/release.json", "/v1/releases/{id}/signatures"):
            self.refused(404, "no_source", self.first, path, id=NOBODY)
            self.refused(404, "bad_release", self.first, path, id="x")
        for path in ("/v1/images/{sha256}", "/v1/images/{sha256}/chunks"):
            self.refused(404, "unknown_image", self.first, path, sha256=NOBODY)
        self.ask(self.first, "/v1/directory", "post", json.dumps({"path": str(DATA / "release-2")}))
        self.assertEqual(self.status, 200)
        for path in ("/nowhere", "relative", "/" + "x" * 300):
            self.refused(400, "bad_release", self.first, "/v1/directory", "post", json.dumps({"path": path}))
        manifest = json.loads((DATA / "release-2/release.json").read_text())
        self.refused(416, "not_held", self.first, "/v1/images/{sha256}", sha256=manifest["images"][0]["sha256"],
                     headers={"Range": "bytes=99999999-"})
        self.ask_over_the_network()
        self.ask_without_the_page()

    def from_afar(self, *requests):
        """The answers to (method, path, body) from another machine, one after the other. Streams stay open."""
        script = ("import http.client, json, sys\n"
                  "answers, kept = [], []\n"
                  "for method, path, body in json.loads(sys.argv[2]):\n"
                  "    connection = http.client.HTTPConnection(sys.argv[1], 8430, timeout=20)\n"
                  "    connection.request(method, path, body)\n"
                  "    answer = connection.getresponse()\n"
                  "    kept.append((connection, answer))\n"
                  "    headers = {name.lower(): value for name, value in answer.getheaders()}\n"
                  "    text = '' if 'event-stream' in headers['content-type'] else answer.read().decode('latin-1')\n"
                  "    answers.append([answer.status, headers, text])\n"
                  "print(json.dumps(answers))\n")
        address = self.lab.ask(do="status")[self.first]["address"]
        result = self.nodes[self.last].run(sys.executable, "-c", script, address, json.dumps(requests))
        self.assertEqual(result["status"], 0, result["stderr"])
        return [(status, self.document.check(path, method.lower(), status, headers, body)) for
                (method, path, _), (status, headers, body) in zip(requests, json.loads(result["stdout"]))]

    def ask_over_the_network(self):
        """The control socket's path, and others."""
        answers = self.from_afar(("POST", "/v1/directory", "{}"), *(
            ("GET", path, "") for path in ("/v1/status", "/v1/mesh", "/v1/history")))
        self.assertEqual([status for status, _ in answers], [403, 200, 200, 200])
        self.assertEqual(answers[0][1]["error"]["reason"], "control_only")

    def ask_without_the_page(self):
        self.serve(self.last, "nowhere")
        self.refused(404, "not_found", self.last, "/")
        if not self.is_to_come("/assets/{name}"):
            self.refused(404, "not_found", self.last, "/assets/{name}", name="index.js")

    def give_wrong_orders(self):
        for body in ("", "[]", "{}", '{"order":7,"signature":"x"}', '{"order":"{}"}'):
            self.refused(400, "bad_order", self.first, "/v1/orders", "post", body)
        start = self.start()
        self.refused(400, "bad_order", *self.post(self.start(participants=[])))
        self.refused(400, "wrong_mesh", *self.post(self.start(mesh="another")))
        self.refused(400, "unknown_kind", *self.post(self.order("dance")))
        self.refused(403, "untrusted_key", *self.post(start, key="stranger"))
        self.refused(403, "bad_signature", *self.post(start, signature=self.sign(start + " ")))
        self.refused(409, "unknown_upgrade", *self.post(self.order("abort")))
        self.refused(409, "epoch_gap", *self.post(self.start(epoch=5000000)))
        given = self.give(start)
        self.assertEqual(given["id"], hashlib.sha256(start.encode()).hexdigest())
        self.assertEqual(self.give(start), given)
        self.refused(409, "already_started", *self.post(self.start(issued="later")))
        self.refused(409, "lost_to_lower_id", *self.post(self.start(upgrade="9" * 16)))
        self.refused(400, "unknown_wave", *self.post(self.order("confirm", wave=5)))
        self.refused(409, "wrong_state", *self.post(self.order("confirm", wave=0)))
        schedule = {"start": given["id"], "wave": 0, "confirm_window_s": 60}
        self.give(self.order("schedule", countdown_ms=60000, **schedule))
        self.refused(409, "already_scheduled", *self.post(self.order("schedule", countdown_ms=50000, **schedule)))
        self.refused(409, "participants_missing", *self.post(self.order("confirm", wave=0)))
        self.give(self.order("abort", reason="a test"))
        self.refused(409, "operator", *self.post(self.order("schedule", countdown_ms=40000, **schedule)))
        self.give(self.start(epoch=2))
        self.refused(409, "old_epoch", *self.post(self.order("abort")))
        self.look_at_errors()

    def look_at_errors(self):
        """What stands in an error says why, and that is a word of the document too."""
        self.told = set()
        self.wait_state("DOWNLOAD_ERROR", [self.first])
        self.look([self.first])
        self.give(self.order("abort", epoch=2))
        self.wait_state("ABORTED", [self.first])
        self.look([self.first])
        self.assertLessEqual({"upgrade open", "upgrade aborted"}, self.told)

    def offer(self, **members):
        return json.dumps({"lockstep": 1, "mesh": "lab", "kind": "offer", "epoch": 3, "node": self.first,
                           "issued": "2026-11-23T10:00:00Z", **members})

    def offer_wrongly(self):
        def post(text, **options):
            return self.post(text, path="/v1/offers", member="offer", **options)

        release = DATA / "release-2"
        for body in ("", "{}", '{"offer":7,"signature":"x"}'):
            self.refused(400, "bad_order", self.first, "/v1/offers", "post", body)
        good = self.offer(path=str(release))
        self.refused(400, "bad_order", *post(self.offer()))
        self.refused(400, "wrong_mesh", *post(self.offer(path=str(release), mesh="another")))
        self.refused(403, "untrusted_key", *post(good, key="stranger"))
        self.refused(403, "bad_signature", *post(good, signature=self.sign(good + " ")))
        self.refused(409, "not_named", *post(self.offer(path=str(release), node=self.last)))
        self.refused(409, "old_epoch", *post(self.offer(path=str(release), epoch=2)))
        self.refused(409, "epoch_gap", *post(self.offer(path=str(release), epoch=4)))
        taken = self.ask(*post(good))
        self.assertEqual((self.status, taken["release"]),
                         (202, hashlib.sha256((release / "release.json").read_bytes()).hexdigest()))
        media = self.lab.directory / "media"
        (media / "empty").mkdir(parents=True)
        shutil.copytree(release, media / "stick")
        self.assertIn("media", {row["source"] for row in self.ask(self.first, "/v1/releases")["releases"]})
        self.refused(400, "bad_release", *post(self.offer(path=str(media / "empty"))))
        self.refused(400, "bad_order", *post(self.offer(path="/etc")))
        self.offer_a_url(post)
        self.upload_wrongly(post, release)

    def offer_a_url(self, post):
        """One where somebody listens who never answers takes a while, in which there is no other."""
        script = "import socket, time; listener = socket.create_server((\"127.0.0.1\", 9999)); time.sleep(99)"
        self.nodes[self.first].run("sh", "-c", f"{sys.executable} -c '{script}' >/dev/null 2>&1 & sleep 1")
        self.ask(*post(self.offer(url="http://127.0.0.1:9999/")))
        self.assertEqual(self.status, 202)
        self.refused(409, "wrong_state", *post(self.offer(url="http://127.0.0.1:1/")))
        states = [row["state"] for row in self.ask(self.first, "/v1/releases")["releases"] if row["source"] == "url"]
        self.assertEqual(states, ["fetching"])
        self.wait(lambda: any(row["state"] == "failed" for row in self.ask(self.first, "/v1/releases")["releases"]),
                  "an end of it")

    def upload_wrongly(self, post, release):
        manifest = (release / "release.json").read_bytes()
        tree = json.loads(manifest)
        ids = [image["sha256"] for image in tree["images"]]
        release_id = hashlib.sha256(manifest).hexdigest()
        signatures = json.dumps({"signatures": [(path.read_text().splitlines()[1]) for path in
                                                (release / "signatures").glob("*.sig")]})
        stranger = json.dumps({"signatures": [self.sign(manifest.decode(), "stranger")]})

        def upload(file, offset, body, release_id=release_id):
            return self.first, "/v1/uploads/{release}/{file}/{offset}", "post", body, None, \
                {"release": release_id, "file": file, "offset": offset}

        def refused(status, reason, *arguments, **options):
            *first, parameters = upload(*arguments, **options)
            self.refused(status, reason, *first, **parameters)

        def taken(*arguments):
            *first, parameters = upload(*arguments)
            value = self.ask(*first, **parameters)
            self.assertEqual(self.status, 200, value)
            self.ask(self.first, "/v1/releases")
            return value["held"]

        def begin(size=len(manifest), release_id=release_id, images=ids):
            return post(self.offer(upload={"release": release_id, "manifest_size": size, "images": images}))

        refused(404, "no_upload", "release.json", 0, manifest)
        self.ask(*begin())
        self.assertEqual(self.status, 202)
        refused(404, "no_upload", "release.json", 0, manifest, release_id=NOBODY)
        refused(409, "wrong_offset", "release.json", 5, manifest[5:])
        refused(409, "wrong_state", "signatures", 0, signatures)
        refused(400, "hash_mismatch", "release.json", 0, b"x" * len(manifest))
        self.assertEqual(taken("release.json", 0, manifest[:100]), 100)
        taken("release.json", 100, manifest[100:])
        refused(409, "wrong_state", ids[0], 0, b"x")
        refused(403, "bad_signature", "signatures", 0, stranger)
        taken("signatures", 0, signatures)
        refused(400, "hash_mismatch", ids[0], 0, b"x" * 65536)
        refused(404, "no_upload", NOBODY, 0, b"x")
        for image in tree["images"]:
            data = (release / image["file"]).read_bytes()
            for at in range(0, len(data), image["chunk_size"]):
                taken(image["sha256"], at, data[at:at + image["chunk_size"]])
        unsound = b'{"lockstep":1}'
        unsound_id = hashlib.sha256(unsound).hexdigest()
        self.ask(*begin(len(unsound), unsound_id))
        refused(400, "bad_release", "release.json", 0, unsound, release_id=unsound_id)

    def watch_too_often(self):
        answers = self.from_afar(*[("GET", "/v1/events", "")] * 9)
        self.assertEqual([status for status, _ in answers], [200] * 8 + [503])


if __name__ == "__main__":
    unittest.main()
