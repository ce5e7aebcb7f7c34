#include <errno.h>

#include "server/connector/tryton/moment.h"
#include "server/connector/tryton/value.h"
#include "server/core/buf.h"
#include "server/json/number.h"

typedef int write_mark_fn(struct gw_buf *out, const struct gw_value *value);

/* --- marks: 0, or -EINVAL --------------------------------------------------------------------- */

static int write_decimal(struct gw_buf *out, const struct gw_value *value)
{
    struct gw_decimal decimal;
    bool is_text = value->type == GW_JSON_STRING || value->type == GW_JSON_NUMBER;

    if (!is_text || gw_decimal_parse(value->text, &decimal) != 0)
        return -EINVAL;
    gw_buf_printf(out, "{\"__class__\":\"Decimal\",\"decimal\":\"%.*s\"}", GW_STR_ARG(value->text));
    return 0;
}

static int write_date(struct gw_buf *out, const struct gw_value *value)
{
    struct tryton_moment at = {0};

    if (value->type != GW_JSON_STRING || tryton_moment_read_date(value->text, &at) != 0)
        return -EINVAL;
    gw_buf_printf(out, "{\"__class__\":\"date\",\"year\":%d,\"month\":%d,\"day\":%d}", at.year,
                  at.month, at.day);
    return 0;
}

static void write_clock(struct gw_buf *out, const struct tryton_moment *at)
{
    gw_buf_printf(out, "\"hour\":%d,\"minute\":%d,\"second\":%d,\"microsecond\":%d}", at->hour,
                  at->minute, at->second, at->microsecond);
}

static int write_datetime(struct gw_buf *out, const struct gw_value *value)
{
    struct tryton_moment at = {0};

    if (value->type != GW_JSON_STRING || tryton_moment_read(value->text, &at) != 0)
        return -EINVAL;
    gw_buf_printf(out, "{\"__class__\":\"datetime\",\"year\":%d,\"month\":%d,\"day\":%d,", at.year,
                  at.month, at.day);
    write_clock(out, &at);
    return 0;
}

static int write_time(struct gw_buf *out, const struct gw_value *value)
{
    struct tryton_moment at = {0};

    if (value->type != GW_JSON_STRING || tryton_moment_read_time(value->text, &at) != 0)
        return -EINVAL;
    gw_buf_append_text(out, "{\"__class__\":\"time\",");
    write_clock(out, &at);
    return 0;
}

static int write_seconds(struct gw_buf *out, const struct gw_value *value)
{
    if (value->type != GW_JSON_NUMBER)
        return -EINVAL;
    gw_buf_append_text(out, "{\"__class__\":\"timedelta\",\"seconds\":");
    gw_buf_append_str(out, value->text);
    gw_buf_append_byte(out, '}');
    return 0;
}

static bool is_base64(struct gw_str text)
{
    size_t padding = 0;

    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        bool is_letter = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                         (byte >= '0' && byte <= '9') || byte == '+' || byte == '/';
        if (byte == '=')
            padding++;
        else if (!is_letter || padding > 0)
            return false;
    }
    return text.len % 4 == 0 && padding <= 2;
}

static int write_bytes(struct gw_buf *out, const struct gw_value *value)
{
    if (value->type != GW_JSON_STRING || !is_base64(value->text))
        return -EINVAL;
    gw_buf_append_text(out, "{\"__class__\":\"bytes\",\"base64\":\"");
    gw_buf_append_str(out, value->text);
    gw_buf_append_text(out, "\"}");
    return 0;
}

static const struct {
    struct gw_str name;
    write_mark_fn *write;
    const char *form;
} marks[] = {
    {GW_STR_INIT("$decimal"), write_decimal, "a number or its text"},
    {GW_STR_INIT("$date"), write_date, "a date of RFC 3339"},
    {GW_STR_INIT("$datetime"), write_datetime, "a date and time of RFC 3339"},
    {GW_STR_INIT("$time"), write_time, "a time such as 10:00:00"},
    {GW_STR_INIT("$seconds"), write_seconds, "a number"},
    {GW_STR_INIT("$bytes"), write_bytes, "base64"},
};

static int write_mark(struct gw_buf *out, const struct gw_value *object, struct gw_error *error)
{
    const struct gw_value_member *mark = &object->members[0];

    for (size_t i = 0; i < GW_COUNT_OF(marks) && object->count == 1; i++) {
        if (!gw_str_equal(mark->name, marks[i].name))
            continue;
        if (marks[i].write(out, &mark->value) != 0)
            return gw_error_set(error, -EINVAL, "%s is not %s", marks[i].name.ptr, marks[i].form);
        return 0;
    }
    return gw_error_set(error, -EINVAL,
                        "an object with \"%.*s\" is no mark: they are $decimal, $date, $datetime, "
                        "$time, $seconds and $bytes, each alone",
                        GW_STR_ARG(mark->name));
}

/* --- all else --------------------------------------------------------------------------------- */

static bool is_marked(const struct gw_value *object)
{
    return object->count > 0 && object->members[0].name.len > 0 &&
           object->members[0].name.ptr[0] == '$';
}

static int write_value(struct gw_buf *out, const struct gw_value *value, unsigned depth,
                       struct gw_error *error);

static int write_members(struct gw_buf *out, const struct gw_value *object, unsigned depth,
                         struct gw_error *error)
{
    int rc = 0;

    gw_buf_append_byte(out, '{');
    for (uint32_t i = 0; i < object->count && rc == 0; i++) {
        struct gw_str name = object->members[i].name;
        if (gw_str_equal(name, GW_STR("__class__")))
            return gw_error_set(error, -EINVAL, "\"__class__\" is written by marks only");
        gw_buf_append_text(out, i == 0 ? "\"" : ",\"");
        gw_buf_append_json(out, name);
        gw_buf_append_text(out, "\":");
        rc = write_value(out, &object->members[i].value, depth + 1, error);
    }
    gw_buf_append_byte(out, '}');
    return rc;
}

static int write_items(struct gw_buf *out, const struct gw_value *array, unsigned depth,
                       struct gw_error *error)
{
    int rc = 0;

    gw_buf_append_byte(out, '[');
    for (uint32_t i = 0; i < array->count && rc == 0; i++) {
        if (i > 0)
            gw_buf_append_byte(out, ',');
        rc = write_value(out, &array->items[i], depth + 1, error);
    }
    gw_buf_append_byte(out, ']');
    return rc;
}

static int write_value(struct gw_buf *out, const struct gw_value *value, unsigned depth,
                       struct gw_error *error)
{
    if (depth > TRYTON_MAX_DEPTH)
        return gw_error_set(error, -EINVAL, "a value is deeper than %d", TRYTON_MAX_DEPTH);
    if (value->type == GW_JSON_ARRAY)
        return write_items(out, value, depth, error);
    if (value->type != GW_JSON_OBJECT) {
        gw_value_write(out, value);
        return 0;
    }
    return is_marked(value) ? write_mark(out, value, error)
                            : write_members(out, value, depth, error);
}

int tryton_value_write(struct gw_buf *out, const struct gw_value *value, struct gw_error *error)
{
    return write_value(out, value, 0, error);
}
