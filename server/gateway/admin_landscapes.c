/* Landscapes over the admin listener: where keys are kept, and moving them. */
#include "server/core/clock.h"
#include "server/gateway/admin_act.h"
#include "server/gateway/admin_record.h"
#include "server/gateway/landscape_state.h"
#include "server/gateway/landscape_watch.h"
#include "server/gateway/records.h"
#include "server/gateway/server_state.h"

const struct gw_option gw_admin_landscape_fields[] = {
    {.name = "phase",
     .type = GW_ENUM,
     .words = "shadow drain switch abort",
     .flags = GW_OPTION_REQUIRED},
    {.name = "to", .type = GW_STRING, .min = 1, .max = 64},
    {.name = "force", .type = GW_BOOL, .value = "false"},
    {0},
};

static const struct gw_landscape *find_landscape(const struct gw_server *server, struct gw_str name)
{
    const struct gw_config *config = server->current->config;

    for (size_t i = 0; i < config->landscape_count; i++) {
        if (gw_str_equal(config->landscapes[i].name, name))
            return &config->landscapes[i];
    }
    return NULL;
}

/* --- what the instances say of a key --- */

struct hearing {
    json_t *instances; /* [{instance, age_ms, writes, is_current}] */
    json_int_t writes;
    size_t behind; /* that are silent, or do not act by the record's version yet */
};

static void hear(const struct gw_server *server, struct gw_str id, uint64_t version,
                 struct hearing *out)
{
    json_t *list = gw_landscape_watch_list(server->landscape_watch);
    size_t index;
    json_t *item;

    *out = (struct hearing){.instances = json_array()};
    json_array_foreach(list, index, item)
    {
        json_t *said = json_object_getn(json_object_get(item, "keys"), id.ptr, id.len);
        json_int_t age_ms = json_integer_value(json_object_get(item, "age_ms"));
        json_int_t writes = json_integer_value(json_array_get(said, 1));
        bool is_current = json_integer_value(json_array_get(said, 0)) == (json_int_t)version &&
                          age_ms < GW_INSTANCE_SILENT_MS;
        out->writes += writes;
        out->behind += !is_current;
        json_array_append_new(out->instances,
                              json_pack("{s:O,s:I,s:I,s:b}", "instance",
                                        json_object_get(item, "instance"), "age_ms", age_ms,
                                        "writes", writes, "is_current", is_current));
    }
    if (json_array_size(list) == 0)
        out->behind = 1; /* not even we were heard */
    json_decref(list);
}

/* --- showing --- */

static json_t *show_key(const struct gw_server *server, struct gw_str id, const json_t *value)
{
    struct gw_str key = gw_str_tail(id, gw_str_find(id, ':') + 1);
    struct hearing hearing;

    hear(server, id, (uint64_t)json_integer_value(json_object_get(value, "version")), &hearing);
    json_t *shown = json_pack(
        "{s:s%,s:O?,s:O?,s:O?,s:O?,s:I,s:b,s:o}", "key", key.ptr, key.len, "phase",
        json_object_get(value, "phase"), "from", json_object_get(value, "from"), "to",
        json_object_get(value, "to"), "changed_by", json_object_get(value, "changed_by"), "writes",
        hearing.writes, "is_confirmed", hearing.behind == 0, "instances", hearing.instances);
    json_t *changed = json_integer(json_integer_value(json_object_get(value, "version")) / 1000);
    gw_admin_set_time(shown, "changed", changed);
    json_decref(changed);
    return shown;
}

