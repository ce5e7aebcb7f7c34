/* The records that operations look after (API keys, revocations, consumers): their mirror in this
 * process, and changing them. Main thread.
 *
 * A record's id is "kind:name"; its value is one JSON object. What a kind holds is known to its
 * admin handlers and to the policies that read it:
 *   key:<id>                        server/crypto/api_key.h, policies/api_key
 *   revocation:jti|subject|issuer:  policies/jwt/revocation.h
 *   landscape:<landscape>:<key>     gateway/landscape_state.h
 *   consumer:<issuer:subject>       policies/... whoever knows who is calling */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/store/record_change.h"
#include "server/store/record_set.h"

struct gw_records;
struct gw_server;
struct gw_worker_thread;

/* Needs the server's Redis connection; the main worker's records are set. */
GW_MUST_CHECK
int gw_records_create(struct gw_server *server, struct gw_records **out_records,
                      struct gw_error *error);
void gw_records_destroy(struct gw_records *records); /* NULL is safe; behind the workers */

/* Before the worker is started. 0, or -ENOSPC. */
GW_MUST_CHECK
int gw_records_add_worker(struct gw_records *records, struct gw_worker_thread *worker);

/* Whether they were read once; until then who needs them says 503. */
bool gw_records_are_known(const struct gw_records *records);
const struct gw_record_set *gw_records_get_set(const struct gw_records *records);

/* As gw_record_change_start(). When it is done, the mirror looks at once. */
GW_MUST_CHECK
int gw_records_change(struct gw_records *records, struct gw_record_change *change);
void gw_records_look(struct gw_records *records);

/* For /readyz: how many, and how old what is known of them. */
void gw_records_print(const struct gw_records *records, struct gw_buf *out);
void gw_records_publish(const struct gw_records *records); /* to the metrics */
