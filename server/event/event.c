/* An event's attributes and their rules (CloudEvents 1.0.2, sections 3.1 to 3.4). */
#include "server/event/event_private.h"

#include <errno.h>

#include "server/core/utf8.h"
#include "server/json/format.h"
#include "server/json/reader.h"

/* What lies around the data in the written form: names, quotes, braces. */
#define FRAME_BYTES 256
#define SHOWN_BYTES 40

enum rule { RULE_TEXT, RULE_URI, RULE_URI_REFERENCE, RULE_TIME, RULE_JSON_TYPE };

static const struct attribute {
    struct gw_str name;
    size_t at; /* in struct gw_event */
    enum rule rule;
} attributes[] = {
    {GW_STR_INIT("id"), offsetof(struct gw_event, id), RULE_TEXT},
    {GW_STR_INIT("source"), offsetof(struct gw_event, source), RULE_URI_REFERENCE},
    {GW_STR_INIT("type"), offsetof(struct gw_event, type), RULE_TEXT},
    {GW_STR_INIT("subject"), offsetof(struct gw_event, subject), RULE_TEXT},
    {GW_STR_INIT("time"), offsetof(struct gw_event, time), RULE_TIME},
    {GW_STR_INIT("datacontenttype"), offsetof(struct gw_event, data_type), RULE_JSON_TYPE},
    {GW_STR_INIT("dataschema"), offsetof(struct gw_event, data_schema), RULE_URI},
};

/* --- values --- */

/* Section 3.3: no control characters, no surrogates (which are no UTF-8), no noncharacters. */
static bool is_text(struct gw_str text)
{
    for (size_t at = 0; at < text.len;) {
        size_t len = gw_utf8_length(gw_str_tail(text, at));
        const unsigned char *byte = (const unsigned char *)text.ptr + at;
        if (len == 0 || byte[0] < 0x20 || byte[0] == 0x7f || (byte[0] == 0xc2 && byte[1] < 0xa0))
            return false;
        bool is_end_of_plane =
            (len == 3 && byte[0] == 0xef && byte[1] == 0xbf && byte[2] >= 0xbe) ||
            (len == 4 && (byte[1] & 0x0f) == 0x0f && byte[2] == 0xbf && byte[3] >= 0xbe);
        if (is_end_of_plane ||
            (len == 3 && byte[0] == 0xef && byte[1] == 0xb7 && byte[2] >= 0x90 && byte[2] <= 0xaf))
            return false;
        at += len;
    }
    return true;
}

/* "application/json", or one that ends in "+json" (JSON format, 3.1), perhaps with parameters. */
static bool is_json_type(struct gw_str text)
{
    struct gw_str type = gw_str_trim(gw_str_from(text.ptr, gw_str_find(text, ';')));
    size_t slash = gw_str_find(type, '/');

    if (slash == 0 || slash >= type.len || type.len < 6)
        return false;
    struct gw_str rest = gw_str_tail(type, slash + 1);
    if (gw_str_find(rest, '/') < rest.len)
        return false;
    return gw_str_equal_nocase(gw_str_tail(type, type.len - 5), GW_STR("/json")) ||
           gw_str_equal_nocase(gw_str_tail(type, type.len - 5), GW_STR("+json"));
}

/* NULL: it is right. */
static const char *fault_of(enum rule rule, struct gw_str value)
{
    if (value.len == 0)
        return "must not be empty";
    if (value.len > GW_EVENT_MAX_ATTRIBUTE)
        return "is longer than 2048 bytes";
    if (!is_text(value))
        return "has characters that no attribute may have";
    switch (rule) {
    case RULE_TEXT:
        break;
    case RULE_URI:
        return gw_format_is_uri(value) ? NULL : "is no URI";
    case RULE_URI_REFERENCE:
        return gw_format_is_uri_reference(value) ? NULL : "is no URI reference";
    case RULE_TIME:
        return gw_format_is_date_time(value) ? NULL : "is no time as RFC 3339 has it";
    case RULE_JSON_TYPE:
        return is_json_type(value) ? NULL : "is no JSON: other data is not taken";
    }
    return NULL;
}

static bool is_name(struct gw_str name)
{
    if (name.len == 0 || name.len > GW_EVENT_MAX_NAME)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.ptr[i];
        if (!(byte >= 'a' && byte <= 'z') && !(byte >= '0' && byte <= '9'))
            return false;
    }
    return true;
}

struct gw_str gw_event_shown(struct gw_str name)
{
    if (!is_text(name))
        return GW_STR("?");
    for (size_t at = 0; at < name.len;) {
        size_t len = gw_utf8_length(gw_str_tail(name, at));
        if (at + len > SHOWN_BYTES)
            return gw_str_from(name.ptr, at);
        at += len;
    }
    return name;
}

/* --- setting --- */

const struct gw_str *gw_event_extension(const struct gw_event *event, struct gw_str name)
{
    for (size_t i = 0; i < event->extension_count; i++) {
        if (gw_str_equal(event->extensions[i].name, name))
            return &event->extensions[i].value;
    }
    return NULL;
}

