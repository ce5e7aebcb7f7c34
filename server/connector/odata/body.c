#include "server/connector/odata/body.h"

#include <errno.h>

#include "server/connector/odata/date.h"
#include "server/connector/odata/literal.h"
#include "server/core/buf.h"

struct body_writer {
    struct gw_buf *out;
    const struct odata_settings *settings;
    unsigned depth;
    struct gw_error *error;
};

static int write_value(struct body_writer *writer, const struct gw_value *value);

static void write_string(struct gw_buf *out, struct gw_str text)
{
    gw_buf_append_byte(out, '"');
    gw_buf_append_json(out, text);
    gw_buf_append_byte(out, '"');
}

/* V2 writes an Edm.Time as a duration. */
static void write_v2_time(struct gw_buf *out, struct gw_str text)
{
    gw_buf_append_text(out, "\"PT");
    gw_buf_append(out, text.ptr, 2);
    gw_buf_append_byte(out, 'H');
    gw_buf_append(out, text.ptr + 3, 2);
    gw_buf_append_byte(out, 'M');
    gw_buf_append_str(out, gw_str_tail(text, 6));
    gw_buf_append_text(out, "S\"");
}

static void write_v2_date(struct gw_buf *out, struct gw_str text, bool is_local)
{
    gw_buf_append_byte(out, '"');
    odata_date_write(out, text, is_local);
    gw_buf_append_byte(out, '"');
}

static int write_marked(struct body_writer *writer, enum odata_mark mark, struct gw_str text)
{
    const struct odata_settings *settings = writer->settings;
    bool is_number = mark == ODATA_DECIMAL || mark == ODATA_INT64;

    if (settings->version == ODATA_V2 && (mark == ODATA_DATE || mark == ODATA_LOCAL_DATETIME))
        write_v2_date(writer->out, text, true);
    else if (settings->version == ODATA_V2 && mark == ODATA_DATETIME)
        write_v2_date(writer->out, text, false);
    else if (settings->version == ODATA_V2 && mark == ODATA_TIME)
        write_v2_time(writer->out, text);
    else if (is_number && settings->version == ODATA_V4 && !settings->exact_numbers)
        gw_buf_append_str(writer->out, text);
    else if (mark == ODATA_LOCAL_DATETIME)
        return gw_error_set(writer->error, -EINVAL,
                            "OData V4 has no time without a zone: use $datetime");
    else
        write_string(writer->out, text);
    return 0;
}

static bool is_told(struct gw_str name)
{
    return !gw_str_has_prefix(name, GW_STR("@")) || gw_str_has_prefix(name, GW_STR("@odata."));
}

static int write_object(struct body_writer *writer, const struct gw_value *value)
{
    bool is_first = true;

    gw_buf_append_byte(writer->out, '{');
    for (uint32_t i = 0; i < value->count; i++) {
        if (!is_told(value->members[i].name))
            continue;
        if (!is_first)
            gw_buf_append_byte(writer->out, ',');
        is_first = false;
        write_string(writer->out, value->members[i].name);
        gw_buf_append_byte(writer->out, ':');
        int rc = write_value(writer, &value->members[i].value);
        if (rc != 0)
            return rc;
    }
    gw_buf_append_byte(writer->out, '}');
    return 0;
}

static int write_array(struct body_writer *writer, const struct gw_value *value)
{
    gw_buf_append_byte(writer->out, '[');
    for (uint32_t i = 0; i < value->count; i++) {
        if (i > 0)
            gw_buf_append_byte(writer->out, ',');
        int rc = write_value(writer, &value->items[i]);
        if (rc != 0)
            return rc;
    }
    gw_buf_append_byte(writer->out, ']');
    return 0;
}

static int write_deeper(struct body_writer *writer, const struct gw_value *value)
{
    if (writer->depth >= ODATA_MAX_DEPTH)
        return gw_error_set(writer->error, -EINVAL, "a body is at most %d deep", ODATA_MAX_DEPTH);
    writer->depth++;
    int rc =
        value->type == GW_JSON_ARRAY ? write_array(writer, value) : write_object(writer, value);
    writer->depth--;
    return rc;
}

static int write_value(struct body_writer *writer, const struct gw_value *value)
{
    enum odata_mark mark;
    struct gw_str text;
    int rc = odata_mark_read(value, &mark, &text, writer->error);

    if (rc != 0)
        return rc;
    if (mark != ODATA_UNMARKED)
        return write_marked(writer, mark, text);
    if (value->type == GW_JSON_ARRAY || value->type == GW_JSON_OBJECT)
        return write_deeper(writer, value);
    gw_value_write(writer->out, value);
    return 0;
}

int odata_body_write(struct gw_buf *out, const struct odata_settings *settings,
                     const struct gw_value *value, struct gw_error *error)
{
    struct body_writer writer = {.out = out, .settings = settings, .error = error};

    return write_value(&writer, value);
}