static json_t *show_moves(const struct gw_server *server, const struct gw_landscape *landscape)
{
    const struct gw_record_set *set = gw_records_get_set(server->records);
    const struct gw_map_entry *entry;
    json_t *list = json_array();
    size_t position = 0;

    while ((entry = gw_map_next(&set->map, &position)) != NULL) {
        struct gw_str id = entry->key, rest;
        if (!gw_str_has_prefix(id, GW_STR(GW_LANDSCAPE_RECORD)))
            continue;
        id = gw_str_tail(id, sizeof(GW_LANDSCAPE_RECORD) - 1);
        rest = gw_str_tail(id, landscape->name.len);
        if (!gw_str_has_prefix(id, landscape->name) || rest.len == 0 || rest.ptr[0] != ':')
            continue;
        struct gw_str text = gw_record_value(entry->value);
        json_t *value = json_loadb(text.ptr, text.len, 0, NULL);
        json_array_append_new(list, show_key(server, id, value));
        json_decref(value);
    }
    return list;
}

static json_t *show_landscape(const struct gw_server *server, const struct gw_landscape *landscape)
{
    json_t *systems = json_object(), *rules = json_object();

    for (size_t i = 0; i < landscape->system_count; i++) {
        const struct gw_landscape_system *system = &landscape->systems[i];
        json_object_set_new(systems, system->name.ptr,
                            json_pack("{s:s%,s:s%}", "backend", system->backend.ptr,
                                      system->backend.len, "flows", system->flows.ptr,
                                      system->flows.len));
    }
    for (size_t i = 0; i < landscape->rule_count; i++) {
        const struct gw_key_rule *rule = &landscape->rules[i];
        struct gw_str system = landscape->systems[rule->system].name;
        json_object_setn_new(rules, rule->text.ptr, rule->text.len,
                             json_stringn(system.ptr, system.len));
    }
    return json_pack("{s:s%,s:s%,s:o,s:o,s:o}", "name", landscape->name.ptr, landscape->name.len,
                     "key", landscape->key.ptr, landscape->key.len, "systems", systems, "keys",
                     rules, "moves", show_moves(server, landscape));
}

void gw_admin_landscape_list(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    const struct gw_config *config = server->current->config;
    json_t *items = json_array();

    (void)body;
    for (size_t i = 0; i < config->landscape_count; i++)
        json_array_append_new(items, show_landscape(server, &config->landscapes[i]));
    gw_admin_answer_value(ex, 200, json_pack("{s:o}", "items", items));
}

/* --- moving --- */

struct move {
    const struct gw_landscape *landscape;
    struct gw_str key, id; /* id: "erp:1010" */
    struct gw_key_state now;
    enum gw_key_phase phase; /* that is wanted */
    size_t from, to;
    bool is_abort, is_forced;
};

/* NULL, or the problem with its detail. */
static const char *check_target(struct move *move, struct gw_str to, const char **out_detail)
{
    bool moves = move->now.phase == GW_KEY_SHADOW || move->now.phase == GW_KEY_DRAIN;

    move->from = move->now.system;
    move->to = to.len > 0 ? gw_landscape_find_system(move->landscape, to)
               : moves    ? move->now.other
                          : SIZE_MAX;
    if (move->to == SIZE_MAX) {
        *out_detail = "to must be a system of the landscape.";
        return "invalid-body";
    }
    if (move->to == move->from) {
        *out_detail = "The key is kept there already.";
        return "wrong-phase";
    }
    return NULL;
}

static const char *check_switch(const struct gw_server *server, struct move *move,
                                const char **out_detail)
{
    struct hearing hearing;

    if (move->is_forced)
        return NULL;
    if (move->now.phase != GW_KEY_DRAIN) {
        *out_detail = "Drain it first.";
        return "wrong-phase";
    }
    hear(server, move->id, move->now.version, &hearing);
    json_decref(hearing.instances);
    if (hearing.writes > 0) {
        *out_detail = "Writes are under way; wait, or force it.";
        return "writes-under-way";
    }
    if (hearing.behind > 0) {
        *out_detail = "An instance has not confirmed the drain; wait, or force it.";
        return "writes-under-way";
    }
    return NULL;
}

