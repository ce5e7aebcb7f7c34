/* The part of jq that is evaluated here: a finite language without recursion, whose results are
 * those of jq 1.6. Private to server/flow.
 *
 *     pipe   = [ term "as" "$x" "|" pipe ] | binary [ "|" pipe ]
 *     binary = operand { "," | "//" | "or" | "and" | comparison | "+" | "-" | "*"  operand }
 *     operand = "if" pipe "then" pipe { "elif" ... } "else" pipe "end" | term | "-" number
 *     term   = "." | ".name" | "$x" | literal | "text\(pipe)" | "(" pipe ")" | "[" [ pipe ] "]"
 *            | object | call, followed by any of ".name", ."text", "[" pipe "]", "[]", each "?"
 *     call   = empty, not, length, tostring, select(pipe), map(pipe)
 *
 * What is written in another way is not wrong: it is libjq's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/flow/expression_scan.h"
#include "server/json/value.h"

enum gw_jq_node_kind {
    GW_JQ_IDENTITY,
    GW_JQ_LITERAL,     /* value */
    GW_JQ_REFERENCE,   /* `$name` */
    GW_JQ_MEMBER,      /* a[value]: the key is a literal */
    GW_JQ_INDEX,       /* a[b] */
    GW_JQ_EACH,        /* a[] */
    GW_JQ_PIPE,        /* a | b */
    GW_JQ_BIND,        /* a as $name | b */
    GW_JQ_COMMA,       /* a, b */
    GW_JQ_ALTERNATIVE, /* a // b */
    GW_JQ_OR,
    GW_JQ_AND,
    GW_JQ_COMPARE,    /* a sign b */
    GW_JQ_ARITHMETIC, /* a sign b */
    GW_JQ_TO_TEXT,    /* a in a string */
    GW_JQ_ARRAY,      /* [a]; a may be NULL */
    GW_JQ_OBJECT,     /* pairs: a is the key, b the value, c the next */
    GW_JQ_CONDITION,  /* if a then b else c */
    GW_JQ_EMPTY,
    GW_JQ_NOT,
    GW_JQ_LENGTH,
    GW_JQ_SELECT, /* select(a) */
};

struct gw_jq_node {
    enum gw_jq_node_kind kind;
    char sign;        /* '=' '!' '<' '>', 'l' for <=, 'g' for >=; '+' '-' '*' */
    bool is_optional; /* of the paths: `?` */
    struct gw_str name;
    struct gw_value value;
    const struct gw_jq_node *a, *b, *c;
};

/* `definitions` may be NULL: the functions that the expression may call beside jq's own. Nodes lie
 * in the arena and borrow from the tokens' text. *out_node is NULL where it is libjq's to evaluate;
 * *out_may_leave says that some inputs are. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_jq_parse(struct gw_arena *arena, const struct gw_jq_tokens *tokens,
                const struct gw_jq_tokens *definitions, const struct gw_jq_node **out_node,
                bool *out_may_leave);

enum gw_jq_outcome {
    GW_JQ_DONE,
    GW_JQ_FAILED,    /* `failure` says how */
    GW_JQ_LEFT,      /* beyond what is done here: libjq's */
    GW_JQ_NO_MEMORY, /* of the arena */
};

#define GW_JQ_MAX_STEPS 20000 /* about a millisecond */

struct gw_jq_run {
    struct gw_arena *arena;
    const struct gw_value *variables;
    unsigned steps; /* left: GW_JQ_MAX_STEPS at first, UINT_MAX where it may not leave */
    char failure[240];
};

/* All that it yields, added to `results`. `run` is set up but for `failure`. */
GW_MUST_CHECK
enum gw_jq_outcome gw_jq_evaluate(struct gw_jq_run *run, const struct gw_jq_node *node,
                                  const struct gw_value *input, struct gw_value_builder *results);

/* --- operators: expression_operators.c -------------------------------------------------------- */

GW_PRINTF(2, 3) enum gw_jq_outcome gw_jq_fail(struct gw_jq_run *run, const char *format, ...);
/* Takes steps; GW_JQ_LEFT when there are too few. */
enum gw_jq_outcome gw_jq_charge(struct gw_jq_run *run, size_t steps);
bool gw_jq_is_true(const struct gw_value *value);
const char *gw_jq_type_name(const struct gw_value *value);
enum gw_jq_outcome gw_jq_index(struct gw_jq_run *run, const struct gw_value *value,
                               const struct gw_value *key, struct gw_value *out_value);
enum gw_jq_outcome gw_jq_compare(struct gw_jq_run *run, char sign, const struct gw_value *a,
                                 const struct gw_value *b, struct gw_value *out_value);
enum gw_jq_outcome gw_jq_calculate(struct gw_jq_run *run, char sign, const struct gw_value *a,
                                   const struct gw_value *b, struct gw_value *out_value);
enum gw_jq_outcome gw_jq_length(struct gw_jq_run *run, const struct gw_value *value,
                                struct gw_value *out_value);
enum gw_jq_outcome gw_jq_to_text(const struct gw_value *value, struct gw_value *out_value);

/* --- numbers: expression_number.c ------------------------------------------------------------- */

/* Whether a double does not hold it: as an integer beyond 2^53, or with more digits than come back.
 */
bool gw_jq_is_long(struct gw_str literal);
/* A plain integer (no fraction, no exponent) of at most 2^53. */
bool gw_jq_to_integer(struct gw_str literal, int64_t *out_number);
/* As jq writes it; false: that is not plain to say. A long one stays as it is. */
bool gw_jq_number_text(struct gw_str literal, struct gw_str *out_text);
