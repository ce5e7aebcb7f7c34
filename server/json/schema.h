/* JSON Schema 2020-12 and the OpenAPI dialects, compiled.
 *
 * A compiler takes documents and the places in them that will be asked for (entries), follows their
 * references, and gives one immutable set of programs. The set owns all that it needs, refers to no
 * document, and may be used by any number of threads at once. Validation runs over a tape of
 * reader.h and takes its memory from the caller's arena.
 *
 * Never touches the network: references that leave the added documents go to the loader. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/json/reader.h"

struct gw_arena;
struct gw_error;
struct gw_schema_compiler;
struct gw_schema_set;

enum gw_schema_dialect {
    GW_SCHEMA_2020_12,    /* also for documents that name 2019-09 or draft-07 in $schema */
    GW_SCHEMA_OPENAPI_30, /* Schema Object of OpenAPI 3.0 */
    GW_SCHEMA_OPENAPI_31, /* the base dialect of OpenAPI 3.1; jsonSchemaDialect is honoured */
};

struct gw_schema_options {
    bool assert_format; /* `format` refuses; otherwise it is an annotation */
    size_t max_nodes;   /* subschemas in all; 0 = 200,000 */
    size_t max_bytes;   /* memory of documents and programs; 0 = 256 MiB */
};

/* Finds the document with the absolute `uri` (no fragment) and adds it by
 * gw_schema_compiler_add_document/_add_text. Returns 0, or a negative errno (-ENOENT: not known).
 */
typedef int gw_schema_load_fn(void *self, struct gw_schema_compiler *compiler, struct gw_str uri,
                              struct gw_error *error);

/* `options` may be NULL. Returns NULL without memory. */
GW_MUST_CHECK
struct gw_schema_compiler *gw_schema_compiler_create(const struct gw_schema_options *options);
void gw_schema_compiler_destroy(struct gw_schema_compiler *compiler);

void gw_schema_compiler_set_loader(struct gw_schema_compiler *compiler, gw_schema_load_fn *load,
                                   void *self);

/* Has every error that gw_schema_compiler_finish meets told, one after the other
 * (GW_SCHEMA_TOLD_MAX at most), instead of stopping at the first. Want of memory is not told. */
#define GW_SCHEMA_TOLD_MAX 100
typedef void gw_schema_tell_fn(void *self, const struct gw_error *error);
void gw_schema_compiler_set_reporter(struct gw_schema_compiler *compiler, gw_schema_tell_fn *tell,
                                     void *self);

/* Makes a document known under `base_uri` (may be ""; a fragment is dropped). The tree is copied.
 * Reals of a jansson tree are taken as the shortest decimal that reads back as the same double.
 * Returns 0, -EEXIST (another document has the URI), -EINVAL (an identifier in it is wrong), or
 * -ENOMEM. */
GW_MUST_CHECK
int gw_schema_compiler_add_document(struct gw_schema_compiler *compiler, struct gw_str base_uri,
                                    const json_t *root, struct gw_error *error);

/* The same from text, which keeps numbers that a jansson tree cannot hold. */
GW_MUST_CHECK
int gw_schema_compiler_add_text(struct gw_schema_compiler *compiler, struct gw_str base_uri,
                                struct gw_str text, struct gw_error *error);

/* Asks for the schema at `json_pointer` of the document `base_uri`. `dialect` is what the document
 * speaks unless it says otherwise itself ($schema, jsonSchemaDialect). Returns 0, or a negative
 * errno: then error->where is the place in the document. */
GW_MUST_CHECK
int gw_schema_compiler_add_entry(struct gw_schema_compiler *compiler, struct gw_str base_uri,
                                 struct gw_str json_pointer, enum gw_schema_dialect dialect,
                                 size_t *out_entry, struct gw_error *error);

/* Compiles what was asked for. The compiler is used up (only destroy remains), also on failure: 0,
 * -EINVAL (a schema is wrong: error->where and text say where and which rule), -ENOENT (a reference
 * leads nowhere), -ELOOP (schemas that refer to each other without end), -EMSGSIZE (a bound),
 * -ENOMEM. With a reporter, what is returned is the first that was told. */
GW_MUST_CHECK
int gw_schema_compiler_finish(struct gw_schema_compiler *compiler, struct gw_schema_set **out_set,
                              struct gw_error *error);

void gw_schema_set_destroy(struct gw_schema_set *set);
size_t gw_schema_set_entries(const struct gw_schema_set *set);
size_t gw_schema_set_nodes(const struct gw_schema_set *set); /* compiled subschemas */
size_t gw_schema_set_bytes(const struct gw_schema_set *set); /* memory of its arena */

/* JSON types that the schema allows by its own `type` (also through a lone $ref): a set of 1 <<
 * enum gw_json_type, plus GW_SCHEMA_TYPE_INTEGER when only integers are. All bits when it does not
 * say. For the typed conversion of parameters. */
#define GW_SCHEMA_TYPE_INTEGER (1u << 7)
unsigned gw_schema_entry_types(const struct gw_schema_set *set, size_t entry);

enum gw_schema_direction {
    GW_SCHEMA_ANY_DIRECTION,
    GW_SCHEMA_REQUEST,  /* OpenAPI: readOnly properties must not be sent, and are not required */
    GW_SCHEMA_RESPONSE, /* OpenAPI: writeOnly properties likewise */
};

struct gw_schema_run {
    struct gw_arena *arena; /* for the violations and for work space */
    enum gw_schema_direction direction;
    uint32_t root;         /* token of the value to validate; 0 = the whole tape */
    size_t max_violations; /* 0: only say whether it is valid */
    bool allow_read_only; /* a request may carry readOnly properties (what was read is sent back) */
};

struct gw_violation {
    struct gw_str instance; /* JSON Pointer into the value */
    struct gw_str schema; /* JSON Pointer to the keyword, as a URI fragment ("orders.json#/...") */
    struct gw_str keyword;
    struct gw_str message; /* a sentence without a full stop; never a secret's value */
    uint32_t token;        /* in the tape */
};

struct gw_violations {
    struct gw_violation *items; /* in the run's arena */
    size_t count;
    bool is_cut; /* there are more than max_violations */
};

/* Returns 0 (valid), 1 (not valid; *out says why), or a negative errno when it could not be
 * decided: -ELOOP (nested too deeply), -EOVERFLOW (a pattern took too many steps), -ENOMEM. These
 * are refusals, too: *out then holds a violation that says so where memory allows. */
GW_MUST_CHECK
int gw_schema_validate(const struct gw_schema_set *set, size_t entry,
                       const struct gw_json_tape *tape, const struct gw_schema_run *run,
                       struct gw_violations *out);
