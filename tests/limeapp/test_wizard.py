# SPDX-License-Identifier: AGPL-3.0-or-later
"""LimeApp's wizard over a mesh of real daemons: a stand-in for its page, and for rpcd on every node."""
import concurrent.futures
import json
import sys
import time
import unittest

from door import DATA, ROOT, LimeCase

CONFIRMED_S = 120


class Whole(LimeCase):
    def test_from_a_new_version_to_no_update(self):
        self.start_mesh()
        page = self.open_page()
        self.assertEqual((page.state(), page.version), ("UPDATE_AVAILABLE", "Demo 2.0"))
        self.press(page, "Start mesh upgrade")
        page.look()
        self.assertEqual(page.state(), "DOWNLOADED_MAIN")
        self.assertEqual(page.status["main_node"], "STARTING")
        self.assert_nothing_ordered()
        self.press(page, "Start")
        self.wait_page(page, "NODES_DOWNLOADING", "TRANSACTION_STARTED")
        self.wait_page(page, "TRANSACTION_STARTED")
        self.wait_records(page, "READY_FOR_UPGRADE")
        self.assertEqual({name: record["main_node"] for name, record in page.records.items()},
                         {"node1": "MAIN_NODE", "node2": "NO", "node3": "NO"})
        self.assertEqual(page.buttons(), ("Schedule upgrade", "Abort"))
        # The page sends neither delay nor timeout.
        self.assertEqual(page.press("Schedule upgrade"), {})
        page.look()
        self.assertEqual(page.state(), "UPGRADE_SCHEDULED")
        [schedule] = self.orders_of_kind("schedule")
        self.assertEqual((schedule["countdown_ms"], schedule["confirm_window_s"]), (60000, 600))
        # In another tab, or after a reload, the same state has another screen, which can still abort.
        self.assertEqual(self.open_page().state(), "TRANSACTION_STARTED")
        begin = time.monotonic()
        states = set()

        def flashed():
            states.add(page.state())
            return page.state() == "CONFIRMATION_PENDING"

        self.wait_look(page, flashed, "the new firmware", 120)
        self.assertGreater(time.monotonic() - begin, 40)
        self.assertEqual(states - {"UPGRADE_SCHEDULED", "UPGRADING"}, {"CONFIRMATION_PENDING"})
        self.wait_records(page, "CONFIRMATION_PENDING")
        self.assertLess(max(self.lab.flash_moments_ms().values()) - min(self.lab.flash_moments_ms().values()),
                        1000)
        self.press(page, "Confirm")
        confirmed = time.monotonic()
        page.look()
        self.assertEqual(page.state(), "CONFIRMED")
        self.assertEqual(page.buttons(), ())  # no way out of it but that it ends
        self.wait_updated(2)
        self.wait_page(page, "UPDATE_AVAILABLE", timeout_s=CONFIRMED_S + 30)
        self.assertGreater(time.monotonic() - confirmed, CONFIRMED_S - 20)
        # This tab has kept the version that was new; the page anew has not.
        page = self.open_page("node3")
        self.assertEqual((page.state(), page.version), ("NO_UPDATE", None))
        self.wait_records(page, "DEFAULT")
        self.assertEqual({record["current_fw"] for record in page.records.values()}, {"Demo 2.0"})

    def test_again_and_from_another_node(self):
        """Whatever came before, the wizard works again: also from elsewhere, and at once."""
        self.start_mesh("chain:2", release="release-3")
        for at, number in (("node1", 2), ("node2", 3)):
            self.doors[at].change(release=str(DATA / f"release-{number}"))
            page = self.open_page(at)
            # Not with the page's button: it still shows that the last upgrade was confirmed.
            self.assertEqual(self.doors[at].call("become_main_node")["code"], "SUCCESS")
            page.look()
            self.assertEqual(page.state(), "DOWNLOADED_MAIN")
            self.press(page, "Start")
            self.wait_page(page, "TRANSACTION_STARTED")
            self.wait_records(page, "READY_FOR_UPGRADE")
            self.assertEqual(page.status["main_node"], "MAIN_NODE")
            answers = self.call_everywhere("start_safe_upgrade", list(self.nodes), start_delay=2)
            self.assertEqual({answer["code"] for _, answer in answers}, {"SUCCESS"}, answers)
            self.wait_running()
            self.wait_page(page, "CONFIRMATION_PENDING")
            self.wait_records(page, "CONFIRMATION_PENDING")
            self.press(page, "Confirm")
            self.wait_updated(number)
            page.look()
            self.assertEqual(page.state(), "CONFIRMED")


