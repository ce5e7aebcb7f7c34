/* $batch: several requests in one, some of them in groups that succeed or fail as one.
 *
 * Here are the members, their two ways of writing (JSON, OData 4.01, section 11.7.7 of JSON
 * format; multipart/mixed, Protocol section 11.7) and what the answers mean together. Pure but for
 * the arena. */
#pragma once

#include "server/connector/odata/answer.h"
#include "server/connector/odata/refusal.h"

struct gw_buf;

#define ODATA_MAX_MEMBERS 100
#define ODATA_BATCH_BOUNDARY "batch_of_millgate"

struct odata_member {
    struct gw_str id;
    struct gw_str group;               /* empty: alone */
    struct gw_str name;                /* of an action */
    const struct gw_value *depends_on; /* an array of ids; NULL: on nothing */
    struct odata_request request;

    /* --- the answer --- */
    int status; /* 0: none came */
    struct gw_str etag;
    struct gw_str text;           /* multipart: the body */
    const struct gw_value *value; /* JSON: the body; NULL: none */

    /* --- what it comes to: odata_batch_settle() --- */
    enum gw_connector_error error; /* GW_CONNECTOR_OK: it holds */
    bool is_rolled_back;           /* another one of its group has failed */
    struct odata_refusal refusal;
    struct gw_value result;
};

struct odata_batch {
    struct odata_member *members;
    size_t count;
    bool has_writes;
    bool can_be_partial; /* a part of its effects may hold while another does not */
};

/* Reads the argument `requests`. 0, -EINVAL, or -ENOMEM. */
GW_MUST_CHECK
int odata_batch_read(const struct odata_builder *builder, struct odata_batch *out_batch);

/* --- the ways of writing ---------------------------------------------------------------------- */

void odata_batch_write_json(struct gw_buf *out, const struct odata_settings *settings,
                            const struct odata_batch *batch);
void odata_batch_write_multipart(struct gw_buf *out, const struct odata_batch *batch);

/* Take the members' answers. 0, -EBADMSG (no batch answer), or -ENOMEM. */
GW_MUST_CHECK
int odata_batch_take_json(struct gw_arena *arena, const struct odata_settings *settings,
                          struct gw_str text, struct odata_batch *batch, struct gw_error *error);
GW_MUST_CHECK
int odata_batch_take_multipart(struct gw_str content_type, struct gw_str text,
                               struct odata_batch *batch, struct gw_error *error);

/* The next body part, headers and all, off the front of *rest (RFC 2046, section 5.1.1). False: no
 * further one, or the text ends before its closing line. */
bool odata_multipart_next(struct gw_str *rest, struct gw_str boundary, struct gw_str *out_part);

/* --- the end ---------------------------------------------------------------------------------- */

/* Settles what each member comes to. A group holds only where each of its members has an answer
 * that is a success: servers answer what they then roll back with 201, too. `ask`: of the writes.
 * 0 or -ENOMEM. */
GW_MUST_CHECK
int odata_batch_settle(struct gw_arena *arena, const struct odata_settings *settings,
                       enum odata_ask ask, struct odata_batch *batch);

/* The member whose failure is the batch's: the first that failed by itself; NULL: all hold. */
const struct odata_member *odata_batch_culprit(const struct odata_batch *batch);

/* {"ok": false, "responses": [{"id", "ok", "status", "result"} |
 *   {"id", "ok": false, "status", "error": {"class", "code", "message"}, "rolledBack": true}]} */
GW_MUST_CHECK
int odata_batch_make_result(struct gw_arena *arena, const struct odata_batch *batch,
                            struct gw_value *out_result);
