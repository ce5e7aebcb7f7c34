/* Documents: YAML and JSON texts as a jansson tree whose every value knows its line.
 *
 * Reads one YAML 1.2 document by the core schema, of which JSON is a part: a JSON text goes the
 * same way (with a faster scanner). Configuration, contracts and flows are read by this; request
 * bodies are not (see reader.h).
 *
 * What is read as what:
 *  - Plain scalars by the YAML 1.2 core schema (chapter 10.3): null, true, false, 0x1F, 0o17, 1.5;
 *    `yes`, `no`, `on`, `010` (an int: 10) and dates are nothing special. `1.0` stays a real.
 *  - An integer beyond 64 bits becomes the nearest real, as in most JSON readers. Where that loses
 *    digits, the first such place is kept in `inexact`, for the caller to refuse or to warn. A
 *    number that is no finite double (1e999, .inf, .nan) is refused: JSON has no such value.
 *  - Keys that are scalars become their text as written (`200:` is "200"); keys that are lists or
 *    maps are refused. Two equal keys in one map are refused, with both places.
 *  - Anchors and aliases are copied in; the copies count against max_nodes, so that a document
 *    cannot grow out of its own text. `<<` (plain, unquoted) merges a map or a list of maps as
 *    YAML 1.1 says: a key of the map itself wins, then the earlier one in the list.
 *  - Tags: !!str !!int !!float !!bool !!null !!seq !!map and `!`; all others are refused.
 *  - Strict otherwise, as the YAML test suite is, with one kindness: a closing bracket may stand at
 *    the column of the key before it. Escaped surrogate pairs are read in YAML as in JSON.
 *  - One document; several in one stream, none at all (an empty text), more than
 *    GW_DOCUMENT_MAX_* of anything, NUL bytes, or what is not UTF-8 are refused.
 *
 * A document has one owner. Several threads may read `root` as long as nobody locates. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/core/attr.h"
#include "server/core/diagnostic.h"
#include "server/core/str.h"

#define GW_DOCUMENT_MAX_BYTES (16u << 20)
#define GW_DOCUMENT_MAX_DEPTH 100
#define GW_DOCUMENT_MAX_NODES 2000000 /* keys included, aliases expanded */

struct gw_yaml_graph;

struct gw_position {
    unsigned line, column; /* from 1, columns in characters; 0, 0: unknown */
};

struct gw_document {
    json_t *root; /* read it, or take it by json_incref; owned by the document */
    char *file;   /* as given; for messages */
    char *text;   /* a copy of what was read (not ended by NUL) */
    size_t text_len;
    struct gw_position inexact;  /* of the first integer that lost digits; line 0: none */
    struct gw_yaml_graph *graph; /* private: the index of places, built by the first locate */
};

/* Reads a text; `file` names it in messages. Returns 0 and a document to be destroyed, or -EINVAL
 * (what is wrong is added to `diagnostics`), or -ENOMEM (added, too). */
GW_MUST_CHECK
int gw_document_load(struct gw_str text, const char *file, struct gw_diagnostics *diagnostics,
                     struct gw_document **out_document);

/* The same from a regular file. Also a negative errno when it cannot be read (added, too). */
GW_MUST_CHECK
int gw_document_load_file(const char *path, struct gw_diagnostics *diagnostics,
                          struct gw_document **out_document);

void gw_document_destroy(struct gw_document *document); /* NULL is safe */

/* Where the value that a JSON Pointer (RFC 6901) names is written; of a value that came in by an
 * alias or a merge, where its own text stands. Always gives a place: if the pointer leads nowhere,
 * that of its deepest part that exists, and returns false. The first call reads the text again
 * and keeps an index. */
bool gw_document_locate(struct gw_document *document, const char *pointer,
                        struct gw_position *out_position);

/* As above, but the place of the key before the value (of a list item: the item). */
bool gw_document_locate_key(struct gw_document *document, const char *pointer,
                            struct gw_position *out_position);

/* Adds a finding at the value named by `pointer`. */
GW_PRINTF(5, 6)
GW_COLD void gw_document_report(struct gw_document *document, const char *pointer,
                                enum gw_severity severity, struct gw_diagnostics *diagnostics,
                                const char *format, ...);

/* The same at its key. */
GW_PRINTF(5, 6)
GW_COLD void gw_document_report_key(struct gw_document *document, const char *pointer,
                                    enum gw_severity severity, struct gw_diagnostics *diagnostics,
                                    const char *format, ...);
