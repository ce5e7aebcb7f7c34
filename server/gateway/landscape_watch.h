/* What the instances of a fleet tell each other about keys that move: how many writes each has
 * under way, and which version of a key's record all its workers act by. Once a second, over Redis.
 * Main thread.
 *
 * An instance that cannot reach Redis is told as silent and forgotten after 10 s; by then it
 * refuses writes itself (see landscape_route.c). */
#pragma once

#include <jansson.h>

#include "server/core/attr.h"

#define GW_INSTANCE_SILENT_MS 3000

struct gw_landscape_watch;
struct gw_server;

/* NULL without memory. Needs the server's Redis connection and records. */
GW_MUST_CHECK
struct gw_landscape_watch *gw_landscape_watch_create(struct gw_server *server);
void gw_landscape_watch_destroy(struct gw_landscape_watch *watch); /* NULL is safe */

/* [{"instance", "age_ms", "keys": {"<landscape>:<key>": [version, writes]}}], as last heard; with
 * the age that it has now. A new list; NULL without memory, or while nothing was heard. */
json_t *gw_landscape_watch_list(const struct gw_landscape_watch *watch);
