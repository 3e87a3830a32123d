# SPDX-License-Identifier: AGPL-3.0-or-later
"""Releases that an operator offers through one node: from a stick, behind a URL, and uploaded from a phone; and what
comes of offers and uploads that are not what they should be."""
import base64
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import unittest

from mesh import ALPHA, BETA, BINARY, DATA, ROOT, MeshCase, only_quick_ones
from phone import Phone

EMPTY = {"reason": "", "message": ""}


def sign(text, key="operator"):
    result = subprocess.run([str(BINARY.parent / "tests/sign-text"), str(DATA / f"{key}.sec")], input=text.encode(),
                            capture_output=True, check=True)
    return result.stdout.decode().strip()


class OfferCase(MeshCase):
    """Everything is asked of the first node, over its control socket, which is the same interface."""

    def ask(self, method, path, body=None, at=None):
        return self.nodes[at or self.first].request(method, path, body)

    def offer_text(self, **members):
        mesh = self.nodes[self.first].get("/v1/mesh")
        return json.dumps({"lockstep": 1, "mesh": "lab", "kind": "offer", "epoch": mesh["highest_epoch"] + 1,
                           "node": self.first, "issued": "2026-11-23T10:00:00Z", **members})

    def post_offer(self, text, key="operator", signature=None):
        body = json.dumps({"offer": text, "signature": signature or sign(text, key)})
        status, answer = self.ask("POST", "/v1/offers", body)
        return status, json.loads(answer)

    def offer(self, **members):
        return self.post_offer(self.offer_text(**members))

    def assert_refused(self, answer, status, reason, says=""):
        self.assertEqual((answer[0], answer[1]["error"]["reason"]), (status, reason), answer)
        self.assertIn(says, answer[1]["error"]["message"])

    def releases(self, source=None):
        status, body = self.ask("GET", "/v1/releases")
        self.assertEqual(status, 200)
        return [entry for entry in json.loads(body)["releases"] if source in (None, entry["source"])]

    def phone(self, release="release-2", boards=(ALPHA, BETA), pieces=None):
        manifest = json.loads((DATA / release / "release.json").read_bytes())
        images = [image["sha256"] for image in manifest["images"] if set(image["boards"]) & set(boards)]
        return Phone(self.ask, DATA / release, images, pieces)

    def start_by_hand(self, entry, **release):
        """A start order that names no place of the release, unless it is said."""
        mesh = self.nodes[self.first].get("/v1/mesh")
        text = json.dumps({
            "lockstep": 1, "mesh": "lab", "kind": "start", "upgrade": secrets.token_hex(8),
            "epoch": mesh["highest_epoch"] + 1, "issued": "",
            "release": {"id": entry["id"], "version": entry["version"], "sequence": entry["sequence"], **release},
            "policy": {"confirm": "auto", "kind": "atomic"},
            "participants": [{"name": row["name"],
                              "key": base64.b64encode(base64.b64decode(row["key"])[-32:]).decode()}
                             for row in sorted(mesh["nodes"], key=lambda row: row["name"])]})
        status, answer = self.ask("POST", "/v1/orders", json.dumps({"order": text, "signature": sign(text)}))
        self.assertEqual(status, 202, answer)

    def upload_files(self):
        folder = self.nodes[self.first].directory / "tmp/upload"
        return {path.name: path.stat().st_size for path in folder.iterdir()} if folder.exists() else {}


