#include "server/connector/tryton/settings.h"

#include <errno.h>

#include "server/core/buf.h"

const struct gw_option tryton_options[] = {
    {"database", GW_STRING, 1, 64, NULL, "The database's name: letters, digits, _, - and .",
     .flags = GW_OPTION_REQUIRED},
    {"user", GW_STRING, 1, 128, NULL, "Whom the gateway logs in as; no colon in it",
     .flags = GW_OPTION_REQUIRED},
    {"password", GW_SECRET, 1, 1024, NULL, "That user's", .flags = GW_OPTION_REQUIRED},
    {"company", GW_INT, 1, INT32_MAX, NULL,
     "The id of the company in whose name all is done; the user's own if it is left out"},
    {"language", GW_STRING, 2, 16, NULL,
     "In which texts are answered (\"en\"); the user's own if it is left out"},
    {0},
};

static struct gw_str text_of(const json_t *config, const char *name)
{
    const json_t *value = json_object_get(config, name);

    return gw_str_from(json_string_value(value), json_string_length(value));
}

static bool is_plain_name(struct gw_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.ptr[i];
        bool is_letter = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
        bool is_digit = byte >= '0' && byte <= '9';
        bool is_joint = byte == '_' || byte == '-' || byte == '.';
        if (!is_letter && !is_digit && (!is_joint || i == 0))
            return false;
    }
    return name.len > 0;
}

int tryton_settings_read(const json_t *config, struct tryton_settings *out_settings,
                         struct gw_error *error)
{
    struct tryton_settings settings = {
        .database = text_of(config, "database"),
        .user = text_of(config, "user"),
        .password = text_of(config, "password"),
        .language = text_of(config, "language"),
        .company = json_integer_value(json_object_get(config, "company")),
    };

    if (!is_plain_name(settings.database))
        return gw_error_set_at(error, -EINVAL, "/database",
                               "database is a name of letters, digits, _, - and .");
    if (gw_str_find(settings.user, ':') < settings.user.len)
        return gw_error_set_at(error, -EINVAL, "/user",
                               "user has a colon, which Tryton's sessions do not take");
    *out_settings = settings;
    return 0;
}

void tryton_settings_write_target(struct gw_buf *out, const struct tryton_settings *settings)
{
    gw_buf_append_byte(out, '/');
    gw_buf_append_str(out, settings->database);
    gw_buf_append_byte(out, '/');
}