class Abort(LimeCase):
    def start(self, page):
        self.press(page, "Start mesh upgrade")
        page.look()
        self.press(page, "Start")
        self.wait_page(page, "TRANSACTION_STARTED")

    def assert_all_aborted(self, page):
        self.wait_state("ABORTED")
        page.look()
        self.assertEqual(page.state(), "UPDATE_AVAILABLE")
        self.assertEqual(page.status["eupgradestate"], "not-initiated")
        self.assertEqual(page.status["main_node"], "NO")
        self.assert_nobody_flashed()
        # Nor does the image take anybody's memory any longer.
        for name, node in self.nodes.items():
            held = [path for path in (node.directory / "tmp").rglob("*") if path.stat().st_size > 200000]
            self.assertEqual(held, [], name)

    def test_while_ready_and_while_scheduled(self):
        self.start_mesh()
        for scheduled in (False, True):
            page = self.open_page()
            self.start(page)
            self.wait_ready()
            self.wait_records(page, "READY_FOR_UPGRADE")
            if scheduled:
                self.press(page, "Schedule upgrade")
                page.look()
                self.assertEqual(page.state(), "UPGRADE_SCHEDULED")
                # The page has an older view of the mesh than it is: those are addressed all the same.
            self.press(page, "Abort")
            self.assert_all_aborted(page)
            # Again: it is aborted.
            self.assertEqual({answer["code"] for _, answer in self.call_everywhere("abort", list(self.nodes))},
                             {"SUCCESS"})
        self.upgrade(3)

    def test_while_some_download(self):
        """The page does not call who downloads: the order reaches him all the same."""
        self.start_mesh("chain:3", rate="1mbit", boards=("demo,alpha",))
        page = self.open_page()
        self.press(page, "Start mesh upgrade")
        page.look()
        self.press(page, "Start")
        self.wait_state("UPGRADE_READY", ["node1"])
        self.assertEqual(self.nodes["node3"].state(), "DOWNLOADING")
        self.assertEqual(self.doors["node1"].call("abort")["code"], "SUCCESS")
        self.assert_all_aborted(page)

    def test_a_download_that_stands_still_can_be_aborted(self):
        self.start_mesh("chain:3", rate="200kbit")
        page = self.open_page()
        self.press(page, "Start mesh upgrade")
        page.look()
        self.press(page, "Start")
        self.wait_state("DOWNLOADING", ["node3"])
        self.lab.link_down("node2", "node3")
        there = self.open_page("node3")
        self.wait_page(there, "ERROR")
        self.assertIn("DOWNLOAD_ERROR", there.error())
        self.assertEqual(there.buttons(), ("Abort",))
        self.assertEqual(self.open_page("node3", newer_page=False).state(), "ERROR")
        self.lab.link_up("node2", "node3")
        self.wait(lambda: self.doors["node3"].call("abort")["code"] == "SUCCESS" and
                  self.nodes["node3"].state() == "ABORTED", "an abort")
        self.wait_state("ABORTED")
        there.look()
        self.assertEqual(there.state(), "UPDATE_AVAILABLE")

    def test_too_late(self):
        self.start_mesh("chain:2")
        page = self.open_page()
        self.start(page)
        self.wait_ready()
        self.schedule(1, 60)
        self.wait_running()
        self.wait_page(page, "CONFIRMATION_PENDING")
        self.wait_records(page, "CONFIRMATION_PENDING")
        refused = page.press("Abort")
        self.assertEqual(set(refused), {"node1", "node2"})
        for words in refused.values():
            self.assertRegex(words, r"all go back by themselves, this node in \d+ s")
        # That did nobody any harm: it can still be confirmed.
        page.look()
        self.press(page, "Confirm")
        self.wait_updated(2)


class Revert(LimeCase):
    def test_nobody_confirms(self):
        """The page says in words that the old firmware is back, and one abort leads out of it."""
        self.start_mesh("chain:3")
        page = self.open_page()
        self.press(page, "Start mesh upgrade")
        page.look()
        self.press(page, "Start")
        self.wait_ready()
        self.schedule(1, 8)
        self.wait_state("CONFIRMATION_PENDING")
        self.wait_state("REVERTED")
        # For a moment before its reboot a node says so while it still runs the new firmware.
        self.wait_look(page, lambda: page.state() == "ERROR" and page.status["current_fw"] == "Demo 1.0",
                       "the old firmware and its ERROR", 90)
        self.assertIn("REVERTED", page.error())
        self.assertNotIn("firmware_file_not_found", page.error())
        self.wait_records(page, "ERROR")
        self.press(page, "Abort")
        page.look()
        self.assertEqual(page.state(), "UPDATE_AVAILABLE")
        for name in self.nodes:
            self.wait(lambda name=name: self.doors[name].call("get_node_status")["upgrade_state"] == "ABORTED",
                      f"ABORTED of {name}")
        # Not only of those who were there then.
        self.wait_records(page, "ABORTED")
        self.press(page, "Start mesh upgrade")
        page.look()
        self.assertEqual(page.state(), "DOWNLOADED_MAIN")
        self.press(page, "Start")
        self.wait_ready()