static const struct attribute *find_attribute(struct gw_str name)
{
    for (size_t i = 0; i < GW_COUNT_OF(attributes); i++) {
        if (gw_str_equal(attributes[i].name, name))
            return &attributes[i];
    }
    return NULL;
}

int gw_event_add_extension(struct gw_event *event, struct gw_str name, struct gw_str value)
{
    bool is_taken = find_attribute(name) != NULL || gw_str_equal(name, GW_STR("specversion")) ||
                    gw_str_equal(name, GW_STR("data")) || gw_event_extension(event, name) != NULL;

    if (!is_name(name) || fault_of(RULE_TEXT, value) != NULL)
        return -EINVAL;
    if (is_taken)
        return -EEXIST;
    if (event->extension_count == GW_EVENT_MAX_EXTENSIONS)
        return -ENOSPC;
    event->extensions[event->extension_count++] =
        (struct gw_event_extension){.name = name, .value = value};
    return 0;
}

static int set_extension(struct gw_event *event, struct gw_str name, struct gw_str value,
                         struct gw_error *error)
{
    const char *fault = fault_of(RULE_TEXT, value);

    if (!is_name(name))
        return gw_error_set(error, -EINVAL,
                            "\"%.*s\" is no name of an attribute: a-z and 0-9, 20 at most",
                            GW_STR_ARG(gw_event_shown(name)));
    if (fault != NULL)
        return gw_error_set(error, -EINVAL, "%.*s %s", GW_STR_ARG(name), fault);
    switch (gw_event_add_extension(event, name, value)) {
    case 0:
        return 0;
    case -ENOSPC:
        return gw_error_set(error, -EINVAL, "it has more than %d extensions",
                            GW_EVENT_MAX_EXTENSIONS);
    default:
        return gw_error_set(error, -EINVAL, "%.*s stands twice, or is no extension",
                            GW_STR_ARG(name));
    }
}

int gw_event_set(struct gw_event *event, struct gw_str name, struct gw_str value,
                 struct gw_error *error)
{
    const struct attribute *attribute = find_attribute(name);

    if (gw_str_equal(name, GW_STR("specversion")))
        return gw_str_equal(value, GW_STR("1.0"))
                   ? 0
                   : gw_error_set(error, -EINVAL, "specversion is not 1.0");
    if (attribute == NULL)
        return set_extension(event, name, value, error);
    struct gw_str *place = (struct gw_str *)(void *)((char *)event + attribute->at);
    const char *fault = fault_of(attribute->rule, value);
    if (place->len > 0)
        fault = "stands twice";
    if (fault != NULL)
        return gw_error_set(error, -EINVAL, "%.*s %s", GW_STR_ARG(name), fault);
    *place = value;
    return 0;
}

/* --- the whole --- */

int gw_event_check(const struct gw_event *event, struct gw_error *error)
{
    size_t bytes = FRAME_BYTES + event->data.len;

    for (size_t i = 0; i < GW_COUNT_OF(attributes); i++) {
        const struct gw_str *value =
            (const struct gw_str *)(const void *)((const char *)event + attributes[i].at);
        if (value->len > GW_EVENT_MAX_ATTRIBUTE)
            return gw_error_set(error, -EINVAL, "%.*s is longer than %d bytes",
                                GW_STR_ARG(attributes[i].name), GW_EVENT_MAX_ATTRIBUTE);
        if (i < 3 && value->len == 0) /* those three are required */
            return gw_error_set(error, -EINVAL, "%.*s is missing", GW_STR_ARG(attributes[i].name));
        bytes += value->len;
    }
    for (size_t i = 0; i < event->extension_count; i++)
        bytes += event->extensions[i].name.len + event->extensions[i].value.len + 8;
    if (bytes > GW_EVENT_MAX_BYTES)
        return gw_error_set(error, -EINVAL, "it is larger than %d KiB", GW_EVENT_MAX_BYTES / 1024);
    return 0;
}

/* --- writing --- */

static void append_text(struct gw_buf *out, struct gw_str name, struct gw_str value)
{
    if (value.len == 0)
        return;
    gw_buf_printf(out, ",\"%.*s\":\"", GW_STR_ARG(name));
    gw_buf_append_json(out, value);
    gw_buf_append_byte(out, '"');
}

void gw_event_write(const struct gw_event *event, struct gw_buf *out)
{
    gw_buf_append_text(out, "{\"specversion\":\"1.0\"");
    for (size_t i = 0; i < GW_COUNT_OF(attributes); i++)
        append_text(out, attributes[i].name,
                    *(const struct gw_str *)(const void *)((const char *)event + attributes[i].at));
    for (size_t i = 0; i < event->extension_count; i++) {
        const struct gw_event_extension *extension = &event->extensions[i];
        if (extension->is_literal)
            gw_buf_printf(out, ",\"%.*s\":%.*s", GW_STR_ARG(extension->name),
                          GW_STR_ARG(extension->value));
        else
            append_text(out, extension->name, extension->value);
    }
    if (event->data.len > 0) {
        gw_buf_append_text(out, ",\"data\":");
        gw_buf_append_str(out, event->data);
    }
    gw_buf_append_byte(out, '}');
}
