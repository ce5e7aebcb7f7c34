#include "policies/schema/body.h"

#include <errno.h>

#include "policies/schema/form.h"
#include "policies/schema/multipart.h"
#include "server/core/arena.h"
#include "server/json/pointer.h"

static const struct violation in_body = {.in = VIOLATION_IN_BODY};

bool body_is_checked(const struct gw_media_type *type, struct gw_str content_type)
{
    return type->schema != GW_NO_SCHEMA && media_type_kind(content_type) != MEDIA_OTHER;
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

/* --- forms ------------------------------------------------------------------------------------ */

static void add_form_flaw(struct violations *list, int error, const char *flaw)
{
    struct violation violation = in_body;

    if (error == -ENOMEM) {
        list->has_no_memory = true;
        return;
    }
    violation.keyword = error == -E2BIG ? GW_STR("limit") : GW_STR("form");
    violation.detail = flaw != NULL      ? gw_str_of(flaw)
                       : error == -E2BIG ? GW_STR("has too many fields")
                                         : GW_STR("is not percent-encoded UTF-8 without NUL");
    violations_add(list, &violation);
}

/* One reading of the fields, and its verdict. False: `list` says why; *out_is_ambiguous: another
 * reading may be right. */
static bool is_form_valid(const struct body_rules *rules, const struct gw_media_type *type,
                          struct form_fields *fields, struct gw_value_tape *value,
                          struct violations *list)
{
    struct gw_json_tape tape;

    form_add_object(rules, type, fields, value, list);
    int rc = gw_value_tape_finish(value, &tape);
    if (rc != 0)
        add_form_flaw(list, rc, NULL);
    if (rc != 0 || violations_are_any(list))
        return false;
    return violations_check(list, rules->schemas, type->schema, &tape, &in_body, rules->direction);
}

static void check_form(const struct body_rules *rules, const struct gw_media_type *type,
                       struct form_fields *fields, struct violations *list)
{
    struct gw_value_tape value, second;
    struct violations unheard;

    gw_value_tape_init(&value, list->arena, false);
    if (is_form_valid(rules, type, fields, &value, list) || !value.is_ambiguous)
        return;
    violations_init(&unheard, list->arena, 1);
    gw_value_tape_init(&second, list->arena, true);
    if (is_form_valid(rules, type, fields, &second, &unheard))
        violations_init(list, list->arena, list->max_count);
}

void body_check(const struct body_rules *rules, const struct gw_media_type *type,
                struct gw_str content_type, struct gw_str body, struct violations *list)
{
    enum media_kind kind = media_type_kind(content_type);
    struct form_fields fields;
    const char *flaw = NULL;
    int rc;

    if (kind == MEDIA_JSON) {
        check_json(rules, type, body, list);
        return;
    }
    rc = kind == MEDIA_FORM ? form_read(body, list->arena, &fields)
                            : multipart_read(content_type, body, list->arena, &fields, &flaw);
    if (rc != 0)
        add_form_flaw(list, rc, flaw);
    else
        check_form(rules, type, &fields, list);
}
