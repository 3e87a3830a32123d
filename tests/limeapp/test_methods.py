# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every method of LimeApp's, in every mode, with arguments of friends and of others; and who may call it."""
import http.server
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

from door import BINARY, DATA, EUPGRADE, PLUGIN, ROOT, WIZARD, Door, LimeCase, lockstep, up_for

ACL = ROOT / "packaging/openwrt/files-limeapp/usr/share/rpcd/acl.d/lime-mesh-upgrade.json"
READS = {WIZARD: {"get_node_status"}, EUPGRADE: {"is_new_version_available", "download_status"}}
WRITES = {WIZARD: {"become_main_node", "start_firmware_upgrade_transaction", "start_safe_upgrade",
                   "confirm_boot_partition", "abort"}, EUPGRADE: {"start_download"}}
ACTIONS = sorted(WRITES[WIZARD])
# Every member of a record that LimeApp's pages read, and its JSON type.
RECORD = {"upgrade_state": str, "main_node": str, "eupgradestate": str, "error": str, "timestamp": int,
          "retry_count": int, "board_name": str, "current_fw": str, "node_ip": str,
          "safeupgrade_start_mark": int, "su_start_time_out": int, "safeupgrade_start_remining": int,
          "safeupgrade_start_remaining": int, "confirm_remining": int, "confirm_remaining": int}
INJECTIONS = ("$(touch CANARY)", "`touch CANARY`", "; touch CANARY;", "| touch CANARY", "\n touch CANARY\n",
              "' ; touch CANARY; '", '" ; touch CANARY; "', "&& touch CANARY", "--key", "-n", "../../etc/passwd",
              "%s%s%s%n", "\u202e", "60; reboot")