class AtOnce(LimeCase):
    """LimeApp calls every node at the same moment: one order comes of it."""

    def make_ready(self, topology):
        self.start_mesh(topology)
        self.assertEqual(self.doors["node1"].call("become_main_node")["code"], "SUCCESS")
        self.assertEqual(self.doors["node1"].call("start_firmware_upgrade_transaction")["code"], "SUCCESS")
        self.wait_all_ready()

    def wait_all_ready(self):
        """… and everybody knows of everybody."""
        self.wait_ready()
        for name in self.nodes:
            self.wait_ready(at=name)

    def assert_one_schedule(self, names):
        ids = {name: {key for key, order in self.orders(name).items() if order["kind"] == "schedule"}
               for name in names}
        self.assertEqual(len(set.union(*ids.values())), 1, ids)
        self.assertEqual({len(found) for found in ids.values()}, {1}, ids)

    def assert_one_moment(self):
        moments = self.lab.flash_moments_ms()
        self.assertEqual(set(moments), set(self.nodes))
        self.assertLess(max(moments.values()) - min(moments.values()), 1000, moments)

    def test_twenty_schedules(self):
        self.make_ready("grid:2x2")
        answers = self.call_everywhere("start_safe_upgrade", list(self.nodes), times=5, start_delay=12,
                                       confirm_timeout=120)
        self.assertEqual(len(answers), 20)
        for name, answer in answers:
            self.assertEqual((answer["code"], answer["error"]), ("SUCCESS", ""), name)
            self.assertIn(answer["su_start_time_out"], range(1, 13))
            self.assertEqual(answer["su_confirm_timeout"], 120)
        self.assert_one_schedule(list(self.nodes))
        # Once more, with other wishes: what is scheduled stands.
        again = self.doors["node3"].call("start_safe_upgrade", start_delay=3600, confirm_timeout=3600)
        self.assertEqual((again["code"], again["su_confirm_timeout"]), ("SUCCESS", 120))
        self.assertLess(again["su_start_time_out"], 13)
        self.wait_running()
        self.assert_one_moment()
        answers = self.call_everywhere("confirm_boot_partition", list(self.nodes), times=5)
        for name, answer in answers:
            self.assertEqual(answer, {"code": "SUCCESS", "error": ""}, name)
        self.wait_updated(2)
        self.assertLessEqual(len(self.orders_of_kind("confirm")), 4)
        # And who is late finds it done.
        self.assertEqual(self.doors["node2"].call("confirm_boot_partition"), {"code": "SUCCESS", "error": ""})

    def test_without_the_main_node(self):
        """Its call did not get through: the others take turns."""
        self.make_ready("chain:5")
        others = ["node5", "node4", "node3", "node2"]
        begin = time.monotonic()
        answers = self.call_everywhere("start_safe_upgrade", others, times=2, start_delay=6)
        self.assertLess(time.monotonic() - begin, 11)
        self.assertEqual({answer["code"] for _, answer in answers}, {"SUCCESS"}, answers)
        self.assert_one_schedule(list(self.nodes))
        self.wait_running(at="node3")
        self.wait_running(at="node5")
        self.assert_one_moment()
        # The same with a confirmation that reaches only the last.
        answer = self.doors["node5"].call("confirm_boot_partition")
        self.assertNotEqual(answer["code"], "SUCCESS")  # its turn never comes
        self.assertIn("try it again", answer["error"])
        self.assertEqual(self.doors["node3"].call("confirm_boot_partition")["code"], "SUCCESS")
        self.wait_updated(2)

    def test_turns(self):
        """Whose call came first does not matter: the main node's order is the one, else the first by name."""
        self.make_ready("chain:4")

        def call_all(**delays):
            """At half a second from each other; which of the delays became the mesh's."""
            with concurrent.futures.ThreadPoolExecutor(len(delays)) as pool:
                answers = []
                for name, delay in delays.items():
                    answers.append(pool.submit(self.doors[name].call, "start_safe_upgrade", start_delay=delay))
                    time.sleep(0.5)
                self.assertEqual({answer.result()["code"] for answer in answers}, {"SUCCESS"})
            [schedule] = self.orders_of_kind("schedule")
            return schedule["countdown_ms"] / 1000

        self.assertEqual(call_all(node4=300, node3=200, node1=100), 100)
        self.abort()
        self.wait_state("ABORTED")
        self.start_upgrade("release-2")
        self.wait_all_ready()
        self.assertEqual(call_all(node4=300, node3=200), 200)

    def test_abort_on_all(self):
        self.make_ready("grid:2x2")
        self.assertEqual(self.doors["node1"].call("start_safe_upgrade")["code"], "SUCCESS")
        self.wait_state("UPGRADE_SCHEDULED")
        answers = self.call_everywhere("abort", list(self.nodes), times=5)
        self.assertEqual({answer["code"] for _, answer in answers}, {"SUCCESS"}, answers)
        self.wait_state("ABORTED")
        self.assert_nobody_flashed()
        self.upgrade(3, "node4")

    def test_start_on_two_nodes(self):
        """Two people at two nodes: one upgrade comes of it, the other hears why not."""
        self.start_mesh("chain:2")
        for name in self.nodes:
            self.assertEqual(self.doors[name].call("become_main_node")["code"], "SUCCESS")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = dict(zip(self.nodes, pool.map(
                lambda name: self.doors[name].call("start_firmware_upgrade_transaction"), self.nodes)))
        self.assertIn("SUCCESS", {answer["code"] for answer in answers.values()}, answers)
        self.wait_ready()
        self.assertEqual(self.orders_of_kind("start", "node1"), self.orders_of_kind("start", "node2"))
        mains = [name for name in self.nodes
                 if self.doors[name].call("get_node_status")["main_node"] == "MAIN_NODE"]
        self.assertEqual(len(mains), 1)
        # And a third time is too late.
        answer = self.doors["node2"].call("become_main_node")
        self.assertEqual(answer["code"], "NO_ABLE_TO_BECOME_MAIN_NODE")
        self.assertIn("under way", answer["error"])


