/* From what is kept to the response. */
#include <inttypes.h>

#include "policies/cache/visit.h"
#include "server/http/problem.h"

/* RFC 9110, section 15.4.5. */
static bool belongs_to_304(struct gw_str name)
{
    static const struct gw_str names[] = {
        GW_STR_INIT("Cache-Control"), GW_STR_INIT("Content-Location"),
        GW_STR_INIT("Date"),          GW_STR_INIT("ETag"),
        GW_STR_INIT("Expires"),       GW_STR_INIT("Last-Modified"),
        GW_STR_INIT("Vary"),          GW_STR_INIT("Via"),
    };

    for (size_t i = 0; i < GW_COUNT_OF(names); i++) {
        if (gw_str_equal_nocase(name, names[i]))
            return true;
    }
    return false;
}

void cache_add_status(struct gw_exchange *ex, const char *status)
{
    static const struct gw_str for_caches[] = {
        GW_STR_INIT("Cache-Tag"), GW_STR_INIT("Surrogate-Key"), GW_STR_INIT("Surrogate-Control")};
    const struct gw_str *given = gw_response_field(ex, GW_STR("Cache-Status"));
    struct gw_str text = given == NULL ? gw_arena_printf(&ex->arena, "millgate; %s", status)
                                       : gw_arena_printf(&ex->arena, "%.*s, millgate; %s",
                                                         GW_STR_ARG(*given), status);

    for (size_t i = 0; i < GW_COUNT_OF(for_caches); i++)
        gw_response_remove_field(ex, for_caches[i]);
    gw_response_remove_field(ex, GW_STR("Cache-Status"));
    if (text.ptr != NULL && gw_response_add_field(ex, GW_STR("Cache-Status"), text) != 0)
        return; /* it goes out without */
}

static bool add_fields(struct gw_exchange *ex, const struct cache_entry *entry, bool is_304,
                       int64_t age_s)
{
    struct gw_str age = gw_arena_printf(&ex->arena, "%" PRId64, age_s);

    for (size_t i = 0; i < entry->field_count; i++) {
        const struct gw_field *field = &entry->fields[i];
        if ((!is_304 || belongs_to_304(field->name)) &&
            gw_response_add_field(ex, field->name, field->value) != 0)
            return false;
    }
    return age.ptr != NULL && gw_response_add_field(ex, GW_STR("Age"), age) == 0;
}

bool cache_serve(struct cache_visit *visit, struct cache_entry *entry, const char *status)
{
    struct gw_exchange *ex = visit->ex;
    int64_t age_s = cache_entry_age_s(entry, cache_now_ns(ex));
    bool is_304 = entry->status == 200 && conditions_are_met(&visit->conditions, entry->etag,
                                                             entry->modified, cache_now_wall_s(ex));

    visit->is_served = true;
    gw_response_clear(ex);
    ex->record.problem = NULL;
    bool is_held = gw_arena_defer(&ex->arena, cache_entry_release, cache_entry_retain(entry)) == 0;
    if (!is_held)
        cache_entry_release(entry);
    if (!is_held || !add_fields(ex, entry, is_304, age_s)) {
        gw_problem_set(ex, "overloaded", NULL);
        return false;
    }
    ex->response.status = is_304 ? 304 : entry->status;
    if (!is_304 && ex->request.method != GW_METHOD_HEAD)
        ex->response.body = entry->body;
    else
        ex->response.body_bytes = (int64_t)entry->body.len;
    cache_add_status(ex, status);
    return true;
}
