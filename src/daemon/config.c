// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/config.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "base/json.h"
#include "base/text.h"

enum {
	HTTP_PORT = 8430,
	GOSSIP_PORT = 3490, /* shared-state-async's */
};

static const struct config defaults = {
	.http_listen = "::",
	.http_port = HTTP_PORT,
	.control = "/var/run/lockstep.sock",
	.gossip_listen = "::",
	.gossip_port = GOSSIP_PORT,
	.flasher = "/usr/lib/lockstep/flashers/sysupgrade",
	.compat_version = "1.0",
	.config_directory = "/etc/lockstep",
	.state_directory = "/etc/lockstep",
	.work_directory = "/tmp/lockstep",
	.web_directory = "/usr/share/lockstep/web",
	.media_directory = "/mnt",
	.threshold = 1,
	.limeapp_projection = true,
	.attach = "/usr/lib/lockstep/attach",
	.expected = "/usr/lib/lockstep/reference-state",
	.host_file = "/tmp/shared-state/shared-state-async.conf",
};

enum part { TOP = 0, HTTP, GOSSIP, NEIGHBOURS, DIRECTORIES, PART_COUNT };

#define STRING(part, name, member)                                                                 \
	{                                                                                          \
		name, part, offsetof(struct config, member), sizeof(((struct config *)0)->member)  \
	}

/* Every string that may be left out; the default stays then. */
static const struct {
	const char *name;
	uint16_t part, offset, capacity;
} strings[] = {
	STRING(TOP, "name", name),
	STRING(TOP, "address", address),
	STRING(HTTP, "listen", http_listen),
	STRING(HTTP, "control", control),
	STRING(GOSSIP, "listen", gossip_listen),
	STRING(GOSSIP, "attach", attach),
	STRING(GOSSIP, "host_file", host_file),
	STRING(NEIGHBOURS, "discover", discover),
	STRING(TOP, "flasher", flasher),
	STRING(TOP, "expected", expected),
	STRING(TOP, "board", board),
	STRING(TOP, "version", version),
	STRING(TOP, "compat_version", compat_version),
	STRING(DIRECTORIES, "config", config_directory),
	STRING(DIRECTORIES, "state", state_directory),
	STRING(DIRECTORIES, "work", work_directory),
	STRING(DIRECTORIES, "web", web_directory),
	STRING(DIRECTORIES, "media", media_directory),
};

static_assert(sizeof(struct config) <= UINT16_MAX, "a string's place needs more bits");

static struct json_object *maybe_object(
	struct json_reader *reader, struct json_object *object, const char *member)
{
	return json_has(object, member) ? json_get_object(reader, object, member) : NULL;
}

static void read_strings(
	struct json_reader *reader, struct json_object *const parts[], struct config *config)
{
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct json_object *object = parts[strings[i].part];

		if (json_has(object, strings[i].name))
			json_get_string(reader, object, strings[i].name,
				(char *)config + strings[i].offset, strings[i].capacity);
	}
}

static void maybe_port(
	struct json_reader *reader, struct json_object *object, const char *member, uint16_t *port)
{
	*port = (uint16_t)json_get_optional_u64(reader, object, member, 0, UINT16_MAX, *port);
}

/* Strings that lie `stride` bytes apart; how many. */
static uint32_t maybe_list(struct json_reader *reader, struct json_object *object,
	const char *member, char *strings_at, size_t stride, size_t count_max)
{
	struct json_object *list = NULL;
	uint32_t count;

	if (json_has(object, member))
		list = json_get_array(reader, object, member, count_max);
	count = (uint32_t)json_array_count(list);
	for (uint32_t i = 0; i < count; i++)
		json_array_string(reader, list, member, i, strings_at + i * stride, stride);
	return count;
}

/* What is wrong with it; NULL if nothing is. */
static const char *add_environment(
	struct config *config, const char *name, struct json_object *value)
{
	struct text text;

	if (config->environment_count == COMMAND_ENVIRONMENT_MAX)
		return "has too many members";
	if (!json_object_is_type(value, json_type_string))
		return "must hold strings";
	text_init(&text, config->environment[config->environment_count++],
		CONFIG_ENVIRONMENT_SIZE + 1);
	text_add_format(&text, "%s=%s", name, json_object_get_string(value));
	if (text_cut(&text) || !text_is_name(name))
		return "has a member that is too long or no name";
	return NULL;
}

