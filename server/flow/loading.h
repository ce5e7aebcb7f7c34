/* What the parts of the loader share while one document is read. Internal to flow/. */
#pragma once

#include "server/core/similar.h"
#include "server/flow/task.h"
#include "server/json/yaml.h"

#define FLOW_MAX_FUNCTION_DEPTH 8 /* functions that call functions */

/* A value of the document and where it stands; `value` NULL: there is none. */
struct flow_place {
    const struct gw_value *value;
    struct gw_str pointer; /* ends in NUL */
};

/* The variables of a loop or of a catch, seen by what stands below it. */
struct flow_variables {
    const struct flow_variables *outer;
    struct gw_str names[2]; /* the second may be empty */
};

struct flow_loading {
    struct gw_flow *flow;
    struct gw_arena *arena;  /* the flow's */
    struct gw_arena scratch; /* until the load ends */
    const struct gw_flow_names *names;
    struct gw_document *document;
    struct gw_diagnostics *diagnostics; /* or those of a flow_quiet */
    struct gw_diagnostics *told;        /* the caller's */
    struct flow_place use;
    struct flow_seen *seen;             /* see compile_use.c */
    struct gw_schema_compiler *schemas; /* NULL: none was met */
    struct flow_schema *schema_list;    /* see compile_schema.c */
    unsigned schema_count;
    bool has_no_memory;                     /* sticky */
    const struct flow_variables *variables; /* those of the loops and catches around */
    unsigned function_depth;
    bool is_too_deep; /* that has been told */
    /* Of a function's tasks: what stands before their pointers instead of the function's own. */
    struct gw_str call_pointer;
    size_t function_pointer_len;
};

/* --- place.c ---------------------------------------------------------------------------------- */

/* Zeroed memory of the flow; NULL sets has_no_memory. */
void *flow_alloc(struct flow_loading *loading, size_t count, size_t bytes);

struct flow_place flow_member(struct flow_loading *loading, const struct flow_place *place,
                              const char *name);
struct flow_place flow_named_member(struct flow_loading *loading, const struct flow_place *place,
                                    struct gw_str name);
/* The member at that place of the object: for walks, as looking each one up would take long. */
struct flow_place flow_member_at(struct flow_loading *loading, const struct flow_place *place,
                                 uint32_t index);
struct flow_place flow_item(struct flow_loading *loading, const struct flow_place *place,
                            uint32_t index);
bool flow_is(const struct flow_place *place, enum gw_json_type type);
/* The text of a string, else empty. */
struct gw_str flow_text(const struct flow_place *place);

#define flow_error(loading, place, ...)                                              \
    gw_document_report((loading)->document, (place)->pointer.ptr, GW_SEVERITY_ERROR, \
                       (loading)->diagnostics, __VA_ARGS__)
/* Also within a flow_quiet. */
#define flow_error_aloud(loading, place, ...)                                        \
    gw_document_report((loading)->document, (place)->pointer.ptr, GW_SEVERITY_ERROR, \
                       (loading)->told, __VA_ARGS__)
#define flow_error_at_key(loading, place, ...)                                           \
    gw_document_report_key((loading)->document, (place)->pointer.ptr, GW_SEVERITY_ERROR, \
                           (loading)->diagnostics, __VA_ARGS__)

/* For "%s%.*s%s" at the end of a message. */
#define FLOW_DID_YOU_MEAN(near) \
    (near).ptr != NULL ? "; did you mean \"" : "", GW_STR_ARG(near), (near).ptr != NULL ? "\"?" : ""

/* The member of `names` (an object) that is nearest to `wanted`. */
struct gw_str flow_nearest(const struct gw_value *names, struct gw_str wanted);

/* The jansson tree as a value in the flow's arena. */
GW_MUST_CHECK
int flow_value_of(struct gw_arena *arena, const json_t *json, struct gw_value *out_value);

/* --- shape.c: which members the objects of the DSL have ----------------------------------------
 */

