// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "io/files.h"
#include "io/packages.h"
#include "root.h"

static void note(void *context, const char *name, const char *version)
{
	text_add_format(context, "%s=%s ", name, version);
}

static void assert_packages(const char *manager, const char *wanted)
{
	char found[8192];
	struct text text;

	text_init(&text, found, sizeof(found));
	assert_string_equal(packages_read(root, note, &text), manager);
	assert_string_equal(found, wanted);
}

static void test_neither(void **state)
{
	(void)state;
	assert_packages("", "");
}

#define OPKG "/usr/lib/opkg/status"
#define APK "/lib/apk/db/installed"

static void test_opkg(void **state)
{
	(void)state;
	root_put(OPKG, "Package: libubox20240329\nVersion: 2024.03.29-r1\nABIVersion: 20240329\n"
		       "Depends: libc\nStatus: install user installed\nArchitecture: mips_24kc\n"
		       "Installed-Time: 1\nAuto-Installed: yes\n\n"
		       "Package: gone\nVersion: 1\nStatus: deinstall ok not-installed\n\n"
		       "Package: half\nVersion: 1\nStatus: install user half-installed\n\n"
		       "Package: babeld\nVersion: 1.13.1-r3\nStatus: install hold installed\n"
		       "Conffiles:\n /etc/config/babeld 0123\n\n"
		       "Package: without-version\nStatus: install user installed\n\n"
		       "Version: 9\nStatus: install user installed\n\n"
		       "Package: last\nStatus: install ok installed\nVersion: 2");
	assert_packages("opkg", "libubox=2024.03.29-r1 babeld=1.13.1-r3 last=2 ");
}

static void test_apk(void **state)
{
	(void)state;
	root_put(APK,
		"C:Q1abcd=\nP:libubox20240329\nV:2024.03.29-r1\nA:mips_24kc\nS:1\nI:2\nT:text\n"
		"g:openwrt:section=libs openwrt:abiversion=20240329 openwrt:cpe=x\n"
		"F:lib\nR:libubox.so\nZ:Q1=\n\n"
		"P:babeld\nV:1.13.1-r3\nF:usr/sbin\nR:babeld\n\n");
	assert_packages("apk", "libubox=2024.03.29-r1 babeld=1.13.1-r3 ");
}

/* opkg's file wins: a router that was moved over by hand may have both. */
static void test_both(void **state)
{
	(void)state;
	root_put(OPKG, "Package: a\nVersion: 1\nStatus: install user installed\n");
	root_put(APK, "P:b\nV:1\n\n");
	assert_packages("opkg", "a=1 ");
}

static void test_hostile_lines(void **state)
{
	char *content = malloc(65536);
	struct text text;

	(void)state;
	assert_non_null(content);
	text_init(&text, content, 65536);
	/* A long line, in whose middle something looks like a field. */
	text_add(&text, "Package: long\nVersion: 1\nDescription: ");
	for (uint32_t i = 0; i < 1010; i++)
		text_add(&text, "x");
	text_add(&text, "Package: smuggled\nStatus: install user installed\n\n");
	/* Names and versions that are nothing to send. */
	text_add(&text, "Package: esc\033[2J\nVersion: 1\nStatus: install user installed\n\n"
			"Package: ");
	for (uint32_t i = 0; i <= PACKAGES_WORD_SIZE; i++)
		text_add(&text, "y");
	text_add(&text, "\nVersion: 1\nStatus: install user installed\n\n"
			"Package: 5\nABIVersion: 5\nVersion: 1\nStatus: install user installed\n\n"
			"Package: status\nVersion: 1\nStatus: \n\n\n\n");
	assert_false(text_cut(&text));
	root_put(OPKG, content);
	assert_packages("opkg", "long=1 ");
	free(content);
}

static void count_one(void *context, const char *name, const char *version)
{
	(void)name;
	(void)version;
	++*(uint32_t *)context;
}

static void test_no_end(void **state)
{
	size_t capacity = (PACKAGES_MAX + 100) * 16;
	char *content = malloc(capacity);
	uint32_t count = 0;
	struct text text;

	(void)state;
	assert_non_null(content);
	text_init(&text, content, capacity);
	for (uint32_t i = 0; i < PACKAGES_MAX + 100; i++)
		text_add(&text, "P:p\nV:1\n\n");
	root_put(APK, content);
	assert_string_equal(packages_read(root, count_one, &count), "apk");
	assert_int_equal(count, PACKAGES_MAX);
	free(content);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_neither, root_make, root_clear),
		cmocka_unit_test_setup_teardown(test_opkg, root_make, root_clear),
		cmocka_unit_test_setup_teardown(test_apk, root_make, root_clear),
		cmocka_unit_test_setup_teardown(test_both, root_make, root_clear),
		cmocka_unit_test_setup_teardown(test_hostile_lines, root_make, root_clear),
		cmocka_unit_test_setup_teardown(test_no_end, root_make, root_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
