// SPDX-License-Identifier: AGPL-3.0-or-later
#include "limeapp/plugin.h"

int main(int argc, char **argv)
{
	return plugin_main(argc, argv);
}
