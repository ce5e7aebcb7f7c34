#include "server/gateway/landscape_watch.h"

#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/gateway/landscape_state.h"
#include "server/gateway/records.h"
#include "server/gateway/server_state.h"
#include "server/store/redis.h"

#define TICK_NS (500 * GW_NS_PER_MS)
#define TIMEOUT_NS (400 * GW_NS_PER_MS)
#define MAX_KEYS 1000 /* that are told; a record more holds its switch up, but for force */

static const struct gw_str hash_key = GW_STR_INIT("millgate:landscapes");

/* Presence, not a record: it need not reach the disk, as with the purges of the cache. */
static const struct gw_script presence_script = {
    .name = "landscapes",
    .source = GW_STR_INIT(
        "redis.set_repl(redis.REPL_REPLICA)\n"
        "local t = redis.call('TIME')\n"
        "local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
        "redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now) .. ' ' .. ARGV[2])\n"
        "local all = redis.call('HGETALL', KEYS[1])\n"
        "local told = {}\n"
        "for i = 1, #all, 2 do\n"
        "  local at = tonumber(string.match(all[i + 1], '^%d+'))\n"
        "  if at == nil or now - at > 10000 then\n"
        "    redis.call('HDEL', KEYS[1], all[i])\n"
        "  else\n"
        "    told[#told + 1] = all[i]\n"
        "    told[#told + 1] = now - at\n"
        "    told[#told + 1] = string.sub(all[i + 1], string.find(all[i + 1], ' ') + 1)\n"
        "  end\n"
        "end\n"
        "redis.call('PEXPIRE', KEYS[1], 60000)\n"
        "return told\n"),
};

struct gw_landscape_watch {
    struct gw_server *server;
    struct gw_timer timer;
    struct gw_redis_call *call; /* NULL: none under way */
    struct gw_redis_eval eval;
    struct gw_str args[2];
    char *report;
    json_t *seen;  /* versions at the tick before, by key */
    json_t *heard; /* what all have told last */
    uint64_t heard_ns;
    uint64_t checked_generation; /* of the configuration that the records were held against */
};

/* --- telling --- */

static const struct gw_landscape *find_landscape(const struct gw_config *config, struct gw_str name)
{
    for (size_t i = 0; i < config->landscape_count; i++) {
        if (gw_str_equal(config->landscapes[i].name, name))
            return &config->landscapes[i];
    }
    return NULL;
}

/* "landscape:erp:1010" */
static bool split_id(struct gw_str id, struct gw_str *out_name, struct gw_str *out_key)
{
    struct gw_str rest = id, kind;

    return gw_str_has_prefix(id, GW_STR(GW_LANDSCAPE_RECORD)) && gw_str_split(&rest, ':', &kind) &&
           gw_str_split(&rest, ':', out_name) && (*out_key = rest, rest.len > 0);
}

/* Every worker has taken in all changes that were handed to it. */
static bool are_workers_current(struct gw_server *server)
{
    for (size_t i = 0; i < server->worker_count; i++) {
        struct gw_record_set *set = gw_worker_get_records(server->workers[i]);
        if (atomic_load(&set->inbox) != NULL)
            return false;
    }
    return true;
}

/* A version is told when it has been here for a whole tick: workers have taken it in by then, and
 * what they began before is counted. */
static json_t *make_keys(struct gw_landscape_watch *watch, json_t *seen)
{
    struct gw_server *server = watch->server;
    const struct gw_record_set *set = gw_records_get_set(server->records);
    bool are_current = are_workers_current(server);
    json_t *keys = json_object();
    const struct gw_map_entry *entry;
    size_t position = 0;

    while ((entry = gw_map_next(&set->map, &position)) != NULL &&
           json_object_size(keys) < MAX_KEYS) {
        struct gw_key_state state;
        struct gw_str name, key;
        if (!split_id(entry->key, &name, &key))
            continue;
        const struct gw_landscape *landscape = find_landscape(server->current->config, name);
        if (landscape == NULL ||
            !gw_key_state_read(landscape, gw_record_value(entry->value), &state))
            continue;
        struct gw_str id = gw_str_tail(entry->key, sizeof(GW_LANDSCAPE_RECORD) - 1);
        json_t *before = json_object_getn(watch->seen, id.ptr, id.len);
        json_int_t version = (json_int_t)state.version;
        json_object_setn_new(seen, id.ptr, id.len, json_integer(version));
        if (!are_current || before == NULL || json_integer_value(before) != version)
            version = 0;
        unsigned writes = gw_landscape_writes(&server->landscape_board, name, key);
        json_object_setn_new(keys, id.ptr, id.len, json_pack("[I,i]", version, (int)writes));
    }
    return keys;
}

