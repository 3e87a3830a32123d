# SPDX-License-Identifier: AGPL-3.0-or-later
"""The packages for OpenWrt: their Makefile builds and installs with stand-ins of OpenWrt's make files, and what comes of
it is what packaging/openwrt/manifest says. Prints the sizes."""
import gzip
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile
import unittest

from node import HERE, PACKAGING, ROOT

MANIFEST = PACKAGING / "manifest"
PACKAGES = ("lockstep", "lockstep-tools", "lockstep-web", "lockstep-limeapp")
LOCKSTEP_MAX = 256 * 1024  # installed, of 8 MiB that hold the whole system
# Whose package a shared library is, in OpenWrt.
LIBRARIES = {"libsodium": "libsodium", "libjson-c": "libjson-c", "libevent_core": "libevent2-core",
             "libc": None}


def read_manifest():
    """{package: {path: mode or link target}}"""
    packages = {name: {} for name in PACKAGES}
    for line in MANIFEST.read_text().splitlines():
        if line.startswith("#"):
            continue
        package, kind, path, *target = line.split(" ")
        if path in packages[package] or (kind == "link") != (len(target) == 1):
            raise ValueError(line)
        packages[package][path] = target[0] if target else kind
    return packages


def list_installed(folder):
    files = {}
    for path in folder.rglob("*"):
        name = re.sub(r"(/assets/[a-z]+)-[\w-]{8}\.", r"\1-#.", f"/{path.relative_to(folder)}")
        if path.is_symlink():
            files[name] = os.readlink(path)
        elif path.is_file():
            files[name] = f"{stat.S_IMODE(path.stat().st_mode):04o}"
        elif stat.S_IMODE(path.stat().st_mode) != 0o755:
            files[name] = "a folder that not everybody may enter"
    return files


