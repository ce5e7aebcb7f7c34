/* Changing a record for an admin request, which waits for it; and showing records.
 *
 * A request whose client leaves does not stop its change: the audit tells what came of it. */
#pragma once

#include <jansson.h>

#include "server/gateway/admin_route.h"
#include "server/store/record_change.h"

struct gw_admin_change {
    enum gw_record_act act;
    struct gw_str id;   /* "key:1f..."; copied */
    json_t *value;      /* given away; NULL for a removal */
    uint64_t expires_s; /* 0: never */
    int status;         /* when it is done, 201 or 200; 204: without a body */
    json_t *answer;     /* its body; given away; NULL for a removal */
};

/* Begins; the exchange is answered when it is done: as `change` says; 404 (not there), 409 (there
 * already), or 503. An id, value or answer that found no memory (NULL) is answered 503. */
void gw_admin_record_change(struct gw_server *server, struct gw_exchange *ex,
                            struct gw_admin_change *change);

/* Removes the record that the path's parameter names. 204, 404 or 503. */
void gw_admin_record_remove(struct gw_server *server, struct gw_exchange *ex, struct gw_str kind);

/* kind and name, in the arena; ptr NULL without memory. */
struct gw_str gw_admin_record_id(struct gw_exchange *ex, struct gw_str kind, struct gw_str name);

/* What callers see of a record: a new object, with its `id`; NULL to leave it out. `value` is given
 * away (NULL: it cannot be read). */
typedef json_t *gw_admin_show_fn(struct gw_exchange *ex, struct gw_str name, json_t *value);

/* Answers with the record that the path's parameter names, or 404. */
void gw_admin_record_show(struct gw_server *server, struct gw_exchange *ex, struct gw_str kind,
                          gw_admin_show_fn *show);

/* Answers with {"items": [...], "next": <name>, "age_ms": ...}: the records of a kind ("key:"), in
 * the order of their names. Query: limit (100; 1000 at most) and after (a name, as `next` told). */
void gw_admin_record_list(struct gw_server *server, struct gw_exchange *ex, struct gw_str kind,
                          gw_admin_show_fn *show);

/* Members of objects: empty and absent are one. */
struct gw_str gw_admin_text(const json_t *object, const char *name);
void gw_admin_set_text(json_t *object, const char *name, struct gw_str text);
void gw_admin_set_time(json_t *object, const char *name, const json_t *unix_s);

/* Unix seconds from "90d" (from now) or "2026-12-31T00:00:00Z"; 0 for none. 0, or -EINVAL. */
GW_MUST_CHECK
int gw_admin_time_parse(struct gw_str text, uint64_t now_s, uint64_t *out_s);

/* "2026-12-31T00:00:00Z" */
#define GW_ADMIN_TIME_BYTES 24
void gw_admin_time_print(uint64_t unix_s, char out[GW_ADMIN_TIME_BYTES]);

/* Releases what waits for an answer that will not come; the writer is gone. */
void gw_admin_record_drop(struct gw_server *server);

/* The same for requests about keyed records, and about effects. */
void gw_admin_keyed_drop(struct gw_server *server);
void gw_admin_effects_drop(struct gw_server *server);

/* --- kinds of records: the rows of the table are in admin_routes.c --- */

typedef void gw_admin_fn(struct gw_server *server, struct gw_exchange *ex, const json_t *body);

gw_admin_fn gw_admin_key_create, gw_admin_key_list, gw_admin_key_show, gw_admin_key_revoke;
gw_admin_fn gw_admin_revocation_create, gw_admin_revocation_list, gw_admin_revocation_show,
    gw_admin_revocation_remove;
gw_admin_fn gw_admin_consumer_put, gw_admin_consumer_list, gw_admin_consumer_show,
    gw_admin_consumer_remove;
gw_admin_fn gw_admin_landscape_list, gw_admin_landscape_move;
gw_admin_fn gw_admin_ids_export, gw_admin_ids_import;
extern const struct gw_option gw_admin_landscape_fields[], gw_admin_ids_fields[];
gw_admin_fn gw_admin_keyed_show, gw_admin_keyed_resolve;
gw_admin_fn gw_admin_effects_list, gw_admin_effects_resolve;
extern const struct gw_option gw_admin_keyed_fields[], gw_admin_effects_fields[];
extern const struct gw_option gw_admin_key_fields[], gw_admin_revocation_fields[],
    gw_admin_consumer_fields[];
