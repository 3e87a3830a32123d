# SPDX-License-Identifier: AGPL-3.0-or-later
"""What lockstep check says of real meshes before anything is started."""
import json
import unittest

from hosts import program
from mesh import DATA, MeshCase, prepare

SLOW_KBIT = 400


class Check(MeshCase):
    def wait_measured(self, count):
        def links():
            mesh = self.nodes[self.first].get("/v1/mesh") or {"nodes": []}
            return sum(len(row.get("links", {})) for row in mesh["nodes"])

        self.wait(lambda: links() == count, f"{count} ends of links that were measured")

    def check(self, *arguments):
        """Exit status, the document, and its findings as (kind, node)."""
        result = self.nodes[self.first].cli("check", "--json", *arguments, check=False)
        document = json.loads(result.stdout)
        self.assertEqual(result.returncode, int(any(finding["problem"] for finding in document["findings"])))
        return result.returncode, document, {(finding["kind"], finding["node"]): finding["message"]
                                             for finding in document["findings"]}

    def test_slow_link_and_cut_nodes(self):
        prepare()
        drawing = DATA / "check.topology"
        drawing.write_text("link node1 node2 rate=20mbit\nlink node1 node3 rate=20mbit\n"
                           "link node2 node3 rate=20mbit\n"
                           f"link node3 node4 rate={SLOW_KBIT}kbit\nlink node4 node5 rate=20mbit\n")
        self.start_mesh(f"file:{drawing}")
        self.wait_measured(10)
        status, document, findings = self.check(str(DATA / "release-2"))
        self.assertEqual(status, 0)
        self.assertEqual(set(findings), {("slow_link", "node3"), ("cut_node", "node3"), ("cut_node", "node4")})
        self.assertIn("node4", findings["slow_link", "node3"])
        self.assertIn("cut off 2 more nodes", findings["cut_node", "node3"])
        self.assertIn("cut off 1 more node", findings["cut_node", "node4"])
        self.assertEqual((document["nodes"], document["links"], document["unmeasured"]), (5, 5, 0))
        # Boards alternate: both images cross the slow link.
        size = sum((DATA / f"demo_{board}-2.bin").stat().st_size for board in ("alpha", "beta"))
        expected_s = size * 8 / 1000 / SLOW_KBIT
        self.assertGreater(document["download_s"], expected_s * 0.6)
        self.assertLess(document["download_s"], expected_s * 2.5)  # a short transfer starts slowly
        text = self.nodes[self.first].cli("check", str(DATA / "release-2"))
        self.assertIn(f"in about {document['download_s']} s", text.stdout)
        self.assertIn("nothing stands in the way", text.stdout)

    def start_with_reference_state(self, printed, names):
        prepare()
        path = DATA / f"reference-state-{self.id()}"
        program(path, f'[ "$1" = --list ] && echo {printed}')
        self.start_mesh("chain:3", config={"expected": str(path)})
        self.wait(lambda: self.nodes[self.first].get("/v1/expected") == {"nodes": names}, "the reference state")

    def test_reference_state(self):
        self.start_with_reference_state("node1,node3,..,node9", ["node1", "node3", "node9"])
        status, document, findings = self.check(str(DATA / "release-2"))
        self.assertEqual(status, 1)
        self.assertEqual(set(findings) - {("cut_node", "node2")}, {("missing", "node9"), ("extra", "node2")})

        start = ("start", str(DATA / "release-2"), "--dry-run", "--json")
        refused = json.loads(self.nodes[self.first].cli(*start, check=False).stdout)["error"]
        self.assertEqual(refused["reason"], "unreachable")
        self.assertIn("node9 belongs to the mesh", refused["message"])
        for options, count in ((("--seen",), 3), (("--participants", "node1,node3"), 2)):
            self.assertEqual(json.loads(self.nodes[self.first].cli(*start, *options).stdout)["participants"], count)

    def test_takes_part_by_reference_state(self):
        self.start_with_reference_state("node1,node2", ["node1", "node2"])
        self.start_upgrade("release-2")
        self.wait_state("UPGRADE_READY", ["node1", "node2"])
        self.assertEqual(self.nodes["node3"].state(), "UPGRADE_AVAILABLE")

    def test_what_should_be_mended_first(self):
        self.start_mesh("chain:2", slots=1)
        status, document, findings = self.check(str(DATA / "alpha-only"))
        self.assertEqual(status, 1)
        self.assertEqual(set(findings), {("no_way_back", "node1"), ("no_way_back", "node2"),
                                         ("no_image_for_board", "node2")})


if __name__ == "__main__":
    unittest.main()
