# SPDX-License-Identifier: AGPL-3.0-or-later
"""GET /v1/events: who puts the changes into what came first has GET /v1/mesh."""
import http.client
import json
import threading
import time
import unittest

from mesh import MeshCase
from lab import UnixConnection  # its folder is known to mesh

GAP_S = 0.5


def without_times(mesh):
    """What time alone does not change, with the nodes by name."""
    mesh = json.loads(json.dumps(mesh))
    for part in (mesh["upgrade"] or {}, *mesh["nodes"]):
        for name in ("seen_ms", "countdown_ms", "window_remaining_ms"):
            part.pop(name, None)
    return {**mesh, "nodes": {node["name"]: node for node in mesh["nodes"]}}


class Reader(threading.Thread):
    """Reads until the node is gone."""

    def __init__(self, node, pause_s=0):
        super().__init__(daemon=True)
        self.connection = UnixConnection(node.socket)
        self.pause_s = pause_s
        self.mesh = None
        self.events = []  # (when, what, names of the nodes in it)
        self.start()

    def run(self):
        self.connection.request("GET", "/v1/events")
        reply = self.connection.getresponse()
        kind = ""
        try:
            for line in reply:
                word, _, rest = line.decode().rstrip("\n").partition(": ")
                kind = rest if word == "event" else kind
                if word == "data":
                    self.take(kind, json.loads(rest))
                    time.sleep(self.pause_s)
        except (OSError, http.client.HTTPException, ValueError):
            pass  # it was closed

    def take(self, kind, mesh):
        mesh = without_times(mesh)
        self.events.append((time.monotonic(), kind, set(mesh["nodes"])))
        if kind == "change":
            mesh["nodes"] = {**self.mesh["nodes"], **mesh["nodes"]}
        self.mesh = mesh


class Events(MeshCase):
    def wait_same(self, readers, node):
        """At a moment when nothing has changed just now."""
        def same():
            mesh = node.get("/v1/mesh")
            return mesh is not None and all(reader.mesh == without_times(mesh) for reader in readers)

        self.wait(same, "readers of events who have what the node has")

    def assert_in_turn(self, reader):
        """On the whole: what comes late may be followed by what does not."""
        took_s = reader.events[-1][0] - reader.events[0][0]
        self.assertLess(len(reader.events), took_s / GAP_S + 3)

    def test_changes_make_the_mesh(self):
        self.start_mesh("grid:3x2")
        watched = self.nodes[self.last]
        others = [name for name in self.nodes if name != self.last]
        readers = [Reader(watched), Reader(watched), Reader(watched, pause_s=1)]
        self.wait_same(readers, watched)
        self.start_upgrade("release-2", "--participants", ",".join(others))
        self.wait_ready(others)
        self.wait_same(readers, watched)
        late = Reader(watched)
        self.schedule(2, 60)
        self.wait_running(others)
        self.confirm()
        self.wait_updated(2, others)
        self.wait_same([*readers, late], watched)
        for reader in readers:
            kinds = [kind for _, kind, _ in reader.events]
            self.assertEqual(kinds[0], "mesh")
            self.assertEqual(kinds.count("mesh"), 2, "once for each list of participants")
            self.assertGreater(kinds.count("change"), 5)
            self.assert_in_turn(reader)
        self.assertEqual([kind for _, kind, _ in late.events].count("mesh"), 1)
        # Few have news at the same time, where all do not act at the same time.
        names = [names for _, kind, names in readers[0].events if kind == "change"]
        self.assertLess(min(map(len, names)), len(self.nodes) / 2)
        # Who is a neighbour is no part of a record.
        self.assertTrue(readers[0].mesh["nodes"]["node5"]["neighbour"])
        self.nodes["node5"].power_off()
        self.wait(lambda: not readers[0].mesh["nodes"]["node5"]["neighbour"], "node5 to be gone")
        self.wait_same(readers, watched)


if __name__ == "__main__":
    unittest.main()
