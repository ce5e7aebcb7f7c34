#include "server/connector/ids/ids.h"

#include <errno.h>

#include "server/filter/worker.h"
#include "server/store/record.h"

const struct gw_script gw_ids_keep_script = {
    .name = "ids",
    .source = GW_STR_INIT(
        "local new = 0\n"
        "for i = 3, #ARGV, 2 do\n"
        "  local c = redis.call('HGET', KEYS[1], 's:' .. ARGV[2] .. ':' .. ARGV[i])\n"
        "  local s = redis.call('HGET', KEYS[1], 'c:' .. ARGV[2] .. ':' .. ARGV[i + 1])\n"
        "  if (c and c ~= ARGV[i + 1]) or (s and s ~= ARGV[i]) then\n"
        "    return {1, (i - 1) / 2}\n"
        "  end\n"
        "  if not c then new = new + 1 end\n"
        "end\n"
        "if new == 0 then return {0, 0} end\n"
        "if redis.call('HLEN', KEYS[1]) + 2 * new > tonumber(ARGV[1]) then return {2, 0} end\n"
        "local seen = {}\n"
        "for i = 3, #ARGV, 2 do\n"
        "  local s, c = 's:' .. ARGV[i], 'c:' .. ARGV[i + 1]\n"
        "  if (seen[s] and seen[s] ~= c) or (seen[c] and seen[c] ~= s) then\n"
        "    return {1, (i - 1) / 2}\n"
        "  end\n"
        "  seen[s], seen[c] = c, s\n"
        "end\n"
        "for i = 3, #ARGV, 2 do\n"
        "  redis.call('HSET', KEYS[1], 's:' .. ARGV[2] .. ':' .. ARGV[i], ARGV[i + 1],\n"
        "             'c:' .. ARGV[2] .. ':' .. ARGV[i + 1], ARGV[i])\n"
        "end\n"
        "return {0, new}\n"),
};

/* One call, in its arena. */
struct asking {
    struct gw_connector_call *call;
    const struct gw_value *ids; /* asked for, or pairs to keep */
    struct gw_str hash, system;
    struct gw_str *args;
    size_t arg_count;
    struct gw_redis_call *asked;
    struct gw_record_write write;
    struct gw_redis_eval eval;
    int64_t verdict, number; /* of keeping */
};

/* --- arguments --- */

static bool is_word(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (byte != '-' && !(byte >= 'a' && byte <= 'z') && !(byte >= '0' && byte <= '9'))
            return false;
    }
    return text.len > 0 && text.len <= 64;
}

static bool is_id(const struct gw_value *value)
{
    return value != NULL && value->type == GW_JSON_STRING && value->text.len > 0 &&
           value->text.len <= GW_IDS_MAX_BYTES;
}

static void refuse(struct gw_connector_call *call, const char *why)
{
    gw_connector_fail_with(call, GW_CONNECTOR_WRONG, "%s", why);
}

/* NULL: it has been refused. */
static struct asking *prepare(struct gw_connector_call *call, const char *list)
{
    const struct gw_value *ids = gw_value_member(&call->arguments, gw_str_of(list));
    struct gw_str kind = gw_value_member_text(&call->arguments, GW_STR("kind"));
    struct gw_str landscape = gw_value_member_text(&call->metadata, GW_STR("landscape"));
    struct gw_str system = gw_value_member_text(&call->arguments, GW_STR("system"));
    const char *wrong = NULL;

    if (system.len == 0)
        system = gw_value_member_text(&call->metadata, GW_STR("system"));
    if (landscape.len == 0 || system.len == 0)
        wrong = "ids are kept for the systems of a landscape, and this runs in none";
    else if (!is_word(kind) || !is_word(system))
        wrong = "kind and system are of a-z, 0-9 and hyphens";
    else if (ids == NULL || ids->type != GW_JSON_ARRAY || ids->count > GW_IDS_MAX_ITEMS)
        wrong = "the ids are no list, or more than 1000";
    if (wrong != NULL) {
        refuse(call, wrong);
        return NULL;
    }
    struct asking *asking = gw_arena_calloc(call->arena, 1, sizeof(*asking));
    if (asking != NULL) {
        asking->call = call;
        asking->ids = ids;
        asking->system = system;
        asking->hash = gw_arena_printf(call->arena, "millgate:ids:{%.*s:%.*s}",
                                       GW_STR_ARG(landscape), GW_STR_ARG(kind));
        asking->args =
            gw_arena_calloc(call->arena, 2 * (size_t)ids->count + 2, sizeof(*asking->args));
    }
    if (asking == NULL || asking->hash.ptr == NULL || asking->args == NULL) {
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "out of memory");
        return NULL;
    }
    call->state = asking;
    return asking;
}

