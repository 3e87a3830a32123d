# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which keys a node trusts, as it tells."""
import json
import shutil
import subprocess
import unittest

from one import LOCKSTEP, OneNode


class Trust(OneNode):
    def make_key(self, role, name):
        """A new pair; the fingerprint."""
        folder = self.directory / "etc/trust" / role
        folder.mkdir(parents=True, exist_ok=True)
        made = subprocess.run([LOCKSTEP, "key", "generate", self.directory / "key", "--json"], capture_output=True,
                              text=True, check=True)
        (self.directory / "key.pub").rename(folder / f"{name}.pub")
        (self.directory / "key.sec").unlink()
        return json.loads(made.stdout)["fingerprint"]

    def test_keys_have_their_files_names(self):
        ana, berta = self.make_key("operator", "ana"), self.make_key("operator", "b\"erta & Söhne")
        built = self.make_key("release", "built")
        trust = self.directory / "etc/trust"
        shutil.copy(trust / "operator/ana.pub", trust / "operator/again.pub.old")
        shutil.copy(trust / "operator/ana.pub", trust / "operator/zz.pub")  # is the same key
        (trust / "operator/no-key.pub").write_text("hello\n")
        self.start_node(threshold=2)
        self.assertEqual(self.get("/v1/trust"), {
            "release": {"threshold": 2, "keys": [{"fingerprint": built, "name": "built"}]},
            "operator": {"threshold": 1, "keys": [{"fingerprint": ana, "name": "ana"},
                                                  {"fingerprint": berta, "name": "b\"erta & Söhne"}]}})
        # What it trusts is what it read at its start.
        (trust / "operator/ana.pub").unlink()
        self.assertEqual(len(self.get("/v1/trust")["operator"]["keys"]), 2)

    def test_nobody_is_trusted(self):
        self.start_node()
        self.assertEqual(self.get("/v1/trust"), {"release": {"threshold": 1, "keys": []},
                                                 "operator": {"threshold": 1, "keys": []}})


if __name__ == "__main__":
    unittest.main()