class Upload(OfferCase):
    def test_from_a_phone_to_a_whole_upgrade(self):
        """The phone is at the far end of the mesh and loses its way in between; the daemon of the first node has
        the images once only."""
        self.start_mesh("chain:3")
        # What a former run left behind is gone.
        leftover = self.nodes[self.first].directory / "tmp/upload/leftover"
        leftover.parent.mkdir()
        leftover.write_text("old")
        life = self.nodes[self.first].status()["incarnation"]
        self.nodes[self.first].kill_daemon()
        self.wait(lambda: (self.nodes[self.first].status().get("incarnation") or 0) > life, "the daemon to be back")
        self.assertFalse(leftover.exists())
        self.wait_acquainted()

        phone = self.phone()
        self.assertEqual(self.offer(upload=phone.upload_part()), (202, {}))
        address = "http://" + self.nodes[self.first].status()["address"]
        command = (sys.executable, str(ROOT / "tests/lab/phone.py"), address, str(DATA / "release-2"),
                   ",".join(phone.images))
        for pieces, state in (("4", "incomplete"), ("3", "incomplete"), (None, "ready")):
            result = self.nodes[self.last].run(*command, *([pieces] if pieces else []))
            self.assertEqual(result["status"], 0, result)
            told = json.loads(result["stdout"])
            self.assertEqual(told["state"], state)
            if pieces:
                self.assertEqual(told["sent"], int(pieces))
                # The same offer, as a page that was loaded anew makes it: nothing is lost.
                before = self.upload_files()
                self.assertEqual(self.offer(upload=phone.upload_part(), issued="later"), (202, {}))
                self.assertEqual(self.upload_files(), before)

        entry, = self.releases()
        manifest = json.loads(phone.manifest)
        size = sum(image["size"] for image in manifest["images"])
        self.assertEqual({name: entry[name] for name in ("id", "version", "sequence", "trusted", "source", "place", "state",
                                                          "size", "held", "reason", "message")},
                         {"id": phone.release, "version": "Demo 2.0", "sequence": 2, "trusted": True, "source": "upload",
                          "place": "", "state": "ready", "size": size, "held": size, **EMPTY})
        self.assertEqual(entry["created"], manifest["created"])
        self.assertEqual(entry["images"], [
            {"sha256": image["sha256"], "size": image["size"], "held": image["size"], "boards": image["boards"]}
            for image in manifest["images"]])
        public = (DATA / "release.pub").read_text().splitlines()[1]
        self.assertEqual(entry["signed_by"], [base64.b64decode(public)[2:10].hex()])
        self.assertFalse((self.nodes[self.first].directory / "state/directory").exists())

        self.start_by_hand(entry)
        self.wait_ready()
        self.assertTrue(self.nodes[self.first].status()["source"])
        images = self.nodes[self.first].directory / "tmp/images"
        own, = images.iterdir()
        self.assertEqual(own.stat().st_ino, (self.nodes[self.first].directory / "tmp/upload" / own.name).stat().st_ino)
        self.schedule(window_s=60)
        self.wait_updated(2)
        self.assertEqual(self.upload_files(), {})  # it lay in memory
        self.upgrade(3)

    def test_of_some_boards_only(self):
        """Nodes of other boards are told that it is not there, and take it where it is."""
        self.start_mesh("chain:3")
        phone = self.phone(boards=(ALPHA,))
        self.assertEqual(self.offer(upload=phone.upload_part())[0], 202)
        self.assertEqual(phone.run(), "ready")
        entry, = self.releases()
        held = {image["boards"][0]: image["held"] for image in entry["images"]}
        self.assertGreater(held[ALPHA], 0)
        self.assertEqual(held[BETA], 0)
        self.assertEqual(entry["size"], held[ALPHA])
        other, = (image["sha256"] for image in entry["images"] if image["boards"] == [BETA])
        for path in (f"/v1/images/{other}", f"/v1/images/{other}/chunks"):
            self.assertEqual(self.ask("GET", path)[0], 404, path)
        self.start_by_hand(entry)
        self.wait_ready(["node1", "node3"])
        self.assertIn(self.nodes["node2"].state(), ("DOWNLOADING", "DOWNLOAD_ERROR"))
        self.nodes["node3"].request("POST", "/v1/directory", json.dumps({"path": str(DATA / "release-2")}))
        self.wait_ready()
        self.assertNotIn("not asked again", self.nodes["node2"].log())
        self.schedule(window_s=60)
        self.wait_updated(2)

    def test_what_is_not_right(self):
        self.start_mesh("chain:2")
        phone = self.phone()
        part = phone.upload_part()
        stranger = [("untrusted_key", "stranger", None), ("bad_signature", "operator", sign("another text"))]
        for reason, key, signature in stranger:
            self.assert_refused(self.post_offer(self.offer_text(upload=part), key, signature), 403, reason)
        rows = (
            ({"mesh": "other"}, 400, "wrong_mesh", ""),
            ({"node": "node2"}, 409, "not_named", ""),
            ({"epoch": 0}, 409, "old_epoch", ""),
            ({"epoch": 2}, 409, "epoch_gap", ""),
            ({"kind": "start"}, 400, "bad_order", "kind"),
            ({"lockstep": 2}, 400, "bad_order", "lockstep"),
            ({"upload": {**part, "release": part["release"][:-1]}}, 400, "bad_order", "release"),
            ({"upload": {**part, "manifest_size": 0}}, 400, "bad_order", "manifest_size"),
            ({"upload": {**part, "manifest_size": 1048577}}, 400, "bad_order", "manifest_size"),
            ({"upload": {**part, "images": ["../../etc/passwd"]}}, 400, "bad_order", "images"),
            ({"upload": {**part, "images": [f"{n:064x}" for n in range(65)]}}, 400, "bad_order", "images"),
        )
        for change, status, reason, says in rows:
            with self.subTest(change):
                self.assert_refused(self.post_offer(self.offer_text(**{"upload": part, **change})), status, reason, says)
        self.assert_refused(phone.post("release.json", 0, b"{}"), 404, "no_upload")
        self.assertEqual(self.releases(), [])
        self.assertEqual(self.upload_files(), {})

        self.assertEqual(self.offer(upload=part), (202, {}))
        image = json.loads(phone.manifest)["images"][0]
        first = (DATA / "release-2" / image["file"]).read_bytes()[:image["chunk_size"]]
        self.assert_refused(phone.post(image["sha256"], 0, first), 409, "wrong_state")
        self.assert_refused(phone.post("signatures", 0, phone.signatures()), 409, "wrong_state")
        self.assertEqual(self.ask("POST", f"/v1/uploads/{'0' * 64}/release.json/0", b"{")[0], 404)
        half = len(phone.manifest) // 2
        manifest = (
            (1, phone.manifest, 409, "wrong_offset"),
            (0, b"", 400, "hash_mismatch"),
            (0, phone.manifest + b" ", 400, "hash_mismatch"),
        )
        for offset, piece, status, reason in manifest:
            self.assert_refused(phone.post("release.json", offset, piece), status, reason)
        for offset in ("-1", "00", "0x0", "1e1", "99999999999999999999"):
            self.assert_refused(phone.post("release.json", offset, b"{"), 409, "wrong_offset")
        # The last byte is wrong: it begins anew.
        self.assertEqual(phone.post("release.json", 0, phone.manifest[:half]), (200, {"held": half}))
        self.assertEqual((self.releases()[0]["held"], self.releases()[0]["size"]), (half, len(phone.manifest)))
        self.assert_refused(phone.post("release.json", half, phone.manifest[half:-1] + b" "), 400, "hash_mismatch")
        self.assertEqual(self.releases()[0]["held"], 0)
        self.assertEqual(phone.post("release.json", 0, phone.manifest), (200, {"held": len(phone.manifest)}))
        self.assertFalse(self.releases()[0]["trusted"])
        # Who has no release key cannot begin with images, nor end what was begun.
        stranger = json.dumps({"signatures": [sign(phone.manifest.decode(), "stranger")]})
        for signatures in (stranger, "{}", "[", json.dumps({"signatures": []})):
            self.assert_refused(phone.post("signatures", 0, signatures.encode()), 403, "bad_signature")
        self.assert_refused(phone.post(image["sha256"], 0, first), 409, "wrong_state")
        self.assertEqual(phone.post("signatures", 0, phone.signatures())[0], 200)
        self.assert_refused(phone.post("signatures", 0, phone.signatures()), 409, "wrong_offset")
        self.assertTrue(self.releases()[0]["trusted"])
        pieces = (
            (image["sha256"], 0, b"", 400, "hash_mismatch"),
            (image["sha256"], 0, first[:-1], 400, "hash_mismatch"),
            (image["sha256"], 0, first[:-1] + bytes([first[-1] ^ 1]), 400, "hash_mismatch"),
            (image["sha256"], 0, first + b"x", 400, "hash_mismatch"),
            (image["sha256"], len(first), first, 409, "wrong_offset"),
            (image["sha256"].upper(), 0, first, 404, "no_upload"),
            ("f" * 64, 0, first, 404, "no_upload"),
            ("..", 0, first, 404, "no_upload"),
        )
        for name, offset, piece, status, reason in pieces:
            with self.subTest((name, offset, len(piece))):
                self.assert_refused(phone.post(name, offset, piece), status, reason)
                self.assertEqual(sum(self.upload_files().values()), 0)
        self.assertEqual(phone.post(image["sha256"], 0, first), (200, {"held": len(first)}))
        # Whoever lost the answer learns how much came through.
        self.assert_refused(phone.post(image["sha256"], 0, first), 409, "wrong_offset", f"{len(first)} bytes")
        self.assert_refused(phone.post("release.json", 0, b"{"), 409, "wrong_offset", f"{len(phone.manifest)} bytes")
        self.assertEqual(self.ask("GET", f"/v1/images/{image['sha256']}")[0], 404)

        # Another upload takes its place, and one that can never be complete stays where it is.
        rows = ({"images": ["e" * 64]}, {"images": []}, {"images": [image["sha256"]] * 2})
        for change in rows:
            self.assertEqual(self.offer(upload={**part, **change}), (202, {}))
            self.assertEqual(self.upload_files(), {})
            self.assert_refused(phone.post("release.json", 0, phone.manifest), 400, "bad_release")
        unsound = b'{"lockstep":1}'
        self.assertEqual(self.offer(upload={"release": hashlib.sha256(unsound).hexdigest(),
                                            "manifest_size": len(unsound), "images": ["e" * 64]})[0], 202)
        phone.release = hashlib.sha256(unsound).hexdigest()
        self.assert_refused(phone.post("release.json", 0, unsound), 400, "bad_release", "images")
        # An offer for the upgrade that is open now, repeated once that is over.
        old = self.offer_text(upload=part)
        self.start_upgrade("release-2")
        self.wait_ready()
        self.assert_refused(self.post_offer(old), 409, "old_epoch")
        self.schedule(window_s=60)
        self.wait(lambda: self.nodes[self.first].state() == "CONFIRMATION_PENDING", "the new firmware")

    def test_room_that_runs_out(self):
        """In the middle of an image: nothing is lost, and it goes on once there is room."""
        self.start_mesh("chain:2")
        node = self.nodes[self.first]

        def run(command):
            result = node.run("sh", "-c", command)
            self.assertEqual(result["status"], 0, result)

        node.power_off()
        images = json.loads((DATA / "release-2/release.json").read_bytes())["images"]
        size = sum(-(-image["size"] // 4096) * 4096 for image in images)
        run(f"mount -t tmpfs -o size={size + 65536} tmpfs {node.directory}/tmp")
        node.power_on()
        self.wait_acquainted()
        phone = self.phone()
        self.assertEqual(self.offer(upload=phone.upload_part())[0], 202)
        filler = f"{node.directory}/tmp/filler"
        run(f"dd if=/dev/zero of={filler} bs=4096 count=32 2>/dev/null")
        refused = phone.post("release.json", 0, phone.manifest)
        self.assert_refused(refused, 409, "no_space", "KiB are needed")
        self.assertEqual(phone.entry()["held"], 0)
        run(f"rm {filler}")
        phone.pieces = 4  # release.json, signatures, two chunks
        self.assertEqual(phone.run(), "incomplete")
        run(f"dd if=/dev/zero of={filler} bs=4096 2>/dev/null; test -s {filler}")
        held = phone.entry()["held"]
        image = next(image for image in images if image["sha256"] in phone.images)
        data = (DATA / "release-2" / image["file"]).read_bytes()
        self.assertEqual(held, 2 * image["chunk_size"])
        refused = phone.post(image["sha256"], held, data[held:held + image["chunk_size"]])
        self.assert_refused(refused, 409, "no_space", "0 are free")
        self.assertEqual(phone.entry()["held"], held)
        run(f"rm {filler}")
        phone.pieces = None
        self.assertEqual(phone.run(), "ready")


class Media(OfferCase):
    def test_a_stick(self):
        self.start_mesh("chain:2")
        media = self.nodes[self.first].directory / "media"
        outside = self.nodes[self.first].directory / "outside"
        shutil.copytree(DATA / "release-2", outside)
        shutil.copytree(DATA / "release-2", outside / "below")
        (media / "sda1").mkdir()
        shutil.copytree(DATA / "release-2", media / "sda1/mesh")
        shutil.copytree(DATA / "release-3", media / "sdb1")
        shutil.copytree(DATA / "forged", media / "sdb1/forged")
        shutil.copytree(DATA / "release-4", media / "sda1/too/deep")
        shutil.copytree(DATA / "release-4", media / ".hidden")
        os.symlink(outside, media / "link")
        os.symlink(media / "sda1/mesh", media / "sda1/link")
        # A stick whose images are not its own: what lies at the other end is nobody's business.
        trick = media / "sdb1/trick"
        shutil.copytree(DATA / "alpha-only", trick)
        shutil.rmtree(trick / "images")
        os.symlink(DATA / "alpha-only/images", trick / "images")

        entries = {entry["place"]: entry for entry in self.releases()}
        self.assertEqual({place.removeprefix(f"{media}/"): (entry["source"], entry["state"], entry["trusted"])
                          for place, entry in entries.items()},
                         {"sda1/mesh": ("media", "ready", True), "sdb1": ("media", "ready", True),
                          "sdb1/forged": ("media", "ready", False), "sdb1/trick": ("media", "incomplete", True)})
        entry = entries[f"{media}/sda1/mesh"]
        image = entry["images"][0]["sha256"]
        for path in (f"/v1/images/{image}", f"/v1/releases/{entry['id']}/release.json"):
            self.assertEqual(self.ask("GET", path)[0], 404, path)

        paths = (outside, media / "link", media / "link/below", media / "sda1/link", f"{media}/sda1/link/",
                 media / "sda1/../sda1/mesh", media, f"{media}x", "sda1/mesh", "", DATA / "release-2")
        for path in paths:
            with self.subTest(path):
                self.assert_refused(self.offer(path=str(path)), 400, "bad_order", "path")
        for path in (media / "sda1", f"{media}/"):
            self.assert_refused(self.offer(path=str(path)), 400, "bad_release")
        self.assert_refused(self.offer(path=str(media / "sda1/nothing")), 400, "bad_order", "path")
        self.assertEqual(self.ask("GET", f"/v1/images/{image}")[0], 404)
        self.assertEqual(self.offer(path=str(trick))[0], 202)
        alpha = json.loads((trick / "release.json").read_bytes())["images"][0]["sha256"]
        self.assertEqual(self.ask("GET", f"/v1/images/{alpha}")[0], 404)

        text = self.offer_text(path=entry["place"])
        for _ in range(2):
            self.assertEqual(self.post_offer(text), (202, {"release": entry["id"]}))
        told = {(entry["source"], entry["place"]) for entry in self.releases() if entry["version"] == "Demo 2.0"}
        self.assertIn(("directory", entry["place"]), told)
        self.assertNotIn(("media", entry["place"]), told)
        # By its place it is offered already, wherever that is.
        self.ask("POST", "/v1/directory", json.dumps({"path": str(DATA / "release-4")}))
        self.assertEqual(self.offer(path=str(DATA / "release-4"))[0], 202)
        self.assertEqual(self.offer(path=entry["place"])[0], 202)
        life = self.nodes[self.first].status()["incarnation"]
        self.nodes[self.first].kill_daemon()
        self.wait(lambda: (self.nodes[self.first].status().get("incarnation") or 0) > life, "the daemon to be back")
        self.wait_acquainted()
        self.assertEqual([entry["place"] for entry in self.releases("directory")], [entry["place"]])
        # The stick is out, and in again.
        (media / "sda1/mesh/images").rename(media / "sda1/mesh/gone")
        self.wait(lambda: [(entry["state"], entry["held"]) for entry in self.releases("directory")] ==
                  [("incomplete", 0)], "a stick without images")
        entry, = self.releases("directory")
        (media / "sda1/mesh/gone").rename(media / "sda1/mesh/images")
        self.start_by_hand(entry)
        self.wait_ready()
        self.schedule(window_s=60)
        self.wait_updated(2)

    def test_a_stick_that_is_full_of_them(self):
        self.start_mesh("chain:2")
        media = self.nodes[self.first].directory / "media"
        manifest = json.loads((DATA / "release-2/release.json").read_bytes())
        for number in range(20):
            (media / f"sda1/{number:02}").mkdir(parents=True)
            (media / f"sda1/{number:02}/release.json").write_text(json.dumps({**manifest, "sequence": number + 1}))
        for number in range(3000):
            (media / f"sdb{number}").mkdir()
        self.assertLessEqual(len(self.releases()), 16)
        for number in range(3000):
            (media / f"sdb{number}").rmdir()
        (media / "sda1/00/release.json").write_text(" " * 1048577)
        self.ask("POST", "/v1/directory", json.dumps({"path": str(DATA / "release-4")}))  # look anew
        self.assertEqual([entry["sequence"] for entry in self.releases("media")], list(range(2, 18)))
        for number in range(20):
            (media / f"sda1/{number:02}/release.json").write_text(
                json.dumps({**manifest, "sequence": number + 1}) + " " * 600000)
        self.ask("POST", "/v1/directory", json.dumps({"path": str(DATA / "release-4")}))
        self.assertEqual([entry["sequence"] for entry in self.releases("media")], [1, 2])


class Url(OfferCase):
    def wait_for_url(self, state):
        self.wait(lambda: [entry["state"] for entry in self.releases("url")] == [state], f"a URL that is {state}")
        entry, = self.releases("url")
        return entry

    def test_a_web_server(self):
        self.start_mesh("chain:2")
        server = f"{ROOT}/tests/lab/web.py"
        self.nodes[self.last].run("sh", "-c", f"{sys.executable} {server} {DATA} 8000 >/dev/null 2>&1 &")
        up = (sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 8000))")
        self.wait(lambda: self.nodes[self.last].run(*up)["status"] == 0, "the web server")
        base = "http://" + self.nodes[self.last].status()["address"].rpartition(":")[0] + ":8000/"
        rows = ({"url": "https://host/"}, {"url": base + "release-2"}, {"url": "file:///etc/"}, {"url": ""}, {"url": 1})
        for row in rows:
            self.assertEqual(self.offer(**row)[0], 400, row)
        self.assertEqual(self.releases(), [])
        self.assertEqual(self.offer(url=base + "nothing/"), (202, {}))
        entry = self.wait_for_url("failed")
        self.assertEqual((entry["id"], entry["reason"], entry["images"], entry["trusted"]), ("", "fetch_failed", [], False))
        self.assertNotEqual(entry["message"], "")
        self.assertEqual(self.offer(url=base + "unsound/"), (202, {}))
        self.assertEqual(self.wait_for_url("failed")["reason"], "bad_release")
        self.assertEqual(self.offer(url=base + "forged/"), (202, {}))
        self.assertFalse(self.wait_for_url("ready")["trusted"])
        text = self.offer_text(url=base + "release-2/")
        for _ in range(3):
            self.assertEqual(self.post_offer(text), (202, {}))
        entry = self.wait_for_url("ready")
        manifest = (DATA / "release-2/release.json").read_bytes()
        self.assertEqual((entry["id"], entry["place"], entry["trusted"], entry["held"], entry["version"]),
                         (hashlib.sha256(manifest).hexdigest(), base + "release-2/", True, 0, "Demo 2.0"))
        self.assertEqual([image["boards"] for image in entry["images"]], [[ALPHA], [BETA]])
        # One that does not answer holds nobody up for ever, and is not asked twice at once.
        self.assertEqual(self.offer(url=base + "slow/"), (202, {}))
        self.assertEqual(self.offer(url=base + "slow/"), (202, {}))
        self.assertEqual(self.releases("url")[0]["state"], "fetching")
        self.assert_refused(self.post_offer(text), 409, "wrong_state")
        self.assertEqual(self.wait_for_url("failed")["place"], base + "slow/")
        self.assertEqual(self.post_offer(text), (202, {}))
        # The page names the URL in the order.
        self.start_by_hand(self.wait_for_url("ready"), urls=[base + "release-2/"])
        self.wait_ready()


load_tests = only_quick_ones("Upload.test_from_a_phone_to_a_whole_upgrade", "Media.test_a_stick")


if __name__ == "__main__":
    unittest.main()
