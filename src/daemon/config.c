// SPDX-License-Identifier: AGPL-3.0-or-later
#include "daemon/config.h"

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
	.threshold = 1,
	.limeapp_projection = true,
};

/* A string that may be left out; what is there already stays then. */
static void maybe_string(struct json_reader *reader, struct json_object *object, const char *member,
	char *buffer, size_t capacity)
{
	if (json_ok(reader) && json_has(object, member))
		json_get_string(reader, object, member, buffer, capacity);
}

static void maybe_port(
	struct json_reader *reader, struct json_object *object, const char *member, uint16_t *port)
{
	*port = (uint16_t)json_get_optional_u64(reader, object, member, 0, UINT16_MAX, *port);
}

static struct json_object *maybe_object(
	struct json_reader *reader, struct json_object *object, const char *member)
{
	if (!json_ok(reader) || !json_has(object, member))
		return NULL;
	return json_get_object(reader, object, member);
}

static void read_network(
	struct json_reader *reader, struct json_object *object, struct config *config)
{
	struct json_object *http = maybe_object(reader, object, "http");
	struct json_object *gossip = maybe_object(reader, object, "gossip");

	maybe_string(reader, http, "listen", config->http_listen, sizeof(config->http_listen));
	maybe_port(reader, http, "port", &config->http_port);
	maybe_string(reader, http, "control", config->control, sizeof(config->control));
	maybe_string(
		reader, gossip, "listen", config->gossip_listen, sizeof(config->gossip_listen));
	maybe_port(reader, gossip, "port", &config->gossip_port);
}

static void read_neighbours(
	struct json_reader *reader, struct json_object *object, struct config *config)
{
	struct json_object *neighbours = maybe_object(reader, object, "neighbours"), *list;

	maybe_string(reader, neighbours, "discover", config->discover, sizeof(config->discover));
	if (json_ok(reader) && json_has(neighbours, "list")) {
		list = json_get_array(reader, neighbours, "list", LIMITS_NEIGHBOURS_MAX);
		config->neighbour_count = (uint32_t)json_array_count(list);
		for (uint32_t i = 0; i < config->neighbour_count; i++)
			json_array_string(reader, list, "list", i, config->neighbours[i],
				sizeof(config->neighbours[i]));
	}
	if (json_ok(reader) && json_has(neighbours, "interfaces")) {
		list = json_get_array(reader, neighbours, "interfaces", NEIGHBOURS_INTERFACES_MAX);
		config->interface_count = (uint32_t)json_array_count(list);
		for (uint32_t i = 0; i < config->interface_count; i++)
			json_array_string(reader, list, "interfaces", i, config->interfaces[i],
				sizeof(config->interfaces[i]));
	}
}

static void read_environment(
	struct json_reader *reader, struct json_object *object, struct config *config)
{
	struct json_object *environment = maybe_object(reader, object, "flasher_environment");

	if (environment == NULL)
		return;
	json_object_object_foreach(environment, name, value)
	{
		struct text text;

		if (config->environment_count == COMMAND_ENVIRONMENT_MAX) {
			json_fail(reader, "flasher_environment", "has too many members");
			return;
		}
		text_init(&text, config->environment[config->environment_count++],
			CONFIG_ENVIRONMENT_SIZE + 1);
		text_add(&text, name);
		text_add(&text, "=");
		if (json_object_is_type(value, json_type_string))
			text_add(&text, json_object_get_string(value));
		else
			json_fail(reader, "flasher_environment", "must hold strings");
		if (text_cut(&text) || !text_is_name(name))
			json_fail(reader, "flasher_environment",
				"has a member that is too long or no name");
	}
}

static void read_directories(
	struct json_reader *reader, struct json_object *object, struct config *config)
{
	struct json_object *directories = maybe_object(reader, object, "directories");

	maybe_string(reader, directories, "config", config->config_directory,
		sizeof(config->config_directory));
	maybe_string(reader, directories, "state", config->state_directory,
		sizeof(config->state_directory));
	maybe_string(reader, directories, "work", config->work_directory,
		sizeof(config->work_directory));
}

/* HOST alone gets our own port. */
static void complete_address(struct config *config)
{
	struct text text;
	char host[LIMITS_ADDRESS_SIZE + 1];
	bool bracketed = config->address[0] == '[';
	const char *colon = strchr(config->address, ':');
	bool bare_ipv6 = !bracketed && colon != NULL && strchr(colon + 1, ':') != NULL;
	bool has_port =
		bracketed ? strstr(config->address, "]:") != NULL : colon != NULL && !bare_ipv6;

	if (config->address[0] == '\0' || has_port)
		return;
	text_set(host, sizeof(host), config->address);
	text_init(&text, config->address, sizeof(config->address));
	text_add_format(&text, bare_ipv6 ? "[%s]:%u" : "%s:%u", host, config->http_port);
}

bool config_parse(
	struct config *config, const char *bytes, size_t size, char *problem, size_t capacity)
{
	struct config parsed = defaults;
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, bytes, size);
	bool ok;

	json_get_string(&reader, object, "mesh", parsed.mesh, sizeof(parsed.mesh));
	if (json_ok(&reader) && !text_is_name(parsed.mesh))
		json_fail(&reader, "mesh", "must be a name: letters, digits, '.', '_' and '-'");
	maybe_string(&reader, object, "name", parsed.name, sizeof(parsed.name));
	if (json_ok(&reader) && parsed.name[0] != '\0' && !text_is_name(parsed.name))
		json_fail(&reader, "name", "must be a host name");
	maybe_string(&reader, object, "address", parsed.address, sizeof(parsed.address));
	read_network(&reader, object, &parsed);
	read_neighbours(&reader, object, &parsed);
	maybe_string(&reader, object, "flasher", parsed.flasher, sizeof(parsed.flasher));
	read_environment(&reader, object, &parsed);
	maybe_string(&reader, object, "board", parsed.board, sizeof(parsed.board));
	maybe_string(&reader, object, "version", parsed.version, sizeof(parsed.version));
	maybe_string(&reader, object, "compat_version", parsed.compat_version,
		sizeof(parsed.compat_version));
	read_directories(&reader, object, &parsed);
	parsed.threshold = (uint32_t)json_get_optional_u64(
		&reader, object, "threshold", 1, LIMITS_KEYS_MAX, parsed.threshold);
	parsed.rate_limit_kbit = (uint32_t)json_get_optional_u64(
		&reader, object, "rate_limit_kbit", 0, 10000000, parsed.rate_limit_kbit);
	parsed.limeapp_projection = json_get_optional_bool(
		&reader, object, "limeapp_projection", parsed.limeapp_projection);
	json_free(object);
	ok = json_ok(&reader);
	if (ok) {
		complete_address(&parsed);
		*config = parsed;
	} else {
		json_explain(&reader, problem, capacity);
	}
	return ok;
}
