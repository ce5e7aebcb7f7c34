#include "server/flow/expression_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/flow/expression_program.h"

#define MAX_SET_BYTES (64u << 20)
#define MAX_EXPRESSIONS 5000
#define MAX_VARIABLES 2000

/* --- life ------------------------------------------------------------------------------------- */

static void destroy(struct gw_expressions *set)
{
    gw_jq_program_release(set->program);
    gw_map_finish(&set->by_text);
    gw_map_finish(&set->variables);
    gw_arena_finish(&set->arena);
    free(set);
}

/* What is wrong is kept until it can be told with the expressions. -ENOMEM otherwise. */
static int read_definitions(struct gw_expressions *set)
{
    struct gw_error *error = &set->definition_error;
    struct gw_jq_tokens tokens;

    if (gw_str_trim(set->definitions).len == 0)
        return 0;
    int rc = gw_jq_scan(&set->arena, set->definitions, &tokens, error);
    if (rc == 0)
        rc = gw_jq_check_names(&tokens, error);
    if (rc == 0)
        rc = gw_jq_check_definitions(&tokens, error);
    if (rc != 0)
        return rc == -ENOMEM ? rc : 0;
    set->definition_tokens = tokens;
    return gw_jq_collect_variables(set, &tokens, NULL);
}

struct gw_expressions *gw_expressions_create(struct gw_str definitions)
{
    struct gw_expressions *set = calloc(1, sizeof(*set));

    if (set == NULL)
        return NULL;
    atomic_init(&set->references, 1);
    gw_arena_init(&set->arena, 4096, MAX_SET_BYTES);
    gw_map_init(&set->by_text, MAX_EXPRESSIONS);
    gw_map_init(&set->variables, MAX_VARIABLES);
    set->definitions = gw_arena_copy(&set->arena, definitions);
    if (set->definitions.ptr == NULL || read_definitions(set) != 0) {
        destroy(set);
        return NULL;
    }
    return set;
}

struct gw_expressions *gw_expressions_hold(struct gw_expressions *set)
{
    atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    return set;
}

void gw_expressions_release(struct gw_expressions *set)
{
    if (set != NULL && atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) == 1)
        destroy(set);
}

bool gw_jq_has_foreign(const struct gw_expressions *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (gw_jq_is_foreign(&set->items[i]))
            return true;
    }
    return set->definition_tokens.items != NULL;
}

/* --- variables -------------------------------------------------------------------------------- */

/* Where names are bound: behind `as` up to the `|` or `(`, in the parameters of a definition, and
 * behind `label` and `break`. */
struct pattern {
    bool is_inside;
    bool is_parameters;
};

static void follow(struct pattern *pattern, const struct gw_jq_tokens *tokens, size_t at)
{
    const struct gw_jq_token *token = &tokens->items[at];

    if (gw_jq_is_name(token, "as"))
        *pattern = (struct pattern){.is_inside = true};
    else if (at >= 2 && gw_jq_is_sign(token, "(") && gw_jq_is_name(token - 2, "def"))
        *pattern = (struct pattern){.is_inside = true, .is_parameters = true};
    else if (pattern->is_parameters ? gw_jq_is_sign(token, ")")
                                    : gw_jq_is_sign(token, "|") || gw_jq_is_sign(token, "("))
        *pattern = (struct pattern){0};
}

static bool is_variable(const struct gw_jq_tokens *tokens, size_t at, struct gw_str name)
{
    return tokens->items[at].kind == GW_JQ_VARIABLE && gw_str_equal(tokens->items[at].text, name);
}

static bool is_bound(const struct gw_jq_tokens *tokens, struct gw_str name)
{
    struct pattern pattern = {0};

    for (size_t i = 0; i < tokens->count; i++) {
        follow(&pattern, tokens, i);
        bool is_label = i > 0 && (gw_jq_is_name(&tokens->items[i - 1], "label") ||
                                  gw_jq_is_name(&tokens->items[i - 1], "break"));
        if ((pattern.is_inside || is_label) && is_variable(tokens, i, name))
            return true;
    }
    return false;
}

static bool is_first(const struct gw_jq_tokens *tokens, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (is_variable(tokens, i, tokens->items[at].text))
            return false;
    }
    return true;
}

static int keep_variable(struct gw_expressions *set, struct gw_str name, struct gw_str *out_name)
{
    struct gw_str *kept = gw_map_get(&set->variables, name);

    if (kept == NULL) {
        kept = gw_arena_alloc(&set->arena, sizeof(*kept));
        if (kept == NULL)
            return -ENOMEM;
        *kept = gw_arena_copy(&set->arena, name);
        if (kept->ptr == NULL || gw_map_add(&set->variables, *kept, kept) != 0)
            return -ENOMEM;
    }
    *out_name = *kept;
    return 0;
}

