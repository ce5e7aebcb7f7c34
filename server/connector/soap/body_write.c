/* Values as XML. */
#include <errno.h>

#include "server/connector/soap/body.h"
#include "server/connector/soap/text.h"
#include "server/core/buf.h"

#define SEQUENCE "#sequence"
#define TEXT "#text"

struct writer {
    struct gw_buf *out;
    const struct soap_names *names;
    struct gw_error *error;
};

static int write_element(struct writer *writer, struct gw_str name, const struct gw_value *value,
                         unsigned depth);

static int write_scalar(struct writer *writer, struct gw_str name, const struct gw_value *value)
{
    struct gw_str text = soap_scalar(value);

    if (text.ptr == NULL)
        return gw_error_set(writer->error, -EINVAL,
                            "\"%.*s\" is no text, number or truth value that XML can say",
                            GW_STR_ARG(name));
    soap_write_text(writer->out, text);
    return 0;
}

static int write_attribute(struct writer *writer, const struct gw_value_member *member)
{
    struct gw_str name = gw_str_tail(member->name, 1);

    if (member->value.type == GW_JSON_NULL)
        return 0;
    if (!soap_is_name(writer->names, name) || gw_str_equal(name, GW_STR("xmlns")))
        return gw_error_set(writer->error, -EINVAL, "\"%.*s\" cannot be an attribute's name",
                            GW_STR_ARG(name));
    gw_buf_append_byte(writer->out, ' ');
    gw_buf_append_str(writer->out, name);
    gw_buf_append_text(writer->out, "=\"");
    int rc = write_scalar(writer, member->name, &member->value);
    gw_buf_append_byte(writer->out, '"');
    return rc;
}

static bool is_attribute(const struct gw_value_member *member)
{
    return member->name.len > 0 && member->name.ptr[0] == '@';
}

static int write_members(struct writer *writer, const struct gw_value *object, unsigned depth);

static int write_sequence(struct writer *writer, const struct gw_value *list, unsigned depth)
{
    int rc = 0;

    if (list->type != GW_JSON_ARRAY)
        return gw_error_set(writer->error, -EINVAL, "`" SEQUENCE "` is no list");
    for (uint32_t i = 0; i < list->count && rc == 0; i++) {
        if (list->items[i].type != GW_JSON_OBJECT)
            return gw_error_set(writer->error, -EINVAL, "an item of `" SEQUENCE "` is no object");
        rc = write_members(writer, &list->items[i], depth + 1);
    }
    return rc;
}

/* All but the attributes. */
static int write_members(struct writer *writer, const struct gw_value *object, unsigned depth)
{
    int rc = 0;

    if (depth >= SOAP_BODY_MAX_DEPTH)
        return gw_error_set(writer->error, -EINVAL, "deeper than %d elements", SOAP_BODY_MAX_DEPTH);
    for (uint32_t i = 0; i < object->count && rc == 0; i++) {
        const struct gw_value_member *member = &object->members[i];
        if (is_attribute(member))
            continue;
        if (gw_str_equal(member->name, GW_STR(TEXT)))
            rc = write_scalar(writer, member->name, &member->value);
        else if (gw_str_equal(member->name, GW_STR(SEQUENCE)))
            rc = write_sequence(writer, &member->value, depth);
        else
            rc = write_element(writer, member->name, &member->value, depth);
    }
    return rc;
}

static int write_object(struct writer *writer, struct gw_str name, const struct gw_value *object,
                        unsigned depth)
{
    int rc = 0;

    for (uint32_t i = 0; i < object->count && rc == 0; i++) {
        if (is_attribute(&object->members[i]))
            rc = write_attribute(writer, &object->members[i]);
    }
    gw_buf_append_byte(writer->out, '>');
    if (rc == 0)
        rc = write_members(writer, object, depth + 1);
    gw_buf_append_text(writer->out, "</");
    gw_buf_append_str(writer->out, name);
    gw_buf_append_byte(writer->out, '>');
    return rc;
}

static int write_one(struct writer *writer, struct gw_str name, const struct gw_value *value,
                     unsigned depth)
{
    gw_buf_append_byte(writer->out, '<');
    gw_buf_append_str(writer->out, name);
    if (value->type == GW_JSON_NULL) {
        gw_buf_append_text(writer->out, " xsi:nil=\"true\"/>");
        return 0;
    }
    if (value->type == GW_JSON_OBJECT)
        return write_object(writer, name, value, depth);
    gw_buf_append_byte(writer->out, '>');
    int rc = write_scalar(writer, name, value);
    gw_buf_append_text(writer->out, "</");
    gw_buf_append_str(writer->out, name);
    gw_buf_append_byte(writer->out, '>');
    return rc;
}

static int write_element(struct writer *writer, struct gw_str name, const struct gw_value *value,
                         unsigned depth)
{
    int rc = 0;

    if (!soap_is_name(writer->names, name))
        return gw_error_set(writer->error, -EINVAL,
                            "\"%.*s\" is no element's name, or its prefix is not in `namespaces`",
                            GW_STR_ARG(name));
    if (value->type != GW_JSON_ARRAY)
        return write_one(writer, name, value, depth);
    for (uint32_t i = 0; i < value->count && rc == 0; i++)
        rc = write_one(writer, name, &value->items[i], depth);
    return rc;
}

int soap_body_write(struct gw_buf *out, const struct soap_names *names,
                    const struct gw_value *object, struct gw_error *error)
{
    struct writer writer = {out, names, error};

    if (object->type != GW_JSON_OBJECT)
        return gw_error_set(error, -EINVAL, "is no object of elements");
    for (uint32_t i = 0; i < object->count; i++) {
        if (is_attribute(&object->members[i]) ||
            gw_str_equal(object->members[i].name, GW_STR(TEXT)))
            return gw_error_set(error, -EINVAL, "\"%.*s\" stands outside of any element",
                                GW_STR_ARG(object->members[i].name));
    }
    return write_members(&writer, object, 0);
}
