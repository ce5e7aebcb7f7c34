/* POST /cache/purge {"tags": ["order:17"]} or {"all": true}: kept answers are not given any more,
 * in any gateway, within half a second of the answer. */
#pragma once

#include "server/gateway/admin_route.h"

extern const struct gw_option gw_admin_cache_purge_fields[];

void gw_admin_cache_purge(struct gw_server *server, struct gw_exchange *ex, const json_t *body);