/* --- looking up --- */

static void cancel_asking(struct gw_connector_call *call)
{
    struct asking *asking = call->state;

    if (asking->asked != NULL)
        gw_redis_cancel(asking->asked);
    asking->asked = NULL;
}

static void on_found(void *self, int rc, const struct gw_reply *reply)
{
    struct asking *asking = self;
    struct gw_connector_call *call = asking->call;
    struct gw_value_builder found = {.arena = call->arena};
    int added = 0;

    asking->asked = NULL;
    if (rc != 0 || reply->type != GW_REPLY_ARRAY || reply->count != asking->ids->count) {
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "Redis does not tell the ids");
        return;
    }
    for (uint32_t i = 0; added == 0 && i < asking->ids->count; i++) {
        const struct gw_reply *item = &reply->items[i];
        struct gw_str id = asking->ids->items[i].text;
        if (item->type == GW_REPLY_STRING)
            id = gw_arena_copy(call->arena, item->text);
        added = id.ptr == NULL ? -ENOMEM : gw_value_add_item(&found, gw_value_string(id));
    }
    if (added == 0)
        gw_connector_done(call, gw_value_built_array(&found));
    else
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "out of memory");
}

static void look_up(struct gw_connector_call *call, char direction)
{
    struct asking *asking = prepare(call, "ids");

    if (asking == NULL)
        return;
    asking->args[asking->arg_count++] = GW_STR("HMGET");
    asking->args[asking->arg_count++] = asking->hash;
    for (uint32_t i = 0; i < asking->ids->count; i++) {
        if (!is_id(&asking->ids->items[i])) {
            refuse(call, "an id is a text of 1 to 200 bytes");
            return;
        }
        struct gw_str id = asking->ids->items[i].text;
        struct gw_str field = gw_arena_printf(call->arena, "%c:%.*s:%.*s", direction,
                                              GW_STR_ARG(asking->system), GW_STR_ARG(id));
        if (field.ptr == NULL) {
            gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "out of memory");
            return;
        }
        asking->args[asking->arg_count++] = field;
    }
    if (asking->ids->count == 0) {
        gw_connector_done(call, gw_value_array(NULL, 0));
        return;
    }
    const struct gw_redis_command command = {.args = asking->args, .count = asking->arg_count};
    call->cancel = cancel_asking;
    if (gw_redis_send(call->worker->redis, &command, on_found, asking, &asking->asked) != 0)
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "Redis is away");
}

static void begin_canonical(void *self, struct gw_connector_call *call)
{
    (void)self;
    look_up(call, 's');
}

static void begin_system(void *self, struct gw_connector_call *call)
{
    (void)self;
    look_up(call, 'c');
}

/* --- keeping --- */

static bool on_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct asking *asking = GW_CONTAINER_OF(write, struct asking, write);

    asking->verdict = gw_reply_integer_at(reply, 0);
    asking->number = gw_reply_integer_at(reply, 1);
    return asking->verdict == 0 && asking->number > 0;
}

static void on_kept(struct gw_record_write *write, int rc)
{
    struct asking *asking = GW_CONTAINER_OF(write, struct asking, write);
    struct gw_connector_call *call = asking->call;

    if (rc != 0) /* once more does no harm */
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "Redis does not keep the ids");
    else if (asking->verdict == 0)
        gw_connector_done(call, gw_value_null());
    else if (asking->verdict == 1)
        gw_connector_fail_with(call, GW_CONNECTOR_CONFLICT,
                               "pair %lld contradicts what is kept already",
                               (long long)asking->number);
    else
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "too many ids are kept");
}

