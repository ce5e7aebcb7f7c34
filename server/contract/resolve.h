/* The files of one contract, places in them, and where a $ref leads.
 *
 * References are local ("#/components/...") or to files beside the document ("./schemas/x.yaml#/A",
 * RFC 3986 against the referring file). No file outside the root folder is opened, by "..", by an
 * absolute path or by a symbolic link; the network never is. A file's URI for the schema compiler
 * is "file:///" and its path below the root, so that no path of the machine leaves in a message.
 *
 * For the loader: one owner, not thread-safe. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/diagnostic.h"
#include "server/core/str.h"
#include "server/json/yaml.h"

#define GW_RESOLVER_MAX_CHAIN 32 /* of a reference to a reference to ... */

struct gw_contract_file {
    struct gw_contract_file *next;
    struct gw_str name;           /* below the root: "schemas/x.yaml" */
    struct gw_str path;           /* to open, and for messages; ends in NUL */
    struct gw_str uri;            /* "file:///schemas/x.yaml" */
    struct gw_document *document; /* NULL: it could not be read (said once) */
    bool is_in_compiler;          /* it was given to the schema compiler */
    bool is_refused;              /* which would not have it (said once) */
};

struct gw_reference_resolver {
    struct gw_arena *arena;
    struct gw_diagnostics *diagnostics;
    struct gw_str root;             /* as given */
    struct gw_str real_root;        /* without symbolic links */
    struct gw_contract_file *files; /* the first is the document itself */
    size_t file_count, max_files;
    size_t byte_count, max_bytes;
};

/* A value in a file. Children are made on the stack and point at their parents. */
struct gw_place {
    struct gw_contract_file *file;
    const json_t *value;           /* NULL: not there */
    const struct gw_place *parent; /* NULL: `base` says where */
    const char *base;              /* a JSON Pointer */
    const char *key;               /* in the parent; NULL: its item `index` */
    size_t index;
};

/* Opens the document at `path`, which lies in `root` (empty: its own folder). 0, or a negative
 * errno (what is wrong is added to the diagnostics). All lives in the arena but for the documents.
 */
GW_MUST_CHECK
int gw_reference_resolver_init(struct gw_reference_resolver *resolver, struct gw_arena *arena,
                               struct gw_diagnostics *diagnostics, struct gw_str root,
                               const char *path);
void gw_reference_resolver_finish(
    struct gw_reference_resolver *resolver); /* destroys the documents */

/* The file with that name below the root, opened if it is not yet. 0, -ENOENT, -EMSGSIZE (a bound),
 * -EINVAL (outside, or it cannot be read), -ENOMEM; *error says why. */
GW_MUST_CHECK
int gw_reference_resolver_open(struct gw_reference_resolver *resolver, struct gw_str name,
                               struct gw_contract_file **out_file, struct gw_error *error);

/* The path in "file:///a%20b.yaml" or in "./x.yaml" seen from the file `from`, as a name below the
 * root. In the arena; ptr is NULL if it is another scheme's or leaves the root (*error says why).
 */
struct gw_str gw_reference_resolver_name(struct gw_reference_resolver *resolver,
                                         const struct gw_contract_file *from, struct gw_str uri,
                                         struct gw_error *error);

struct gw_place gw_place_of_root(struct gw_contract_file *file);
struct gw_place gw_place_member(const struct gw_place *place, const char *key);
struct gw_place gw_place_item(const struct gw_place *place, size_t index);

/* Appends the place's JSON Pointer. */
void gw_place_write_pointer(const struct gw_place *place, struct gw_buf *buf);

/* Adds a finding at the place's value, or at its key. */
GW_PRINTF(4, 5)
GW_COLD void gw_place_report(struct gw_reference_resolver *resolver, const struct gw_place *place,
                             enum gw_severity severity, const char *format, ...);
GW_PRINTF(4, 5)
GW_COLD void gw_place_report_key(struct gw_reference_resolver *resolver,
                                 const struct gw_place *place, enum gw_severity severity,
                                 const char *format, ...);

/* Follows $ref until there is none. If `place` has none, it is given back. 0; or -EINVAL, and why
 * was added to the diagnostics: not text, a network reference, outside of the root, not found, a
 * circle, or bounds. Members beside $ref mean nothing here and are warned about, but for summary
 * and description (OpenAPI 3.1, Reference Object). */
GW_MUST_CHECK
int gw_reference_resolver_follow(struct gw_reference_resolver *resolver,
                                 const struct gw_place *place, struct gw_place *out_target);

/* The same for Schema Objects, where members beside $ref are JSON Schema's matter: silent. */
GW_MUST_CHECK
int gw_reference_resolver_follow_schema(struct gw_reference_resolver *resolver,
                                        const struct gw_place *place, struct gw_place *out_target);

/* Percent-decodes a part of a URI into the arena, where it ends in NUL; ptr is NULL for a broken
 * escape, an encoded NUL, or without memory. */
struct gw_str contract_decode_uri(struct gw_arena *arena, struct gw_str text);
