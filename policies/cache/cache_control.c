#include "policies/cache/cache_control.h"

#include "server/net/http_parser.h"

enum { KEEP_SMALLEST, KEEP_LARGEST };

static const struct {
    struct gw_str name;
    size_t offset; /* of a bool */
} flags[] = {
    {GW_STR_INIT("no-store"), offsetof(struct cache_control, no_store)},
    {GW_STR_INIT("no-cache"), offsetof(struct cache_control, no_cache)},
    {GW_STR_INIT("private"), offsetof(struct cache_control, is_private)},
    {GW_STR_INIT("public"), offsetof(struct cache_control, is_public)},
    {GW_STR_INIT("must-revalidate"), offsetof(struct cache_control, must_revalidate)},
    {GW_STR_INIT("proxy-revalidate"), offsetof(struct cache_control, proxy_revalidate)},
    {GW_STR_INIT("only-if-cached"), offsetof(struct cache_control, only_if_cached)},
};

static const struct {
    struct gw_str name;
    size_t offset;  /* of an int64_t */
    int64_t if_bad; /* what an unreadable value counts as */
    int which;      /* of several */
} deltas[] = {
    {GW_STR_INIT("max-age"), offsetof(struct cache_control, max_age_s), 0, KEEP_SMALLEST},
    {GW_STR_INIT("s-maxage"), offsetof(struct cache_control, s_maxage_s), 0, KEEP_SMALLEST},
    {GW_STR_INIT("min-fresh"), offsetof(struct cache_control, min_fresh_s), CACHE_MAX_DELTA_S,
     KEEP_LARGEST},
    {GW_STR_INIT("max-stale"), offsetof(struct cache_control, max_stale_s), 0, KEEP_SMALLEST},
    {GW_STR_INIT("stale-while-revalidate"),
     offsetof(struct cache_control, stale_while_revalidate_s), 0, KEEP_SMALLEST},
    {GW_STR_INIT("stale-if-error"), offsetof(struct cache_control, stale_if_error_s), 0,
     KEEP_SMALLEST},
};

void cache_control_init(struct cache_control *control)
{
    *control = (struct cache_control){
        .max_age_s = CACHE_NO_DELTA,
        .s_maxage_s = CACHE_NO_DELTA,
        .min_fresh_s = CACHE_NO_DELTA,
        .max_stale_s = CACHE_NO_DELTA,
        .stale_while_revalidate_s = CACHE_NO_DELTA,
        .stale_if_error_s = CACHE_NO_DELTA,
    };
}

int64_t cache_delta_parse(struct gw_str text)
{
    int64_t value = 0;

    if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
        text = gw_str_from(text.ptr + 1, text.len - 2);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return CACHE_NO_DELTA;
        value = value * 10 + (text.ptr[i] - '0');
        if (value > CACHE_MAX_DELTA_S)
            value = CACHE_MAX_DELTA_S;
    }
    return text.len == 0 ? CACHE_NO_DELTA : value;
}

static void apply_delta(int64_t *delta, int64_t value, int which)
{
    bool is_stricter = which == KEEP_LARGEST ? value > *delta : value < *delta;

    if (*delta == CACHE_NO_DELTA || is_stricter)
        *delta = value;
}

static void apply(struct cache_control *control, struct gw_str name, const struct gw_str *argument)
{
    for (size_t i = 0; i < GW_COUNT_OF(flags); i++) {
        if (gw_str_equal_nocase(name, flags[i].name))
            *(bool *)((char *)control + flags[i].offset) = true;
    }
    for (size_t i = 0; i < GW_COUNT_OF(deltas); i++) {
        if (!gw_str_equal_nocase(name, deltas[i].name))
            continue;
        int64_t value = argument == NULL ? CACHE_NO_DELTA : cache_delta_parse(*argument);
        if (argument == NULL && gw_str_equal_nocase(name, GW_STR("max-stale")))
            value = CACHE_MAX_DELTA_S; /* however stale (section 5.2.1.2) */
        apply_delta((int64_t *)(void *)((char *)control + deltas[i].offset),
                    value == CACHE_NO_DELTA ? deltas[i].if_bad : value, deltas[i].which);
    }
}

/* Where the directive that starts `text` ends: at a comma outside of quotes. SIZE_MAX: the quotes
 * do not end. */
static size_t find_end(struct gw_str text)
{
    bool is_quoted = false;
    size_t at = 0;

    for (; at < text.len && (is_quoted || text.ptr[at] != ','); at++) {
        if (text.ptr[at] == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && text.ptr[at] == '\\')
            at++;
    }
    return is_quoted || at > text.len ? SIZE_MAX : at;
}

void cache_control_read(struct cache_control *control, struct gw_str value)
{
    control->is_present = true;
    while (value.len > 0) {
        size_t end = find_end(value);
        if (end == SIZE_MAX) {
            control->is_malformed = true;
            return;
        }
        struct gw_str part = gw_str_trim(gw_str_from(value.ptr, end));
        size_t equals = gw_str_find(part, '=');
        struct gw_str name = gw_str_trim(gw_str_from(part.ptr, equals));
        if (part.len > 0 && gw_http_is_token(name)) {
            struct gw_str argument =
                gw_str_trim(gw_str_tail(part, equals < part.len ? equals + 1 : equals));
            apply(control, name, equals < part.len ? &argument : NULL);
        } else if (part.len > 0) {
            control->is_malformed = true;
        }
        value = gw_str_tail(value, end < value.len ? end + 1 : end);
    }
}
