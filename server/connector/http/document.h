/* The operations of a backend's own OpenAPI document (3.0 or 3.1), as far as calling them needs it:
 * method, path, parameters. Immutable once read. */
#pragma once

#include "server/contract/operation.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

struct gw_arena;

struct http_operation {
    struct gw_str id, method, path;
    const struct gw_parameter *parameters; /* name, place, style, explode, is_required, is_json */
    size_t parameter_count;
    struct gw_str body_type; /* the first media type of its body that is JSON, or the first */
};

struct http_document {
    const struct http_operation *operations;
    size_t count;
};

/* All lies in the arena. Operations without an operationId are left out; references must be within
 * the document. 0, -EINVAL or -ENOMEM with *error. */
GW_MUST_CHECK
int http_document_read(struct gw_arena *arena, struct gw_str text, struct http_document *out,
                       struct gw_error *error);

/* NULL: there is none. */
const struct http_operation *http_document_find(const struct http_document *document,
                                                struct gw_str id);
