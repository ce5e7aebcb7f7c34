#include "server/connector/tryton/arguments.h"

#include "server/connector/tryton/value.h"
#include "server/core/buf.h"

#define MAX_NAME_BYTES 200
#define MAX_PARAMETERS_BYTES ((size_t)16 << 20)

static const char *const type_names[] = {
    [GW_JSON_NULL] = "null",        [GW_JSON_FALSE] = "a boolean", [GW_JSON_TRUE] = "a boolean",
    [GW_JSON_NUMBER] = "a number",  [GW_JSON_STRING] = "a text",   [GW_JSON_ARRAY] = "a list",
    [GW_JSON_OBJECT] = "an object",
};

/* Names go into the method's path: they must not add to it. */
static bool is_name(struct gw_str name, bool takes_dots)
{
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.ptr[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        bool is_digit = byte >= '0' && byte <= '9';
        bool is_joint = byte == '_' || (takes_dots && (byte == '.' || byte == '-'));
        if (!is_letter && (i == 0 || (!is_digit && !is_joint)))
            return false;
    }
    return name.len > 0 && name.len <= MAX_NAME_BYTES;
}

static bool fail_name(struct gw_connector_call *call, const char *name)
{
    gw_connector_fail_with(call, GW_CONNECTOR_WRONG, "`%s` is no name that Tryton could have",
                           name);
    return false;
}

bool tryton_read_object(struct gw_connector_call *call, const char *kind, const char *name,
                        struct gw_str *out_object)
{
    struct gw_str text = gw_value_member_text(&call->arguments, gw_str_of(name));
    const struct gw_str parts[] = {gw_str_of(kind), GW_STR("."), text};

    if (!is_name(text, true))
        return fail_name(call, name);
    *out_object = gw_arena_join(call->arena, parts, GW_COUNT_OF(parts));
    if (out_object->ptr == NULL)
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "out of memory");
    return out_object->ptr != NULL;
}

bool tryton_read_method(struct gw_connector_call *call, const char *name, struct gw_str *out_method)
{
    *out_method = gw_value_member_text(&call->arguments, gw_str_of(name));
    return is_name(*out_method, false) || fail_name(call, name);
}

bool tryton_read_typed(struct gw_connector_call *call, const char *name, enum gw_json_type type,
                       struct gw_value fallback, struct gw_value *out_value)
{
    const struct gw_value *value = gw_value_member(&call->arguments, gw_str_of(name));

    if (value == NULL || value->type == GW_JSON_NULL) {
        *out_value = fallback;
        return true;
    }
    if (value->type != type) {
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG, "`%s` is not %s", name, type_names[type]);
        return false;
    }
    *out_value = *value;
    return true;
}

bool tryton_read_context(struct gw_connector_call *call, const struct gw_value **out_context)
{
    const struct gw_value *context = gw_value_member(&call->arguments, GW_STR("context"));

    *out_context = context;
    if (context == NULL || context->type == GW_JSON_OBJECT)
        return true;
    *out_context = NULL;
    if (context->type != GW_JSON_NULL)
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG, "`context` is not an object");
    return context->type == GW_JSON_NULL;
}

static bool is_id(const struct gw_value *value)
{
    uint64_t number;

    return value->type == GW_JSON_NUMBER && gw_str_to_u64(value->text, &number) == 0 && number > 0;
}

bool tryton_read_ids(struct gw_connector_call *call, struct tryton_ids *out_ids)
{
    const struct gw_value *one = gw_value_member(&call->arguments, GW_STR("id"));
    const struct gw_value *list = gw_value_member(&call->arguments, GW_STR("ids"));
    bool is_right = (one == NULL) != (list == NULL);

    if (is_right)
        *out_ids = (struct tryton_ids){one != NULL ? gw_value_array(one, 1) : *list, one != NULL};
    is_right = is_right && out_ids->list.type == GW_JSON_ARRAY && out_ids->list.count > 0;
    for (uint32_t i = 0; is_right && i < out_ids->list.count; i++)
        is_right = is_id(&out_ids->list.items[i]);
    if (!is_right)
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG,
                               "one of `id` (a number) and `ids` (a list of them) is wanted");
    return is_right;
}

bool tryton_write_parameters(struct gw_connector_call *call, const struct gw_value *values,
                             size_t count, struct gw_str *out_parameters)
{
    struct gw_error error = {0};
    struct gw_str text = {NULL, 0};
    struct gw_buf buf;
    int rc = 0;

    gw_buf_init(&buf, MAX_PARAMETERS_BYTES);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = tryton_value_write(&buf, &values[i], &error);
        gw_buf_append_byte(&buf, ',');
    }
    if (rc == 0 && !buf.has_failed)
        text = gw_arena_copy(call->arena, gw_buf_str(&buf));
    gw_buf_finish(&buf);
    if (rc != 0)
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG, "%s", error.text);
    else if (text.ptr == NULL)
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG, "the arguments are too large");
    *out_parameters = text;
    return text.ptr != NULL;
}
