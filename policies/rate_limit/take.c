#include "take.h"

#include <assert.h>

#include "server/core/clock.h"

void take_args_init(struct take_args *args, const struct gw_script *script, uint64_t timeout_ns)
{
    args->arg_count = args->number_count = 0;
    args->eval = (struct gw_redis_eval){
        .script = script, .keys = args->keys, .args = args->args, .timeout_ns = timeout_ns};
}

void take_args_text(struct take_args *args, struct gw_str text)
{
    assert(args->arg_count < TAKE_MAX_ARGS);
    args->args[args->arg_count++] = text;
    args->eval.arg_count = args->arg_count;
}

void take_args_number(struct take_args *args, uint64_t number, bool is_negative)
{
    assert(args->number_count < TAKE_MAX_NUMBERS);
    char *text = args->numbers[args->number_count++];
    char *at = text;

    if (is_negative)
        *at++ = '-';
    at = digits_write(at, number);
    take_args_text(args, gw_str_from(text, (size_t)(at - text)));
}

void take_args_limit(struct take_args *args, const struct limit *limit)
{
    for (int i = 0; i < LIMIT_ARGS; i++)
        take_args_text(args, limit->args[i]);
}

void take_args_fill(struct take_args *args, const struct take_question *question)
{
    const struct plan_group *group = question->group;

    take_args_init(args, &rate_limit_take, question->timeout_ns);
    args->keys[0] = question->key;
    args->keys[1] = question->slot_key;
    args->eval.key_count = question->slot_key.len > 0 ? 2 : 1;
    take_args_number(args, question->weight, false);
    take_args_number(args, question->want, false);
    take_args_text(args, question->holder);
    take_args_number(args, question->held, false);
    take_args_text(args, group->leases_max);
    take_args_text(args, question->slot_name);
    for (size_t i = 0; i < group->limit_count; i++)
        take_args_limit(args, group->limits[i]);
}

static uint64_t number_at(const struct gw_reply *reply, size_t index)
{
    int64_t number = gw_reply_integer_at(reply, index);

    return number > 0 ? (uint64_t)number : 0;
}

bool take_reply_read(const struct gw_reply *reply, const struct plan_group *group,
                     struct take_result *out_result, struct limit_answer *out_answers)
{
    if (reply->type != GW_REPLY_ARRAY || reply->count != SCRIPT_TAKE_HEAD + 2 * group->limit_count)
        return false;
    uint64_t refused = number_at(reply, 2);
    if (refused > group->limit_count)
        return false;
    *out_result = (struct take_result){.granted = number_at(reply, 0),
                                       .now_us = number_at(reply, 1),
                                       .refused_by = (int)refused - 1};
    for (size_t i = 0; i < group->limit_count; i++) {
        out_answers[i] = (struct limit_answer){
            .is_admitted = refused == 0,
            .remaining = number_at(reply, SCRIPT_TAKE_HEAD + 2 * i),
            .reset_ns = number_at(reply, SCRIPT_TAKE_HEAD + 2 * i + 1) * GW_NS_PER_US,
        };
    }
    return true;
}