class Forgery(LimeCase):
    def test_records_in_shared_state_are_believed_by_nobody(self):
        """Anybody can write them: a strange main node, and other words of ours."""
        self.start_mesh("chain:2")
        record = {**self.mesh["node1"].shared_state()["node1"], "upgrade_state": "READY_FOR_UPGRADE",
                  "main_node": "MAIN_NODE", "repo_url": "http://10.77.9.9/lros/", "candidate_fw": "Evil",
                  "timestamp": 99}
        entries = {name: (name, 100000, {**record, "node_ip": ip}) for name, ip in
                   (("evil", "10.77.9.9"), ("$(reboot)", "10.77.9.9"), ("node2", "10.77.0.2"))}
        result = self.nodes["node2"].run(
            "sh", "-c", 'printf %s "$1" | "$2" "$3" 10.77.0.1 mesh_wide_upgrade', "sh", json.dumps(entries),
            sys.executable, str(ROOT / "tests/lab/peer.py"))
        self.assertEqual(result["status"], 0, result["stderr"])
        self.wait(lambda: "evil" in (self.mesh["node2"].shared_state() or {}), "what the stranger wrote")
        time.sleep(1)
        for name in self.nodes:
            self.assertEqual(self.doors[name].call("get_node_status")["upgrade_state"], "DEFAULT")
            self.assertEqual(self.doors[name].call("start_safe_upgrade")["code"], "NOT_READY_FOR_UPGRADE")
            self.assertEqual(self.nodes[name].state(), "UPDATED")
        self.assert_nothing_ordered()
        self.assertEqual(self.doors["node2"].call("become_main_node")["code"], "SUCCESS")
        self.assertEqual(self.doors["node2"].call("start_firmware_upgrade_transaction")["code"], "SUCCESS")
        self.assertEqual([participant["name"] for participant in self.orders_of_kind("start")[0]["participants"]],
                         ["node1", "node2"])
        self.wait_ready()