static void read_environment(
	struct json_reader *reader, struct json_object *object, struct config *config)
{
	static const char member[] = "flasher_environment";
	struct json_object *environment = maybe_object(reader, object, member);

	if (environment == NULL)
		return;
	json_object_object_foreach(environment, name, value)
	{
		const char *wrong = add_environment(config, name, value);

		if (wrong != NULL) {
			json_fail(reader, member, wrong);
			return;
		}
	}
}

/* HOST alone gets our own port. */
static void complete_address(struct config *config)
{
	char whole[sizeof(config->address)];
	const char *colon = strchr(config->address, ':');
	bool bracketed = config->address[0] == '[';
	bool bare_ipv6 = !bracketed && colon != NULL && strchr(colon + 1, ':') != NULL;

	if (config->address[0] == '\0' || (!bracketed && colon != NULL && !bare_ipv6) ||
		(bracketed && strstr(config->address, "]:") != NULL))
		return;
	snprintf(whole, sizeof(whole), bare_ipv6 ? "[%s]:%u" : "%s:%u", config->address,
		config->http_port);
	memcpy(config->address, whole, sizeof(whole));
}

bool config_parse(
	struct config *config, const char *bytes, size_t size, char *problem, size_t capacity)
{
	struct config parsed = defaults;
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, bytes, size);

	json_get_string(&reader, object, "mesh", parsed.mesh, sizeof(parsed.mesh));
	if (json_ok(&reader) && !text_is_name(parsed.mesh))
		json_fail(&reader, "mesh", "must be a name: letters, digits, '.', '_' and '-'");

	struct json_object *const parts[PART_COUNT] = {
		[TOP] = object,
		[HTTP] = maybe_object(&reader, object, "http"),
		[GOSSIP] = maybe_object(&reader, object, "gossip"),
		[NEIGHBOURS] = maybe_object(&reader, object, "neighbours"),
		[DIRECTORIES] = maybe_object(&reader, object, "directories"),
	};

	read_strings(&reader, parts, &parsed);
	if (parsed.name[0] != '\0' && !text_is_name(parsed.name))
		json_fail(&reader, "name", "must be a host name");
	maybe_port(&reader, parts[HTTP], "port", &parsed.http_port);
	maybe_port(&reader, parts[GOSSIP], "port", &parsed.gossip_port);
	parsed.neighbour_count = maybe_list(&reader, parts[NEIGHBOURS], "list",
		parsed.neighbours[0], sizeof(parsed.neighbours[0]), LIMITS_NEIGHBOURS_MAX);
	parsed.interface_count = maybe_list(&reader, parts[NEIGHBOURS], "interfaces",
		parsed.interfaces[0], sizeof(parsed.interfaces[0]), NEIGHBOURS_INTERFACES_MAX);
	parsed.type_count = maybe_list(&reader, parts[GOSSIP], "types", parsed.types[0],
		sizeof(parsed.types[0]), LIMITS_CARRIED_MAX);
	for (uint32_t i = 0; i < parsed.type_count; i++) {
		if (!text_is_name(parsed.types[i]))
			json_fail(&reader, "types", "must hold names of data types");
	}
	read_environment(&reader, object, &parsed);
	parsed.threshold = (uint32_t)json_get_optional_u64(
		&reader, object, "threshold", 1, LIMITS_KEYS_MAX, parsed.threshold);
	parsed.rate_limit_kbit = (uint32_t)json_get_optional_u64(
		&reader, object, "rate_limit_kbit", 0, 10000000, parsed.rate_limit_kbit);
	parsed.polite = json_get_optional_bool(&reader, object, "polite", parsed.polite);
	parsed.limeapp_projection = json_get_optional_bool(
		&reader, object, "limeapp_projection", parsed.limeapp_projection);
	json_free(object);
	if (!json_ok(&reader)) {
		json_explain(&reader, problem, capacity);
		return false;
	}
	complete_address(&parsed);
	*config = parsed;
	return true;
}
