/* Evaluation: each node hands what it yields to a sink, one value after the other. Order is that of
 * libjq: of two operands the right one is the outer loop. */
#include <assert.h>

#include "server/core/arena.h"
#include "server/flow/expression_nodes.h"

/* Variables that were bound on the way. */
struct binding {
    struct gw_str name;
    struct gw_value value;
    const struct binding *older;
};

/* What a node needs: itself, `.`, and where its results go. */
struct step {
    struct gw_jq_run *run;
    const struct gw_jq_node *node;
    const struct binding *bindings;
    const struct gw_value *input;
    struct sink *out;
};

/* Takes a value; it is the caller's again when this returns. */
struct sink {
    enum gw_jq_outcome (*take)(struct sink *self, const struct gw_value *value);
    const struct step *step;
    const struct gw_value *other;   /* of two operands: the right one */
    struct gw_value_builder *built; /* of an array */
    struct gw_value_member *chosen; /* of an object, */
    size_t place;                   /* and the pair's place in it */
    bool has_some;                  /* of an alternative: one came that is true */
};

static enum gw_jq_outcome evaluate(const struct step *step);

static enum gw_jq_outcome hand(const struct step *step, const struct gw_value *value)
{
    assert(step->out->take != NULL);
    return step->out->take(step->out, value);
}

/* `node` over `input` in the place of `step`. */
static enum gw_jq_outcome evaluate_in(const struct step *step, const struct gw_jq_node *node,
                                      const struct gw_value *input, struct sink *out)
{
    struct step inner = *step;

    inner.node = node;
    inner.input = input;
    inner.out = out;
    return evaluate(&inner);
}

/* --- paths ------------------------------------------------------------------------------------ */

/* What an optional path cannot do yields nothing. */
static enum gw_jq_outcome give_member(const struct step *step, const struct gw_value *value,
                                      const struct gw_value *key)
{
    struct gw_value member;
    enum gw_jq_outcome outcome = gw_jq_index(step->run, value, key, &member);

    if (outcome == GW_JQ_DONE)
        return hand(step, &member);
    return outcome == GW_JQ_FAILED && step->node->is_optional ? GW_JQ_DONE : outcome;
}

static enum gw_jq_outcome take_member(struct sink *self, const struct gw_value *value)
{
    return give_member(self->step, value, &self->step->node->value);
}

static enum gw_jq_outcome take_indexed(struct sink *self, const struct gw_value *value)
{
    return give_member(self->step, value, self->other);
}

static enum gw_jq_outcome take_index(struct sink *self, const struct gw_value *key)
{
    struct sink sink = {.take = take_indexed, .step = self->step, .other = key};

    return evaluate_in(self->step, self->step->node->a, self->step->input, &sink);
}

static enum gw_jq_outcome take_each(struct sink *self, const struct gw_value *value)
{
    const struct step *step = self->step;
    enum gw_jq_outcome outcome = GW_JQ_DONE;

    if (value->type < GW_JSON_ARRAY && step->node->is_optional)
        return GW_JQ_DONE;
    if (value->type < GW_JSON_ARRAY)
        return gw_jq_fail(step->run, "Cannot iterate over %s", gw_jq_type_name(value));
    for (uint32_t i = 0; i < value->count && outcome == GW_JQ_DONE; i++) {
        outcome = gw_jq_charge(step->run, 1);
        if (outcome == GW_JQ_DONE)
            outcome = hand(step, value->type == GW_JSON_ARRAY ? &value->items[i]
                                                              : &value->members[i].value);
    }
    return outcome;
}

/* --- order and choice ------------------------------------------------------------------------- */

static enum gw_jq_outcome take_piped(struct sink *self, const struct gw_value *value)
{
    return evaluate_in(self->step, self->step->node->b, value, self->step->out);
}

static enum gw_jq_outcome take_bound(struct sink *self, const struct gw_value *value)
{
    struct step inner = *self->step;
    struct binding binding = {.name = inner.node->name, .value = *value, .older = inner.bindings};

    inner.bindings = &binding;
    inner.node = inner.node->b;
    return evaluate(&inner);
}

static enum gw_jq_outcome take_chosen(struct sink *self, const struct gw_value *value)
{
    const struct gw_jq_node *node = self->step->node;

    return evaluate_in(self->step, gw_jq_is_true(value) ? node->b : node->c, self->step->input,
                       self->step->out);
}

static enum gw_jq_outcome take_preferred(struct sink *self, const struct gw_value *value)
{
    if (!gw_jq_is_true(value))
        return GW_JQ_DONE;
    self->has_some = true;
    return hand(self->step, value);
}