int gw_jq_collect_variables(struct gw_expressions *set, const struct gw_jq_tokens *tokens,
                            struct gw_jq_expression *expression)
{
    size_t count = 0, used = 0;
    struct gw_str *needed;
    int rc = 0;

    for (size_t i = 0; i < tokens->count; i++)
        count += tokens->items[i].kind == GW_JQ_VARIABLE;
    needed = gw_arena_calloc(&set->arena, count, sizeof(*needed));
    if (needed == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < tokens->count && rc == 0; i++) {
        struct gw_str name = tokens->items[i].text;
        if (tokens->items[i].kind != GW_JQ_VARIABLE || gw_jq_is_keyword(name) ||
            !is_first(tokens, i))
            continue;
        rc = keep_variable(set, name, &needed[used]);
        used += !is_bound(tokens, name);
    }
    if (rc == 0 && expression != NULL) {
        expression->needed = needed;
        expression->needed_count = used;
    }
    return rc;
}

/* --- adding ----------------------------------------------------------------------------------- */

static int grow(struct gw_expressions *set)
{
    size_t capacity = set->capacity == 0 ? 16 : set->capacity * 2;

    if (set->count < set->capacity)
        return 0;
    struct gw_jq_expression *items = gw_arena_calloc(&set->arena, capacity, sizeof(*items));
    if (items == NULL)
        return -ENOMEM;
    if (set->count > 0)
        memcpy(items, set->items, set->count * sizeof(*items));
    set->items = items;
    set->capacity = capacity;
    return 0;
}

/* A double would lose digits of it, and only libjq sees it. */
static int check_literals(const struct gw_jq_tokens *tokens, struct gw_error *error)
{
    for (size_t i = 0; i < tokens->count; i++) {
        struct gw_str text = tokens->items[i].text;
        if (tokens->items[i].kind == GW_JQ_NUMBER && gw_jq_is_long(text))
            return gw_error_set(error, -EINVAL,
                                "the number %.*s has more digits than jq calculates with: write "
                                "it as a text",
                                (int)(text.len < 60 ? text.len : 60), text.ptr);
    }
    return 0;
}

/* Tokens are needed while the expression is read only. */
static int read_expression(struct gw_expressions *set, struct gw_arena *work,
                           struct gw_jq_expression *expression, struct gw_error *error)
{
    bool has_definitions = set->definition_tokens.items != NULL;
    struct gw_jq_tokens tokens;

    int rc = gw_jq_scan(work, expression->text, &tokens, error);
    if (rc == 0)
        rc = gw_jq_check_names(&tokens, error);
    if (rc != 0)
        return rc;
    if (tokens.items[0].kind == GW_JQ_END)
        return gw_error_set(error, -EINVAL, "it is empty");
    rc = gw_jq_parse(&set->arena, &tokens, has_definitions ? &set->definition_tokens : NULL,
                     &expression->own, &expression->may_leave);
    if (rc == 0 && gw_jq_is_foreign(expression))
        rc = check_literals(&tokens, error);
    if (rc == 0)
        rc = gw_jq_collect_variables(set, &tokens, expression);
    return rc == -ENOMEM ? gw_error_set(error, rc, "out of memory") : rc;
}

static int add(struct gw_expressions *set, struct gw_str text, struct gw_error *error)
{
    struct gw_jq_expression expression = {.text = gw_arena_copy(&set->arena, text)};
    struct gw_arena work;

    if (expression.text.ptr == NULL || grow(set) != 0)
        return gw_error_set(error, -ENOMEM, "out of memory");
    gw_arena_init(&work, 16384, 4u << 20);
    int rc = read_expression(set, &work, &expression, error);
    gw_arena_finish(&work);
    if (rc != 0)
        return rc;
    set->items[set->count] = expression;
    rc = gw_map_add(&set->by_text, expression.text, (void *)(uintptr_t)(set->count + 1));
    if (rc == -ENOSPC)
        return gw_error_set(error, -EINVAL, "a document has at most %d expressions",
                            MAX_EXPRESSIONS);
    if (rc != 0)
        return gw_error_set(error, -ENOMEM, "out of memory");
    set->count++;
    gw_jq_program_release(set->program); /* it has not this one */
    set->program = NULL;
    return 0;
}

int gw_expressions_add(struct gw_expressions *set, struct gw_str text, uint32_t *out_index,
                       struct gw_error *error)
{
    void *known = gw_map_get(&set->by_text, text);

    if (known == NULL) {
        if (text.len > GW_MAX_EXPRESSION_BYTES)
            return gw_error_set(error, -EINVAL, "it is longer than %d bytes",
                                GW_MAX_EXPRESSION_BYTES);
        int rc = add(set, text, error);
        if (rc != 0)
            return rc;
        known = (void *)(uintptr_t)set->count;
    }
    *out_index = (uint32_t)((uintptr_t)known - 1);
    return 0;
}
