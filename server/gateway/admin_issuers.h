/* GET /issuers and POST /issuers/{name}/flush: whose keys each worker has, and dropping them. */
#pragma once

#include <jansson.h>

struct gw_exchange;
struct gw_server;

void gw_admin_issuers_answer(struct gw_server *server, struct gw_exchange *ex, const json_t *body);
void gw_admin_issuers_flush(struct gw_server *server, struct gw_exchange *ex, const json_t *body);
