// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <linux/tcp.h>

enum { LINK = 2500000, CHUNK = 65536, NEAR_US = 1000 };

/* What becomes of a connection on which one chunk after the other passes: each takes what the link
 * gives of it, or what the last answer said, whichever is less. */
struct stream {
	struct pace pace;
	struct tcp_info info;
	uint32_t rate;
};

static void pass(struct stream *stream, uint32_t link, uint32_t rtt_us)
{
	uint32_t rate = stream->rate > 0 && stream->rate < link ? stream->rate : link;

	stream->info.tcpi_min_rtt = NEAR_US;
	stream->info.tcpi_rtt = rtt_us;
	stream->info.tcpi_bytes_acked += CHUNK;
	stream->info.tcpi_busy_time += (uint64_t)CHUNK * 1000000 / rate;
	stream->rate = pace_sample(&stream->pace, &stream->info);
}

static void pass_many(struct stream *stream, uint32_t count, uint32_t link)
{
	for (uint32_t i = 0; i < count; i++) {
		pass(stream, link, NEAR_US);
		assert_true(stream->rate > link);
	}
}

static void test_a_link_of_its_own(void **state)
{
	struct stream stream = { 0 };

	(void)state;
	/* A burst comes through faster than the link is. */
	pass(&stream, LINK / 10 * 13, NEAR_US);
	pass_many(&stream, 1000, LINK);
	/* Our own requests wait, and acknowledgements. */
	pass(&stream, LINK, NEAR_US + PACE_QUEUE_US);
	assert_true(stream.rate > LINK);
}

static void test_somebody_takes_half(void **state)
{
	struct stream stream = { 0 };
	uint64_t ours_us;

	(void)state;
	pass_many(&stream, 20, LINK);
	pass(&stream, LINK / 2, NEAR_US);
	assert_int_equal(stream.rate, PACE_MIN);
	/* In the long run an eighth at most of the half that it could have. */
	ours_us = stream.info.tcpi_busy_time;
	for (int i = 0; i < 100; i++)
		pass(&stream, LINK / 2, NEAR_US);
	ours_us = stream.info.tcpi_busy_time - ours_us;
	assert_true(UINT64_C(100) * CHUNK * 1000000 / ours_us < LINK / 2 / 8);
	/* When the other has gone, all of it is ours again before long. */
	for (int i = 0; i < 22; i++)
		pass(&stream, LINK, NEAR_US);
	assert_true(stream.rate > LINK);
}

static void test_somebody_fills_the_queue(void **state)
{
	struct stream stream = { 0 };

	(void)state;
	pass_many(&stream, 20, LINK);
	for (int i = 0; i < 5; i++) {
		pass(&stream, LINK, NEAR_US + PACE_QUEUE_US + 1);
		assert_int_equal(stream.rate, PACE_MIN);
	}
}

static void test_somebody_was_there_before(void **state)
{
	struct pace pace = { 0 };
	const struct tcp_info info = {
		.tcpi_min_rtt = 300000,
		.tcpi_rtt = 310000,
		.tcpi_bytes_acked = CHUNK,
		.tcpi_busy_time = 100000,
	};

	(void)state;
	assert_int_equal(pace_sample(&pace, &info), PACE_MIN);
}

static void test_a_link_that_became_worse(void **state)
{
	struct stream stream = { 0 };

	(void)state;
	pass_many(&stream, 20, LINK);
	for (int i = 0; i < 2 * PACE_MEMORY; i++)
		pass(&stream, LINK / 3, NEAR_US);
	pass_many(&stream, 100, LINK / 3);
}

static void test_too_little_to_tell(void **state)
{
	struct pace pace = { 0 };
	struct tcp_info info = { .tcpi_bytes_acked = PACE_SAMPLE - 1, .tcpi_busy_time = 1000000 };

	(void)state;
	assert_int_equal(pace_sample(&pace, &info), INT32_MAX);
	info.tcpi_bytes_acked = CHUNK;
	assert_int_equal(pace_sample(&pace, &info), CHUNK / 4 * 5);
	info.tcpi_bytes_acked += PACE_SAMPLE - 1;
	info.tcpi_busy_time++;
	assert_int_equal(pace_sample(&pace, &info), CHUNK / 4 * 5);
	info.tcpi_bytes_acked += UINT32_MAX;
	assert_in_range(pace_sample(&pace, &info), INT32_MAX / 2, INT32_MAX);
}

static void test_no_connection(void **state)
{
	struct pace pace = { 0 };

	(void)state;
	assert_int_equal(pace_find(&pace, -1), INT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_link_of_its_own),
		cmocka_unit_test(test_somebody_takes_half),
		cmocka_unit_test(test_somebody_fills_the_queue),
		cmocka_unit_test(test_somebody_was_there_before),
		cmocka_unit_test(test_a_link_that_became_worse),
		cmocka_unit_test(test_too_little_to_tell),
		cmocka_unit_test(test_no_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
