/* Path templates (OpenAPI, "Path Templating") and the one form in which paths are compared.
 *
 * The normal form of a segment writes what RFC 3986 allows there literally (pchar: unreserved,
 * sub-delims, ":" and "@") as itself and every other byte as %XX with upper-case digits. So
 * "/A('1')" and "/A(%271%27)" are one path, while "%2F" is never a separator. Decoding sub-delims
 * goes further than RFC 3986, section 6.2.2.2: an encoded spelling of a route must meet that route
 * and its rules, not a laxer neighbour. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

#define GW_PATH_MAX_BYTES 8192    /* of a request's path */
#define GW_PATH_MAX_SEGMENTS 64   /* of a template */
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

/* A request's path in normal form. */
struct gw_normal_path {
    struct gw_str text;   /* into what was received, or into `bytes` */
    size_t segment_count; /* more than GW_PATH_MAX_SEGMENTS: only this is known of them */
    /* Where each segment begins, behind its slash; then one byte behind the end of the last,
     * plus 1. */
    uint16_t starts[GW_PATH_MAX_SEGMENTS + 1];
    bool is_raw;                            /* text is what was received */
    uint16_t raw_at[GW_PATH_MAX_BYTES + 1]; /* of each byte of text, its place in what came */
    char bytes[GW_PATH_MAX_BYTES];
};

/* Refuses (-EINVAL) what must not be routed: no leading slash, a broken escape, an encoded NUL, a
 * byte that cannot stand in a path, more than GW_PATH_MAX_BYTES, and dot segments in any spelling
 * a server behind may understand: "%2e%2E", "..;x", "a%2F..%2Fb", "..%5C". The raw_at table is
 * filled only when is_raw is false. */
GW_MUST_CHECK
int gw_path_normalize(struct gw_str raw, struct gw_normal_path *out_path);

/* The part of `raw` that `part`, a part of path->text, came from. */
struct gw_str gw_path_raw_part(const struct gw_normal_path *path, struct gw_str raw,
                               struct gw_str part);

/* Does this text in normal form, put into a segment, act as "." or ".."? */
bool gw_path_is_dots(struct gw_str text);
