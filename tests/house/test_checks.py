# SPDX-License-Identifier: AGPL-3.0-or-later
"""Plants a breach for each check of dev/ in a copy of the tree and sees that the check finds and names
it. A check that never fails is no check."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
PURE_RINGS = ("base", "core", "release", "gossip", "swarm", "agent")


class Checks(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="lockstep-checks-")
        self.addCleanup(scratch.cleanup)
        self.tree = pathlib.Path(scratch.name) / "tree"
        files = subprocess.run([ROOT / "dev/files"], capture_output=True, text=True, check=True).stdout
        for name in files.splitlines():
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.tree / name)
        (self.tree / "build").mkdir()

    def check(self, name, *arguments):
        result = subprocess.run([self.tree / "dev" / f"check-{name}", *arguments], cwd=self.tree,
                                capture_output=True, text=True)
        return result.returncode, result.stdout + result.stderr

    def assert_passes(self, *command):
        status, output = self.check(*command)
        self.assertEqual(status, 0, output)

    def assert_fails(self, command, *words):
        status, output = self.check(*command)
        self.assertNotEqual(status, 0, output)
        for word in words:
            self.assertIn(word, output)

    def append(self, name, text):
        with open(self.tree / name, "a") as file:
            file.write(text)

    def replace(self, name, old, new):
        path = self.tree / name
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new, 1))

    def use_libraries(self):
        for ring in PURE_RINGS:
            shutil.copy2(BUILD / f"lib{ring}.a", self.tree / "build")

    def plant_in_core(self, code):
        """Compiles code and puts it into the library of core."""
        (self.tree / "planted.c").write_text(code)
        subprocess.run(["cc", "-std=c17", "-fPIC", "-c", "planted.c"], cwd=self.tree, check=True)
        subprocess.run(["ar", "r", "build/libcore.a", "planted.o"], cwd=self.tree, check=True,
                       capture_output=True)

    # Layers

    def test_layers_pass_on_the_tree(self):
        self.assert_passes("layers")

    def test_layers_name_a_base_that_includes_core(self):
        self.append("src/base/text.c", '#include "core/state.h"\n')
        self.assert_fails(["layers"], "src/base/text.c", "base may not include core")

    def test_layers_name_an_include_with_blanks(self):
        self.append("src/core/order.h", '#  include   "release/usign.h"\n')
        self.assert_fails(["layers"], "src/core/order.h", "core may not include release")

    def test_layers_name_a_folder_that_is_not_in_the_table(self):
        (self.tree / "src/extra").mkdir()
        (self.tree / "src/extra/extra.c").write_text("int extra;\n")
        self.assert_fails(["layers"], "src/extra/extra.c", "extra is not in the table")

    def test_layers_name_a_way_around_the_folder(self):
        self.append("src/base/text.c", '#include "../core/state.h"\n')
        self.assert_fails(["layers"], "src/base/text.c", "folder/file.h")

    def test_layers_name_a_ring_that_links_too_much(self):
        self.replace("CMakeLists.txt", "ring(core base)", "ring(core base gossip)")
        self.assert_fails(["layers"], "CMakeLists.txt", "core may not reach gossip")

    def test_layers_read_the_table_of_the_page(self):
        self.replace("docs/architecture.md", "| `io` | `base` |", "| `io` | |")
        self.assert_fails(["layers"], "io may not include base")

    def test_layers_name_a_simulator_that_touches_the_world(self):
        self.append("sim/world.c", '#include "io/clock.h"\n')
        self.assert_fails(["layers"], "sim/world.c", "sim may not include io")

    def test_layers_miss_the_table(self):
        self.replace("docs/architecture.md", "## Who may include whom", "## Something else")
        self.assert_fails(["layers"], "no table")

    # The page

    def test_imports_pass_on_the_tree(self):
        self.assert_passes("imports")

    def test_imports_name_a_model_that_knows_the_views(self):
        for line in ("import { MeshView } from '../mesh/view';", "import {\n  MeshView,\n} from '../mesh/view';",
                     "export * from '../mesh/view';", "import '../mesh/view.css';", "const later = import('../mesh/view');"):
            with self.subTest(line):
                (self.tree / "web/src/model/planted.ts").write_text(f"{line}\n")
                self.assert_fails(["imports"], "web/src/model/planted.ts:", "model may not import mesh")

    def test_imports_name_a_library_that_nobody_agreed_on(self):
        (self.tree / "web/src/mesh/planted.ts").write_text("import { select } from 'd3-selection';\n")
        self.assert_fails(["imports"], "web/src/mesh/planted.ts:1", "mesh may not import d3-selection")

    def test_imports_name_a_way_out_of_the_page(self):
        (self.tree / "web/src/mesh/planted.ts").write_text("import config from '../../vite.config';\n")
        self.assert_fails(["imports"], "web/src/mesh/planted.ts:1", "mesh may not import vite.config")

    def test_imports_name_a_part_that_is_not_in_the_table(self):
        (self.tree / "web/src/extra").mkdir()
        (self.tree / "web/src/extra/view.tsx").write_text("export const extra = 1;\n")
        self.assert_fails(["imports"], "web/src/extra/view.tsx", "extra is not in the table")

    def test_imports_name_a_browser_where_none_is(self):
        for line in ("document.title = '';", "void fetch('/');", "const kept = localStorage['key'];"):
            with self.subTest(line):
                (self.tree / "web/src/sign/planted.ts").write_text(f"/* a\n window.x */\n{line}\n")
                self.assert_fails(["imports"], "web/src/sign/planted.ts:3", "sign goes without a browser")

    def test_imports_miss_the_table(self):
        self.replace("docs/architecture.md", "### Who may import whom", "### Something else")
        self.assert_fails(["imports"], "no table")

    def test_types_name_what_the_compiler_refuses(self):
        shutil.copytree(ROOT / "web/node_modules", self.tree / "web/node_modules", symlinks=True)
        self.assert_passes("types")
        (self.tree / "web/src/model/planted.ts").write_text("export const planted: number = 'one';\n")
        self.assert_fails(["types"], "src/model/planted.ts")

    # Purity

    def test_pure_passes_on_the_build(self):
        self.use_libraries()
        self.assert_passes("pure", "build")

    def test_pure_names_what_reaches_outside(self):
        for name, code in {
                "time": "#include <time.h>\nlong now(void) { return (long)time(0); }\n",
                "printf": "#include <stdio.h>\nvoid say(void) { printf(\"%d\\n\", 1); }\n",
                "rand": "#include <stdlib.h>\nint chance(void) { return rand(); }\n",
                "randombytes_buf": "void randombytes_buf(void *b, unsigned long n);\n"
                                   "void chance(void *b) { randombytes_buf(b, 8); }\n",
                "crypto_sign_keypair": "int crypto_sign_keypair(void *p, void *s);\n"
                                       "int make(void *p, void *s) { return crypto_sign_keypair(p, s); }\n",
                "json_object_from_file": "void *json_object_from_file(const char *p);\n"
                                         "void *read_it(const char *p) { return json_object_from_file(p); }\n",
                "files_read": "int files_read(void);\nint reach(void) { return files_read(); }\n",
        }.items():
            with self.subTest(name):
                self.use_libraries()
                self.plant_in_core(code)
                self.assert_fails(["pure", "build"], "core: planted.o calls", name)

    def test_pure_names_data_that_can_be_written(self):
        for name, code in {
                "a static": "static int planted_count;\nint next(void) { return ++planted_count; }\n",
                "a static with a value": "static int planted_count = 3;\nint next(void) { return ++planted_count; }\n",
                "one in a function": "int next(void) { static int planted_count; return ++planted_count; }\n",
                "a global": "int planted_count;\n",
                "one of each thread": "_Thread_local int planted_count;\n",
                "a pointer that can be turned": 'const char *planted_count = "";\n',
        }.items():
            with self.subTest(name):
                self.use_libraries()
                self.plant_in_core(code)
                self.assert_fails(["pure", "build"], "core: planted.o keeps data", "planted_count")

    def test_pure_allows_constants_with_addresses(self):
        self.use_libraries()
        self.plant_in_core('const char *const planted[] = { "a", "b" };\nint planted_f(void) { return 1; }\n'
                           "int (*const planted_table[])(void) = { planted_f };\n")
        self.assert_passes("pure", "build")

    def test_pure_misses_a_library(self):
        self.use_libraries()
        (self.tree / "build/libswarm.a").unlink()
        self.assert_fails(["pure", "build"], "libswarm.a is missing")

    def test_pure_wants_a_build(self):
        status, output = self.check("pure")
        self.assertEqual(status, 2, output)

    # Documentation

    def test_docs_pass_on_the_tree(self):
        shutil.copy2(BUILD / "state-machine", self.tree / "build")
        self.assert_passes("docs")

    def test_docs_name_a_stale_page(self):
        shutil.copy2(BUILD / "state-machine", self.tree / "build")
        self.replace("docs/state-machine.md", "`UPGRADE_SCHEDULED`", "`UPGRADE_PLANNED`")
        self.assert_fails(["docs"], "UPGRADE_PLANNED", "docs/state-machine.md is stale")

    def test_docs_miss_the_program(self):
        self.assert_fails(["docs"], "state-machine is missing")

    def test_docs_name_a_path_that_is_missing_somewhere(self):
        shutil.copy2(BUILD / "state-machine", self.tree / "build")
        for name, old, new, said in (
                ("docs/api.md", "| `GET /v1/log` |", "| `GET /v1/logs` |", "docs/api.md does not list GET /v1/log\n"),
                ("docs/api.md", "| `GET /v1/log` |", "| `GET /v1/logs` |", "docs/api.md lists GET /v1/logs, which"),
                ("docs/openapi.json", '"/v1/orders"', '"/v1/commands"', "docs/openapi.json does not list POST /v1/orders"),
                ("docs/openapi.json", '"/v1/images/{sha256}/chunks"', '"/v1/images/{sha256}"', "/v1/images/*/chunks"),
                ("src/daemon/api.c", '"/v1/probe"', '"/v1/bytes"', "docs/api.md does not list GET /v1/bytes"),
                ("src/daemon/api.c", "post_order, HTTP_POST", "post_order, HTTP_GET", "GET /v1/orders")):
            with self.subTest(said):
                text = (self.tree / name).read_text()
                self.replace(name, old, new)
                self.assert_fails(["docs"], said)
                (self.tree / name).write_text(text)
        self.assert_passes("docs")

    def test_docs_read_no_table(self):
        shutil.copy2(BUILD / "state-machine", self.tree / "build")
        self.replace("src/daemon/api.c", "api_routes[]", "table[]")
        self.assert_fails(["docs"], "no table of paths")

    # Form

    def test_format_passes_on_the_tree(self):
        self.assert_passes("format")

    def test_format_names_a_bad_line(self):
        self.append("src/base/text.c", "int  planted( void ){ return 1 ;}\n")
        self.assert_fails(["format"], "src/base/text.c")

    def test_shell_passes_on_the_tree(self):
        self.assert_passes("shell")

    def test_shell_names_a_bad_script(self):
        self.append("demo", "rm -r $1\n")
        self.assert_fails(["shell"], "demo", "SC2086")

    def test_shell_finds_scripts_without_a_suffix(self):
        (self.tree / "lab/planted").write_text("#!/bin/sh\necho $1\n")
        self.assert_fails(["shell"], "lab/planted")

    def test_words_pass_on_the_tree(self):
        self.assert_passes("words")

    def test_words_name_notes_and_places(self):
        for word in ("TO" "DO", "FIX" "ME", "X" "XX"):
            with self.subTest(word):
                self.append("docs/planted.md", f"Text, then {word}: later.\n")
                self.append("web/words/planted.json", f'{{"planted": "{word}"}}\n')
                self.assert_fails(["words"], "docs/planted.md", "web/words/planted.json", word)
                (self.tree / "docs/planted.md").unlink()
                (self.tree / "web/words/planted.json").unlink()
        for place in ("/ro" "ot/build", "/ho" "me/ana/lockstep", "/Use" "rs/ana", "/ro" "ot"):
            with self.subTest(place):
                self.append("docs/planted.md", f"See `{place}`.\n")
                self.assert_fails(["words"], "docs/planted.md", place)
                (self.tree / "docs/planted.md").unlink()

    def test_words_let_templates_and_longer_paths_be(self):
        self.append("docs/planted.md", "mktemp /tmp/planted-XXXXXX; http://host/home; $dir/root; X11\n")
        self.assert_passes("words")

    def test_words_name_a_file_without_its_licence(self):
        planted = {"src/base/planted.c": "int x;\n", "lab/planted.py": "x = 1\n", "dev/planted": "#!/bin/sh\ntrue\n",
                   "web/src/planted.ts": "export {};\n", "web/src/planted.tsx": "export {};\n",
                   "web/src/planted.css": "p {}\n", "tests/web/planted.mjs": "export {};\n"}
        for name, line in planted.items():
            (self.tree / name).parent.mkdir(exist_ok=True)
            (self.tree / name).write_text(line)
        self.assert_fails(["words"], *(f"{name}: no line" for name in planted))

    def test_what_npm_installs_is_none_of_ours(self):
        (self.tree / "web/node_modules/other").mkdir(parents=True)
        (self.tree / "web/node_modules/other/index.ts").write_text("export {};\n")
        self.assert_passes("words")


if __name__ == "__main__":
    unittest.main()
