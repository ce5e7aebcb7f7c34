/* The scripts' arguments and replies (see script.h), put together and taken apart. */
#pragma once

#include "digits.h"
#include "plan.h"
#include "script.h"
#include "server/store/redis.h"

#define TAKE_MAX_ARGS (SCRIPT_TAKE_ARGS + PLAN_MAX_LIMITS * (LIMIT_ARGS + 1))
#define TAKE_MAX_NUMBERS (SCRIPT_TAKE_ARGS + PLAN_MAX_LIMITS)

/* One call's: must stay where it is until the call is over. */
struct take_args {
    struct gw_redis_eval eval;
    struct gw_str keys[2];
    struct gw_str args[TAKE_MAX_ARGS];
    char numbers[TAKE_MAX_NUMBERS][DIGITS_MAX + 1];
    size_t arg_count, number_count;
};

struct take_question {
    const struct plan_group *group;
    struct gw_str key, slot_key, slot_name; /* the last two empty without a slot */
    struct gw_str holder;
    uint64_t weight, want, held;
    uint64_t timeout_ns;
};

void take_args_init(struct take_args *args, const struct gw_script *script, uint64_t timeout_ns);
void take_args_text(struct take_args *args, struct gw_str text);
void take_args_number(struct take_args *args, uint64_t number, bool is_negative);
void take_args_limit(struct take_args *args, const struct limit *limit);

/* All of rate_limit_take's. The strings of the question are borrowed. */
void take_args_fill(struct take_args *args, const struct take_question *question);

struct take_result {
    uint64_t granted;
    uint64_t now_us;
    int refused_by; /* the place of a limit, or -1 */
};

/* false if it is not what the script returns. */
bool take_reply_read(const struct gw_reply *reply, const struct plan_group *group,
                     struct take_result *out_result, struct limit_answer *out_answers);
