// SPDX-License-Identifier: AGPL-3.0-or-later
#include "limeapp/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/words.h"

#define TRUST "trust/release"

enum {
	FILE_SIZE_MAX = 16384,
	CONFIG_SIZE_MAX = 65536,
};

static const char mode_words[] = "off\0read-only\0full\0"; /* by enum settings_mode */

static void take_daemon(
	struct json_reader *reader, struct json_object *object, struct settings_daemon *daemon)
{
	char directory[FILES_PATH_SIZE + 1];
	struct json_object *part;

	daemon->threshold =
		(uint32_t)json_get_optional_u64(reader, object, "threshold", 1, LIMITS_KEYS_MAX, 1);
	if (json_has(object, "compat_version"))
		json_get_string(reader, object, "compat_version", daemon->compat_version,
			sizeof(daemon->compat_version));
	part = json_has(object, "http") ? json_get_object(reader, object, "http") : NULL;
	if (json_has(part, "control"))
		json_get_string(reader, part, "control", daemon->control, sizeof(daemon->control));
	part = json_has(object, "directories") ? json_get_object(reader, object, "directories")
					       : NULL;
	if (!json_has(part, "config"))
		return;
	json_get_string(reader, part, "config", directory, sizeof(directory));
	if (json_ok(reader) && !files_join(daemon->trust, directory, TRUST))
		json_fail(reader, "directories", "is too long");
}

bool settings_read_daemon(struct settings_daemon *daemon, const struct settings *settings)
{
	struct json_reader reader;
	struct json_object *object;
	char *bytes;
	size_t size;
	bool ok;

	*daemon = (struct settings_daemon){
		.threshold = 1,
		.trust = "/etc/lockstep/" TRUST,
		.control = "/var/run/lockstep.sock",
	};
	if (files_read(settings->config, CONFIG_SIZE_MAX, &bytes, &size) != 0)
		return false;
	object = json_parse(&reader, bytes, size);
	if (object != NULL)
		take_daemon(&reader, object, daemon);
	ok = json_ok(&reader);
	json_free(object);
	free(bytes);
	return ok;
}

/* Programs are run and files are opened by what stands here: nothing is looked for. */
static void get_path(struct json_reader *reader, struct json_object *object, const char *member,
	char path[FILES_PATH_SIZE + 1])
{
	if (!json_has(object, member))
		return;
	json_get_string(reader, object, member, path, FILES_PATH_SIZE + 1);
	if (json_ok(reader) && path[0] != '/' && path[0] != '\0')
		json_fail(reader, member, "must begin with a slash");
}

static void get_mode(
	struct json_reader *reader, struct json_object *object, struct settings *settings)
{
	char word[16];
	unsigned mode;

	json_get_string(reader, object, "mode", word, sizeof(word));
	if (!json_ok(reader))
		return;
	mode = words_find(mode_words, word);
	if (mode == WORDS_NONE)
		json_fail(reader, "mode", "must be off, read-only or full");
	else
		settings->mode = (enum settings_mode)mode;
}

void settings_parse(struct settings *settings, const char *bytes, size_t size)
{
	struct json_reader reader;
	struct json_object *object = json_parse(&reader, bytes, size);

	get_mode(&reader, object, settings);
	get_path(&reader, object, "key", settings->key);
	get_path(&reader, object, "expected", settings->expected);
	get_path(&reader, object, "lockstep", settings->lockstep);
	get_path(&reader, object, "config", settings->config);
	get_path(&reader, object, "control", settings->control);
	json_get_optional_string(
		&reader, object, "release", settings->release, sizeof(settings->release));
	if (json_ok(&reader) && settings->release[0] != '\0' && settings->release[0] != '/' &&
		strstr(settings->release, "://") == NULL)
		json_fail(&reader, "release", "must be a URL or begin with a slash");
	if (json_ok(&reader) && settings->mode == SETTINGS_FULL && settings->key[0] == '\0')
		json_fail(&reader, "key", "is missing");
	if (!json_ok(&reader)) {
		settings->mode = SETTINGS_OFF;
		json_explain(&reader, settings->problem, sizeof(settings->problem));
	}
	json_free(object);
}

/* The daemon knows its own control socket. */
static void find_control(struct settings *settings)
{
	struct settings_daemon daemon;

	if (settings->control[0] != '\0')
		return;
	(void)settings_read_daemon(&daemon, settings);
	text_set(settings->control, sizeof(settings->control), daemon.control);
}

void settings_read(struct settings *settings, const char *path)
{
	char *bytes;
	size_t size;
	int error;

	*settings = (struct settings){
		.mode = SETTINGS_READ_ONLY,
		.path = path,
		.lockstep = "/usr/sbin/lockstep",
		.config = "/etc/lockstep/lockstep.json",
	};
	error = files_read(path, FILE_SIZE_MAX, &bytes, &size);
	if (error == 0) {
		settings_parse(settings, bytes, size);
		free(bytes);
	} else if (error != -ENOENT) {
		settings->mode = SETTINGS_OFF;
		text_set(settings->problem, sizeof(settings->problem), "the file");
	}
	find_control(settings);
}
