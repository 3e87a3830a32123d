// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Reads an order as a node does and writes it again, so that what others sign can be compared with
 * what the C code signs: order-again MESH KEY.pub BLOB <ORDER. Exit status 0 only if KEY made the
 * signature BLOB over these bytes and a node of MESH would take them.
 */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "core/order.h"
#include "release/keyring.h"
#include "release/usign.h"

static int refuse(const char *why)
{
	fprintf(stderr, "order-again: %s\n", why);
	return 1;
}

static bool read_key(struct keyring *ring, const char *path)
{
	char file[USIGN_FILE_SIZE_MAX];
	FILE *stream = fopen(path, "r");
	struct usign_public key;
	size_t size;

	if (stream == NULL)
		return false;
	size = fread(file, 1, sizeof(file), stream);
	fclose(stream);
	return usign_read_public(&key, file, size) == USIGN_OK && keyring_add(ring, &key);
}

int main(int argc, char **argv)
{
	static char bytes[LIMITS_ORDER_SIZE + 1], again[LIMITS_ORDER_SIZE + 1];
	size_t size = fread(bytes, 1, sizeof(bytes), stdin);
	struct usign_signature signature;
	struct keyring ring = { 0 };
	struct order order;
	char problem[256];

	if (argc != 4 || !read_key(&ring, argv[2]))
		return refuse("needs MESH KEY.pub BLOB");
	if (!usign_signature_from_blob(&signature, argv[3]) ||
		keyring_verify(&ring, &signature, bytes, size) == NULL)
		return refuse("the signature is not of this key over these bytes");
	if (order_decode(&order, bytes, size, argv[1], problem, sizeof(problem)) != REASON_NONE)
		return refuse(problem);
	size = order_encode(&order, again, sizeof(again));
	order_free(&order);
	if (size == 0)
		return refuse("it does not fit when it is written again");
	return fwrite(again, 1, size, stdout) == size ? 0 : refuse("cannot write");
}