enum flow_object {
    FLOW_WORKFLOW,
    FLOW_DOCUMENT,
    FLOW_USE,
    FLOW_INPUT,
    FLOW_OUTPUT,
    FLOW_SCHEMA,
    FLOW_RESOURCE,
    FLOW_TIMEOUT,
    FLOW_DURATION,
    FLOW_ERROR,
    FLOW_RETRY,
    FLOW_BACKOFF,
    FLOW_LINEAR,
    FLOW_EXPONENTIAL,
    FLOW_LIMIT,
    FLOW_LIMIT_ATTEMPT,
    FLOW_JITTER,
    FLOW_DO,
    FLOW_SET,
    FLOW_SWITCH,
    FLOW_CASE,
    FLOW_FOR,
    FLOW_FOR_WHAT,
    FLOW_FORK,
    FLOW_FORK_WHAT,
    FLOW_TRY,
    FLOW_CATCH,
    FLOW_CATCH_ERRORS,
    FLOW_ERROR_FILTER,
    FLOW_RAISE,
    FLOW_RAISE_WHAT,
    FLOW_WAIT,
    FLOW_CALL,
    FLOW_HTTP,
    FLOW_OPENAPI,
    FLOW_ENDPOINT,
    FLOW_AUTHENTICATION,
    FLOW_BASIC,
    FLOW_BEARER,
    FLOW_OBJECT_COUNT,
};

/* Tells unknown, missing and mistyped members. Whether the place is an object at all (told, too).
 */
bool flow_check_object(struct flow_loading *loading, const struct flow_place *place,
                       enum flow_object object);
/* The member if it has the right type (what is wrong has been told); else one without a value. */
struct flow_place flow_member_of_type(struct flow_loading *loading, const struct flow_place *place,
                                      const char *name, enum gw_json_type type);

/* --- template.c ------------------------------------------------------------------------------- */

/* A value; its strings of the form `${ ... }` are expressions. */
void flow_compile_value(struct flow_loading *loading, const struct flow_place *place,
                        struct flow_template *out);
/* A string that is an expression, with `${ }` or without. */
void flow_compile_expression(struct flow_loading *loading, const struct flow_place *place,
                             struct flow_template *out);
/* A string as above, or an object that is a value (`from`, `as`). */
void flow_compile_filter(struct flow_loading *loading, const struct flow_place *place,
                         struct flow_template *out);

/* A template that is put together: begin, make its nodes, end. */
#define FLOW_MAX_TEMPLATE_EXPRESSIONS 200
#define FLOW_MAX_TEMPLATE_VARIABLES 40

struct flow_template_builder {
    struct flow_loading *loading;
    uint32_t expressions[FLOW_MAX_TEMPLATE_EXPRESSIONS];
    struct gw_str variables[FLOW_MAX_TEMPLATE_VARIABLES];
    uint32_t expression_count, variable_count;
};

void flow_template_begin(struct flow_template_builder *builder, struct flow_loading *loading);
struct flow_node flow_node_of(struct flow_template_builder *builder,
                              const struct flow_place *place);
struct flow_node flow_expression_node(struct flow_template_builder *builder,
                                      const struct flow_place *place);
struct flow_node flow_literal_node(struct gw_value literal);
/* Text with {names} of the input's members; made a FLOW_NODE_TEXT they are not encoded. */
struct flow_node flow_uri_node(struct flow_template_builder *builder,
                               const struct flow_place *place, struct gw_str text);
struct flow_node flow_object_node(struct flow_loading *loading, const struct gw_str *names,
                                  const struct flow_node *parts, uint32_t count);
void flow_template_end(struct flow_template_builder *builder, struct flow_node root,
                       struct flow_template *out);
/* Remembers where an expression stands, should it be blamed later; FLOW_NONE (that is
 * GW_EXPRESSION_DEFINITIONS): a file of definitions. */
void flow_mention_expression(struct flow_loading *loading, const struct flow_place *place,
                             uint32_t expression);
/* Is the text of the form `${ ... }`? Then *out_inner is what stands within. */
bool flow_is_expression(struct gw_str text, struct gw_str *out_inner);
bool flow_has_expression(const struct gw_value *value);

/* --- compile*.c ------------------------------------------------------------------------------- */

void flow_compile_workflow(struct flow_loading *loading, const struct flow_place *root);
void flow_compile_list(struct flow_loading *loading, const struct flow_place *place,
                       struct flow_list *out);
void flow_compile_task(struct flow_loading *loading, const struct flow_place *place,
                       struct flow_task *task);
/* `then` of a task or of a case, as a text; resolved when the list is known. */
void flow_compile_then(struct flow_loading *loading, const struct flow_place *place,
                       const struct flow_list *list, struct flow_directive *out);

/* The `then` of the list's task at that place, and those of its cases. */
void flow_compile_thens(struct flow_loading *loading, const struct flow_place *place,
                        const struct flow_list *list, uint32_t at);
/* The variable that `place` names, or else `name`. */
struct gw_str flow_compile_variable(struct flow_loading *loading, const struct flow_place *place,
                                    const char *name);
void flow_compile_switch(struct flow_loading *loading, const struct flow_place *place,
                         struct flow_task *task);
