#include "server/gateway/admin_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "server/core/clock.h"
#include "server/gateway/records.h"
#include "server/gateway/server_state.h"

#define DEFAULT_LIMIT 100
#define MAX_LIMIT 1000

/* --- members --- */

struct gw_str gw_admin_text(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return gw_str_from(json_string_value(value), json_string_length(value));
}

void gw_admin_set_text(json_t *object, const char *name, struct gw_str text)
{
    if (text.len > 0)
        json_object_set_new(object, name, json_stringn(text.ptr, text.len));
}

void gw_admin_set_time(json_t *object, const char *name, const json_t *unix_s)
{
    char text[GW_ADMIN_TIME_BYTES];

    if (!json_is_integer(unix_s))
        return;
    gw_admin_time_print((uint64_t)json_integer_value(unix_s), text);
    json_object_set_new(object, name, json_string(text));
}

/* --- records --- */

struct gw_str gw_admin_record_id(struct gw_exchange *ex, struct gw_str kind, struct gw_str name)
{
    return gw_arena_printf(&ex->arena, "%.*s%.*s", GW_STR_ARG(kind), GW_STR_ARG(name));
}

void gw_admin_record_show(struct gw_server *server, struct gw_exchange *ex, struct gw_str kind,
                          gw_admin_show_fn *show)
{
    struct gw_str name = gw_admin_parameter(ex, 0);
    const struct gw_record *record =
        gw_record_set_find(gw_records_get_set(server->records), gw_admin_record_id(ex, kind, name));

    if (record == NULL) {
        gw_admin_refuse(ex, "not-found", NULL);
        return;
    }
    struct gw_str value = gw_record_value(record);
    gw_admin_answer_value(ex, 200, show(ex, name, json_loadb(value.ptr, value.len, 0, NULL)));
}

static int compare_ids(const void *a, const void *b)
{
    return gw_str_compare(gw_record_id(*(const struct gw_record *const *)a),
                          gw_record_id(*(const struct gw_record *const *)b));
}

/* All of the kind that come behind `after`, sorted; to be freed. NULL without memory. */
static const struct gw_record **gather(const struct gw_record_set *set, struct gw_str kind,
                                       struct gw_str after, size_t *out_count)
{
    const struct gw_record **found =
        calloc(gw_record_set_count(set, kind.ptr[0]) + 1, sizeof(struct gw_record *));
    const struct gw_map_entry *entry;
    size_t position = 0, count = 0;

    while (found != NULL && (entry = gw_map_next(&set->map, &position)) != NULL) {
        if (!gw_str_has_prefix(entry->key, kind))
            continue;
        if (after.len == 0 || gw_str_compare(gw_str_tail(entry->key, kind.len), after) > 0)
            found[count++] = entry->value;
    }
    if (found != NULL)
        qsort(found, count, sizeof(*found), compare_ids);
    *out_count = count;
    return found;
}

static bool take_limit(struct gw_exchange *ex, uint64_t *out_limit)
{
    struct gw_str text = gw_admin_query(ex, GW_STR("limit"));

    *out_limit = DEFAULT_LIMIT;
    return text.ptr == NULL ||
           (gw_str_to_u64(text, out_limit) == 0 && *out_limit >= 1 && *out_limit <= MAX_LIMIT);
}

void gw_admin_record_list(struct gw_server *server, struct gw_exchange *ex, struct gw_str kind,
                          gw_admin_show_fn *show)
{
    const struct gw_record_set *set = gw_records_get_set(server->records);
    struct gw_str after = gw_admin_query(ex, GW_STR("after"));
    uint64_t limit;
    size_t count;

    if (!gw_record_set_is_known(set)) {
        gw_admin_refuse(ex, "unavailable", "The records are not known yet.");
        return;
    }
    if (!take_limit(ex, &limit)) {
        gw_admin_refuse(ex, "invalid-parameter", "limit must be 1 to 1000.");
        return;
    }
    const struct gw_record **found = gather(set, kind, after, &count);
    json_t *items = json_array();
    json_t *next = json_null();
    for (size_t i = 0; i < count && items != NULL; i++) {
        struct gw_str name = gw_str_tail(gw_record_id(found[i]), kind.len);
        struct gw_str text = gw_record_value(found[i]);
        json_t *item = show(ex, name, json_loadb(text.ptr, text.len, 0, NULL));
        if (item == NULL)
            continue;
        if (json_array_size(items) == limit) { /* there is one more */
            struct gw_str last = gw_str_of(
                json_string_value(json_object_get(json_array_get(items, limit - 1), "id")));
            next = json_stringn(last.ptr, last.len);
            json_decref(item);
            break;
        }
        json_array_append_new(items, item);
    }
    free(found);
    gw_admin_answer_value(
        ex, 200,
        found == NULL ? NULL
                      : json_pack("{s:o,s:o,s:I}", "items", items, "next", next, "age_ms",
                                  (json_int_t)(gw_record_set_age_ns(set, gw_clock_monotonic_ns()) /
                                               GW_NS_PER_MS)));
}

/* --- times --- */

int gw_admin_time_parse(struct gw_str text, uint64_t now_s, uint64_t *out_s)
{
    char copy[GW_ADMIN_TIME_BYTES];
    struct tm parts = {0};
    int64_t duration_ns;

    if (text.len == 0) {
        *out_s = 0;
        return 0;
    }
    if (gw_option_duration_parse(text, &duration_ns) == 0) {
        if (duration_ns < (int64_t)GW_NS_PER_SECOND)
            return -EINVAL;
        *out_s = now_s + (uint64_t)duration_ns / GW_NS_PER_SECOND;
        return 0;
    }
    if (text.len >= sizeof(copy))
        return -EINVAL;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    const char *end = strptime(copy, "%Y-%m-%dT%H:%M:%SZ", &parts);
    time_t seconds = end != NULL && *end == '\0' ? timegm(&parts) : -1;
    if (seconds <= 0)
        return -EINVAL;
    *out_s = (uint64_t)seconds;
    return 0;
}

void gw_admin_time_print(uint64_t unix_s, char out[GW_ADMIN_TIME_BYTES])
{
    time_t seconds = (time_t)unix_s;
    struct tm parts;

    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(out, GW_ADMIN_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        snprintf(out, GW_ADMIN_TIME_BYTES, "%llu", (unsigned long long)unix_s);
}
