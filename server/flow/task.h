/* What a document becomes: tasks with their templates, names resolved. Internal to flow/.
 *
 * All of it lies in the flow's arena and never changes once the flow is loaded. */
#pragma once

#include <stdatomic.h>

#include "server/core/arena.h"
#include "server/flow/flow.h"
#include "server/json/schema.h"

#define FLOW_NONE UINT32_MAX

/* --- templates: values with expressions in them ----------------------------------------------- */

enum flow_node_kind {
    FLOW_NODE_LITERAL,    /* `literal`, never copied */
    FLOW_NODE_EXPRESSION, /* the result number `hole` */
    FLOW_NODE_ARRAY,      /* of `parts` */
    FLOW_NODE_OBJECT,     /* of `parts` by `names` */
    FLOW_NODE_URI,        /* the texts of `parts`, one behind the other */
    FLOW_NODE_TEXT,       /* likewise, with nothing encoded */
    FLOW_NODE_VARIABLE,   /* in a URI: the input's member that `literal` names, percent-encoded */
    FLOW_NODE_BELOW,      /* of an address (the part), what comes behind `literal` */
    FLOW_NODE_BASIC,      /* an Authorization field of two `parts`: user name and password */
    FLOW_NODE_BEARER,     /* of one */
};

struct flow_node {
    enum flow_node_kind kind;
    struct gw_value literal;
    uint32_t hole, count;
    const struct gw_str *names;
    const struct flow_node *parts;
};

/* All its expressions are evaluated in one go. */
struct flow_template {
    const struct flow_node *root; /* NULL: it was not given */
    const uint32_t *expressions;
    const struct gw_str *variables; /* that the expressions mention, without the `$` */
    uint32_t expression_count, variable_count;
};

/* --- tasks ------------------------------------------------------------------------------------ */

enum flow_task_kind {
    FLOW_TASK_DO,
    FLOW_TASK_SET,
    FLOW_TASK_SWITCH,
    FLOW_TASK_FOR,
    FLOW_TASK_FORK,
    FLOW_TASK_TRY,
    FLOW_TASK_RAISE,
    FLOW_TASK_WAIT,
    FLOW_TASK_CONNECTOR, /* call: a function of a connector */
    FLOW_TASK_OPERATION, /* call: openapi */
    FLOW_TASK_FUNCTION,  /* call: one of use.functions */
    FLOW_TASK_KIND_COUNT,
};

enum flow_directive_kind { FLOW_CONTINUE, FLOW_EXIT, FLOW_END, FLOW_GO };

struct flow_directive {
    enum flow_directive_kind kind;
    uint32_t task; /* of FLOW_GO: its place in the list */
};

/* `input`, `output`, `export`. */
struct flow_filter {
    struct flow_template by; /* `from`, `as` */
    uint32_t schema;         /* entry of the flow's schemas, or FLOW_NONE */
};

struct flow_list {
    struct flow_task *tasks;
    uint32_t count;
};

struct flow_case {
    struct flow_template when; /* not given: always */
    struct flow_directive then;
};

struct flow_switch {
    struct flow_case *cases;
    uint32_t count;
};

struct flow_for {
    struct gw_str each, at;
    struct flow_template in, condition;
    struct flow_list list;
};

struct flow_fork {
    struct flow_list branches;
    bool competes;
};

enum flow_backoff { FLOW_BACKOFF_CONSTANT, FLOW_BACKOFF_LINEAR, FLOW_BACKOFF_EXPONENTIAL };

struct flow_retry {
    uint64_t delay_ns, increment_ns, max_delay_ns;
    uint64_t jitter_from_ns, jitter_to_ns;
    uint64_t attempt_ns, total_ns; /* 0: no such limit */
    uint64_t max_attempts;         /* further ones; 0: no such limit */
    double factor;
    enum flow_backoff backoff;
    bool has_condition; /* it says itself which errors it is for */
};

struct flow_try {
    struct flow_list list, catch_list;
    bool has_catch_list;
    struct gw_str as;
    /* The static filter; what is empty (or 0) lets everything pass. */
    struct gw_str type, instance, title, detail;
    int status;
    /* [when, exceptWhen, retry.when, retry.exceptWhen] */
    struct flow_template decision;
    const struct flow_retry *retry; /* NULL: none */
};

struct flow_connector_call {
    const struct gw_connector_type *type;
    const struct gw_connector_function *function;
    struct flow_template with; /* {backend, arguments} */
    bool is_write;
    bool is_http; /* `call: http`: failures are communication errors with the backend's status */
};

struct flow_operation_call {
    struct gw_str operation_id;
    struct flow_template with; /* {parameters, body} */
    enum { FLOW_OUTPUT_CONTENT, FLOW_OUTPUT_RAW, FLOW_OUTPUT_RESPONSE } output;
};

struct flow_function {
    struct flow_template with;
    struct flow_list list; /* of one task */
};

struct flow_task {
    enum flow_task_kind kind;
    struct gw_str name;
    struct gw_str pointer; /* where it stands; of a function's tasks: below the task that calls */
    struct gw_value definition;
    struct flow_template condition; /* `if` */
    struct flow_filter input, output, export;
    uint64_t timeout_ns; /* 0: none */
    struct flow_directive then;
    union {
        struct flow_list list;
        struct flow_template set;
        struct flow_switch choice;
        struct flow_for loop;
        struct flow_fork fork;
        struct flow_try attempt;
        struct flow_template raise; /* {type, status, title, detail, instance, members} */
        struct flow_template wait;  /* a number of ns, or an expression of a duration */
        struct flow_connector_call call;
        struct flow_operation_call operation;
        struct flow_function function;
    };
};

/* --- the flow --------------------------------------------------------------------------------- */

/* Where an expression, a backend's or an operation's name stands. */
struct flow_mention {
    struct flow_mention *next;
    struct gw_str pointer; /* ends in NUL */
    uint32_t expression;
    struct gw_str name;
    const struct gw_connector_type *type; /* of a backend's name; NULL: an operation's */
    bool is_default;                      /* no backend is named: the run's */
};

/* A file that it was made of. */
struct flow_file {
    struct flow_file *next;
    struct gw_str path; /* ends in NUL */
    uint64_t hash[2];   /* of its bytes; means nothing to another process */
};

struct gw_flow {
    struct gw_arena arena;
    struct gw_value definition; /* the document */
    struct gw_str name, version, file;
    struct flow_task root; /* the workflow as a task that does `do` */
    struct gw_expressions *expressions;
    struct gw_schema_set *schemas; /* NULL: none */
    struct flow_mention *expression_mentions, *name_mentions;
    struct flow_file *files;
    uint32_t task_count;
    atomic_int references;
};

/* Fills a template: `results` are those of its expressions; `input` is for URIs. -ENOMEM, or
 * -EINVAL when *out_wrong (in the arena) says what is wrong. */
GW_MUST_CHECK
int flow_template_fill(const struct flow_template *template, const struct gw_value *results,
                       const struct gw_value *input, struct gw_arena *arena,
                       struct gw_value *out_value, struct gw_str *out_wrong);

/* A text (core/duration.h), or an object of days, hours, minutes, seconds, milliseconds. */
GW_MUST_CHECK
int flow_duration_of(const struct gw_value *value, uint64_t *out_ns);
/* A whole number of at most 12 digits; -EINVAL otherwise. */
GW_MUST_CHECK
int flow_integer_of(const struct gw_value *value, int64_t *out_number);
