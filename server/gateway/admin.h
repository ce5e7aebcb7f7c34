/* The admin listener: health, readiness, metrics, the configuration in force, reload.
 *
 * /healthz, /readyz and /metrics are open; all else needs the unix socket or a token of an issuer
 * and with the scope that the configuration names. A Host that is not known and a foreign Origin
 * are refused, and changes must be sent as application/json, so that no web page can make them. */
#pragma once

#include "server/core/attr.h"
#include "server/core/error.h"

struct gw_admin;
struct gw_server;

GW_MUST_CHECK
int gw_admin_create(struct gw_server *server, struct gw_admin **out_admin, struct gw_error *error);
/* The server has a new snapshot: its certificates count from now on. */
void gw_admin_adopt(struct gw_admin *admin);

void gw_admin_destroy(struct gw_admin *admin); /* NULL is safe */