void flow_compile_for(struct flow_loading *loading, const struct flow_place *place,
                      struct flow_task *task);
void flow_compile_fork(struct flow_loading *loading, const struct flow_place *place,
                       struct flow_task *task);
void flow_compile_try(struct flow_loading *loading, const struct flow_place *place,
                      struct flow_task *task);
void flow_compile_raise(struct flow_loading *loading, const struct flow_place *place,
                        struct flow_task *task);
void flow_compile_wait(struct flow_loading *loading, const struct flow_place *place,
                       struct flow_task *task);
void flow_compile_call(struct flow_loading *loading, const struct flow_place *place,
                       struct flow_task *task);

/* Where an HTTP call goes, and as whom. */
#define FLOW_MAX_QUERY 64

struct flow_target {
    const struct gw_connector_type *type;
    struct flow_node backend, path;
    struct gw_str names[FLOW_MAX_QUERY]; /* of the query that stands in the endpoint */
    struct flow_node values[FLOW_MAX_QUERY];
    uint32_t count;
    bool is_default; /* no backend is named: the run's */
};

bool flow_compile_target(struct flow_template_builder *builder, const struct flow_place *with,
                         const struct flow_place *uri, struct flow_target *out);
struct flow_node flow_query_node(struct flow_template_builder *builder,
                                 const struct flow_place *with, const struct flow_target *target);
/* With the Authorization field of the endpoint's authentication. */
struct flow_node flow_headers_node(struct flow_template_builder *builder,
                                   const struct flow_place *with,
                                   const struct flow_place *endpoint);

void flow_compile_http(struct flow_loading *loading, const struct flow_place *with,
                       struct flow_task *task);
void flow_compile_openapi(struct flow_loading *loading, const struct flow_place *with,
                          struct flow_task *task);
const struct gw_connector_function *flow_find_function(const struct flow_loading *loading,
                                                       struct gw_str name,
                                                       const struct gw_connector_type **out_type);
/* Remembers a backend's or (type NULL) an operation's name, to be checked at the end. */
void flow_mention_name(struct flow_loading *loading, const struct flow_place *place,
                       struct gw_str name, const struct gw_connector_type *type);
/* The same of a call that names no backend. */
void flow_mention_default(struct flow_loading *loading, const struct flow_place *place,
                          const struct gw_connector_type *type);

/* Durations that are no expressions, in ns; 0 with a finding when wrong, and when not given. */
uint64_t flow_compile_duration(struct flow_loading *loading, const struct flow_place *place);
/* `timeout`, inline or named; 0: none. */
uint64_t flow_compile_timeout(struct flow_loading *loading, const struct flow_place *place);
const struct flow_retry *flow_compile_retry(struct flow_loading *loading,
                                            const struct flow_place *place,
                                            struct flow_place *out_policy);
void flow_check_error(struct flow_loading *loading, const struct flow_place *error);

/* --- compile_use.c ---------------------------------------------------------------------------- */

/* Looks `name` up in use.<kind>; tells when it is not there. */
struct flow_place flow_compile_use(struct flow_loading *loading, const struct flow_place *name,
                                   const char *kind, const char *what);
void flow_compile_function(struct flow_loading *loading, const struct flow_place *call,
                           const struct flow_place *with, struct flow_task *task);
/* Has it been checked before? It counts as checked from now on. */
bool flow_is_seen(struct flow_loading *loading, const struct gw_value *value);
/* Between the two nothing is told, if `is_quiet`. */
struct flow_quiet {
    struct gw_diagnostics ignored, *outer;
};
void flow_quiet_begin(struct flow_loading *loading, struct flow_quiet *quiet, bool is_quiet);
void flow_quiet_end(struct flow_loading *loading, struct flow_quiet *quiet);
/* What nobody has named is checked, too. */
void flow_check_unused(struct flow_loading *loading);

/* --- compile_schema.c ------------------------------------------------------------------------- */

/* The `schema` of an input, output or export; FLOW_NONE: none. */
uint32_t flow_compile_schema(struct flow_loading *loading, const struct flow_place *place);
void flow_finish_schemas(struct flow_loading *loading);

/* --- document.c ------------------------------------------------------------------------------- */

/* Reads a file, by its name seen from the document's folder, and remembers it. The text is the
 * caller's to free; ptr NULL: told. `out_path` ends in NUL, in the flow's arena. */
struct gw_str flow_read_beside(struct flow_loading *loading, const struct flow_place *place,
                               struct gw_str name, struct gw_str *out_path);
