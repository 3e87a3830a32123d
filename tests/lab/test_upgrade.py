# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whole upgrades of meshes of real daemons, and everything that can go wrong with one. After each the
next upgrade works."""
import json
import re
import shutil
import sys
import time
import unittest

from mesh import ALPHA, BETA, DATA, ROOT, MeshCase, only_quick_ones

TOO_LATE_TO_ABORT = ("FLASHING", "CONFIRMATION_PENDING", "UPDATED")


class Whole(MeshCase):
    def test_nine_nodes_and_two_boards(self):
        self.start_mesh("grid:3x3", rate="20mbit")
        self.start_upgrade("release-2")
        self.wait_ready()
        self.schedule(3)
        self.wait_running(at=self.last)
        self.wait(lambda: all(node.status()["healthy"] for node in self.nodes.values()), "health")
        self.assertEqual(len(self.lab.flash_moments_ms()), 9)
        for name, node in self.nodes.items():
            self.assertTrue((node.device / "trial_booted").exists(), name)
        self.confirm(at=self.last)
        self.wait_updated(2)
        for name, node in self.nodes.items():
            self.assertFalse((node.device / "trial_booted").exists(), name)
            self.assertEqual((node.device / "stable").read_text().strip(), "b", name)
            installed = (node.device / "slot_b/image").read_bytes()
            board = (node.device / "board").read_text().strip().replace(",", "_")
            self.assertEqual(installed, (DATA / f"{board}-2.bin").read_bytes(), name)
        self.assert_survives_restart()
        self.upgrade(3, self.last)

    def test_automatic_confirmation_in_two_waves(self):
        self.start_mesh("chain:4")
        self.start_upgrade("release-2", "--confirm", "auto", "--wave", "node4")
        self.wait_ready()
        self.schedule(2, 30)
        self.wait_updated(2, ["node4"])
        self.assert_versions(1, ["node1", "node2", "node3"])
        self.wait(lambda: self.nodes["node1"].get("/v1/mesh")["upgrade"]["wave"] == 1, "the next wave")
        self.schedule(2, 30)
        self.wait_updated(2)
        self.upgrade(3)

    def test_nobody_confirms(self):
        self.start_mesh("chain:3")
        self.start_upgrade("release-2")
        self.wait_ready()
        self.schedule(2, 8)
        self.wait_state("CONFIRMATION_PENDING")
        self.wait_state("REVERTED")
        self.assert_versions(1)
        self.assert_survives_restart()
        self.upgrade(3)


class Images(MeshCase):
    def test_no_image_for_a_board(self):
        self.start_mesh("grid:3x3")
        refused = self.start_upgrade("alpha-only", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("no image for", refused.stdout + refused.stderr)
        self.assertIn("demo,beta", refused.stdout + refused.stderr)
        alpha = [name for number, name in enumerate(self.nodes) if number % 2 == 0]
        self.start_upgrade("alpha-only", "--confirm", "auto", "--participants", ",".join(alpha))
        self.wait_ready(alpha)
        self.wait_state("UPGRADE_AVAILABLE", [name for name in self.nodes if name not in alpha])
        self.assert_survives_restart([name for name in self.nodes if name not in alpha])
        self.abort()
        self.wait_state("ABORTED", alpha)
        self.upgrade(3)

    def test_one_node_without_an_image_for_its_board(self):
        """The board is another one than what the mesh knows, so the node itself has to refuse."""
        self.start_mesh("chain:3", boards=(ALPHA,))
        node3 = self.nodes["node3"]
        node3.power_off()
        (node3.device / "board").write_text(BETA + "\n")
        self.start_upgrade("alpha-only", "--confirm", "auto", "--hold", "3s")
        self.wait_ready(["node1", "node2"])
        node3.power_on()
        self.wait_state("UPGRADE_CHECK_FAILED", ["node3"])
        self.assert_reason("no_image_for_board", ["node3"])
        refused = self.schedule(check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("node3", refused.stdout + refused.stderr)
        self.schedule(2, 20, "--force")
        self.wait_state("ABORTED", ["node1", "node2"])
        self.assert_reason("not_everyone_scheduled", ["node1", "node2"])
        self.assert_nobody_flashed()
        self.assert_survives_restart()
        self.upgrade(3)

    def test_neighbour_with_a_corrupted_image(self):
        """node2 has the image on a disk that went bad: node3 takes the good chunks from elsewhere."""
        self.start_mesh("chain:3", boards=(ALPHA,))
        self.lab.link_down("node2", "node3")
        self.start_upgrade("release-2", "--confirm", "auto")
        self.wait_state("UPGRADE_READY", ["node1", "node2"])
        images = [path for path in (self.nodes["node2"].directory / "tmp").rglob("*")
                  if path.is_file() and path.stat().st_size > 200000]
        self.assertEqual(len(images), 1, images)
        with open(images[0], "r+b") as image:
            for at in range(0, images[0].stat().st_size, 65536):
                image.seek(at + 1000)
                image.write(b"rust")
        self.lab.link_up("node2", "node3")
        self.wait_ready()
        self.assertIn("wrong", self.nodes["node3"].log())
        held = [path for path in (self.nodes["node3"].directory / "tmp").rglob("*")
                if path.is_file() and path.stat().st_size > 200000]
        self.assertEqual(held[0].read_bytes(), (DATA / "demo_alpha-2.bin").read_bytes())
        self.schedule()
        # node2 sees at the flash that its own copy is not what the release names, and takes it anew.
        self.wait_updated(2)
        self.upgrade(3)

    def test_image_is_corrupted_at_its_source(self):
        """Only node1 has the image of node2's board, and the disk of node1 goes bad."""
        self.start_mesh("chain:2", rate="200kbit")
        copy = self.lab.directory / "release"
        shutil.copytree(DATA / "release-2", copy)
        image = next(path for path in (copy / "images").iterdir() if "beta" in path.name)
        good = image.read_bytes()
        self.start_upgrade(copy)
        with open(image, "r+b") as file:
            for at in range(0, len(good), 65536):
                file.seek(at + 1000)
                file.write(b"rust")
        self.wait_state("DOWNLOAD_ERROR", ["node2"])
        self.assertIn("node1 served a wrong chunk", self.nodes["node2"].log())
        self.abort()
        self.wait_state("ABORTED")
        self.assert_nobody_flashed()
        self.assert_survives_restart()
        image.write_bytes(good)
        self.upgrade(3)

    def test_source_vanishes(self):
        self.start_mesh("chain:3", boards=(ALPHA,), rate="200kbit")
        self.start_upgrade("release-2")
        self.wait_state("DOWNLOADING", ["node3"])
        self.lab.link_down("node1", "node2")
        self.wait_state("DOWNLOAD_ERROR", ["node3"])
        self.lab.link_up("node1", "node2")
        self.wait_ready()
        self.abort()
        self.wait_state("ABORTED")
        self.upgrade(3)

    def test_flasher_refuses_the_image(self):
        self.start_mesh("chain:3")
        self.nodes["node2"].fault("check_fails")
        self.start_upgrade("release-2")
        self.wait_state("UPGRADE_CHECK_FAILED", ["node2"])
        self.assert_reason("flasher_check", ["node2"])
        self.assert_survives_restart(["node2"])
        self.nodes["node2"].clear_faults()
        self.abort()
        self.wait_state("ABORTED")
        self.upgrade(3)


