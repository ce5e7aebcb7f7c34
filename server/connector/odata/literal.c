#include "server/connector/odata/literal.h"

#include <errno.h>
#include <string.h>

#include "server/core/buf.h"
#include "server/json/format.h"
#include "server/json/number.h"

/* --- names ------------------------------------------------------------------------------------ */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool odata_is_name(struct gw_str text)
{
    if (text.len == 0 || text.len > ODATA_MAX_NAME_BYTES || !is_letter(text.ptr[0]))
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (!is_letter(text.ptr[i]) && !is_digit(text.ptr[i]))
            return false;
    return true;
}

bool odata_is_path(struct gw_str text, char separator)
{
    struct gw_str rest = text;
    struct gw_str name;

    if (text.len == 0 || text.len > 1024)
        return false;
    while (gw_str_split(&rest, separator, &name))
        if (!odata_is_name(name))
            return false;
    return true;
}

/* --- marks ------------------------------------------------------------------------------------ */

static bool is_local_datetime(struct gw_str text)
{
    char with_zone[40];

    if (text.len == 0 || text.len > sizeof(with_zone) - 1)
        return false;
    memcpy(with_zone, text.ptr, text.len);
    with_zone[text.len] = 'Z';
    return gw_format_is_date_time(gw_str_from(with_zone, text.len + 1));
}

static bool is_local_time(struct gw_str text)
{
    char with_zone[40];

    if (text.len == 0 || text.len > sizeof(with_zone) - 1)
        return false;
    memcpy(with_zone, text.ptr, text.len);
    with_zone[text.len] = 'Z';
    return gw_format_is_time(gw_str_from(with_zone, text.len + 1));
}

static bool is_decimal(struct gw_str text)
{
    struct gw_decimal decimal;

    return gw_decimal_parse(text, &decimal) == 0 && gw_str_find(text, 'e') == text.len &&
           gw_str_find(text, 'E') == text.len;
}

static bool is_integer(struct gw_str text)
{
    return is_decimal(text) && gw_str_find(text, '.') == text.len;
}

static const struct mark_row {
    struct gw_str name;
    bool (*is_right)(struct gw_str text);
    const char *shape;
} marks[] = {
    [ODATA_DATE] = {GW_STR_INIT("$date"), gw_format_is_date, "a date as 2026-11-23"},
    [ODATA_DATETIME] = {GW_STR_INIT("$datetime"), gw_format_is_date_time,
                        "a time as 2026-11-23T10:00:00Z"},
    [ODATA_LOCAL_DATETIME] = {GW_STR_INIT("$localdatetime"), is_local_datetime,
                              "a time without a zone, as 2026-11-23T10:00:00"},
    [ODATA_TIME] = {GW_STR_INIT("$time"), is_local_time, "a time of day as 10:00:00"},
    [ODATA_GUID] = {GW_STR_INIT("$guid"), gw_format_is_uuid, "a UUID"},
    [ODATA_DECIMAL] = {GW_STR_INIT("$decimal"), is_decimal, "a decimal number without exponent"},
    [ODATA_INT64] = {GW_STR_INIT("$int64"), is_integer, "an integer"},
};

int odata_mark_read(const struct gw_value *value, enum odata_mark *out_mark,
                    struct gw_str *out_text, struct gw_error *error)
{
    const struct gw_value_member *member = value->members;

    *out_mark = ODATA_UNMARKED;
    if (value->type != GW_JSON_OBJECT || value->count != 1)
        return 0;
    for (size_t i = ODATA_DATE; i < GW_COUNT_OF(marks); i++) {
        if (!gw_str_equal(marks[i].name, member->name))
            continue;
        if (member->value.type != GW_JSON_STRING || !marks[i].is_right(member->value.text))
            return gw_error_set(error, -EINVAL, "%s must be %s", marks[i].name.ptr, marks[i].shape);
        *out_mark = (enum odata_mark)i;
        *out_text = member->value.text;
        return 0;
    }
    return 0;
}

/* --- literals --------------------------------------------------------------------------------- */

static int write_string(struct gw_buf *out, struct gw_str text, struct gw_error *error)
{
    if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)
        return gw_error_set(error, -EINVAL, "a text must not hold a NUL");
    gw_buf_append_byte(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'')
            gw_buf_append_byte(out, '\'');
        gw_buf_append_byte(out, text.ptr[i]);
    }
    gw_buf_append_byte(out, '\'');
    return 0;
}

