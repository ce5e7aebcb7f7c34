#include "policies/jwt/freshness.h"

#define YEAR_S (UINT64_C(365) * 86400)

/* delta-seconds; a recipient takes what overflows for the largest (section 1.2.2). */
static uint64_t read_seconds(struct gw_str text)
{
    uint64_t seconds;

    if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
        text = gw_str_from(text.ptr + 1, text.len - 2);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return FRESHNESS_UNKNOWN;
    }
    if (text.len == 0)
        return FRESHNESS_UNKNOWN;
    return gw_str_to_u64(text, &seconds) == 0 && seconds < YEAR_S ? seconds : YEAR_S;
}

static uint64_t read_max_age(struct gw_str value, uint64_t max_age)
{
    const struct gw_str name = GW_STR("max-age");
    struct gw_str directive;

    while (gw_str_split(&value, ',', &directive)) {
        directive = gw_str_trim(directive);
        if (!gw_str_has_prefix_nocase(directive, name) || directive.len == name.len ||
            directive.ptr[name.len] != '=')
            continue;
        uint64_t seconds = read_seconds(gw_str_tail(directive, name.len + 1));
        if (seconds < max_age)
            max_age = seconds;
    }
    return max_age;
}

uint64_t freshness_seconds(const struct gw_field *fields, size_t count)
{
    uint64_t max_age = FRESHNESS_UNKNOWN, age = 0;

    for (size_t i = 0; i < count; i++) {
        if (gw_str_equal_nocase(fields[i].name, GW_STR("cache-control")))
            max_age = read_max_age(fields[i].value, max_age);
        if (gw_str_equal_nocase(fields[i].name, GW_STR("age")) &&
            read_seconds(gw_str_trim(fields[i].value)) != FRESHNESS_UNKNOWN)
            age = read_seconds(gw_str_trim(fields[i].value));
    }
    if (max_age == FRESHNESS_UNKNOWN)
        return FRESHNESS_UNKNOWN;
    return age < max_age ? max_age - age : 0;
}
