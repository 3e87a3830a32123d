# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page's files, which a node serves as they lie: compressed."""
import gzip
import os
import unittest

from one import OneNode

PAGE = gzip.compress(b"<!doctype html><title>A page</title>")
TYPES = {"index-1a2b.js": "text/javascript", "a.css": "text/css", "logo.v2.svg": "image/svg+xml",
         "words.json": "application/json", "x" * 124 + ".js": "text/javascript"}


class Page(OneNode):
    def setUp(self):
        super().setUp()
        self.assets = self.directory / "web/assets"
        self.assets.mkdir()

    def test_page(self):
        (self.directory / "web/index.html.gz").write_bytes(PAGE)
        self.start_node()
        status, headers, body = self.ask("/")
        self.assertEqual((status, body), (200, PAGE))
        for name, value in {"Content-Type": "text/html; charset=utf-8", "Content-Encoding": "gzip",
                            "Cache-Control": "no-cache", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
                            "Content-Length": str(len(PAGE))}.items():
            self.assertEqual(headers.get_all(name), [value])
        status, of_head, body = self.ask("/", "HEAD")
        self.assertEqual((status, of_head.items(), body), (200, headers.items(), b""))
        self.assert_refused(self.ask("/", "POST", "x"), 405, "bad_method")

    def test_assets(self):
        for name in TYPES:
            (self.assets / f"{name}.gz").write_bytes(name.encode() * 1000)
        self.start_node()
        for name, kind in TYPES.items():
            with self.subTest(name):
                status, headers, body = self.ask(f"/assets/{name}")
                self.assertEqual((status, body), (200, name.encode() * 1000))
                for header, value in {"Content-Type": kind, "Content-Encoding": "gzip",
                                      "Cache-Control": "max-age=31536000, immutable"}.items():
                    self.assertEqual(headers.get_all(header), [value])

    def test_what_is_no_asset(self):
        """… though a file of that name is there."""
        names = ("", ".js", ".hidden.js", "page.html", "a.js.gz", "js", "a.", "a.JS", "x" * 125 + ".js")
        for name in (*names, "folder/a.js"):
            (self.assets / f"{name}.gz").parent.mkdir(exist_ok=True)
            (self.assets / f"{name}.gz").write_bytes(b"no")
        (self.directory / "web/a.js.gz").write_bytes(b"no")
        (self.directory / "a.js.gz").write_bytes(b"no")
        (self.assets / "folder.js.gz").mkdir()
        os.mkfifo(self.assets / "fifo.js.gz")
        self.start_node()
        for path in (*(f"/assets/{name}" for name in (*names, "folder.js", "fifo.js", "missing.js")),
                     "/assets", "/assets/folder/a.js", "/assets/../a.js", "/assets/..%2fa.js", "/assets/%2e%2e/a.js",
                     "/assets/..", "/assets//a.js", "/assets/a.js/", "/a.js"):
            with self.subTest(path):
                self.assert_refused(self.ask(path), 404, "not_found")

    def test_no_page_is_installed(self):
        self.start_node()
        self.assert_refused(self.ask("/"), 404, "not_found")
        self.assertEqual(self.get("/v1/status")["name"], "node1")


if __name__ == "__main__":
    unittest.main()
