/* The section `floor`: what no contract can go below. */
#include <errno.h>

#include "server/contract/rule.h"
#include "server/contract/rules.h"
#include "server/gateway/config_private.h"

static void check_patterns(struct gw_config_loader *loader, const char *list,
                           const struct gw_str *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char pointer[96];
        snprintf(pointer, sizeof(pointer), "%s/%zu", list, i);
        if (!gw_config_pattern_is_valid(patterns[i]))
            gw_config_fail(loader, pointer, "must be /layer/name, /layer/* or *");
    }
}

/* Contracts compile it again, each for itself: here it is only seen that they can. */
static int check_rule(struct gw_config_loader *loader, size_t index, struct gw_str when)
{
    struct gw_rule_fault fault;
    struct gw_arena scratch;
    struct gw_rule unused;
    char pointer[64];

    gw_arena_init(&scratch, 16 * 1024, 1024 * 1024);
    int rc = gw_rule_compile(&scratch, when, &unused, &fault);
    gw_arena_finish(&scratch);
    if (rc != -EINVAL)
        return rc;
    snprintf(pointer, sizeof(pointer), "/floor/rules/%zu/when", index);
    gw_config_fail(loader, pointer, "column %zu of the rule: %s", fault.column, fault.text);
    return 0;
}

static int fill_rule(struct gw_config_loader *loader, size_t index, const json_t *checked,
                     struct gw_floor_rule *rule)
{
    char pointer[64];
    int rc = gw_config_texts(loader->config, json_object_get(checked, "namespaces"),
                             &rule->namespaces, &rule->namespace_count);

    rule->when = gw_config_text(checked, "when");
    rule->say = gw_config_text(checked, "say");
    if (rc != 0)
        return rc;
    snprintf(pointer, sizeof(pointer), "/floor/rules/%zu/namespaces", index);
    check_patterns(loader, pointer, rule->namespaces, rule->namespace_count);
    for (size_t i = 0; i < rule->say.len; i++) {
        if ((unsigned char)rule->say.ptr[i] >= 0x20)
            continue;
        snprintf(pointer, sizeof(pointer), "/floor/rules/%zu/say", index);
        gw_config_fail(loader, pointer, "must be one line");
        break;
    }
    return rule->when.len > 0 ? check_rule(loader, index, rule->when) : 0;
}

static int fill_rules(struct gw_config_loader *loader, const json_t *list)
{
    struct gw_config *config = loader->config;
    size_t count = json_array_size(list);
    struct gw_floor_rule *rules = gw_arena_calloc(&config->arena, count + 1, sizeof(*rules));
    int rc = 0;

    if (rules == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = fill_rule(loader, i, json_array_get(list, i), &rules[i]);
    config->floor.rules = rules;
    config->floor.rule_count = count;
    return rc;
}

int gw_config_fill_floor(struct gw_config_loader *loader)
{
    struct gw_config *config = loader->config;
    struct gw_config_floor *floor = &config->floor;
    const json_t *checked = json_object_get(config->checked, "floor");
    int rc = gw_config_texts(config, json_object_get(checked, "anonymous"), &floor->anonymous,
                             &floor->anonymous_count);

    floor->authentication = !json_is_false(json_object_get(checked, "authentication"));
    floor->default_plan = gw_config_text(checked, "default_plan");
    floor->asserts_formats = gw_str_equal(gw_config_text(checked, "formats"), GW_STR("assert"));
    if (floor->default_plan.ptr != NULL)
        gw_config_check_names(loader, "/floor/default_plan", "plans", &floor->default_plan, 1);
    check_patterns(loader, "/floor/anonymous", floor->anonymous, floor->anonymous_count);
    return rc == 0 ? fill_rules(loader, json_object_get(checked, "rules")) : rc;
}
