#include "fields.h"

#include "server/core/clock.h"

static char *put(char *out, struct gw_str text)
{
    memcpy(out, text.ptr, text.len);
    return out + text.len;
}

/* Section 4: "standard";r=50;t=30 */
static char *put_answer(char *out, const struct limit *limit, const struct limit_answer *answer)
{
    uint64_t reset_s = (answer->reset_ns + GW_NS_PER_SECOND - 1) / GW_NS_PER_SECOND;

    out = digits_write(put(out, limit->prefix), answer->remaining);
    if (limit->kind == LIMIT_CONCURRENT && answer->remaining > 0)
        return out; /* nobody knows when one is free */
    return digits_write(put(out, GW_STR(";t=")), reset_s);
}

static struct gw_str print_answers(const struct question *question)
{
    const struct plan *plan = question->plan;
    size_t room = plan->texts_bytes + plan->limit_count * (2 * DIGITS_MAX + sizeof(";t=, "));
    char *text = gw_arena_alloc(&question->ex->arena, room);
    char *at = text;

    if (text == NULL)
        return gw_str_from(NULL, 0);
    for (size_t i = 0; i < plan->group_count; i++) {
        const struct grant *grant = question->grants[i];
        for (size_t j = 0; j < grant->group->limit_count; j++) {
            if (at != text)
                at = put(at, GW_STR(", "));
            at = put_answer(at, grant->group->limits[j], &grant->answers[j]);
        }
    }
    *at = '\0'; /* as fields end */
    return gw_str_from(text, (size_t)(at - text));
}

void fields_add(const struct question *question)
{
    struct gw_exchange *ex = question->ex;
    struct gw_str answers = print_answers(question);

    if (answers.ptr == NULL)
        return;
    gw_response_remove_field(ex, GW_STR("RateLimit-Policy"));
    gw_response_remove_field(ex, GW_STR("RateLimit"));
    if (gw_response_add_field(ex, GW_STR("RateLimit-Policy"), question->plan->policy) == 0 &&
        gw_response_add_field(ex, GW_STR("RateLimit"), answers) != 0)
        gw_response_remove_field(ex, GW_STR("RateLimit-Policy"));
}
