/* What the files of the schema compiler share. Private to schema_*.c.
 *
 * Documents are kept as tapes. A document has resources (itself, and each subschema with an $id); a
 * reference is resolved to a document and a token, and each token asked for becomes one node. Nodes
 * wait in a queue until their keywords are compiled, so nothing recurses along references. */
#pragma once

#include <errno.h>

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/core/map.h"
#include "server/json/schema_program.h"

enum draft { DRAFT_2020_12, DRAFT_2019_09, DRAFT_07, DRAFT_OPENAPI_30 };

enum vocabulary {
    VOCABULARY_CORE = 1,
    VOCABULARY_APPLICATOR = 2,
    VOCABULARY_UNEVALUATED = 4,
    VOCABULARY_VALIDATION = 8,
    VOCABULARY_FORMAT = 16,
    VOCABULARY_FORMAT_ASSERTION = 32,
    VOCABULARY_CONTENT = 64,
    VOCABULARY_META = 128,
    VOCABULARY_OPENAPI = 256,
};

#define VOCABULARY_DEFAULT                                                                      \
    (VOCABULARY_CORE | VOCABULARY_APPLICATOR | VOCABULARY_UNEVALUATED | VOCABULARY_VALIDATION | \
     VOCABULARY_FORMAT | VOCABULARY_CONTENT | VOCABULARY_META)

struct anchor {
    struct gw_str name;
    uint32_t at;
    bool is_dynamic;
    struct anchor *next;
};

struct resource {
    struct document *document;
    struct gw_str uri; /* absolute, no fragment */
    uint32_t at, end;  /* its tokens */
    uint32_t id;       /* unique in the compiler */
    uint32_t parent;   /* index in the document, NODE_NONE for the first */
    struct anchor *anchors;
    enum draft draft;
    unsigned vocabularies;
    bool is_spoken; /* draft and vocabularies are known */
    bool is_used;   /* some node lies in it */
};

struct document {
    struct document *next;
    struct gw_str uri;
    struct gw_json_tape tape;
    uint32_t root;
    struct resource **resources; /* in the order of their tokens */
    uint32_t resource_count, resource_capacity;
    struct schema_node **nodes; /* by token */
    enum gw_schema_dialect dialect;
    bool is_indexed, is_openapi;
    bool is_dialect_known;
};

/* A node whose keywords are still to be compiled. */
struct pending {
    struct schema_node *node;
    struct resource *resource;
    uint32_t at;
};

struct gw_schema_compiler {
    struct gw_arena arena; /* documents and whatever is needed only while compiling */
    struct gw_schema_options options;
    gw_schema_load_fn *load;
    void *load_self;
    gw_schema_tell_fn *tell; /* NULL: the first error ends the compilation */
    void *tell_self;
    size_t told_count;
    int first_told;  /* the code of the first */
    bool is_stopped; /* the last one that was told ends the compilation */
    struct document *documents;
    struct gw_map resources; /* by uri */
    uint32_t resource_count;
    struct resource **all_resources;
    uint32_t all_resource_capacity;
    struct gw_schema_set *set;
    struct pending *queue;
    size_t queue_count, queue_capacity, queue_done;
    size_t entry_capacity, node_capacity, anchor_capacity, pattern_capacity;
    struct gw_map patterns;      /* by source */
    struct gw_str *anchor_names; /* names that $dynamicRef asks for */
    uint32_t anchor_name_count, anchor_name_capacity;
    struct schema_node *
        *order; /* all nodes, each behind those that look at the same value for it */
    size_t order_count;
    bool is_loading_builtin;
    bool is_used_up;
};

/* What a keyword's function is given. */
struct build {
    struct gw_schema_compiler *compiler;
    struct resource *resource;
    struct schema_node *node;
    const struct gw_json_tape *tape;
    uint32_t at; /* the schema */
    struct gw_str keyword;
    struct gw_error *error;
};

/* --- schema_documents.c --- */
int schema_add_tape(struct gw_schema_compiler *compiler, struct gw_str uri,
                    const struct gw_json_tape *tape, uint32_t root, struct gw_error *error);
struct document *schema_find_document(struct gw_schema_compiler *compiler, struct gw_str uri);
/* Grows `array` (of `bytes` each) in the compiler's arena so that one more fits. */
void *schema_grow(struct gw_arena *arena, void *array, size_t count, size_t *capacity,
                  size_t bytes);

/* --- schema_index.c --- */
int schema_index_document(struct gw_schema_compiler *compiler, struct document *document,
                          struct gw_error *error);
struct resource *schema_resource_of(const struct document *document, uint32_t at);

/* --- schema_reference.c --- */
/* Finds what `reference` names, seen from `base`. */
int schema_resolve(struct gw_schema_compiler *compiler, const struct resource *base,
                   struct gw_str reference, struct document **out_document, uint32_t *out_at,
                   struct gw_error *error);
const struct anchor *schema_find_anchor(const struct resource *resource, struct gw_str name);

