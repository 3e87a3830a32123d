// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * A stranger controls: the end of an image, which is read before an operator signs a release and
 * again by a node, when the image's hash is known to be right. With a first 'm' the input is the
 * metadata of a trailer that is otherwise sound, 's' puts a signature chunk behind it, and 'S' more
 * of them than anybody makes; with any other first byte it is a whole image.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "faults.h"
#include "release/trailer.h"

enum { FOOTER_SIZE = 16, IMAGE_SIZE = 64, SIGNATURES_MAX = 5 };

static void check(const uint8_t *file, size_t size)
{
	uint8_t *exact = fuzz_copy(file, size);
	struct trailer trailer;
	enum trailer_error error;

	memset(&trailer, 0x5a, sizeof(trailer));
	faults_on();
	error = trailer_read(&trailer, exact, size);
	faults_off();
	assert(trailer_error_sentence(error) != NULL);
	if (error == TRAILER_OK) {
		assert(trailer.device_count <= LIMITS_IMAGE_BOARDS_MAX);
		for (uint32_t i = 0; i < trailer.device_count; i++)
			assert(strlen(trailer.devices[i]) <= LIMITS_BOARD_SIZE);
		assert(strlen(trailer.compat_version) <= MANIFEST_COMPAT_SIZE);
		assert(strlen(trailer.version) <= LIMITS_VERSION_SIZE);
	} else {
		assert(trailer.device_count == 0x5a5a5a5a);
	}
	free(exact);
}

/* As fwtool does: the CRC of a chunk covers everything before its footer. */
static size_t add_signature(uint8_t *file, size_t size, size_t capacity)
{
	size_t more = trailer_write(file + size, capacity - size, file, size, "{}", 2);

	assert(more > 0);
	file[size + more - FOOTER_SIZE + 8] = 0;
	return more;
}

static void check_metadata(const char *json, size_t json_size, unsigned signatures)
{
	size_t capacity = json_size + 4 * IMAGE_SIZE + 1024;
	uint8_t *file = calloc(1, capacity);
	size_t size = IMAGE_SIZE, more;

	assert(file != NULL);
	more = trailer_write(file + size, capacity - size, file, size, json, json_size);
	size += more;
	assert(trailer_write(file, json_size, file, size, json, json_size) == 0);
	for (unsigned i = 0; more > 0 && i < signatures; i++)
		size += add_signature(file, size, capacity);
	check(file, size);
	free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	faults_plan(&bytes, &size);
	if (size > 0 && (bytes[0] == 'm' || bytes[0] == 's' || bytes[0] == 'S'))
		check_metadata((const char *)bytes + 1, size - 1,
			bytes[0] == 'm'   ? 0
			: bytes[0] == 's' ? 1
					  : SIGNATURES_MAX);
	else
		check(bytes, size);
	return 0;
}
