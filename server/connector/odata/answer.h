/* Answers of OData services, V4 and V2, in one shape.
 *
 * An entity is an object of its properties; "@etag" is its entity tag where it has one. Expanded
 * ones stand where they were expanded, lists of them as arrays; what was not expanded is left out,
 * as are links and annotations. "@incomplete": true says that the server has cut an expanded list.
 * Numbers keep their literals. V2's dates are RFC 3339 (see date.h).
 *
 * A list is {"items": [...], "count": 12, "next": "..."}: `count` where it was asked for, `next`
 * where the server has more (the query that gets it).
 *
 * Pure but for the arena; the text must lie as long as what is read from it. */
#pragma once

#include "server/connector/odata/request.h"

struct odata_answer {
    struct gw_value value; /* of a list: the array of its items */
    struct gw_value count; /* of a list: a number, or null */
    struct gw_str next;    /* of a list: a query, or empty */
};

/* `name` is that of the action or function that was called; empty for others. 0; -EBADMSG (no such
 * answer: the error says why) or -ENOMEM. */
GW_MUST_CHECK
int odata_answer_read(struct gw_arena *arena, const struct odata_settings *settings,
                      const struct odata_request *request, struct gw_str name, struct gw_str text,
                      struct odata_answer *out_answer, struct gw_error *error);

/* The same of a body that was read before. */
GW_MUST_CHECK
int odata_answer_of(struct gw_arena *arena, const struct odata_settings *settings,
                    const struct odata_request *request, struct gw_str name,
                    const struct gw_value *value, struct odata_answer *out_answer,
                    struct gw_error *error);

/* The same of a value that was read before: a member of a batch's answer. */
GW_MUST_CHECK
int odata_answer_take(struct gw_arena *arena, const struct odata_settings *settings,
                      const struct odata_request *request, struct gw_str name,
                      const struct gw_value *value, struct odata_answer *out_answer,
                      struct gw_error *error);

/* The result of a list. 0 or -ENOMEM. */
GW_MUST_CHECK
int odata_answer_make_list(struct gw_arena *arena, const struct odata_answer *answer,
                           struct gw_value *out_value);

/* `entity` with "@etag" set to `etag`, where it is an object without one and `etag` is not empty.
 * 0 or -ENOMEM. */
GW_MUST_CHECK
int odata_answer_tag(struct gw_arena *arena, struct gw_str etag, struct gw_value *entity);
