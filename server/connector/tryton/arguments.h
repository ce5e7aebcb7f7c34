/* What the functions have in common to read. Each of these fails the call (WRONG) and returns false
 * where an argument cannot be meant. Private to connector/tryton. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/connector/connector.h"

/* Records by their ids: `id` names one, `ids` a list. */
struct tryton_ids {
    struct gw_value list; /* an array of numbers */
    bool is_one;          /* `id` was given: the result is of one, too */
};

/* "KIND.NAME" of the argument `name`, as "model.party.party". */
bool tryton_read_object(struct gw_connector_call *call, const char *kind, const char *name,
                        struct gw_str *out_object);
bool tryton_read_method(struct gw_connector_call *call, const char *name,
                        struct gw_str *out_method);
bool tryton_read_ids(struct gw_connector_call *call, struct tryton_ids *out_ids);

/* The argument of that name if it is of that type; `fallback` if it is left out or null. */
bool tryton_read_typed(struct gw_connector_call *call, const char *name, enum gw_json_type type,
                       struct gw_value fallback, struct gw_value *out_value);

/* The object `context`; NULL: there is none. */
bool tryton_read_context(struct gw_connector_call *call, const struct gw_value **out_context);

/* The parameters of a step, as on the wire, each with a comma behind it. */
bool tryton_write_parameters(struct gw_connector_call *call, const struct gw_value *values,
                             size_t count, struct gw_str *out_parameters);
