/* What the files of the validator share. Private to validate*.c.
 *
 * A validation runs at most twice: first only to know, stopping at the first fault; then, if there
 * was one and the caller wants to hear, once more to collect all of them. */
#pragma once

#include "server/json/schema_program.h"

/* What can be wrong. The order is that of the table in validate_report.c. */
enum fault {
    FAULT_NEVER,
    FAULT_TYPE,
    FAULT_ENUM,
    FAULT_CONST,
    FAULT_CONST_BESIDE, /* a const that stands beside an enum */
    FAULT_MINIMUM,
    FAULT_MAXIMUM,
    FAULT_EXCLUSIVE_MINIMUM,
    FAULT_EXCLUSIVE_MAXIMUM,
    FAULT_MULTIPLE_OF,
    FAULT_NUMBER_FORMAT,
    FAULT_MIN_LENGTH,
    FAULT_MAX_LENGTH,
    FAULT_PATTERN,
    FAULT_FORMAT,
    FAULT_MIN_ITEMS,
    FAULT_MAX_ITEMS,
    FAULT_UNIQUE,
    FAULT_MIN_CONTAINS,
    FAULT_CONTAINS,
    FAULT_MAX_CONTAINS,
    FAULT_ITEMS,
    FAULT_UNEVALUATED_ITEMS,
    FAULT_MIN_PROPERTIES,
    FAULT_MAX_PROPERTIES,
    FAULT_REQUIRED,
    FAULT_DEPENDENT_REQUIRED,
    FAULT_ADDITIONAL,
    FAULT_UNEVALUATED,
    FAULT_PROPERTY_NAME,
    FAULT_READ_ONLY,
    FAULT_WRITE_ONLY,
    FAULT_ANY_OF,
    FAULT_ONE_OF_NONE,
    FAULT_ONE_OF_SEVERAL,
    FAULT_NOT,
    FAULT_DISCRIMINATOR_MISSING,
    FAULT_DISCRIMINATOR_UNKNOWN,
    FAULT_TOO_DEEP,
    FAULT_PATTERN_COST,
    FAULT_MEMORY,
};

/* A fault as it is noted; the sentence is written when all is known (values that turn out to be
 * secret are not told). */
struct note {
    enum fault fault;
    const struct schema_node *node;
    uint32_t at;
    uint32_t other;      /* another token, or a count */
    struct gw_str name;  /* of a property or the like */
    const char *keyword; /* where the fault alone does not say it */
};

/* $dynamicRef looks outward along the resources that were entered. */
struct scope {
    const struct scope *outer;
    uint32_t resource;
};

#define EVALUATED_WORDS 4

/* Which members or elements of one value some keyword has looked at. */
struct evaluated {
    uint64_t *bits;
    uint32_t words;
    uint64_t few[EVALUATED_WORDS];
};

struct eval {
    const struct gw_schema_set *set;
    const struct gw_json_tape *tape;
    const struct gw_json_token *tokens;
    struct gw_str open; /* see schema_open_part */
    const struct gw_schema_run *run;
    const struct scope *scope;
    uint32_t depth;
    int error;          /* why it could not be decided: then every check says no */
    bool is_collecting; /* notes faults and goes on; otherwise stops at the first */
    bool is_reporting;  /* the second run, also where it only tries */
    bool is_cut;
    struct note *notes;
    size_t note_count, note_capacity;
    uint32_t *secrets; /* tokens whose values are not told */
    size_t secret_count, secret_capacity;
    struct gw_pattern_scratch scratch;
};

/* Whether the value at `at` satisfies the node. `seen`, when not NULL, learns what was evaluated.
 */
bool eval_check(struct eval *eval, const struct schema_node *node, uint32_t at,
                struct evaluated *seen);

/* As above, without noting anything: for branches that may fail. */
bool eval_try(struct eval *eval, const struct schema_node *node, uint32_t at,
              struct evaluated *seen);

/* The parts, each by its own file. */
bool eval_string(struct eval *eval, const struct schema_node *node, uint32_t at);
bool eval_number(struct eval *eval, const struct schema_node *node, uint32_t at);
bool eval_array(struct eval *eval, const struct schema_node *node, uint32_t at,
                struct evaluated *seen);
bool eval_object(struct eval *eval, const struct schema_node *node, uint32_t at,
                 struct evaluated *seen);
bool eval_rest(struct eval *eval, const struct schema_node *node, uint32_t at,
               struct evaluated *seen);

/* Empty, for the value at `at`. False (and eval->error) without memory. */
bool evaluated_init(struct eval *eval, struct evaluated *seen, uint32_t at);
void evaluated_merge(struct evaluated *into, const struct evaluated *from);

static inline void evaluated_add(struct evaluated *seen, uint32_t position)
{
    seen->bits[position / 64] |= UINT64_C(1) << (position % 64);
}

static inline bool evaluated_has(const struct evaluated *seen, uint32_t position)
{
    return (seen->bits[position / 64] >> (position % 64) & 1) != 0;
}

/* Notes the fault (when collecting) and returns false. */
GW_COLD bool eval_note(struct eval *eval, struct note note);
#define eval_fail(eval, ...) ((eval)->is_collecting ? eval_note((eval), __VA_ARGS__) : false)

/* The validation cannot be decided: `error` is what gw_schema_validate will return. */
GW_COLD bool eval_abort(struct eval *eval, const struct schema_node *node, uint32_t at, int error);

static inline bool eval_fault(struct eval *eval, const struct schema_node *node, uint32_t at,
                              enum fault fault)
{
    if (!eval->is_collecting)
        return false;
    return eval_note(eval, (struct note){.fault = fault, .node = node, .at = at});
}

