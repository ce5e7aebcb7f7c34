/* Problem details (RFC 9457): how every refusal looks.
 *
 * The type is a URI reference, "/problems/<name>", that the gateway's documentation explains; title
 * and status come from a table, so that one name always means one thing. `detail` is for the
 * caller: it never carries an inner error text. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/http/exchange.h"

struct gw_problem_type {
    const char *name; /* "rate-limited" */
    int status;
    const char *title;
};

/* The table's row, or NULL. */
const struct gw_problem_type *gw_problem_type_find(const char *name);

/* All rows, for the documentation; ends with name NULL. */
const struct gw_problem_type *gw_problem_types(void);

/* Sets the response: problem+json with type, title, status, detail, instance (the request's path)
 * and trace_id. Without a `detail` (NULL) the title stands there, too. An unknown name is a bug of
 * ours (assert). */
void gw_problem_set(struct gw_exchange *ex, const char *name, const char *detail);

/* The same with further members: `members` is JSON text of the form `"errors":[...]`, in the arena
 * or static. */
void gw_problem_set_with(struct gw_exchange *ex, const char *name, const char *detail,
                         struct gw_str members);
