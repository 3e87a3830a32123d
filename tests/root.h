/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_ROOT_H
#define TESTS_ROOT_H

/* A folder that a test takes for the root of another machine; new for each test. */

extern char root[];

/* For cmocka_unit_test_setup_teardown(). */
int root_make(void **state);
int root_clear(void **state);

/* A file below the root, with the directories above it. */
void root_put(const char *path, const char *content);

#endif
