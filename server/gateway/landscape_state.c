#include "server/gateway/landscape_state.h"

#include <stdio.h>

#include "server/core/arena.h"
#include "server/json/value.h"

#define BLOCK_BYTES 1024
#define MAX_BYTES ((size_t)64 * 1024)

static const char *const phase_names[] = {[GW_KEY_SETTLED] = "settled",
                                          [GW_KEY_SHADOW] = "shadow",
                                          [GW_KEY_DRAIN] = "drain",
                                          [GW_KEY_SWITCHED] = "switched"};

const char *gw_key_phase_name(enum gw_key_phase phase)
{
    return phase_names[phase];
}

static bool read_phase(const struct gw_value *object, enum gw_key_phase *out_phase)
{
    struct gw_str name = gw_value_member_text(object, GW_STR("phase"));

    for (size_t i = GW_KEY_SHADOW; i < GW_COUNT_OF(phase_names); i++) {
        if (gw_str_equal(name, gw_str_of(phase_names[i]))) {
            *out_phase = (enum gw_key_phase)i;
            return true;
        }
    }
    return false;
}

static bool read_object(const struct gw_landscape *landscape, const struct gw_value *object,
                        struct gw_key_state *out_state)
{
    const struct gw_value *version = gw_value_member(object, GW_STR("version"));
    size_t from = gw_landscape_find_system(landscape, gw_value_member_text(object, GW_STR("from")));
    size_t to = gw_landscape_find_system(landscape, gw_value_member_text(object, GW_STR("to")));
    struct gw_key_state state = {.system = from, .other = to};

    if (!read_phase(object, &state.phase) || from == SIZE_MAX || to == SIZE_MAX ||
        version == NULL || version->type != GW_JSON_NUMBER ||
        gw_str_to_u64(version->text, &state.version) != 0)
        return false;
    if (state.phase == GW_KEY_SWITCHED) {
        state.system = to;
        state.other = from;
    }
    *out_state = state;
    return true;
}

bool gw_key_state_read(const struct gw_landscape *landscape, struct gw_str value,
                       struct gw_key_state *out_state)
{
    struct gw_json_error error;
    struct gw_value object;
    struct gw_arena arena;

    gw_arena_init(&arena, BLOCK_BYTES, MAX_BYTES);
    bool is_read = gw_value_read(&arena, value, NULL, &object, &error) == 0 &&
                   read_object(landscape, &object, out_state);
    gw_arena_finish(&arena);
    return is_read;
}

struct gw_key_state gw_landscape_state(const struct gw_landscape *landscape,
                                       const struct gw_record_set *records, struct gw_str key)
{
    const struct gw_key_rule *rule = gw_landscape_find_rule(landscape, key);
    struct gw_key_state state = {.phase = GW_KEY_SETTLED,
                                 .system = rule != NULL ? rule->system : SIZE_MAX,
                                 .other = SIZE_MAX};
    char id[sizeof(GW_LANDSCAPE_RECORD) + 64 + GW_MAX_LANDSCAPE_KEY_BYTES];

    if (rule == NULL || records == NULL || gw_record_set_count(records, 'l') == 0)
        return state;
    int len = snprintf(id, sizeof(id), GW_LANDSCAPE_RECORD "%.*s:%.*s", GW_STR_ARG(landscape->name),
                       GW_STR_ARG(key));
    if (len < 0 || (size_t)len >= sizeof(id))
        return state;
    const struct gw_record *record = gw_record_set_find(records, gw_str_from(id, (size_t)len));
    if (record != NULL && !gw_key_state_read(landscape, gw_record_value(record), &state))
        return state;
    return state;
}
