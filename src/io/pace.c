// SPDX-License-Identifier: AGPL-3.0-or-later
#include "io/pace.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

uint32_t pace_sample(struct pace *pace, const struct tcp_info *info)
{
	/* Who comes late finds the queue full, and has seen no shorter round trip. */
	uint32_t base_us = info->tcpi_min_rtt < PACE_NEAR_US ? info->tcpi_min_rtt : PACE_NEAR_US;
	uint64_t bytes = info->tcpi_bytes_acked - pace->acked;
	uint64_t us = info->tcpi_busy_time - pace->busy_us;
	uint64_t rate;

	if (bytes < PACE_SAMPLE || us == 0)
		return pace->rate > 0 ? pace->rate : INT32_MAX;
	pace->acked += bytes;
	pace->busy_us += us;
	rate = bytes * 1000000 / us;
	if (rate > INT32_MAX / 2)
		rate = INT32_MAX / 2;
	pace->best -= pace->best / PACE_MEMORY;
	if (pace->best < rate)
		pace->best = (uint32_t)rate;
	if (info->tcpi_rtt > base_us + PACE_QUEUE_US ||
		(rate < pace->best / 8 * 5 && rate < pace->rate / 8 * 7))
		rate = 0;
	rate += rate / 4;
	pace->rate = rate > PACE_MIN ? (uint32_t)rate : PACE_MIN;
	return pace->rate;
}

uint32_t pace_find(struct pace *pace, int fd)
{
	struct tcp_info info = { 0 }; /* older kernels tell less */
	socklen_t size = sizeof(info);

	(void)getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
	return pace_sample(pace, &info);
}
