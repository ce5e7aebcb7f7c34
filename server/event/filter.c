#include "server/event/filter.h"

static bool is_like(struct gw_str text, struct gw_str pattern)
{
    if (gw_str_has_suffix(pattern, GW_STR("*")))
        return gw_str_has_prefix(text, gw_str_from(pattern.ptr, pattern.len - 1));
    return gw_str_equal(text, pattern);
}

static bool is_wanted(struct gw_str text, const struct gw_event_patterns *patterns)
{
    for (size_t i = 0; i < patterns->count; i++) {
        if (is_like(text, patterns->items[i]))
            return true;
    }
    return patterns->count == 0;
}

bool gw_event_filter_allows(const struct gw_event_filter *filter, const struct gw_event *event)
{
    const struct gw_str *plant = gw_event_extension(event, GW_STR("plant"));

    if (filter->sees_all_plants)
        return true;
    for (size_t i = 0; plant != NULL && i < filter->own_plants.count; i++) {
        if (gw_str_equal(*plant, filter->own_plants.items[i]))
            return true;
    }
    return false;
}

bool gw_event_filter_matches(const struct gw_event_filter *filter, const struct gw_event *event)
{
    const struct gw_str *plant = gw_event_extension(event, GW_STR("plant"));

    return gw_event_filter_allows(filter, event) && is_wanted(event->type, &filter->types) &&
           is_wanted(event->subject, &filter->subjects) &&
           is_wanted(event->source, &filter->sources) &&
           is_wanted(plant != NULL ? *plant : GW_STR(""), &filter->plants);
}