def needed_libraries(program):
    dynamic = subprocess.check_output(["readelf", "-d", program], text=True, env={**os.environ, "LC_ALL": "C"})
    return {re.match(r"[a-z_]+(-c)?", name)[0] for name in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)}


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="lockstep-openwrt-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        cls.make("build", *(f"install-{name}" for name in PACKAGES), *(f"tell-{name}" for name in PACKAGES))

    @classmethod
    def make(cls, *targets):
        made = subprocess.run(
            ["make", "-C", PACKAGING / "lockstep", f"TOPDIR={HERE / 'openwrt-build'}", f"BUILD_DIR={cls.folder}/build",
             f"DESTDIR={cls.folder}", *targets], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if made.returncode:
            raise AssertionError(made.stdout[-4000:] + made.stderr[-4000:])

    def field(self, package, name):
        return (self.folder / f"{package}.{name}").read_text().strip()

    def test_what_is_installed_is_the_manifest(self):
        manifest = read_manifest()
        for package in PACKAGES:
            with self.subTest(package):
                self.assertEqual(list_installed(self.folder / package), manifest[package])

    def test_the_page_refers_to_what_is_there(self):
        web = self.folder / "lockstep-web/usr/share/lockstep/web"
        page = gzip.decompress((web / "index.html.gz").read_bytes()).decode()
        named = re.findall(r'(?:src|href)="/(assets/[^"]+)"', page)
        self.assertEqual([f"{name}.gz" for name in named],
                         [str(path.relative_to(web)) for path in (web / "assets").iterdir()])

    def test_nobody_needs_npm_who_does_not_choose_the_page(self):
        self.make("configure", "CONFIG_PACKAGE_lockstep-web=", f"BUILD_DIR={self.folder}/without")
        [rules] = (self.folder / "without").glob("*/build/build.ninja")
        self.assertNotIn("index.html.gz", rules.read_text())
        self.assertEqual(self.field("lockstep", "PKG_BUILD_DEPENDS"), "PACKAGE_lockstep-web:node/host")

    def test_no_file_is_forgotten(self):
        for folder, package in (("files", "lockstep"), ("files-limeapp", "lockstep-limeapp")):
            here = {"/" + str(path.relative_to(PACKAGING / folder)) for path in (PACKAGING / folder).rglob("*")
                    if not path.is_dir()}
            self.assertEqual(here - set(read_manifest()[package]), set())

    def test_what_scripts_refer_to_is_there(self):
        installed = {path for paths in read_manifest().values() for path in paths}
        for path in (self.folder / "lockstep").rglob("*"):
            if path.is_file() and not path.is_symlink() and path.name != "lockstep-news" and b"\0" not in path.read_bytes():
                for name in re.findall(r"/usr/(?:lib/lockstep|sbin)/[a-z/-]*[a-z]", path.read_text()):
                    if name not in ("/usr/lib/lockstep/flashers",):
                        self.assertIn(name, installed, path)

    def test_depends_on_what_it_needs(self):
        needed = needed_libraries(self.folder / "lockstep/usr/sbin/lockstep")
        self.assertEqual(needed - set(LIBRARIES), set())
        self.assertEqual(set(self.field("lockstep", "DEPENDS").split()),
                         {f"+{LIBRARIES[name]}" for name in needed if LIBRARIES[name]})
        for program in ("lockstep-tools/usr/sbin/lockstep-tools", "lockstep-limeapp/usr/lib/lockstep/limeapp"):
            self.assertEqual(needed_libraries(self.folder / program) - needed, set(), "what it needs comes with lockstep")
        for package in ("lockstep-tools", "lockstep-web"):
            self.assertEqual(self.field(package, "DEPENDS"), "+lockstep")
        # It gives its orders with `lockstep start` and the like.
        self.assertEqual(set(self.field("lockstep-limeapp", "DEPENDS").split()), {"+lockstep", "+lockstep-tools", "+rpcd"})

    def test_limeapp_is_instead_of_upstreams(self):
        self.assertEqual(self.field("lockstep-limeapp", "CONFLICTS"), "lime-mesh-upgrade")
        for package in ("lockstep", "lockstep-tools", "lockstep-web"):
            self.assertEqual(self.field(package, "CONFLICTS"), "")

    def test_fields(self):
        for package in PACKAGES:
            for name in ("SECTION", "CATEGORY", "TITLE", "description"):
                self.assertTrue(self.field(package, name), (package, name))
        self.assertEqual([self.field(package, "PKGARCH") for package in PACKAGES], ["", "", "all", ""])

    def test_conffiles_are_files(self):
        # What is none would be appended to keep.d/lockstep, which is ours.
        self.assertEqual(self.field("lockstep", "conffiles"), "/etc/config/lockstep")
        self.assertTrue((self.folder / "lockstep/etc/config/lockstep").is_file())

    def test_version(self):
        program = self.folder / "lockstep/usr/sbin/lockstep"
        version = subprocess.check_output([program, "--version"], text=True).split()[1]
        self.assertTrue((self.folder / f"build/lockstep-{version}").is_dir())

    def test_help_is_found(self):
        program = self.folder / "lockstep/usr/sbin/lockstep"
        told = subprocess.run([program, "status", "--help"], capture_output=True, text=True)
        self.assertIn("a row for each node", told.stdout)

    def test_tools_are_run_by_lockstep(self):
        both = self.folder / "both"
        for package in ("lockstep", "lockstep-tools"):
            shutil.copytree(self.folder / package, both, symlinks=True, dirs_exist_ok=True)
        program = both / "usr/sbin/lockstep"
        made = subprocess.run([program, "key", "generate", self.folder / "a"], capture_output=True, text=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertTrue((self.folder / "a.pub").exists())
        told = subprocess.run([program, "start", "--help"], capture_output=True, text=True)
        self.assertIn("--participants", told.stdout)
        alone = subprocess.run([self.folder / "lockstep/usr/sbin/lockstep", "start"], capture_output=True, text=True)
        self.assertIn("lockstep-tools", alone.stderr)

    def run_prerm(self, package, **environment):
        return subprocess.run(["sh"], input=self.field(package, "prerm"), text=True,
                              env={**os.environ, **environment}).returncode

    def test_what_limeapp_removes(self):
        plugin = self.folder / "image/usr/libexec/rpcd/eupgrade"
        plugin.parent.mkdir(parents=True)
        self.assertEqual(self.run_prerm("lockstep-limeapp", IPKG_INSTROOT=str(self.folder / "image")), 0)
        plugin.write_text("LibreMesh's own")
        self.assertEqual(self.run_prerm("lockstep-limeapp", IPKG_INSTROOT=str(self.folder / "image")), 0)
        self.assertTrue(plugin.exists())
        plugin.unlink()
        plugin.symlink_to("/usr/lib/lockstep/limeapp")
        self.assertEqual(self.run_prerm("lockstep-limeapp", IPKG_INSTROOT=str(self.folder / "image")), 0)
        self.assertFalse(plugin.is_symlink())

    def test_sizes(self):
        for package in PACKAGES:
            for path in (self.folder / package).rglob("*"):
                if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF":
                    subprocess.check_call(["strip", path])
            files = [path for path in (self.folder / package).rglob("*") if path.is_file() and not path.is_symlink()]
            packed = self.folder / f"{package}.tar.gz"
            with tarfile.open(packed, "w:gz") as archive:
                archive.add(self.folder / package, ".")
            installed = sum(path.stat().st_size for path in files)
            print(f"\n{package}: {installed} bytes installed, {packed.stat().st_size} packed, {len(files)} files", end="")
            self.assertLess(installed, LOCKSTEP_MAX)


if __name__ == "__main__":
    unittest.main()