static enum gw_jq_outcome alternative(const struct step *step)
{
    struct sink sink = {.take = take_preferred, .step = step};
    enum gw_jq_outcome outcome = evaluate_in(step, step->node->a, step->input, &sink);

    if (outcome != GW_JQ_DONE || sink.has_some)
        return outcome;
    return evaluate_in(step, step->node->b, step->input, step->out);
}

static enum gw_jq_outcome comma(const struct step *step)
{
    enum gw_jq_outcome outcome = evaluate_in(step, step->node->a, step->input, step->out);

    return outcome != GW_JQ_DONE ? outcome
                                 : evaluate_in(step, step->node->b, step->input, step->out);
}

static enum gw_jq_outcome take_truth(struct sink *self, const struct gw_value *value)
{
    struct gw_value truth = gw_value_bool(gw_jq_is_true(value));

    return hand(self->step, &truth);
}

/* The left side of `and` and `or`: it may decide alone. */
static enum gw_jq_outcome take_left_truth(struct sink *self, const struct gw_value *value)
{
    struct sink sink = {.take = take_truth, .step = self->step};
    bool decides =
        self->step->node->kind == GW_JQ_OR ? gw_jq_is_true(value) : !gw_jq_is_true(value);

    if (decides)
        return take_truth(self, value);
    return evaluate_in(self->step, self->step->node->b, self->step->input, &sink);
}

static enum gw_jq_outcome take_selected(struct sink *self, const struct gw_value *value)
{
    return gw_jq_is_true(value) ? hand(self->step, self->step->input) : GW_JQ_DONE;
}

/* --- operators and functions ------------------------------------------------------------------ */

static enum gw_jq_outcome take_left(struct sink *self, const struct gw_value *value)
{
    const struct step *step = self->step;
    bool is_compared = step->node->kind == GW_JQ_COMPARE;
    struct gw_value result;

    enum gw_jq_outcome outcome =
        is_compared ? gw_jq_compare(step->run, step->node->sign, value, self->other, &result)
                    : gw_jq_calculate(step->run, step->node->sign, value, self->other, &result);
    return outcome == GW_JQ_DONE ? hand(step, &result) : outcome;
}

static enum gw_jq_outcome take_right(struct sink *self, const struct gw_value *value)
{
    struct sink sink = {.take = take_left, .step = self->step, .other = value};

    return evaluate_in(self->step, self->step->node->a, self->step->input, &sink);
}

static enum gw_jq_outcome take_argument(struct sink *self, const struct gw_value *value)
{
    const struct step *step = self->step;
    struct gw_value result = gw_value_bool(!gw_jq_is_true(value));
    enum gw_jq_outcome outcome = GW_JQ_DONE;

    if (step->node->kind == GW_JQ_LENGTH)
        outcome = gw_jq_length(step->run, value, &result);
    else if (step->node->kind == GW_JQ_TO_TEXT)
        outcome = gw_jq_to_text(value, &result);
    return outcome == GW_JQ_DONE ? hand(step, &result) : outcome;
}

/* --- arrays and objects ----------------------------------------------------------------------- */

static enum gw_jq_outcome take_item(struct sink *self, const struct gw_value *value)
{
    return gw_value_add_item(self->built, *value) == 0 ? GW_JQ_DONE : GW_JQ_NO_MEMORY;
}

static enum gw_jq_outcome collect(const struct step *step)
{
    struct gw_value_builder builder = {.arena = step->run->arena};
    struct sink sink = {.take = take_item, .step = step, .built = &builder};
    enum gw_jq_outcome outcome = evaluate_in(step, step->node->a, step->input, &sink);

    if (outcome != GW_JQ_DONE)
        return outcome;
    struct gw_value array = gw_value_built_array(&builder);
    return hand(step, &array);
}

/* An object for each combination of its pairs' values: all that are chosen stand in `chosen`. */
static enum gw_jq_outcome give_object(const struct sink *last, size_t count)
{
    struct gw_arena *arena = last->step->run->arena;
    struct gw_value_builder builder = {.arena = arena, .capacity = count};
    int rc = 0;

    builder.members = gw_arena_calloc(arena, count, sizeof(*builder.members));
    if (builder.members == NULL)
        return GW_JQ_NO_MEMORY;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = gw_value_add_member(&builder, last->chosen[i].name, last->chosen[i].value);
    if (rc != 0)
        return GW_JQ_NO_MEMORY;
    struct gw_value object = gw_value_built_object(&builder);
    return hand(last->step, &object);
}

static enum gw_jq_outcome choose(const struct step *step, struct gw_value_member *chosen,
                                 size_t at);

