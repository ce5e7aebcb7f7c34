#include "server/upstream/route.h"

#include "server/core/hash.h"
#include "server/http/exchange.h"
#include "server/json/reader.h"
#include "server/upstream/balance.h"

/* Not a secret: every gateway of a fleet must draw the same. */
static const struct gw_hash_key sticky_key = {UINT64_C(0x6d696c6c67617465), 1};

static struct gw_str text_of(const struct gw_json_tape *tape, uint32_t at)
{
    switch (gw_json_type(tape, at)) {
    case GW_JSON_STRING:
        return gw_json_string(tape, at);
    case GW_JSON_NUMBER:
        return gw_json_number(tape, at);
    case GW_JSON_TRUE:
        return GW_STR("true");
    case GW_JSON_FALSE:
        return GW_STR("false");
    default:
        return (struct gw_str){0};
    }
}

static bool is_text(const struct gw_json_tape *tape, uint32_t at, struct gw_str wanted)
{
    struct gw_str text = text_of(tape, at);

    return text.ptr != NULL && gw_str_equal(text, wanted);
}

/* The claim is the value, or a list that has it. */
static bool has_claim(struct gw_exchange *ex, const struct gw_route_condition *condition)
{
    struct gw_json_tape tape;
    struct gw_json_error error;

    if (ex->identity.claims.len == 0 ||
        gw_json_read(&ex->arena, ex->identity.claims, NULL, &tape, &error) != 0)
        return false;
    uint32_t at = gw_json_get(&tape, 0, condition->name);
    if (at == GW_JSON_NONE)
        return false;
    if (gw_json_type(&tape, at) != GW_JSON_ARRAY)
        return is_text(&tape, at, condition->value);
    uint32_t end = gw_json_next(&tape, at);
    for (uint32_t item = at + 1; item < end; item = gw_json_next(&tape, item)) {
        if (is_text(&tape, item, condition->value))
            return true;
    }
    return false;
}

static bool holds(struct gw_exchange *ex, const struct gw_route_condition *condition)
{
    if (condition->is_claim)
        return has_claim(ex, condition);
    const struct gw_str *value = gw_request_field(ex, condition->name);
    return value != NULL && gw_str_equal(*value, condition->value);
}

static bool is_drawn(const struct gw_route_rule *route, const struct gw_exchange *ex,
                     uint64_t *random)
{
    struct gw_str who = ex->identity.consumer.len > 0 ? ex->identity.consumer : ex->request.peer;

    if (route->percent >= 100)
        return true;
    if (route->is_sticky)
        return gw_hash(&sticky_key, who) % 100 < route->percent;
    return gw_balance_below(random, 100) < route->percent;
}

bool gw_route_is_meant(const struct gw_route_rule *route, struct gw_exchange *ex)
{
    size_t held = 0;

    while (held < route->condition_count && holds(ex, &route->conditions[held]))
        held++;
    return held == route->condition_count;
}

uint32_t gw_route_choose(const struct gw_route_rule *routes, size_t count, struct gw_exchange *ex,
                         uint64_t *random)
{
    for (size_t i = 0; i < count; i++) {
        const struct gw_route_rule *route = &routes[i];
        if (gw_route_is_meant(route, ex) && is_drawn(route, ex, random))
            return (uint32_t)i + 1;
    }
    return 0;
}
