/* The validator's heart: one value against one node. */
#include <errno.h>

#include "server/json/validate_private.h"

#define MAX_DEPTH 1024
#define MAX_NOTES 1000

bool eval_note(struct eval *eval, struct note note)
{
    if (eval->note_count == eval->run->max_violations || eval->note_count == MAX_NOTES) {
        eval->is_cut = true;
        eval->is_collecting = false; /* enough: from here on it only stops */
        return false;
    }
    if (eval->note_count == eval->note_capacity) {
        size_t capacity = eval->note_capacity == 0 ? 8 : eval->note_capacity * 2;
        struct note *notes = gw_arena_calloc(eval->run->arena, capacity, sizeof(*notes));
        if (notes == NULL) {
            eval->error = -ENOMEM;
            return false;
        }
        if (eval->note_count > 0)
            memcpy(notes, eval->notes, eval->note_count * sizeof(*notes));
        eval->notes = notes;
        eval->note_capacity = capacity;
    }
    eval->notes[eval->note_count++] = note;
    return false;
}

bool eval_abort(struct eval *eval, const struct schema_node *node, uint32_t at, int error)
{
    enum fault fault = error == -ELOOP       ? FAULT_TOO_DEEP
                       : error == -EOVERFLOW ? FAULT_PATTERN_COST
                                             : FAULT_MEMORY;

    if (eval->error != 0)
        return false;
    eval->is_collecting = eval->run->max_violations > 0;
    (void)eval_fault(eval, node, at, fault);
    eval->error = error;
    return false;
}

bool evaluated_init(struct eval *eval, struct evaluated *seen, uint32_t at)
{
    uint32_t count = gw_json_count(eval->tape, at);

    *seen = (struct evaluated){.words = count / 64 + 1};
    seen->bits = seen->few;
    if (seen->words > EVALUATED_WORDS)
        seen->bits = gw_arena_calloc(eval->run->arena, seen->words, sizeof(*seen->bits));
    if (seen->bits == NULL)
        return eval_abort(eval, NULL, at, -ENOMEM);
    return true;
}

void evaluated_merge(struct evaluated *into, const struct evaluated *from)
{
    for (uint32_t i = 0; i < into->words; i++)
        into->bits[i] |= from->bits[i];
}

bool eval_try(struct eval *eval, const struct schema_node *node, uint32_t at,
              struct evaluated *seen)
{
    bool was_collecting = eval->is_collecting;

    eval->is_collecting = false;
    bool ok = eval_check(eval, node, at, seen);
    if (eval->error == 0)
        eval->is_collecting = was_collecting;
    return ok;
}

static void note_secret(struct eval *eval, uint32_t at)
{
    if (eval->secret_count == eval->secret_capacity) {
        size_t capacity = eval->secret_capacity == 0 ? 8 : eval->secret_capacity * 2;
        uint32_t *secrets = gw_arena_calloc(eval->run->arena, capacity, sizeof(*secrets));
        if (secrets == NULL) {
            eval->error = -ENOMEM;
            return;
        }
        if (eval->secret_count > 0)
            memcpy(secrets, eval->secrets, eval->secret_count * sizeof(*secrets));
        eval->secrets = secrets;
        eval->secret_capacity = capacity;
    }
    eval->secrets[eval->secret_count++] = at;
}

static bool is_integer(const struct eval *eval, uint32_t at)
{
    const struct gw_json_token *token = &eval->tokens[at];
    struct gw_decimal decimal;

    if ((token->flags & GW_JSON_INTEGER) != 0)
        return true;
    return gw_decimal_parse(gw_json_number(eval->tape, at), &decimal) == 0 &&
           gw_decimal_is_integer(&decimal);
}

/* What stands in the node itself, apart from the unevaluated keywords. */
static inline bool check_parts(struct eval *eval, const struct schema_node *node, uint32_t at,
                               struct evaluated *seen)
{
    bool ok = true;

    switch (eval->tokens[at].type) {
    case GW_JSON_STRING:
        if (node->string != NULL)
            ok = eval_string(eval, node, at);
        break;
    case GW_JSON_NUMBER:
        if ((node->flags & NODE_INTEGER) != 0 && !is_integer(eval, at))
            return eval_fault(eval, node, at, FAULT_TYPE);
        if (node->number != NULL)
            ok = eval_number(eval, node, at);
        break;
    case GW_JSON_ARRAY:
        if (node->array != NULL)
            ok = eval_array(eval, node, at, seen);
        break;
    case GW_JSON_OBJECT:
        if (node->object != NULL)
            ok = eval_object(eval, node, at, seen);
        break;
    default:
        break;
    }
    if (node->rest != NULL && eval_goes_on(eval, ok))
        ok &= eval_rest(eval, node, at, seen);
    return ok;
}

/* One member or element that no keyword has looked at. */
static bool check_unevaluated(struct eval *eval, const struct schema_node *node,
                              const struct schema_node *inner, const struct gw_json_cursor *cursor)
{
    if ((inner->flags & NODE_NEVER) == 0)
        return eval_check(eval, inner, cursor->value, NULL);
    if (!cursor->is_object)
        return eval_fault(eval, node, cursor->value, FAULT_UNEVALUATED_ITEMS);
    return eval_fail(eval, (struct note){.fault = FAULT_UNEVALUATED,
                                         .node = node,
                                         .at = cursor->value,
                                         .name = gw_json_string(eval->tape, cursor->name)});
}

