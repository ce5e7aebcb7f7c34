/* A backend's routes (which requests go to which targets) and its maintenance. */
#include <errno.h>

#include "server/gateway/config_private.h"

#define POINTER_BYTES 224

/* --- routes ----------------------------------------------------------------------------------- */

static int fill_conditions(struct gw_config_loader *loader, const char *pointer,
                           const json_t *checked, struct gw_route_rule *route)
{
    const json_t *headers = json_object_get(checked, "header");
    const json_t *claims = json_object_get(checked, "claim");
    size_t count = json_object_size(headers) + json_object_size(claims);
    struct gw_route_condition *conditions =
        gw_arena_calloc(&loader->config->arena, count + 1, sizeof(*conditions));
    const char *name;
    json_t *value;

    if (conditions == NULL)
        return -ENOMEM;
    route->conditions = conditions;
    json_object_foreach((json_t *)headers, name, value)
    {
        conditions[route->condition_count++] = (struct gw_route_condition){
            gw_str_of(name), gw_str_from(json_string_value(value), json_string_length(value)),
            false};
        if (!gw_config_is_plain_name(gw_str_of(name)))
            gw_config_fail(loader, pointer, "\"%.64s\" is no name of a field", name);
    }
    json_object_foreach((json_t *)claims, name,
                        value) conditions[route->condition_count++] = (struct gw_route_condition){
        gw_str_of(name), gw_str_from(json_string_value(value), json_string_length(value)), true};
    return 0;
}

static bool has_tag(const json_t *target, const char *tag)
{
    size_t index;
    json_t *item;

    json_array_foreach(json_object_get(target, "tags"), index, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), tag) == 0)
            return true;
    }
    return false;
}

/* The targets with the route's tag are its own. Returns how many there are. */
static size_t take_targets(struct gw_config_backend *backend, const json_t *targets,
                           const char *tag, size_t route)
{
    size_t count = 0;

    for (size_t i = 0; i < backend->target_count; i++) {
        if (!has_tag(json_array_get(targets, i), tag))
            continue;
        backend->targets[i].pools |= UINT32_C(1) << (route + 1);
        count++;
    }
    return count;
}

/* Targets that no route names take what no route takes. */
static void fill_usual_pool(struct gw_config_loader *loader, const char *pointer,
                            struct gw_config_backend *backend)
{
    size_t count = 0;

    for (size_t i = 0; i < backend->target_count; i++) {
        if (backend->targets[i].pools == 0) {
            backend->targets[i].pools = 1;
            count++;
        }
    }
    if (count == 0 && backend->target_count > 0)
        gw_config_fail(loader, pointer,
                       "every target is one of a route's: none is left for the "
                       "requests that no route takes");
}

int gw_config_fill_routes(struct gw_config_loader *loader, const char *pointer,
                          const json_t *checked, struct gw_config_backend *backend)
{
    const json_t *list = json_object_get(checked, "routes");
    struct gw_route_rule *routes =
        gw_arena_calloc(&loader->config->arena, json_array_size(list) + 1, sizeof(*routes));
    char inner[POINTER_BYTES];
    size_t index;
    json_t *item;

    if (routes == NULL)
        return -ENOMEM;
    json_array_foreach(list, index, item)
    {
        const char *tag = json_string_value(json_object_get(item, "tag"));
        snprintf(inner, sizeof(inner), "%s/routes/%zu", pointer, index);
        routes[index].percent = (uint32_t)gw_config_number(item, "percent");
        routes[index].is_sticky = json_is_true(json_object_get(item, "sticky"));
        if (fill_conditions(loader, inner, json_object_get(item, "when"), &routes[index]) != 0)
            return -ENOMEM;
        if (tag != NULL &&
            take_targets(backend, json_object_get(checked, "targets"), tag, index) == 0)
            gw_config_fail(loader, inner, "no target has the tag \"%.64s\"", tag);
    }
    fill_usual_pool(loader, pointer, backend);
    backend->resilience.routes = routes;
    backend->resilience.route_count = json_array_size(list);
    return 0;
}

/* --- maintenance ------------------------------------------------------------------------------ */

static uint8_t read_days(struct gw_config_loader *loader, const char *pointer, const json_t *list)
{
    uint8_t days = 0;
    size_t index;
    json_t *item;

    json_array_foreach(list, index, item)
    {
        int day =
            gw_schedule_parse_day(gw_str_from(json_string_value(item), json_string_length(item)));
        if (day < 0 && json_is_string(item))
            gw_config_fail(loader, pointer,
                           "\"%.16s\" is none of mon, tue, wed, thu, fri, sat, sun",
                           json_string_value(item));
        else if (day >= 0)
            days |= (uint8_t)(1U << day);
    }
    return days != 0 ? days : 127;
}

static void fill_window(struct gw_config_loader *loader, const char *pointer, const json_t *checked,
                        struct gw_schedule_window *window)
{
    struct gw_str from = gw_config_text(checked, "from"), to = gw_config_text(checked, "to");
    const json_t *days = json_object_get(checked, "days");

    if (from.ptr == NULL || to.ptr == NULL) /* was reported */
        return;
    if (gw_schedule_parse_moment(from, &window->from_s) == 0) {
        if (gw_schedule_parse_moment(to, &window->to_s) != 0 || window->to_s <= window->from_s)
            gw_config_fail(loader, pointer, "to must be a moment behind from");
        if (json_array_size(days) > 0)
            gw_config_fail(loader, pointer, "days go with times of day only");
        return;
    }
    window->is_weekly = true;
    window->days = read_days(loader, pointer, days);
    if (gw_schedule_parse_time(from, &window->from_s) != 0 ||
        gw_schedule_parse_time(to, &window->to_s) != 0)
        gw_config_fail(loader, pointer,
                       "from and to must be two moments (2026-12-01T22:00:00Z) or two times of day "
                       "(22:00)");
    if (gw_schedule_parse_offset(gw_config_text(checked, "offset"), &window->offset_s) != 0)
        gw_config_fail(loader, pointer, "offset must be like +01:00, or Z");
}

int gw_config_fill_maintenance(struct gw_config_loader *loader, const char *pointer,
                               const json_t *checked, struct gw_config_backend *backend)
{
    struct gw_schedule_window *windows =
        gw_arena_calloc(&loader->config->arena, json_array_size(checked) + 1, sizeof(*windows));
    char inner[POINTER_BYTES];
    size_t index;
    json_t *item;

    if (windows == NULL)
        return -ENOMEM;
    json_array_foreach(checked, index, item)
    {
        snprintf(inner, sizeof(inner), "%s/maintenance/%zu", pointer, index);
        fill_window(loader, inner, item, &windows[index]);
    }
    backend->resilience.maintenance = windows;
    backend->resilience.maintenance_count = json_array_size(checked);
    return 0;
}