static void on_told(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_landscape_watch *watch = self;

    watch->call = NULL;
    if (rc != 0 || reply->type != GW_REPLY_ARRAY)
        return; /* what was heard ages */
    json_t *heard = json_array();
    for (size_t i = 0; i + 2 < reply->count; i += 3) {
        struct gw_str instance = reply->items[i].text, text = reply->items[i + 2].text;
        json_t *keys = json_loadb(text.ptr, text.len, 0, NULL);
        json_array_append_new(heard,
                              json_pack("{s:s%,s:I,s:o}", "instance", instance.ptr, instance.len,
                                        "age_ms", (json_int_t)reply->items[i + 1].integer, "keys",
                                        keys != NULL ? keys : json_object()));
    }
    json_decref(watch->heard);
    watch->heard = heard;
    watch->heard_ns = gw_clock_monotonic_ns();
}

static void tell(struct gw_landscape_watch *watch)
{
    json_t *seen = json_object();
    json_t *keys = make_keys(watch, seen);

    json_decref(watch->seen);
    watch->seen = seen;
    if (watch->call == NULL) {
        free(watch->report);
        watch->report = json_dumps(keys, JSON_COMPACT);
        watch->args[0] = gw_str_of(watch->server->instance);
        watch->args[1] = gw_str_of(watch->report);
        watch->eval = (struct gw_redis_eval){.script = &presence_script,
                                             .keys = &hash_key,
                                             .key_count = 1,
                                             .args = watch->args,
                                             .arg_count = GW_COUNT_OF(watch->args),
                                             .timeout_ns = TIMEOUT_NS};
        if (watch->report == NULL || gw_redis_eval(watch->server->redis.redis, &watch->eval,
                                                   on_told, watch, &watch->call) != 0)
            watch->call = NULL;
    }
    json_decref(keys);
}

/* --- records and configuration --- */

static void check_record(const struct gw_config *config, const struct gw_record *record)
{
    struct gw_str name, key;
    struct gw_key_state state;

    if (!split_id(gw_record_id(record), &name, &key))
        return;
    const struct gw_landscape *landscape = find_landscape(config, name);
    const struct gw_key_rule *rule =
        landscape != NULL ? gw_landscape_find_rule(landscape, key) : NULL;
    const char *wrong = NULL;
    if (landscape == NULL)
        wrong = "the configuration has no such landscape";
    else if (rule == NULL)
        wrong = "no rule of the configuration covers it: it cannot be reached";
    else if (!gw_key_state_read(landscape, gw_record_value(record), &state))
        wrong = "it has moved to or from a system that is not configured: the configuration counts";
    else if (rule->system != state.system && rule->system != state.other)
        wrong = "it has moved, but the configuration has it at a third system: the move counts";
    if (wrong != NULL)
        gw_log_warn("landscape %.*s: key %.*s: %s", GW_STR_ARG(name), GW_STR_ARG(key), wrong);
}

/* Once for each configuration, as soon as the records are known. */
static void check_records(struct gw_landscape_watch *watch)
{
    struct gw_server *server = watch->server;
    const struct gw_map_entry *entry;
    size_t position = 0;

    if (watch->checked_generation == server->current->generation ||
        !gw_records_are_known(server->records))
        return;
    watch->checked_generation = server->current->generation;
    const struct gw_record_set *set = gw_records_get_set(server->records);
    while ((entry = gw_map_next(&set->map, &position)) != NULL)
        check_record(server->current->config, entry->value);
}

/* --- life --- */

static void on_timer(struct gw_timer *timer)
{
    struct gw_landscape_watch *watch = GW_CONTAINER_OF(timer, struct gw_landscape_watch, timer);

    gw_timer_start(watch->server->loop, timer, TICK_NS, on_timer);
    check_records(watch);
    if (watch->server->current->config->landscape_count > 0)
        tell(watch);
}

struct gw_landscape_watch *gw_landscape_watch_create(struct gw_server *server)
{
    struct gw_landscape_watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        return NULL;
    watch->server = server;
    gw_timer_start(server->loop, &watch->timer, TICK_NS, on_timer);
    return watch;
}

void gw_landscape_watch_destroy(struct gw_landscape_watch *watch)
{
    if (watch == NULL)
        return;
    gw_timer_stop(&watch->timer);
    if (watch->call != NULL)
        gw_redis_cancel(watch->call);
    json_decref(watch->seen);
    json_decref(watch->heard);
    free(watch->report);
    free(watch);
}

json_t *gw_landscape_watch_list(const struct gw_landscape_watch *watch)
{
    json_int_t since_ms = (json_int_t)((gw_clock_monotonic_ns() - watch->heard_ns) / GW_NS_PER_MS);
    json_t *list = json_deep_copy(watch->heard);
    size_t index;
    json_t *item;

    json_array_foreach(list, index, item)
    {
        json_int_t age_ms = json_integer_value(json_object_get(item, "age_ms"));
        json_object_set_new(item, "age_ms", json_integer(age_ms + since_ms));
    }
    return list;
}
