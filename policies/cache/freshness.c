#include "policies/cache/freshness.h"

#include "policies/cache/http_date.h"

#define MAX_KEPT_S (INT64_C(365) * 86400)

static bool is_kept_status(int status)
{
    static const int statuses[] = {200, 203, 204, 301, 308, 404, 410};

    for (size_t i = 0; i < GW_COUNT_OF(statuses); i++) {
        if (status == statuses[i])
            return true;
    }
    return false;
}

/* Fields that make a response one caller's, or say what we cannot keep to. */
static bool has_obstacle(const struct cache_subject *subject)
{
    static const struct gw_str names[] = {GW_STR_INIT("Set-Cookie"), GW_STR_INIT("Set-Cookie2"),
                                          GW_STR_INIT("Content-Range"),
                                          GW_STR_INIT("WWW-Authenticate")};

    for (size_t i = 0; i < GW_COUNT_OF(names); i++) {
        if (gw_field_find(subject->fields, subject->field_count, names[i]) != NULL)
            return true;
    }
    return false;
}

static void read_control(const struct cache_subject *subject, struct cache_control *control)
{
    cache_control_init(control);
    for (size_t i = 0; i < subject->field_count; i++) {
        if (gw_str_equal_nocase(subject->fields[i].name, GW_STR("Cache-Control")))
            cache_control_read(control, subject->fields[i].value);
    }
}

/* The date in the field; `if_missing` without one. What is no date is long ago: "0" is often said
 * (RFC 9111, section 5.3). Of several the earliest counts. */
static int64_t date_of(const struct cache_subject *subject, struct gw_str name, int64_t if_missing)
{
    int64_t earliest = INT64_MAX;

    for (size_t i = 0; i < subject->field_count; i++) {
        int64_t date_s;
        if (!gw_str_equal_nocase(subject->fields[i].name, name))
            continue;
        if (http_date_parse(subject->fields[i].value, subject->came_s, &date_s) != 0)
            date_s = 0;
        if (date_s < earliest)
            earliest = date_s;
    }
    return earliest == INT64_MAX ? if_missing : earliest;
}

/* RFC 9111, section 4.2.3. */
static int64_t age_of(const struct cache_subject *subject)
{
    const struct gw_str *given =
        gw_field_find(subject->fields, subject->field_count, GW_STR("Age"));
    int64_t value = given == NULL ? 0 : cache_delta_parse(*given);
    int64_t date_s = date_of(subject, GW_STR("Date"), subject->came_s);
    int64_t delay_s = subject->came_s > subject->asked_s ? subject->came_s - subject->asked_s : 0;
    int64_t apparent = subject->came_s > date_s ? subject->came_s - date_s : 0;

    if (value == CACHE_NO_DELTA) /* no number: RFC 9111, section 5.1 lets us pass over it */
        value = 0;
    return apparent > value + delay_s ? apparent : value + delay_s;
}

/* RFC 9111, section 4.2.1; -1: it states none. */
static int64_t stated_lifetime(const struct cache_subject *subject,
                               const struct cache_control *control)
{
    if (control->s_maxage_s != CACHE_NO_DELTA)
        return control->s_maxage_s;
    if (control->max_age_s != CACHE_NO_DELTA)
        return control->max_age_s;
    int64_t expires_s = date_of(subject, GW_STR("Expires"), -1);
    if (expires_s < 0)
        return -1;
    int64_t date_s = date_of(subject, GW_STR("Date"), subject->came_s);
    return expires_s > date_s ? expires_s - date_s : 0;
}

/* RFC 9111, section 3.5: an answer to one who has shown a credential is for others only if it says
 * so. A contract that states a lifetime for answers that say nothing of caches has said so. */
static bool is_for_others(const struct cache_control *control, const struct cache_wish *wish)
{
    return control->is_public || control->must_revalidate ||
           control->s_maxage_s != CACHE_NO_DELTA || (!control->is_present && wish->ttl_s > 0);
}

static int64_t or_else(int64_t stated, int64_t otherwise)
{
    return stated != CACHE_NO_DELTA ? stated : otherwise;
}

bool cache_terms_of(const struct cache_subject *subject, const struct cache_wish *wish,
                    struct cache_terms *out_terms)
{
    struct cache_control control;

    read_control(subject, &control);
    if (!is_kept_status(subject->status) || has_obstacle(subject) || control.no_store ||
        control.is_malformed)
        return false;
    if (wish->is_shared && control.is_private)
        return false;
    if (wish->is_shared && subject->is_authorised && !is_for_others(&control, wish))
        return false;
    bool has_s_maxage = control.s_maxage_s != CACHE_NO_DELTA;
    bool is_good = subject->status == 200 || subject->status == 203 || subject->status == 204;
    int64_t lifetime_s = stated_lifetime(subject, &control);
    if (lifetime_s < 0 && control.no_cache)
        lifetime_s = 0;
    if (lifetime_s < 0 && is_good && wish->ttl_s > 0)
        lifetime_s = wish->ttl_s;
    if (lifetime_s < 0)
        return false;
    *out_terms = (struct cache_terms){
        .age_s = age_of(subject),
        .lifetime_s = lifetime_s < MAX_KEPT_S ? lifetime_s : MAX_KEPT_S,
        .stale_while_revalidate_s = or_else(control.stale_while_revalidate_s,
                                            has_s_maxage ? 0 : wish->stale_while_revalidate_s),
        .stale_if_error_s =
            or_else(control.stale_if_error_s, has_s_maxage ? 0 : wish->stale_if_error_s),
        /* s-maxage implies proxy-revalidate (section 5.2.2.10), unless the answer itself allows
         * stale use beside it. */
        .must_revalidate = control.must_revalidate || control.proxy_revalidate ||
                           (has_s_maxage && control.stale_while_revalidate_s <= 0 &&
                            control.stale_if_error_s <= 0),
        .no_cache = control.no_cache,
    };
    return true;
}

enum cache_use cache_use_of(const struct cache_terms *terms, int64_t age_s,
                            const struct cache_control *request)
{
    int64_t left_s = terms->lifetime_s - age_s;
    int64_t max_stale_s = request->max_stale_s == CACHE_NO_DELTA ? 0 : request->max_stale_s;
    bool is_asked_anew = request->no_cache || terms->no_cache ||
                         (request->max_age_s != CACHE_NO_DELTA && age_s > request->max_age_s);

    if (is_asked_anew || request->max_age_s == 0)
        return CACHE_REVALIDATE;
    if (left_s > 0 && (request->min_fresh_s == CACHE_NO_DELTA || left_s >= request->min_fresh_s))
        return CACHE_USE;
    if (terms->must_revalidate || request->min_fresh_s != CACHE_NO_DELTA)
        return CACHE_REVALIDATE;
    if (max_stale_s > 0 && -left_s <= max_stale_s)
        return CACHE_USE;
    return -left_s < terms->stale_while_revalidate_s ? CACHE_USE_MEANWHILE : CACHE_REVALIDATE;
}

bool cache_may_stand_in(const struct cache_terms *terms, int64_t age_s,
                        const struct cache_control *request)
{
    if (terms->must_revalidate || terms->no_cache || request->no_cache)
        return false;
    return age_s - terms->lifetime_s < terms->stale_if_error_s;
}