class Alone(unittest.TestCase):
    """Without any daemon."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="lockstep-limeapp-")
        self.addCleanup(scratch.cleanup)
        self.directory = pathlib.Path(scratch.name)
        self.door = Door(self.directory, mode="full", key=str(self.directory / "operator.sec"),
                         control=str(self.directory / "no.sock"), lockstep=str(BINARY))

    def methods(self, name):
        result = self.door.run("list", name=name)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        return json.loads(result.stdout)

    def test_list(self):
        for name in (WIZARD, EUPGRADE):
            self.assertEqual(set(self.methods(name)), READS[name] | WRITES[name])
        methods = self.methods(WIZARD)
        self.assertEqual(methods["become_main_node"], {"url": ""})
        # rpcd takes 8, 16 and 64 for the sizes of integers; others are the usual one.
        self.assertEqual(methods["start_safe_upgrade"], {"start_delay": 32, "confirm_timeout": 32})
        for method in READS[WIZARD] | {"start_firmware_upgrade_transaction", "confirm_boot_partition", "abort"}:
            self.assertEqual(methods[method], {})

    def test_access_list_names_every_method_once(self):
        """LimeApp logs in as lime-app: what changes something is granted as `write`."""
        groups = json.loads(ACL.read_text())
        self.assertEqual(set(groups), {"lime-app", "root"})
        for group in groups.values():
            self.assertEqual(set(group), {"description", "read", "write"})
            for kind, wanted in (("read", READS), ("write", WRITES)):
                self.assertEqual(set(group[kind]), {"ubus"})
                granted = group[kind]["ubus"]
                self.assertEqual({name: sorted(methods) for name, methods in granted.items()},
                                 {name: sorted(methods) for name, methods in wanted.items()})
            for name in (WIZARD, EUPGRADE):
                both = group["read"]["ubus"][name] + group["write"]["ubus"][name]
                self.assertEqual(sorted(both), sorted(self.methods(name)))

    def test_page_names_tests_that_are_there(self):
        """docs/limeapp.md says by which test each promise is held."""
        rows = re.findall(r"^\| (?:\d+|[AB]\d+) \|.*$", (ROOT / "docs/limeapp.md").read_text(), re.M)
        self.assertEqual(len(rows), 12 + 7 + 24)
        for row in rows:
            for path, name in re.findall(r"`(tests/\S+) (\S+)`", row):
                self.assertRegex((ROOT / path).read_text(), rf"(?m)^(    def|static void) {name}\(", row)

    def test_wrong_use(self):
        for arguments in ((), ("list", "more"), ("call",), ("call", "abort", "more"), ("help",), ("abort",)):
            with self.subTest(arguments):
                result = self.door.run(*arguments)
                self.assertEqual((result.returncode, result.stdout), (1, b""))
                self.assertIn(b"rpcd", result.stderr)
        result = subprocess.run([str(PLUGIN), "list"], capture_output=True, stdin=subprocess.DEVNULL)
        self.assertEqual((result.returncode, result.stdout), (1, b""))

    def test_unknown_methods(self):
        for name in (WIZARD, EUPGRADE):
            for method in ("", "get_node_statu", "get_node_status2", "bootstrap", "../abort", "start_download" * 99):
                with self.subTest(method):
                    self.assertEqual(self.door.call(method, name)["error"], "Method not found")

    def test_daemon_does_not_answer(self):
        answer = self.door.call("get_node_status")
        self.assertEqual(answer["upgrade_state"], "ERROR")
        self.assertIn("/etc/init.d/lockstep start", answer["error"])
        # A page that waits for a node that reboots sees a question that failed, and waits on.
        just_started = self.door.call("get_node_status", wrap=up_for(20))
        self.assertEqual(just_started["status"], "error")
        for method in set(ACTIONS) - {"start_firmware_upgrade_transaction", "become_main_node"}:
            self.assertIn("does not answer", self.door.call(method)["error"], method)
        for method in READS[EUPGRADE]:
            answer = self.door.call(method, EUPGRADE)
            self.assertEqual(answer["status"], "error")
            self.assertIn("does not answer", answer["message"])

    def test_daemon_that_says_nonsense(self):
        """Whoever has the socket, the answer is an object, and in time."""
        replies = (b"", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n[]", b"HTTP/1.1 200 OK\r\n\r\n{",
                   b"HTTP/1.1 200 OK\r\n\r\n{}", b"HTTP/1.1 500 No\r\n\r\n{}", b"\0" * 100, b"SSH-2.0-x\r\n",
                   b"HTTP/1.1 200 OK\r\n\r\n" + b'{"a":' * 100000,
                   b'HTTP/1.1 200 OK\r\n\r\n{"state":7,"nodes":{},"upgrade_state":[],"eupgradestate":null}',
                   b'HTTP/1.1 200 OK\r\n\r\n{"nodes":[7,null,{"name":"' + b"x" * 999 + b'"}],"upgrade":[]}',
                   b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 99999)
        for reply in replies:
            with self.subTest(reply[:60]), Listener(self.directory / "nonsense.sock", reply):
                self.door.change(control=str(self.directory / "nonsense.sock"))
                for name in (WIZARD, EUPGRADE):
                    for method in READS[name] | WRITES[name]:
                        self.assertIsInstance(self.door.call(method, name), dict)

    def test_daemon_that_says_nothing(self):
        with Listener(self.directory / "silent.sock", None):
            self.door.change(control=str(self.directory / "silent.sock"))
            begin = time.monotonic()
            self.assertEqual(self.door.call("get_node_status")["upgrade_state"], "ERROR")
            self.assertLess(time.monotonic() - begin, 10.5)

    def test_leaves_after_its_answer(self):
        """rpcd must see the end of what is printed before it sees the end of the program: else it closes the
        pipes twice, and the second time they may be those of another call."""
        for method in ("get_node_status", "abort", "nonsense"):
            process = subprocess.Popen([str(self.door.programs / WIZARD), "call", method], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertIsInstance(json.loads(process.stdout.read()), dict)
            self.assertEqual(process.stderr.read(), b"")
            self.assertIsNone(process.poll())
            self.assertEqual(process.wait(), 0)
            process.stdout.close()
            process.stderr.close()

    def test_arguments_that_never_end(self):
        """rpcd closes them at once; if somebody does not, the answer comes all the same."""
        process = subprocess.Popen([str(self.door.programs / WIZARD), "call", "abort"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        begin = time.monotonic()
        answer = json.loads(process.stdout.read())
        self.assertEqual(process.wait(), 0)
        process.stdin.close()
        process.stdout.close()
        self.assertEqual(answer["code"], "TIMEOUT")
        self.assertTrue(answer["error"])
        self.assertLess(time.monotonic() - begin, 15)


class Listener:
    """A unix socket that answers whatever is asked with the same bytes; None: with silence."""

    def __init__(self, path, reply):
        path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(64)
        self.reply = reply
        self.open = []

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.open.append(connection)
            if self.reply is None:
                continue
            with connection:
                try:
                    connection.recv(65536)
                    connection.sendall(self.reply)
                except OSError:
                    pass

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in self.open:
            connection.close()


class NodeCase(LimeCase):
    def setUp(self):
        self.start_mesh("chain:1")
        self.door = self.doors["node1"]
        self.node = self.nodes["node1"]

    def forget(self):
        """As if half a minute had passed since the last failure."""
        (self.node.directory / "limeapp.json.note").unlink(missing_ok=True)


class OneNode(NodeCase):
    def test_looking(self):
        """In every mode but off; and that changes nothing."""
        for mode in ("read-only", "full"):
            self.door.change(mode=mode)
            record = self.door.call("get_node_status")
            self.assertEqual({member: type(value) for member, value in record.items()}, RECORD)
            self.assertEqual(record, self.node.get("/v1/limeapp"))
            self.assertEqual(record, self.mesh["node1"].shared_state()["node1"])
            self.assertEqual(record["node_ip"], "10.77.0.1")
            self.assertEqual(self.door.call("is_new_version_available", EUPGRADE),
                             {"status": "ok", "version": "Demo 2.0", "release_info_url": "", "release-info-url": ""})
            self.assertEqual(self.door.call("download_status", EUPGRADE),
                             {"status": "ok", "download_status": "not-initiated"})
            answer = self.door.call("start_download", EUPGRADE)
            self.assertEqual(answer["status"], "error")
            self.assertIn("Mesh Wide Upgrade", answer["message"])
        self.assert_nothing_ordered()
        self.assertEqual(self.node.state(), "UPDATED")

    def test_read_only(self):
        for settings in ({**self.door.settings, "mode": "read-only"}, None):
            if settings:
                self.door.set(**settings)
            else:
                # No file at all is the same, on a node where all lies where it is by default.
                self.door.set(mode="read-only", control=str(self.node.socket))
                self.door.path.unlink()
            for method in ACTIONS:
                answer = self.door.call(method)
                self.assertEqual(answer["code"], "NOT_ALLOWED", method)
                self.assertIn("may only look on", answer["error"])
                self.assertIn("Lockstep's own page", answer["error"])
                if settings:
                    self.assertIn("http://10.77.0.1:8430/", answer["error"])
        self.assert_nothing_ordered()
        # What the page's own calls answer, it does not show: it shows the node's error, for a while.
        self.door.set(mode="read-only", control=str(self.node.socket), config=self.door.settings.get("config", "/x"))
        page = self.open_page()
        self.assertEqual(page.state(), "ERROR")
        self.assertIn("may only look on", page.error())
        self.forget()
        page.look()
        self.assertEqual(page.status["upgrade_state"], "DEFAULT")

    def test_off(self):
        self.door.change(mode="off")
        for method in ACTIONS:
            answer = self.door.call(method)
            self.assertEqual(answer["code"], "NOT_ALLOWED", method)
            self.assertIn("switched off", answer["error"])
        for method in READS[EUPGRADE] | WRITES[EUPGRADE]:
            answer = self.door.call(method, EUPGRADE)
            self.assertEqual(answer["status"], "error", method)
            self.assertIn("switched off", answer["message"])
        page = self.open_page()
        self.assertEqual(page.state(), "ERROR")
        self.assertIn("switched off", page.error())
        self.assertIn("http://10.77.0.1:8430/", page.error())
        self.assert_nothing_ordered()

    def test_settings_that_cannot_be_understood(self):
        """Then LimeApp is switched off, and says why."""
        good = self.door.settings
        for text, why in (("", ""), ("{", ""), ("[]", ""), ("null", ""), ('{"mode":"all"}', "mode must be"),
                          ("{}", "mode is missing"), ('{"mode":7}', "mode"), ('{"mode":"full"}', "key is missing"),
                          (json.dumps({**good, "key": "operator.sec"}), "key must begin with a slash"),
                          (json.dumps({**good, "lockstep": "lockstep"}), "lockstep must begin"),
                          (json.dumps({**good, "expected": 7}), "expected"),
                          (json.dumps({**good, "release": "release"}), "release must be"),
                          (json.dumps({**good, "control": "x" * 300}), "control"),
                          (json.dumps(good) + "x", ""), ("x" * 20000, "the file")):
            with self.subTest(text[:40]):
                self.door.path.write_text(text)
                answer = self.door.call("become_main_node")
                self.assertEqual(answer["code"], "NOT_ALLOWED")
                self.assertIn("switched off on this node. Its settings are not good: ", answer["error"])
                self.assertIn(why, answer["error"])
                self.assertEqual(self.door.call("get_node_status")["upgrade_state"], "ERROR")
        self.assert_nothing_ordered()

    def test_wrong_states(self):
        for method, code in (("start_firmware_upgrade_transaction", "BAD_NODE_STATE"),
                             ("start_safe_upgrade", "NOT_READY_FOR_UPGRADE"),
                             ("confirm_boot_partition", "NOT_READY_TO_CONFIRM"), ("abort", "SUCCESS")):
            answer = self.door.call(method)
            self.assertEqual(answer["code"], code)
            self.assertEqual(answer["error"] == "", code == "SUCCESS")
        self.assert_nothing_ordered()

    def test_hostile_arguments(self):
        """Each method, each argument: a refusal in words, and nothing happens."""
        canary = self.node.directory / "canary"
        values = [text.replace("CANARY", str(canary)) for text in INJECTIONS]
        values += ["", "x" * 300, "x" * 70000, -1, 0, 59.5, 1e300, 86401, 10 ** 30, True, None, [], [60], {}, {"a": 1}]
        for method, member, too_low in (("start_safe_upgrade", "start_delay", 0),
                                        ("start_safe_upgrade", "confirm_timeout", 59),
                                        ("become_main_node", "url", 60)):
            for value in [*values, too_low]:
                with self.subTest(method=method, value=str(value)[:40]):
                    answer = self.door.call(method, **{member: value})
                    self.assertEqual(answer["code"], "BAD_ARGUMENTS")
                    self.assertTrue(answer["error"])
                    self.assertLess(len(answer["error"]), 600)
        self.forget()
        # What a method does not ask for it does not read.
        for method in ("confirm_boot_partition", "abort", "get_node_status", "start_firmware_upgrade_transaction"):
            for value in values:
                answer = self.door.call(method, anything=value, start_delay=value)
                self.assertIn(answer.get("code", "SUCCESS"),
                              ("SUCCESS", "NOT_READY_TO_CONFIRM", "BAD_NODE_STATE", "BAD_ARGUMENTS"))
        self.assertFalse(canary.exists())
        self.assert_nothing_ordered()
        self.assertEqual(self.node.state(), "UPDATED")

    def test_arguments_that_are_none(self):
        good = b'{"ubus_rpc_session":"0"}'
        for given in (b"[]", b"7", b"null", b'"x"', b"{", b"}", b"{}{}", b"{} x",
                      b"\xff\xfe", b'{"a":"\xff"}', b'{"a":"\0"}', b"\0" * 10, b'{"a":' * 40 + b"1" + b"}" * 40,
                      b"[" * 60000, b" " * 65537, b"{" + b" " * 65535 + b"}", b'{"a":"' + b"x" * 1000000 + b'"}'):
            for method in ("abort", "start_safe_upgrade", "become_main_node", "get_node_status"):
                with self.subTest(method=method, given=given[:30]):
                    answer = self.door.raw(method, given)
                    self.assertEqual(answer["code"], "BAD_ARGUMENTS")
                    self.assertTrue(answer["error"])
            self.assertEqual(self.door.raw("download_status", given, EUPGRADE)["code"], "BAD_ARGUMENTS")
        for given in (b"", b"{}", good, b" { } \n", b'{"a":"' + b"x" * 60000 + b'"}'):
            self.assertEqual(self.door.raw("get_node_status", given)["upgrade_state"], "DEFAULT")
            self.assertEqual(self.door.raw("abort", given)["code"], "SUCCESS")
        self.assert_nothing_ordered()

    def test_release_that_is_chosen_is_forgotten(self):
        """STARTING ends with the start, with an abort, with another upgrade, with time, and at a reboot."""
        def choose():
            self.assertEqual(self.door.call("become_main_node"), {"code": "SUCCESS", "error": ""})
            record = self.door.call("get_node_status")
            self.assertEqual((record["main_node"], record["eupgradestate"], record["error"]),
                             ("STARTING", "downloaded", ""))
            # Others see nothing of it.
            self.assertEqual(self.node.get("/v1/limeapp")["main_node"], "NO")

        def assert_forgotten():
            self.assertNotEqual(self.door.call("get_node_status")["main_node"], "STARTING")
            self.assertEqual(self.door.call("start_firmware_upgrade_transaction")["code"], "BAD_NODE_STATE")
            self.forget()

        choose()
        choose()  # twice is once
        self.assertEqual(self.door.call("abort")["code"], "SUCCESS")
        assert_forgotten()
        choose()
        note = self.door.note()
        left_s = (note["end_ms"] - time.monotonic() * 1000) / 1000
        self.assertAlmostEqual(left_s, 600, delta=10)
        for end_ms in (note["end_ms"] - 601000, note["end_ms"] + 60000, 0):  # over, or of another boot
            choose()
            (self.node.directory / "limeapp.json.note").write_text(json.dumps({**note, "end_ms": end_ms}))
            assert_forgotten()
        for text in ("", "{}", "x", '{"kind":"starting","words":"/x"}', '{"kind":"other","words":"","end_ms":1}'):
            choose()
            (self.node.directory / "limeapp.json.note").write_text(text)
            assert_forgotten()
        choose()
        self.start_upgrade("release-2")
        self.wait_ready()
        self.assertEqual(self.door.call("get_node_status")["upgrade_state"], "READY_FOR_UPGRADE")
        self.assertIsNone(self.door.note())
        self.abort()
        assert_forgotten()
        choose()
        self.door.change(lockstep="/nonexistent")
        answer = self.door.call("start_firmware_upgrade_transaction")
        self.assertNotEqual(answer["code"], "SUCCESS")
        self.assertIn("/nonexistent could not be run", answer["error"])
        self.forget()
        assert_forgotten()

    def test_orders_need_the_key(self):
        """The key of the settings signs, and nothing else does: one that nobody trusts changes nothing."""
        for key, says in (("stranger.sec", "not trusted"), ("missing.sec", "No such file"),
                          ("operator.pub", "operator.pub")):
            self.door.change(key=str(DATA / key))
            self.assertEqual(self.door.call("become_main_node")["code"], "SUCCESS")
            answer = self.door.call("start_firmware_upgrade_transaction")
            self.assertNotEqual(answer["code"], "SUCCESS")
            self.assertIn(says, answer["error"])
        self.start_upgrade("release-2")
        self.wait_ready()
        answer = self.door.call("start_safe_upgrade")
        self.assertEqual(answer["code"], "NOT_ABLE_TO_START_UPGRADE")
        self.assertEqual(self.door.call("abort")["code"], "NOT_ABLE_TO_ABORT")
        self.assertEqual(self.node.state(), "UPGRADE_READY")

    def test_a_program_that_hangs(self):
        """Neither the list of nodes nor the command can hold the page up."""
        slow, nap = self.node.directory / "slow", self.node.directory / "nap"
        shutil.copy(shutil.which("sleep"), nap)
        slow.write_text(f"#!/bin/sh\n{nap} 60 &\n{nap} 60\n")
        slow.chmod(0o755)
        self.door.change(expected=str(slow))
        self.assertEqual(self.door.call("become_main_node")["code"], "SUCCESS")
        self.assertIn("The list of the nodes", self.door.call("start_firmware_upgrade_transaction")["error"])
        self.door.change(expected="", lockstep=str(slow))
        self.assertEqual(self.door.call("become_main_node")["code"], "SUCCESS")
        answer = self.door.call("start_firmware_upgrade_transaction")
        self.assertIn("took too long", answer["error"])
        # With all that it began.
        running = subprocess.run(["pgrep", "-f", str(self.node.directory / "(slow|nap)")], capture_output=True,
                                 text=True).stdout
        self.assertEqual(running, "")


class Server:
    """A web server for a release directory, which can do worse."""

    def __init__(self, directory, how="good"):
        server = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=str(directory))

            def do_GET(self):
                server.asked.append(self.path)
                if how == "good":
                    super().do_GET()
                elif how == "slow":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    for _ in range(100):
                        self.wfile.write(b" ")
                        time.sleep(0.2)
                elif how == "endless":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 3000000)
                elif how == "elsewhere":
                    self.send_response(302)
                    self.send_header("Location", "http://127.0.0.1:1/")
                    self.end_headers()
                elif how == "list":  # as a node serves it
                    self.send_list() if self.path.endswith("/signatures") else super().do_GET()
                else:
                    self.wfile.write(how)

            def send_list(self):
                blobs = [path.read_text().splitlines()[1]
                         for path in sorted((pathlib.Path(directory) / "signatures").glob("*.sig"))]
                body = json.dumps({"signatures": ["no blob", *blobs]}).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.asked = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Release(NodeCase):
    """What is offered is what the node would install."""

    def offer(self, place):
        self.door.change(release=str(place))
        self.forget()
        return self.door.call("is_new_version_available", EUPGRADE), self.door.call("become_main_node")

    def assert_offered(self, place, version="Demo 2.0"):
        seen, answer = self.offer(place)
        self.assertEqual((seen["status"], seen.get("version")), ("ok", version), seen)
        self.assertEqual(answer, {"code": "SUCCESS", "error": ""})

    def assert_nothing_new(self, place):
        seen, answer = self.offer(place)
        self.assertEqual(seen, {"status": "ok"})
        self.assertEqual(answer["code"], "NO_NEW_VERSION")
        self.assertIn("Demo", answer["error"])

    def assert_refused(self, place, says):
        seen, answer = self.offer(place)
        self.assertEqual(seen["status"], "error", seen)
        self.assertIn(says, seen["message"])
        self.assertEqual(answer["code"], "NO_ABLE_TO_BECOME_MAIN_NODE")
        self.assertIn(says, answer["error"])
        self.assertIsNone(re.search(r"starting", json.dumps(self.door.note())))

    def test_directories(self):
        self.assert_offered(DATA / "release-2")
        self.assert_nothing_new(DATA / "release-1")
        self.assert_refused(DATA / "forged", "0 of 1 needed keys signed it")
        self.assert_refused(DATA / "nowhere", "There is no release in")
        self.assert_refused("/" + "x" * 240, "There is no release in")
        seen, answer = self.offer("")
        self.assertEqual(seen, {"status": "ok"})
        self.assertIn("not told where releases are", answer["error"])

    def test_directories_that_were_changed(self):
        with tempfile.TemporaryDirectory() as scratch:
            place = pathlib.Path(scratch) / "release"
            subprocess.run(["cp", "-r", DATA / "release-2", place], check=True)
            manifest = (place / "release.json").read_bytes()
            for changed in (manifest.replace(b"Demo 2.0", b"Demo 9.9"), manifest[:-1], b"", b"{}", b"x" * 2000000):
                (place / "release.json").write_bytes(changed)
                seen, answer = self.offer(place)
                self.assertEqual((seen["status"], answer["code"]), ("error", "NO_ABLE_TO_BECOME_MAIN_NODE"))
            (place / "release.json").write_bytes(manifest)
            self.assert_offered(place)
            signature = next((place / "signatures").iterdir())
            signature.write_bytes(signature.read_bytes()[:-10])
            self.assert_refused(place, "0 of 1")
            # The signature is what counts, not the name of its file; and one key counts once.
            for name in ("a.sig", "b.sig"):
                (place / "signatures" / name).write_bytes(
                    next((DATA / "release-2/signatures").iterdir()).read_bytes())
            self.assert_offered(place)
            config = json.loads((self.node.directory / "lockstep.json").read_text())
            other = self.node.directory / "other.json"
            other.write_text(json.dumps({**config, "threshold": 2}))
            self.door.change(config=str(other))
            self.assert_refused(place, "1 of 2")

    def test_boards_and_versions(self):
        self.node.power_off()
        (self.node.device / "board").write_text("demo,gamma\n")
        self.node.power_on()
        self.wait_state("UPDATED")
        self.assert_refused(DATA / "release-2", "demo,gamma")

    def test_an_older_release_is_not_new(self):
        self.upgrade(3)
        self.assert_nothing_new(DATA / "release-2")
        self.assert_nothing_new(DATA / "release-3")
        self.assert_offered(DATA / "release-4", "Demo 4.0")
        # The same again under another name is not, or the firmware would be offered for ever.
        with tempfile.TemporaryDirectory() as scratch:
            for number, new in ((3, False), (4, True)):
                place = f"{scratch}/{number}"
                lockstep("release", "create", "--version", f"Demo  {number}", "--sequence", str(number), "--image",
                         "demo,alpha=demo_alpha-3.bin", "--out", place)
                lockstep("release", "sign", "--key", "release.sec", place)
                if new:
                    self.assert_offered(place, f"Demo  {number}")
                else:
                    self.assert_nothing_new(place)

    def test_urls(self):
        with Server(DATA / "release-2") as server:
            self.assert_offered(server.url)
            self.assertIn("/release.json", server.asked)
            self.assert_offered(server.url + "/")
            # For one call: it is what is started then.
            self.door.change(release=str(DATA / "release-1"))
            self.assertEqual(self.door.call("become_main_node", url=server.url)["code"], "SUCCESS")
            self.assertEqual(self.door.note()["words"], server.url)
            self.assert_refused(server.url + "/missing", "HTTP status 404")
        with Server(DATA / "release-2", "list") as server:
            self.assert_offered(server.url)
            self.assertFalse([path for path in server.asked if path.endswith(".sig")])
        with Server(DATA / "forged") as server:
            self.assert_refused(server.url, "0 of 1")
        with Server(DATA / "release-2", "elsewhere") as server:
            self.assert_refused(server.url, "HTTP status 302")
        with Server(DATA / "release-2", "endless") as server:
            self.assert_refused(server.url, "too long")
        for reply in (b"", b"x" * 9999, b"HTTP/1.1 200 OK\r\n", b"\r\n\r\n{}", b"HTTP/1.1 \r\n\r\n"):
            with Server(DATA / "release-2", reply) as server:
                self.assert_refused(server.url, "The answer is")
        self.assert_refused("http://127.0.0.1:1/", "Nobody answers")
        self.assert_refused("https://127.0.0.1/", "http:// alone")
        for place in ("ftp://127.0.0.1/", "http://", "http:///x", "http://a b/", "http://x:99999/", "file:///etc"):
            self.assert_refused(place, "must be http://")

    def test_a_server_that_is_slow(self):
        with Server(DATA / "release-2", "slow") as server:
            begin = time.monotonic()
            self.assert_refused(server.url, "too long")
            self.assertLess(time.monotonic() - begin, 20)


if __name__ == "__main__":
    sys.exit(unittest.main())