/* Whether to go on after a check that said `ok`. */
static inline bool eval_goes_on(const struct eval *eval, bool ok)
{
    return GW_LIKELY(ok) || (eval->is_collecting && eval->error == 0);
}

/* --- short cuts: true is an answer, false means that eval_check must look
 * ------------------------- */

static inline bool quick_is_ascii(const char *ptr, size_t len)
{
    uint64_t all = 0;

    if (len < 8)
        return (reader_load(ptr, len) & UINT64_C(0x8080808080808080)) == 0;
    for (size_t i = 0; i + 8 <= len; i += 8)
        all |= reader_load(ptr + i, 8);
    all |= reader_load(ptr + len - 8, 8);
    return (all & UINT64_C(0x8080808080808080)) == 0;
}

enum quick { QUICK_NO, QUICK_YES, QUICK_UNKNOWN };

static inline enum quick quick_string_list(const struct gw_json_tape *values,
                                           const struct gw_json_token *token)
{
    uint16_t hash = reader_hash(token->ptr, token->len);

    for (uint32_t i = 1; i < values->count; i++) {
        const struct gw_json_token *value = &values->tokens[i];
        if (value->hash == hash && value->len == token->len && value->type == GW_JSON_STRING &&
            schema_same_name(value->ptr, token->ptr, token->len))
            return QUICK_YES;
    }
    return QUICK_NO;
}

static inline enum quick quick_string_length(const struct string_part *part,
                                             const struct gw_json_token *token)
{
    if (token->len > part->max_length)
        return QUICK_UNKNOWN;
    if ((token->len + 3) / 4 < part->min_length &&
        (token->len < part->min_length || !quick_is_ascii(token->ptr, token->len)))
        return QUICK_UNKNOWN;
    return QUICK_YES;
}

static inline enum quick quick_string(const struct schema_node *node,
                                      const struct gw_json_token *token)
{
    const struct string_part *part = node->string;

    if (part != NULL && (part->pattern != NULL || part->format != NULL ||
                         quick_string_length(part, token) != QUICK_YES))
        return QUICK_UNKNOWN;
    return node->rest == NULL ? QUICK_YES : quick_string_list(node->rest->list, token);
}

static inline enum quick quick_number_list(const struct gw_json_tape *values,
                                           const struct gw_json_token *token)
{
    for (uint32_t i = 1; i < values->count; i++) {
        const struct gw_json_token *value = &values->tokens[i];
        if (value->type != GW_JSON_NUMBER)
            continue;
        if (value->literal.scale != token->literal.scale)
            return QUICK_UNKNOWN;
        if (value->small == token->small)
            return QUICK_YES;
    }
    return QUICK_NO;
}

static inline enum quick quick_number_range(const struct number_part *part,
                                            const struct gw_json_token *token)
{
    unsigned scale = token->literal.scale;

    return scale < RANGE_SCALES && token->small >= part->lowest[scale] &&
                   token->small <= part->highest[scale]
               ? QUICK_YES
               : QUICK_UNKNOWN;
}

static inline enum quick quick_number(const struct schema_node *node,
                                      const struct gw_json_token *token)
{
    if ((token->flags & node->number_flags) != node->number_flags)
        return QUICK_UNKNOWN;
    if (node->number != NULL && quick_number_range(node->number, token) != QUICK_YES)
        return QUICK_UNKNOWN;
    return node->rest == NULL ? QUICK_YES : quick_number_list(node->rest->list, token);
}

READER_INLINE enum quick eval_quick(const struct schema_node *node,
                                    const struct gw_json_token *token)
{
    if ((node->types >> token->type & 1) == 0)
        return QUICK_NO;
    if (!node->is_quick)
        return QUICK_UNKNOWN;
    if (token->type == GW_JSON_STRING)
        return quick_string(node, token);
    if (token->type == GW_JSON_NUMBER)
        return quick_number(node, token);
    if (token->type < GW_JSON_NUMBER && node->rest == NULL)
        return QUICK_YES;
    return QUICK_UNKNOWN;
}

/* As eval_inner, where the short cuts below say nothing. */
bool eval_inner_slowly(struct eval *eval, const struct schema_node *node, uint32_t at);

/* Whether the few comparisons that settle most scalars do: node->quick has the token's type. */
READER_INLINE bool eval_quick_scalar(const struct schema_node *node,
                                     const struct gw_json_token *token)
{
    if (token->type == GW_JSON_STRING) {
        if (node->string != NULL && quick_string_length(node->string, token) != QUICK_YES)
            return false;
        return node->rest == NULL || quick_string_list(node->rest->list, token) == QUICK_YES;
    }
    if ((token->flags & node->number_flags) != node->number_flags)
        return false;
    if (node->number != NULL && quick_number_range(node->number, token) != QUICK_YES)
        return false;
    return node->rest == NULL || quick_number_list(node->rest->list, token) == QUICK_YES;
}

/* As eval_inner, for one that is not free. */
READER_INLINE bool eval_bound(struct eval *eval, const struct schema_node *node, uint32_t at)
{
    const struct gw_json_token *token = &eval->tokens[at];

    if (GW_LIKELY((node->quick >> token->type & 1) != 0 && eval_quick_scalar(node, token)))
        return true;
    return eval_inner_slowly(eval, node, at);
}

/* eval_check for a value inside another: most are scalars that a few comparisons settle. */
READER_INLINE bool eval_inner(struct eval *eval, const struct schema_node *node, uint32_t at)
{
    return (node->free >> eval->tokens[at].type & 1) != 0 || eval_bound(eval, node, at);
}

/* The sentences. Returns 0 or -ENOMEM. */
int eval_report(struct eval *eval, struct gw_violations *out);
