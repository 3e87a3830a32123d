// SPDX-License-Identifier: AGPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <event2/event.h>

#include "io/lookup.h"
#include "io/timer.h"

struct outcome {
	uint32_t calls;
	sa_family_t family;
	uint16_t port;
};

static void note(void *context, const struct sockaddr *address, socklen_t size)
{
	struct outcome *outcome = context;

	outcome->calls++;
	if (address == NULL) {
		assert_int_equal(size, 0);
		return;
	}
	outcome->family = address->sa_family;
	/* At the same place in both families. */
	outcome->port = ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port);
}

static struct outcome look_up(const char *host)
{
	struct event_base *base = timer_new_base();
	struct outcome outcome = { 0 };

	assert_non_null(base);
	assert_non_null(lookup_start(base, host, 8430, note, &outcome));
	assert_int_equal(outcome.calls, 0);
	assert_int_equal(event_base_dispatch(base), 1); /* nothing is left to wait for */
	event_base_free(base);
	/* No child is left either. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	return outcome;
}

static void test_known(void **state)
{
	struct outcome outcome = look_up("localhost");

	(void)state;
	assert_int_equal(outcome.calls, 1);
	assert_true(outcome.family == AF_INET || outcome.family == AF_INET6);
	assert_int_equal(outcome.port, 8430);
}

static void test_unknown(void **state)
{
	struct outcome outcome = look_up("no..name");

	(void)state;
	assert_int_equal(outcome.calls, 1);
	assert_int_equal(outcome.family, AF_UNSPEC);
}

static void test_cancel(void **state)
{
	struct event_base *base = timer_new_base();
	struct outcome outcome = { 0 };
	struct lookup *lookup = lookup_start(base, "localhost", 80, note, &outcome);

	(void)state;
	assert_non_null(lookup);
	lookup_cancel(lookup);
	assert_int_equal(event_base_dispatch(base), 1);
	assert_int_equal(outcome.calls, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