/* --- schema_dialect.c --- */
/* Settles draft and vocabularies of the resource, which may load its metaschema. */
int schema_speak(struct gw_schema_compiler *compiler, struct resource *resource,
                 struct gw_error *error);

/* --- schema_metaschemas.c --- */
/* The text of a metaschema of the standard, or ptr NULL. */
struct gw_str schema_metaschema(struct gw_str uri);

/* --- schema_build.c --- */
/* The node for the schema at `at`; compiled later, the location is told at the first time. */
int schema_node_at(struct gw_schema_compiler *compiler, struct document *document, uint32_t at,
                   struct schema_node **out_node, struct gw_error *error);
int schema_build_pending(struct gw_schema_compiler *compiler, struct gw_error *error);
/* After an error: 0 if it was told and there is more to look at, else `rc`. */
int schema_tell(struct gw_schema_compiler *compiler, int rc, const struct gw_error *error);
/* -EINVAL with the place of `at` in the document of `build`. */
GW_PRINTF(3, 4)
int schema_refuse(const struct build *build, uint32_t at, const char *format, ...);
GW_PRINTF(6, 7)
int schema_refuse_at(struct gw_schema_compiler *compiler, const struct document *document,
                     uint32_t at, int code, struct gw_error *error, const char *format, ...);
int schema_no_memory(struct gw_error *error);
#ifdef __clang_analyzer__ /* see core/error.h */
#define schema_refuse(...) (schema_refuse(__VA_ARGS__), -EINVAL)
#define schema_no_memory(error) (schema_no_memory(error), -ENOMEM)
#endif
/* The subschema at `at`, which must be an object or boolean. */
int schema_child(const struct build *build, uint32_t at, struct schema_node **out_node);
int schema_child_list(const struct build *build, uint32_t at, struct node_list *out_list);
int schema_unsigned(const struct build *build, uint32_t at, uint64_t *out_value);
struct gw_str schema_keep(const struct build *build, struct gw_str text);
const struct gw_pattern *schema_pattern(const struct build *build, struct gw_str source,
                                        uint32_t at);
struct object_part *schema_object_part(const struct build *build);
struct array_part *schema_array_part(const struct build *build);
struct rest_part *schema_rest_part(const struct build *build);
struct string_part *schema_string_part(const struct build *build);
struct number_part *schema_number_part(const struct build *build);

typedef int keyword_fn(const struct build *build, uint32_t at);

/* --- schema_keywords.c: the table --- */
struct keyword {
    const char *name;
    keyword_fn *fn; /* NULL: an annotation */
    unsigned vocabulary;
    unsigned drafts; /* 1 << enum draft */
    enum { HOLDS_NONE, HOLDS_ONE, HOLDS_LIST, HOLDS_MAP, HOLDS_ITEMS, HOLDS_DEPENDENCIES } holds;
};
const struct keyword *schema_keyword(struct gw_str name);

/* --- schema_keywords_*.c --- */
keyword_fn schema_kw_properties, schema_kw_pattern_properties, schema_kw_additional_properties,
    schema_kw_property_names, schema_kw_unevaluated_properties, schema_kw_required,
    schema_kw_dependent_required, schema_kw_dependent_schemas, schema_kw_dependencies,
    schema_kw_min_properties, schema_kw_max_properties;
keyword_fn schema_kw_items, schema_kw_prefix_items, schema_kw_additional_items, schema_kw_contains,
    schema_kw_min_contains, schema_kw_max_contains, schema_kw_unevaluated_items,
    schema_kw_min_items, schema_kw_max_items, schema_kw_unique_items;
keyword_fn schema_kw_type, schema_kw_nullable, schema_kw_enum, schema_kw_const, schema_kw_minimum,
    schema_kw_maximum, schema_kw_exclusive_minimum, schema_kw_exclusive_maximum,
    schema_kw_multiple_of, schema_kw_min_length, schema_kw_max_length, schema_kw_pattern,
    schema_kw_format, schema_kw_read_only, schema_kw_write_only;
keyword_fn schema_kw_ref, schema_kw_dynamic_ref, schema_kw_recursive_ref, schema_kw_all_of,
    schema_kw_any_of, schema_kw_one_of, schema_kw_not, schema_kw_if, schema_kw_then, schema_kw_else,
    schema_kw_discriminator;
/* After all keywords of a node: tables of names, and what one keyword needs to know of another. */
int schema_finish_object(const struct build *build);

/* --- schema_link.c --- */
/* Refuses endless references, takes lone references out of the way, marks properties by direction.
 */
int schema_link(struct gw_schema_compiler *compiler, struct gw_error *error);

/* --- schema_ranges.c --- */
void schema_make_ranges(struct number_part *part);

/* --- schema_shortcuts.c --- */
/* Finds out what can be decided about values without a look at the whole node, for all nodes. */
int schema_make_shortcuts(struct gw_schema_compiler *compiler);