class Forgery(MeshCase):
    def test_forged_release(self):
        self.start_mesh("chain:3")
        self.start_upgrade("forged")
        self.wait_state("UPGRADE_CHECK_FAILED")
        self.assert_reason("too_few_signatures")
        for name, node in self.nodes.items():
            held = [path for path in (node.directory / "tmp").rglob("*") if path.stat().st_size > 200000]
            self.assertEqual(held, [], f"{name} fetched what nobody signed")
        self.assert_survives_restart()
        self.abort()
        self.wait_state("ABORTED")
        self.upgrade(3)

    def test_forged_orders(self):
        self.start_mesh("chain:3")
        refused = self.start_upgrade("release-2", key="stranger", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("not trusted", refused.stdout + refused.stderr)
        self.start_upgrade("release-2", "--confirm", "auto")
        self.wait_ready()
        order = next(iter(self.orders().values()))
        for change in (lambda o: {**o, "order": o["order"].replace("Demo 2.0", "Demo 9.9")},
                       lambda o: {**o, "order": o["order"].replace('"epoch":1', '"epoch":2')},
                       lambda o: {**o, "signature": "A" * len(o["signature"])},
                       lambda o: {**o, "order": o["order"][:-1]}):
            changed = change(order)
            self.assertNotEqual(changed, order)
            status, answer = self.post_order(changed)
            self.assertIn(status, (400, 403), answer)
            before = self.orders()
            self.gossip("node1", "node2", "lockstep_orders", {"f" * 64: ("node1", 5000, changed)})
            self.assertEqual({key: value["order"] for key, value in before.items()},
                             {key: value["order"] for key, value in self.orders().items()})
        self.assertEqual(set(self.lab.states().values()), {"UPGRADE_READY"})
        self.schedule()
        self.wait_updated(2)
        self.upgrade(3)

    def test_forged_record(self):
        """node1 says of node3 that it is ready; nobody believes it."""
        self.start_mesh("chain:3")
        self.nodes["node3"].fault("check_fails")
        self.start_upgrade("release-2", "--hold", "2s")
        self.wait_state("UPGRADE_CHECK_FAILED", ["node3"])
        self.wait_state("UPGRADE_READY", ["node1", "node2"])
        self.wait_seen("UPGRADE_CHECK_FAILED", ["node3"], "node2")
        records = self.gossip("node1", "node2", "lockstep_nodes", {})
        own, victim = records["node1"], records["node3"]
        lie = victim["record"].replace("UPGRADE_CHECK_FAILED", "UPGRADE_SCHEDULED")
        sequence = json.loads(victim["record"])["sequence"]
        lie = lie.replace(f'"sequence":{sequence}', f'"sequence":{sequence + 1000}')
        self.assertNotEqual(lie, victim["record"])
        for forged in ({**victim, "record": lie},
                       {**own, "record": lie},
                       {**victim, "record": lie, "signature": own["signature"]},
                       {**own, "record": own["record"].replace('"node1"', '"node3"')}):
            after = self.gossip("node1", "node2", "lockstep_nodes", {"node3": ("node3", 90000, forged)})
            self.assertEqual(json.loads(after["node3"]["record"])["state"], "UPGRADE_CHECK_FAILED")
        self.schedule(2, 20, "--force")
        self.wait_state("ABORTED", ["node1", "node2"])
        self.assert_nobody_flashed()
        self.nodes["node3"].clear_faults()
        self.abort()
        self.wait_state("ABORTED")
        self.upgrade(3)

    def test_replayed_orders(self):
        self.start_mesh("chain:3")
        self.start_upgrade("release-2", "--confirm", "auto")
        self.wait_ready()
        self.schedule(30)
        self.wait_state("UPGRADE_SCHEDULED")
        old = dict(self.orders())
        self.abort()
        self.wait_state("ABORTED")
        old.update(self.orders())
        self.assertEqual({json.loads(order["order"])["kind"] for order in old.values()},
                         {"start", "schedule", "abort"})
        for order in old.values():
            self.post_order(order)
            self.gossip("node1", "node2", "lockstep_orders",
                        {key: ("node1", 90000, {**value, "hops": 0, "remaining_ms": 1500})
                         for key, value in old.items()})
        time.sleep(3)
        self.assertEqual(set(self.lab.states().values()), {"ABORTED"})
        self.assert_nobody_flashed()
        self.upgrade(3)
        for order in old.values():
            status, answer = self.post_order(order)
            self.assertIn(status, (409,), answer)
        self.gossip("node1", "node2", "lockstep_orders",
                    {key: ("node1", 90000, value) for key, value in old.items()})
        time.sleep(2)
        self.assert_versions(3)
        self.assertEqual(set(self.lab.states().values()), {"UPDATED"})

    def gossip(self, at, target, data_type, entries):
        """What a program on node `at` gets that speaks to `target`'s shared-state port."""
        address = self.lab.ask(do="status")[target]["address"]
        result = self.nodes[at].run("sh", "-c", 'printf %s "$1" | "$2" "$3" "$4" "$5"', "sh",
                                    json.dumps(entries), sys.executable,
                                    str(ROOT / "tests/lab/peer.py"), address, data_type)
        self.assertEqual(result["status"], 0, result["stderr"])
        return json.loads(result["stdout"])

    def orders(self):
        return self.gossip("node1", "node2", "lockstep_orders", {})

    def post_order(self, order):
        status, body = self.nodes["node1"].request(
            "POST", "/v1/orders", json.dumps({key: order[key] for key in ("order", "signature")}))
        return status, json.loads(body)


class Abort(MeshCase):
    def finish(self):
        self.wait_state("ABORTED")
        self.assert_reason("operator")
        self.assert_nobody_flashed()
        self.assert_survives_restart()
        self.upgrade(3, self.last)

    def test_while_downloading(self):
        self.start_mesh("grid:3x3", rate="500kbit")
        self.start_upgrade("release-2")
        self.wait_states(("DOWNLOADING", "UPGRADE_READY"))
        self.assertIn("DOWNLOADING", self.lab.states().values())
        self.abort(at=self.last)
        self.finish()

    def test_while_ready(self):
        self.start_mesh("grid:3x3")
        self.start_upgrade("release-2")
        self.wait_ready()
        self.abort(at=self.last)
        self.finish()

    def test_while_scheduled(self):
        self.start_mesh("grid:3x3")
        self.start_upgrade("release-2")
        self.wait_ready()
        self.schedule(30)
        self.wait_state("UPGRADE_SCHEDULED")
        self.abort(at=self.last)
        self.finish()

    def test_too_late(self):
        self.start_mesh("chain:3")
        self.start_upgrade("release-2")
        self.wait_ready()
        self.schedule(1, 60)
        self.wait_states(TOO_LATE_TO_ABORT)
        refused = self.abort(check=False)
        self.assertEqual(refused.returncode, 1)
        self.wait_running()
        self.confirm()
        self.wait_updated(2)
        self.upgrade(3)


class Absence(MeshCase):
    def test_dead_node_at_schedule(self):
        self.start_mesh("grid:3x3")
        self.start_upgrade("release-2", "--hold", "2s")
        self.wait_ready()
        self.nodes["node9"].power_off()
        self.schedule(2)
        alive = [name for name in self.nodes if name != "node9"]
        self.wait_state("ABORTED", alive)
        self.assert_reason("not_everyone_scheduled", alive)
        self.assertIn("node9", self.nodes["node1"].status()["message"])
        self.assert_nobody_flashed()
        self.nodes["node9"].power_on()
        self.wait_acquainted()
        self.wait_states(("ABORTED", "UPGRADE_READY", "UPGRADE_SCHEDULED"))
        self.wait_state("ABORTED")
        self.assert_nobody_flashed()
        self.upgrade(3)

    def test_one_link_cut_in_the_countdown(self):
        self.start_mesh("grid:3x3")
        self.start_upgrade("release-2", "--confirm", "auto")
        self.wait_ready()
        self.schedule(4, 30)
        self.wait_state("UPGRADE_SCHEDULED", ["node1"])
        self.lab.link_down("node1", "node2")
        self.wait_updated(2)
        self.lab.link_up("node1", "node2")
        self.upgrade(3)

    def test_mesh_cut_before_everyone_is_scheduled(self):
        self.start_mesh("chain:4")
        self.start_upgrade("release-2", "--hold", "2s")
        self.wait_ready()
        self.lab.link_down("node2", "node3")
        self.schedule(2)
        self.wait_state("ABORTED", ["node1", "node2"])
        self.assert_nobody_flashed()
        self.lab.link_up("node2", "node3")
        self.wait_state("ABORTED")
        self.assert_nobody_flashed()
        self.upgrade(3)

    def test_mesh_cut_for_good_in_the_countdown(self):
        """All were scheduled, so all flash; neither half can see the other, so both go back."""
        self.start_mesh("chain:4")
        self.start_upgrade("release-2", "--confirm", "auto")
        self.wait_ready()
        self.schedule(4, 10)
        self.wait_everyone_saw_everyone_scheduled()
        self.lab.link_down("node2", "node3")
        self.wait_state("REVERTED")
        self.assert_versions(1)
        self.assertEqual(len(self.lab.flash_moments_ms()), 4)
        self.lab.link_up("node2", "node3")
        self.upgrade(3)

    def wait_everyone_saw_everyone_scheduled(self):
        def holds():
            for node in self.nodes.values():
                mesh = node.get("/v1/mesh")
                if not mesh or any(row.get("state") != "UPGRADE_SCHEDULED" for row in mesh["nodes"]):
                    return False
            return True

        self.wait(holds, "a mesh that has seen itself scheduled")

    def test_latecomer_catches_up(self):
        """A node that was away at the flash, within a quorum, comes back and takes the release."""
        self.start_mesh("grid:2x2")
        self.start_upgrade("release-2", "--confirm", "auto", "--quorum", "75", "--policy", "best-effort",
                           "--hold", "2s")
        self.wait_ready()
        self.nodes["node4"].power_off()
        self.schedule(2, 30)
        self.wait_updated(2, ["node1", "node2", "node3"])
        self.nodes["node4"].power_on()
        self.wait_updated(2)
        self.upgrade(3)


class NewFirmware(MeshCase):
    def revert_all(self, fault, survivors=None):
        self.nodes["node5"].fault(fault)
        self.start_upgrade("release-2", "--confirm", "auto")
        self.wait_ready()
        self.schedule(2, 10)
        self.wait_states(("REVERTED", "INTERNAL_ERROR"))
        self.assert_versions(1)
        self.nodes["node5"].clear_faults()

    def test_one_never_boots(self):
        self.start_mesh("grid:3x3")
        self.revert_all("never_boots")
        self.wait_state("REVERTED")
        self.assert_reason("boot_failed", ["node5"])
        self.assert_reason("wave_reverted", [name for name in self.nodes if name != "node5"])
        self.assert_survives_restart()
        self.upgrade(3)

    def test_one_boots_without_mesh(self):
        self.start_mesh("grid:3x3")
        self.revert_all("no_mesh")
        self.wait_state("REVERTED")
        self.upgrade(3)

    def test_one_boots_without_daemon(self):
        self.start_mesh("grid:3x3")
        self.revert_all("no_daemon")
        self.wait_state("REVERTED")
        self.upgrade(3)

    def test_operator_keeps_it_without_the_one(self):
        self.start_mesh("grid:3x3")
        self.nodes["node5"].fault("never_boots")
        self.start_upgrade("release-2")
        self.wait_ready()
        self.schedule(2, 60)
        others = [name for name in self.nodes if name != "node5"]
        self.wait_running(others)
        self.wait_state("REVERTED", ["node5"])
        refused = self.confirm(check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("--without node5", refused.stdout + refused.stderr)
        self.confirm("--without", "node5")
        self.wait_updated(2, others)
        self.assert_versions(1, ["node5"])
        self.nodes["node5"].clear_faults()
        self.upgrade(3)

    def test_flash_that_fails(self):
        self.start_mesh("grid:3x3")
        self.revert_all("flash_fails")
        self.assertEqual(self.nodes["node5"].state(), "INTERNAL_ERROR")
        self.assert_reason("flasher_failed", ["node5"])
        self.assert_survives_restart()
        self.upgrade(3)

    def test_flasher_that_forgets_to_confirm(self):
        self.start_mesh("chain:3")
        self.nodes["node2"].fault("forgets_confirm")
        self.start_upgrade("release-2", "--confirm", "auto")
        self.wait_ready()
        self.schedule(2, 10)
        self.wait_updated(2, ["node1", "node3"])
        self.wait_state("REVERTED", ["node2"])
        self.nodes["node2"].clear_faults()
        self.upgrade(3)


class PowerCut(MeshCase):
    """Power is lost while the flasher writes. The whole mesh must end with the new firmware; what happens
    when the daemon itself writes is in test_cuts.py."""

    def cut_at(self, point):
        self.start_mesh("chain:3")
        node3 = self.nodes["node3"]
        node3.fault("power_cut", point)
        self.start_upgrade("release-2", "--confirm", "auto", "--hold", "5s")
        self.wait_ready()
        self.schedule(3, 20)
        self.wait_updated(2)
        self.assertIn("power cut", [event.get("why") for event in node3.events()])
        self.upgrade(3)

    def test_flash_start(self):
        self.cut_at("flash_start")

    def test_flash_half(self):
        self.cut_at("flash_half")

    def test_flash_written(self):
        self.cut_at("flash_written")

    def test_flash_armed(self):
        self.cut_at("flash_armed")


class Restart(MeshCase):
    """The daemon alone is killed in each state on the way, and comes back."""

    def restart_in(self, state):
        rate = "500kbit" if state == "DOWNLOADING" else ""
        self.start_mesh("chain:3", rate=rate)
        node = self.nodes["node2"]
        options = ("--confirm", "operator" if state == "CONFIRMATION_PENDING" else "auto")
        if state == "UPDATED":
            node.kill_daemon()
            self.wait_state("UPDATED")
            self.wait_acquainted()
        self.start_upgrade("release-2", *options)
        if state == "DOWNLOADING":
            self.wait(lambda: node.status().get("held_bytes"), "the first chunk")
            node.kill_daemon()
        self.wait_ready()
        if state == "DOWNLOADING":
            found = re.findall(r"image: .*: (\d+) of \d+ chunks are here", node.log())
            self.assertEqual(found[0], "0")
            self.assertGreater(int(found[-1]), 0, "the download was not resumed")
        if state == "UPGRADE_READY":
            node.kill_daemon()
            self.wait(lambda: (node.status().get("incarnation") or 0) > 1, "the daemon to be back")
            self.wait_ready()
        self.schedule(4, 40)
        if state == "UPGRADE_SCHEDULED":
            self.wait_state("UPGRADE_SCHEDULED", ["node2"])
            node.kill_daemon()
        if state == "FLASHING":
            self.watch_for("node2", "FLASHING")
            node.kill_daemon()
        if state == "CONFIRMATION_PENDING":
            self.wait_state("CONFIRMATION_PENDING")
            node.kill_daemon()
            self.wait_running()
            self.wait_acquainted()
            self.confirm()
        self.wait_updated(2)
        self.upgrade(3)

    def test_updated(self):
        self.restart_in("UPDATED")

    def test_downloading(self):
        self.restart_in("DOWNLOADING")

    def test_upgrade_ready(self):
        self.restart_in("UPGRADE_READY")

    def test_upgrade_scheduled(self):
        self.restart_in("UPGRADE_SCHEDULED")

    def test_flashing(self):
        self.restart_in("FLASHING")

    def test_confirmation_pending(self):
        self.restart_in("CONFIRMATION_PENDING")


class Operators(MeshCase):
    def test_two_start_at_once(self):
        self.start_mesh("grid:3x3")
        self.at_once(lambda: self.start_upgrade("release-2", "--confirm", "auto", check=False),
                     lambda: self.start_upgrade("release-3", "--confirm", "auto", at=self.last, check=False))
        self.wait_ready()

        def agreed():
            return len({node.status()["upgrade"] for node in self.nodes.values()}) == 1

        self.wait(agreed, "one upgrade of all")
        self.wait_ready(at=self.last)
        mesh = self.nodes[self.last].get("/v1/mesh")["upgrade"]
        self.schedule(2, 30, at=self.last)
        self.wait_updated(int(mesh["version"].removeprefix("Demo ")[0]))
        self.upgrade(4)

    def test_second_start_is_refused_until_abort(self):
        self.start_mesh("chain:3")
        self.start_upgrade("release-2")
        self.wait_ready()
        self.schedule(30)
        self.wait_state("UPGRADE_SCHEDULED")
        refused = self.start_upgrade("release-3", at=self.last, check=False)
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.abort()
        self.wait_state("ABORTED")
        self.upgrade(3, self.last)


load_tests = only_quick_ones(
    "Whole.test_nine_nodes_and_two_boards", "Images.test_neighbour_with_a_corrupted_image",
    "Forgery.test_forged_orders", "Forgery.test_forged_record", "Abort.test_while_downloading",
    "Absence.test_dead_node_at_schedule", "NewFirmware.test_one_never_boots", "PowerCut.test_flash_half",
    "Restart.test_flashing", "Operators.test_two_start_at_once")


if __name__ == "__main__":
    unittest.main()