/* V2 tells the types of numbers by a letter behind them ([MS-ODATA], section 2.2.2): an Edm.Int32
 * has none. What has an exponent is an Edm.Double in both. */
static void write_number(struct gw_buf *out, enum odata_version version, struct gw_str literal)
{
    gw_buf_append_str(out, literal);
    if (version == ODATA_V4)
        return;
    if (gw_str_find(literal, 'e') < literal.len || gw_str_find(literal, 'E') < literal.len)
        gw_buf_append_byte(out, 'd');
    else if (gw_str_find(literal, '.') < literal.len)
        gw_buf_append_byte(out, 'M');
    else if (literal.len > 9)
        gw_buf_append_byte(out, 'L');
}

/* "10:00:00" as V2's Edm.Time has it, a duration: time'PT10H00M00S'. */
static void write_v2_time(struct gw_buf *out, struct gw_str text)
{
    gw_buf_append_text(out, "time'PT");
    gw_buf_append(out, text.ptr, 2);
    gw_buf_append_byte(out, 'H');
    gw_buf_append(out, text.ptr + 3, 2);
    gw_buf_append_byte(out, 'M');
    gw_buf_append_str(out, gw_str_tail(text, 6));
    gw_buf_append_text(out, "S'");
}

static void write_quoted(struct gw_buf *out, const char *type, struct gw_str text, const char *end)
{
    gw_buf_append_text(out, type);
    gw_buf_append_byte(out, '\'');
    gw_buf_append_str(out, text);
    gw_buf_append_text(out, end);
}

static void write_marked_v2(struct gw_buf *out, enum odata_mark mark, struct gw_str text)
{
    switch (mark) {
    case ODATA_DATE:
        write_quoted(out, "datetime", text, "T00:00:00'");
        break;
    case ODATA_DATETIME:
        write_quoted(out, "datetimeoffset", text, "'");
        break;
    case ODATA_LOCAL_DATETIME:
        write_quoted(out, "datetime", text, "'");
        break;
    case ODATA_TIME:
        write_v2_time(out, text);
        break;
    case ODATA_GUID:
        write_quoted(out, "guid", text, "'");
        break;
    case ODATA_DECIMAL:
        gw_buf_append_str(out, text);
        gw_buf_append_byte(out, 'M');
        break;
    default:
        gw_buf_append_str(out, text);
        gw_buf_append_byte(out, 'L');
    }
}

static int write_marked(struct gw_buf *out, enum odata_version version, enum odata_mark mark,
                        struct gw_str text, struct gw_error *error)
{
    if (version == ODATA_V2)
        write_marked_v2(out, mark, text);
    else if (mark == ODATA_LOCAL_DATETIME)
        return gw_error_set(error, -EINVAL, "OData V4 has no time without a zone: use $datetime");
    else
        gw_buf_append_str(out, text);
    return 0;
}

int odata_literal_write(struct gw_buf *out, enum odata_version version,
                        const struct gw_value *value, struct gw_error *error)
{
    enum odata_mark mark;
    struct gw_str text;
    int rc = odata_mark_read(value, &mark, &text, error);

    if (rc != 0)
        return rc;
    if (mark != ODATA_UNMARKED)
        return write_marked(out, version, mark, text, error);
    switch (value->type) {
    case GW_JSON_NULL:
        gw_buf_append_text(out, "null");
        return 0;
    case GW_JSON_TRUE:
    case GW_JSON_FALSE:
        gw_buf_append_text(out, value->type == GW_JSON_TRUE ? "true" : "false");
        return 0;
    case GW_JSON_NUMBER:
        write_number(out, version, value->text);
        return 0;
    case GW_JSON_STRING:
        return write_string(out, value->text, error);
    default:
        return gw_error_set(error, -EINVAL, "an array or an object is no value here");
    }
}

/* --- URLs ------------------------------------------------------------------------------------- */

static bool stands_for_itself(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
           (c != '\0' && strchr("-._~$(),='", c) != NULL);
}

void odata_encode(struct gw_buf *out, struct gw_str text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (stands_for_itself((char)c)) {
            gw_buf_append_byte(out, (char)c);
            continue;
        }
        const char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
        gw_buf_append(out, escape, sizeof(escape));
    }
}