class Missing(LimeCase):
    def choose(self):
        self.assertEqual(self.doors["node1"].call("become_main_node")["code"], "SUCCESS")

    def start(self, code="SUCCESS"):
        answer = self.doors["node1"].call("start_firmware_upgrade_transaction")
        self.assertEqual(answer["code"], code, answer)
        return answer["error"]

    def expect(self, text, status=0):
        program = self.nodes["node1"].directory / "expected"
        program.write_text(f"#!/bin/sh\nprintf '%b' '{text}'\nexit {status}\n")
        program.chmod(0o755)
        self.doors["node1"].change(expected=str(program))

    def participants(self):
        [start] = self.orders_of_kind("start")
        return [participant["name"] for participant in start["participants"]]

    def test_one_that_is_not_ready(self):
        self.start_mesh("chain:3")
        self.nodes["node3"].fault("check_fails")
        self.choose()
        self.start()
        self.wait_state("UPGRADE_READY", ["node1", "node2"])
        self.wait_state("UPGRADE_CHECK_FAILED", ["node3"])
        self.wait(lambda: self.nodes["node1"].get("/v1/mesh")["upgrade"]["waiting"]["names"] == ["node3"],
                  "node1 to know")
        for name, answer in self.call_everywhere("start_safe_upgrade", ["node1", "node2"]):
            self.assertEqual(answer["code"], "NOT_ABLE_TO_START_UPGRADE", name)
            self.assertIn("node3", answer["error"])
            self.assertNotIn("--force", answer["error"])  # which LimeApp has not
        answer = self.doors["node3"].call("start_safe_upgrade")
        self.assertEqual(answer["code"], "NOT_READY_FOR_UPGRADE")
        self.assertEqual(self.orders_of_kind("schedule"), [])
        page = self.open_page("node3")
        self.assertEqual(page.state(), "ERROR")
        self.assertIn("The flasher refused the image", page.error())
        self.assertEqual(page.buttons(), ("Abort",))

    def test_one_that_does_not_come_back(self):
        self.start_mesh("chain:3")
        self.choose()
        self.start()
        self.wait_ready()
        self.nodes["node3"].fault("no_daemon")
        self.assertEqual(self.doors["node1"].call("start_safe_upgrade", start_delay=1)["code"], "SUCCESS")
        self.wait_state("CONFIRMATION_PENDING", ["node1", "node2"])
        self.wait_acquainted(["node1", "node2"])
        for name, answer in self.call_everywhere("confirm_boot_partition", ["node1", "node2"]):
            self.assertEqual(answer["code"], "NOT_READY_TO_CONFIRM", name)
        answer = self.doors["node1"].call("confirm_boot_partition")
        self.assertIn("node3", answer["error"])
        self.assertEqual({self.nodes[name].state() for name in ("node1", "node2")}, {"CONFIRMATION_PENDING"})

    def test_reference_state_names_who_takes_part(self):
        self.start_mesh("chain:3")
        self.expect("node3\\n\\nnode1\\n")
        self.choose()
        self.start()
        self.assertIsNone(self.doors["node1"].note())
        self.assertEqual(self.participants(), ["node1", "node3"])

    def test_reference_state_names_one_that_is_missing(self):
        self.start_mesh("chain:2")
        self.expect("node1\\nnode2\\nnode9\\n")
        self.choose()
        words = self.start("NO_FIRMWARE_AVAILABLE")
        self.assertIn("node9", words)
        self.assert_nothing_ordered()
        # The page shows it, since it does not show what the call answered; and then it is as before.
        page = self.open_page()
        self.assertEqual((page.state(), page.error()), ("ERROR", words))
        note = self.doors["node1"].note()
        (self.nodes["node1"].directory / "limeapp.json.note").write_text(
            json.dumps({**note, "end_ms": note["end_ms"] - 31000}))
        page.look()
        self.assertEqual(page.state(), "UPDATE_AVAILABLE")

    def test_reference_state_that_is_empty_or_cannot_be_read(self):
        self.start_mesh("chain:2")
        for text, status in (("node1\\n", 1), ("node1\\n../node2\\n", 0), ("node1 node2\\n", 0),
                             ("node1;reboot\\n", 0), ("--key\\n", 0)):
            with self.subTest(text):
                self.expect(text, status)
                self.choose()
                self.assertIn("The list of the nodes", self.start("NO_FIRMWARE_AVAILABLE"))
                self.assert_nothing_ordered()
        self.expect("\\n")
        self.choose()
        self.start()
        self.assertEqual(self.participants(), ["node1", "node2"])

    def test_boards_without_an_image(self):
        self.start_mesh("chain:2", release="alpha-only")
        self.choose()
        words = self.start("NO_FIRMWARE_AVAILABLE")
        self.assertIn("no image for node2", words)
        self.assert_nothing_ordered()


if __name__ == "__main__":
    unittest.main()