static const char *plan(const struct gw_server *server, struct move *move, const json_t *body,
                        const char **out_detail)
{
    struct gw_str word = gw_admin_text(body, "phase"), to = gw_admin_text(body, "to");

    move->is_forced = json_is_true(json_object_get(body, "force"));
    if (gw_str_equal(word, GW_STR("abort"))) {
        move->is_abort = true;
        move->phase = GW_KEY_SWITCHED;
        move->from = move->now.other;
        move->to = move->now.system;
        *out_detail = "Nothing moves; what was switched is switched back by a move of its own.";
        return move->now.phase == GW_KEY_SHADOW || move->now.phase == GW_KEY_DRAIN ? NULL
                                                                                   : "wrong-phase";
    }
    const char *problem = check_target(move, to, out_detail);
    if (problem != NULL)
        return problem;
    if (gw_str_equal(word, GW_STR("switch"))) {
        move->phase = GW_KEY_SWITCHED;
        return check_switch(server, move, out_detail);
    }
    move->phase = gw_str_equal(word, GW_STR("drain")) ? GW_KEY_DRAIN : GW_KEY_SHADOW;
    return NULL;
}

static json_t *value_of(struct gw_exchange *ex, const struct move *move)
{
    const struct gw_landscape_system *systems = move->landscape->systems;
    struct gw_str by = gw_admin_who(ex);
    json_int_t version = (json_int_t)(ex->wall_ns / GW_NS_PER_MS);

    if (version <= (json_int_t)move->now.version)
        version = (json_int_t)move->now.version + 1;
    return json_pack("{s:s,s:s%,s:s%,s:I,s:s%}", "phase", gw_key_phase_name(move->phase), "from",
                     systems[move->from].name.ptr, systems[move->from].name.len, "to",
                     systems[move->to].name.ptr, systems[move->to].name.len, "version", version,
                     "changed_by", by.ptr, by.len);
}

static void carry_out(struct gw_server *server, struct gw_exchange *ex, const struct move *move)
{
    const struct gw_key_rule *rule = gw_landscape_find_rule(move->landscape, move->key);
    json_t *value = value_of(ex, move);
    struct gw_str id = move->id;
    struct gw_admin_change change = {
        .act = GW_RECORD_PUT,
        .id = gw_admin_record_id(ex, GW_STR(GW_LANDSCAPE_RECORD), id),
        .value = value,
        .status = 200,
        .answer = show_key(server, id, value),
    };

    if (move->is_abort && rule->system == move->to) { /* as if it had never been begun */
        change.act = GW_RECORD_REMOVE;
        json_object_set_new(change.answer, "phase", json_string("settled"));
    }
    gw_admin_act_note(
        ex->handler_state,
        gw_arena_printf(&ex->arena, "%s to %.*s%s",
                        gw_key_phase_name(move->is_abort ? GW_KEY_SETTLED : move->phase),
                        GW_STR_ARG(move->landscape->systems[move->to].name),
                        move->is_forced ? ", forced" : ""));
    gw_admin_record_change(server, ex, &change);
}

void gw_admin_landscape_move(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    struct move move = {.landscape = find_landscape(server, gw_admin_parameter(ex, 0)),
                        .key = gw_admin_parameter(ex, 1)};
    const char *detail = NULL;

    if (move.landscape == NULL) {
        gw_admin_refuse(ex, "not-found", "There is no such landscape.");
        return;
    }
    if (!gw_records_are_known(server->records)) {
        gw_admin_refuse(ex, "unavailable", "It is not known yet what has moved.");
        return;
    }
    move.now = gw_landscape_state(move.landscape, gw_records_get_set(server->records), move.key);
    if (!gw_key_is_valid(move.key) || move.now.system == SIZE_MAX) {
        gw_admin_refuse(ex, "unknown-key", "No rule of the landscape covers the key.");
        return;
    }
    move.id = gw_arena_printf(&ex->arena, "%.*s:%.*s", GW_STR_ARG(move.landscape->name),
                              GW_STR_ARG(move.key));
    const char *problem = plan(server, &move, body, &detail);
    if (problem != NULL)
        gw_admin_refuse(ex, problem, detail);
    else if (move.id.ptr == NULL)
        gw_admin_refuse(ex, "overloaded", NULL);
    else
        carry_out(server, ex, &move);
}
