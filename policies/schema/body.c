#include "policies/schema/body.h"

#include <errno.h>

#include "server/core/arena.h"
#include "server/json/pointer.h"

static const struct violation in_body = {.in = VIOLATION_IN_BODY};

bool body_is_checked(const struct gw_media_type *type, struct gw_str content_type)
{
    return type->schema != GW_NO_SCHEMA && media_type_kind(content_type) == MEDIA_JSON;
}

/* The first object with a name that comes twice. */
static void add_duplicate(const struct gw_json_tape *tape, struct violations *list)
{
    struct violation violation = in_body;
    uint32_t at = 0;

    while (at + 1 < tape->count && (tape->tokens[at].type != GW_JSON_OBJECT ||
                                    (tape->tokens[at].flags & GW_JSON_DUPLICATES) == 0))
        at++;
    violation.pointer = gw_pointer_to(tape, 0, at, list->arena);
    violation.keyword = GW_STR("duplicate");
    violation.detail = GW_STR("has a name that comes twice");
    violations_add(list, &violation);
}

static void check_json(const struct body_rules *rules, const struct gw_media_type *type,
                       struct gw_str body, struct violations *list)
{
    struct gw_json_error error;
    struct gw_json_tape tape;
    int rc = gw_json_read(list->arena, body, &rules->json, &tape, &error);

    if (rc == -ENOMEM)
        list->has_no_memory = true;
    else if (rc != 0)
        violations_add_json_error(list, &in_body, &error);
    else if (tape.has_duplicates && !rules->allows_duplicates)
        add_duplicate(&tape, list);
    else
        (void)violations_check(list, rules->schemas, type->schema, &tape, &in_body,
                               rules->direction);
}

void body_check(const struct body_rules *rules, const struct gw_media_type *type,
                struct gw_str content_type, struct gw_str body, struct violations *list)
{
    (void)content_type;
    check_json(rules, type, body, list);
}
