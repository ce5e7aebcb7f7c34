/* Path templates (OpenAPI, "Path Templating"), with their literal text in normal form (see
 * normal_path.h). Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/http/normal_path.h"

#define GW_PATH_MAX_LITERAL 255   /* bytes of one segment's literal text, in normal form */
#define GW_PATH_MAX_PARAMETERS 16 /* of a template; as many as an exchange holds */

struct gw_path_piece {
    struct gw_str text; /* literal text in normal form, or a parameter's name */
    bool is_parameter;
};

/* What stands between two slashes. No two parameters touch, and no two literals do. */
struct gw_path_segment {
    const struct gw_path_piece *pieces; /* none: an empty segment */
    size_t piece_count;
    size_t parameter_count;
    size_t literal_bytes;
    struct gw_str shape; /* the text in normal form, each parameter written "{}" */
};

struct gw_path_template {
    const struct gw_path_segment *segments;
    size_t segment_count;
    const struct gw_str *parameters; /* names, in the order they stand */
    size_t parameter_count;
};

/* Reads "/orders/{id}/lines". Refused: no leading slash, a query or fragment, unbalanced or empty
 * braces, a name that comes twice, parameters that touch, dot segments, more than the bounds above.
 * Everything lies in the arena. 0, -EINVAL with a reason, or -ENOMEM. */
GW_MUST_CHECK
int gw_path_template_parse(struct gw_arena *arena, struct gw_str text,
                           struct gw_path_template *out_template, struct gw_error *error);

/* Where `name` stands among the parameters, or SIZE_MAX. */
size_t gw_path_template_find(const struct gw_path_template *path, struct gw_str name);