static void cancel_keeping(struct gw_connector_call *call)
{
    struct asking *asking = call->state;

    gw_record_write_stop(&asking->write);
}

static void begin_keep(void *self, struct gw_connector_call *call)
{
    struct asking *asking = prepare(call, "pairs");

    (void)self;
    if (asking == NULL)
        return;
    asking->args[asking->arg_count++] = gw_arena_printf(call->arena, "%d", GW_IDS_MAX_KEPT);
    asking->args[asking->arg_count++] = asking->system;
    for (uint32_t i = 0; i < asking->ids->count; i++) {
        const struct gw_value *pair = &asking->ids->items[i];
        const struct gw_value *id = gw_value_member(pair, GW_STR("id"));
        const struct gw_value *canonical = gw_value_member(pair, GW_STR("canonical"));
        if (!is_id(id) || !is_id(canonical)) {
            refuse(call, "a pair is {id, canonical}, both texts of 1 to 200 bytes");
            return;
        }
        asking->args[asking->arg_count++] = id->text;
        asking->args[asking->arg_count++] = canonical->text;
    }
    asking->eval = (struct gw_redis_eval){.script = &gw_ids_keep_script,
                                          .keys = &asking->hash,
                                          .key_count = 1,
                                          .args = asking->args,
                                          .arg_count = asking->arg_count};
    asking->write = (struct gw_record_write){.on_reply = on_reply, .on_done = on_kept};
    call->cancel = cancel_keeping;
    if (asking->args[0].ptr == NULL || call->worker->record_writer == NULL ||
        gw_record_write_start(call->worker->record_writer, &asking->write, &asking->eval) != 0)
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "Redis is away");
}

/* --- the type --- */

static const struct gw_option find_parameters[] = {
    {.name = "kind",
     .type = GW_STRING,
     .min = 1,
     .max = 64,
     .flags = GW_OPTION_REQUIRED,
     .help = "What they are ids of, \"production-order\"."},
    {.name = "system",
     .type = GW_STRING,
     .min = 1,
     .max = 64,
     .help = "Whose ids they are; the system of the run if left out."},
    {.name = "ids", .type = GW_ANY, .flags = GW_OPTION_REQUIRED, .help = "A list of ids."},
    {0},
};

static const struct gw_option keep_parameters[] = {
    {.name = "kind",
     .type = GW_STRING,
     .min = 1,
     .max = 64,
     .flags = GW_OPTION_REQUIRED,
     .help = "As above."},
    {.name = "system", .type = GW_STRING, .min = 1, .max = 64, .help = "As above."},
    {.name = "pairs",
     .type = GW_ANY,
     .flags = GW_OPTION_REQUIRED,
     .help = "A list of {id, canonical}: what the system calls it, and what callers know it by."},
    {0},
};

static const struct gw_connector_function functions[] = {
    {.name = "canonical",
     .parameters = find_parameters,
     .begin = begin_canonical,
     .help = "What callers know the system's ids by; one that is not kept, by itself."},
    {.name = "system",
     .parameters = find_parameters,
     .begin = begin_system,
     .help = "What the system calls the canonical ids; one that is not kept, by itself."},
    {.name = "keep",
     .parameters = keep_parameters,
     .is_write = true,
     .effect = GW_EFFECT_KEYED,
     .begin = begin_keep,
     .help = "Keeps pairs, all or none. The same again changes nothing; another one for an id that "
             "has one is a conflict."},
    {0},
};

static int create(const json_t *config, const struct gw_backend *backend, void **out_self,
                  struct gw_error *error)
{
    (void)config;
    (void)backend;
    (void)out_self;
    return gw_error_set(error, -EINVAL, "ids are the gateway's own, and no backend's");
}

static void destroy(void *self)
{
    (void)self;
}

const struct gw_connector_type gw_ids_connector = {
    .name = "ids",
    .needs_no_backend = true,
    .functions = functions,
    .create = create,
    .destroy = destroy,
};
