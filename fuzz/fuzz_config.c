// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * lockstep.json comes from the owner of the router; what he mistypes must be told, not taken.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "daemon/config.h"
#include "faults.h"

static void check_ends(const char *string, size_t capacity)
{
	assert(memchr(string, '\0', capacity) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct config *config = calloc(1, sizeof(*config));
	char problem[LIMITS_MESSAGE_SIZE + 1];
	bool ok;

	assert(config != NULL);
	faults_plan(&bytes, &size);
	problem[0] = '\0';
	faults_on();
	ok = config_parse(config, (const char *)bytes, size, problem, sizeof(problem));
	faults_off();
	if (!ok) {
		assert(problem[0] != '\0' && config->mesh[0] == '\0');
		free(config);
		return 0;
	}
	assert(text_is_name(config->mesh));
	assert(config->threshold >= 1 && config->threshold <= LIMITS_KEYS_MAX);
	assert(config->interface_count <= NEIGHBOURS_INTERFACES_MAX);
	assert(config->neighbour_count <= LIMITS_NEIGHBOURS_MAX);
	assert(config->environment_count <= COMMAND_ENVIRONMENT_MAX);
	check_ends(config->control, sizeof(config->control));
	check_ends(config->flasher, sizeof(config->flasher));
	for (uint32_t i = 0; i < config->interface_count; i++)
		check_ends(config->interfaces[i], sizeof(config->interfaces[i]));
	for (uint32_t i = 0; i < config->neighbour_count; i++)
		check_ends(config->neighbours[i], sizeof(config->neighbours[i]));
	for (uint32_t i = 0; i < config->environment_count; i++) {
		check_ends(config->environment[i], sizeof(config->environment[i]));
		assert(strchr(config->environment[i], '=') != NULL);
	}
	free(config);
	return 0;
}
