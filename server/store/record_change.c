#include "server/store/record_change.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "server/core/clock.h"

#define TIMEOUT_NS GW_NS_PER_SECOND

static bool on_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    static const int results[] = {
        [GW_RECORD_DONE] = 0,
        [GW_RECORD_EXISTS] = -EEXIST,
        [GW_RECORD_ABSENT] = -ENOENT,
        [GW_RECORD_FULL] = -ENOSPC,
    };
    struct gw_record_change *change = GW_CONTAINER_OF(write, struct gw_record_change, write);
    bool is_known = reply->type == GW_REPLY_INTEGER && reply->integer >= 0 &&
                    reply->integer < (int64_t)GW_COUNT_OF(results);

    change->result = is_known ? results[reply->integer] : -EPROTO;
    return change->result == 0;
}

static void on_done(struct gw_record_write *write, int rc)
{
    struct gw_record_change *change = GW_CONTAINER_OF(write, struct gw_record_change, write);

    change->on_done(change, rc != 0 ? rc : change->result);
}

int gw_record_change_start(struct gw_record_writer *writer, struct gw_record_change *change)
{
    static const struct gw_str words[] = {
        [GW_RECORD_ADD] = GW_STR_INIT("add"),
        [GW_RECORD_PUT] = GW_STR_INIT("put"),
        [GW_RECORD_REMOVE] = GW_STR_INIT("remove"),
        [GW_RECORD_TIDY] = GW_STR_INIT("tidy"),
    };
    static const char max_count[] = "250000";

    _Static_assert(GW_RECORD_MAX_COUNT == 250000, "as the text above says");
    if (change->value.len > GW_RECORD_MAX_VALUE_BYTES)
        return -EMSGSIZE;
    snprintf(change->expires_text, sizeof(change->expires_text), "%" PRIu64, change->expires_s);
    change->args[0] = words[change->act];
    change->args[1] = change->id;
    change->args[2] = change->value;
    change->args[3] = gw_str_of(change->expires_text);
    change->args[4] = GW_STR(max_count);
    change->write = (struct gw_record_write){.on_reply = on_reply, .on_done = on_done};
    const struct gw_redis_eval eval = {
        .script = &gw_record_script,
        .keys = gw_record_keys,
        .key_count = GW_RECORD_KEYS,
        .args = change->args,
        .arg_count = GW_RECORD_ARGS,
        .timeout_ns = TIMEOUT_NS,
    };
    return gw_record_write_start(writer, &change->write, &eval);
}