static enum gw_jq_outcome take_pair_value(struct sink *self, const struct gw_value *value)
{
    struct step next = *self->step;

    self->chosen[self->place].value = *value;
    next.node = next.node->c;
    if (next.node == NULL)
        return give_object(self, self->place + 1);
    return choose(&next, self->chosen, self->place + 1);
}

static enum gw_jq_outcome take_pair_key(struct sink *self, const struct gw_value *key)
{
    struct sink sink = {
        .take = take_pair_value, .step = self->step, .chosen = self->chosen, .place = self->place};

    if (key->type != GW_JSON_STRING)
        return gw_jq_fail(self->step->run, "Object keys must be strings");
    self->chosen[self->place].name = key->text;
    return evaluate_in(self->step, self->step->node->b, self->step->input, &sink);
}

static enum gw_jq_outcome choose(const struct step *step, struct gw_value_member *chosen, size_t at)
{
    struct sink sink = {.take = take_pair_key, .step = step, .chosen = chosen, .place = at};

    return evaluate_in(step, step->node->a, step->input, &sink);
}

static enum gw_jq_outcome combine(const struct step *step)
{
    size_t count = 0;

    for (const struct gw_jq_node *pair = step->node; pair != NULL; pair = pair->c)
        count++;
    struct gw_value_member *chosen = gw_arena_calloc(step->run->arena, count, sizeof(*chosen));
    return chosen == NULL ? GW_JQ_NO_MEMORY : choose(step, chosen, 0);
}

/* --- all together ----------------------------------------------------------------------------- */

static enum gw_jq_outcome refer(const struct step *step)
{
    struct gw_str name = step->node->name;
    const struct gw_value *value;

    for (const struct binding *binding = step->bindings; binding != NULL;
         binding = binding->older) {
        if (gw_str_equal(binding->name, name))
            return hand(step, &binding->value);
    }
    value = gw_value_member(step->run->variables, name);
    if (value == NULL)
        return gw_jq_fail(step->run, "$%.*s is not defined here", GW_STR_ARG(name));
    return hand(step, value);
}

/* The operand that is evaluated first, and what takes its values. */
static const struct gw_jq_node *first_operand(const struct gw_jq_node *node, struct sink *sink)
{
    static const struct {
        enum gw_jq_outcome (*take)(struct sink *self, const struct gw_value *value);
        bool is_right;
    } firsts[] = {
        [GW_JQ_MEMBER] = {take_member, false},    [GW_JQ_INDEX] = {take_index, true},
        [GW_JQ_EACH] = {take_each, false},        [GW_JQ_PIPE] = {take_piped, false},
        [GW_JQ_BIND] = {take_bound, false},       [GW_JQ_OR] = {take_left_truth, false},
        [GW_JQ_AND] = {take_left_truth, false},   [GW_JQ_COMPARE] = {take_right, true},
        [GW_JQ_ARITHMETIC] = {take_right, true},  [GW_JQ_TO_TEXT] = {take_argument, false},
        [GW_JQ_CONDITION] = {take_chosen, false}, [GW_JQ_NOT] = {take_argument, false},
        [GW_JQ_LENGTH] = {take_argument, false},  [GW_JQ_SELECT] = {take_selected, false},
    };

    sink->take = firsts[node->kind].take;
    return firsts[node->kind].is_right ? node->b : node->a;
}

static enum gw_jq_outcome evaluate(const struct step *step)
{
    struct sink sink = {.step = step};

    if (gw_jq_charge(step->run, 1) != GW_JQ_DONE)
        return GW_JQ_LEFT;
    switch (step->node->kind) {
    case GW_JQ_IDENTITY:
        return hand(step, step->input);
    case GW_JQ_LITERAL:
        return hand(step, &step->node->value);
    case GW_JQ_REFERENCE:
        return refer(step);
    case GW_JQ_COMMA:
        return comma(step);
    case GW_JQ_ALTERNATIVE:
        return alternative(step);
    case GW_JQ_ARRAY:
        return collect(step);
    case GW_JQ_OBJECT:
        return combine(step);
    case GW_JQ_EMPTY:
        return GW_JQ_DONE;
    default:
        return evaluate_in(step, first_operand(step->node, &sink), step->input, &sink);
    }
}

enum gw_jq_outcome gw_jq_evaluate(struct gw_jq_run *run, const struct gw_jq_node *node,
                                  const struct gw_value *input, struct gw_value_builder *results)
{
    struct sink sink = {.take = take_item, .built = results};
    const struct step step = {.run = run, .node = node, .input = input, .out = &sink};

    return evaluate(&step);
}