static const struct schema_node *unevaluated_node(const struct eval *eval,
                                                  const struct schema_node *node, uint32_t at)
{
    if (eval->tokens[at].type == GW_JSON_OBJECT)
        return node->object != NULL ? node->object->unevaluated : NULL;
    if (eval->tokens[at].type == GW_JSON_ARRAY)
        return node->array != NULL ? node->array->unevaluated : NULL;
    return NULL;
}

/* Core, section 11: everything else first, then what is left over. */
static bool check_tracking(struct eval *eval, const struct schema_node *node, uint32_t at,
                           struct evaluated *seen)
{
    const struct schema_node *inner = unevaluated_node(eval, node, at);
    struct gw_json_cursor cursor = gw_json_begin(eval->tape, at);
    struct evaluated own;
    uint32_t position = 0;

    if (inner == NULL)
        return check_parts(eval, node, at, seen);
    if (!evaluated_init(eval, &own, at))
        return false;
    bool ok = check_parts(eval, node, at, &own);
    for (; eval_goes_on(eval, ok) && gw_json_step(eval->tape, &cursor); position++) {
        if (!evaluated_has(&own, position))
            ok &= check_unevaluated(eval, node, inner, &cursor);
        if (seen != NULL)
            evaluated_add(seen, position);
    }
    return ok;
}

static bool check_deep(struct eval *eval, const struct schema_node *node, uint32_t at,
                       struct evaluated *seen)
{
    struct scope scope = {eval->scope, node->resource};
    bool is_entered =
        eval->set->has_dynamic && (eval->scope == NULL || eval->scope->resource != node->resource);

    if (GW_UNLIKELY(eval->depth == MAX_DEPTH))
        return eval_abort(eval, node, at, -ELOOP);
    eval->depth++;
    if (is_entered)
        eval->scope = &scope;
    bool ok = GW_UNLIKELY((node->flags & NODE_TRACKS) != 0) ? check_tracking(eval, node, at, seen)
                                                            : check_parts(eval, node, at, seen);
    if (is_entered)
        eval->scope = scope.outer;
    eval->depth--;
    return ok && eval->error == 0;
}

bool eval_check(struct eval *eval, const struct schema_node *node, uint32_t at,
                struct evaluated *seen)
{
    const struct gw_json_token *token = &eval->tokens[at];

    if (GW_UNLIKELY((node->flags & NODE_SECRET) != 0) && eval->is_reporting)
        note_secret(eval, at);
    if (GW_UNLIKELY((node->types >> token->type & 1) == 0))
        return eval_fault(eval, node, at,
                          (node->flags & NODE_NEVER) != 0 ? FAULT_NEVER : FAULT_TYPE);
    if (token->type < GW_JSON_ARRAY && node->rest == NULL)
        return check_parts(eval, node, at, NULL);
    return check_deep(eval, node, at, seen);
}

/* An array or object of a node that says nothing about it but in its part for the type. */
READER_INLINE bool check_container(struct eval *eval, const struct schema_node *node, uint32_t at)
{
    bool ok = true;

    if (GW_UNLIKELY(eval->depth == MAX_DEPTH))
        return eval_abort(eval, node, at, -ELOOP);
    eval->depth++;
    if (eval->tokens[at].type == GW_JSON_ARRAY)
        ok = node->array == NULL || eval_array(eval, node, at, NULL);
    else
        ok = node->object == NULL || eval_object(eval, node, at, NULL);
    eval->depth--;
    return ok && eval->error == 0;
}

bool eval_inner_slowly(struct eval *eval, const struct schema_node *node, uint32_t at)
{
    const struct gw_json_token *token = &eval->tokens[at];

    if (GW_UNLIKELY(eval->is_reporting))
        return eval_check(eval, node, at, NULL);
    if (node->sole != NULL)
        node = node->sole[token->type];
    if ((node->types >> token->type & 1) == 0)
        return false;
    if (token->type >= GW_JSON_ARRAY && node->is_direct)
        return check_container(eval, node, at);
    enum quick quick = eval_quick(node, token);
    return quick == QUICK_YES || (quick == QUICK_UNKNOWN && eval_check(eval, node, at, NULL));
}

int gw_schema_validate(const struct gw_schema_set *set, size_t entry,
                       const struct gw_json_tape *tape, const struct gw_schema_run *run,
                       struct gw_violations *out)
{
    const struct schema_node *node = set->entries[entry];
    struct eval eval = {
        .set = set,
        .tape = tape,
        .tokens = tape->tokens,
        .open = schema_open_part(tape->text),
        .run = run,
        .scratch = {.arena = run->arena},
    };

    *out = (struct gw_violations){.items = NULL};
    if (eval_inner(&eval, node, run->root) && eval.error == 0)
        return 0;
    if (run->max_violations == 0)
        return eval.error != 0 ? eval.error : 1;
    if (eval.error == 0) {
        eval.is_collecting = true;
        eval.is_reporting = true;
        (void)eval_check(&eval, node, run->root, NULL);
    }
    int rc = eval_report(&eval, out);
    if (eval.error != 0)
        return eval.error;
    return rc != 0 ? rc : 1;
}
