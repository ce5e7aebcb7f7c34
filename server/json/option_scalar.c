/* Values of one text, number or word: types, bounds, units. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "server/core/similar.h"
#include "server/json/option_private.h"

#define FILE_MAX_BYTES (1u << 20) /* of GW_FILE, if its option gives no bound */

/* A text of the configuration after substitution. */
struct text {
    struct gw_buf buf;
    struct gw_str str;
    bool is_hidden; /* messages must not show it */
};

static int take_text(struct gw_option_checker *checker, const json_t *given, bool is_secret,
                     struct text *out_text)
{
    struct gw_error error;
    struct text text = {.is_hidden = is_secret};
    bool is_replaced = false;
    struct gw_str raw = gw_str_from(json_string_value(given), json_string_length(given));
    int rc = 0;

    if (checker->source->is_literal) {
        text.is_hidden = is_secret;
        text.str = raw;
        *out_text = text;
        return 0;
    }
    rc = gw_option_substitute(raw, checker->source->folder, &text.buf, &is_replaced, &error);
    if (rc != 0) {
        gw_buf_finish(&text.buf);
        gw_option_fail(checker, "cannot be read: %s", error.text);
        return rc;
    }
    text.is_hidden = is_secret || is_replaced;
    text.str = gw_buf_str(&text.buf);
    *out_text = text;
    return 0;
}

static void text_finish(struct text *text)
{
    gw_buf_finish(&text->buf);
}

/* How a message names what was given: ` "value"`, or nothing when it must not be shown. */
static struct gw_str shown(const struct text *text)
{
    return text->is_hidden || text->str.len > 80 ? GW_STR("the text given") : text->str;
}

static json_t *check_bounds(struct gw_option_checker *checker, const struct gw_option *option,
                            int64_t value)
{
    bool has_bound = option->min != 0 || option->max != 0;
    char least[GW_OPTION_AMOUNT_BYTES], most[GW_OPTION_AMOUNT_BYTES];

    if (!has_bound || (value >= option->min && (option->max == 0 || value <= option->max)))
        return gw_option_made(checker, json_integer(value));
    gw_option_amount_print(option->type, option->min, least);
    gw_option_amount_print(option->type, option->max, most);
    if (option->max == 0)
        return gw_option_fail(checker, "must be at least %s", least);
    return gw_option_fail(checker, "must be at least %s and at most %s", least, most);
}

static json_t *check_bool(struct gw_option_checker *checker, const json_t *given)
{
    struct text text;
    json_t *value = NULL;

    if (json_is_boolean(given))
        return json_boolean(json_is_true(given));
    if (!json_is_string(given))
        return gw_option_fail(checker, "must be true or false");
    if (take_text(checker, given, false, &text) != 0)
        return NULL;
    if (text.is_hidden && gw_str_equal(text.str, GW_STR("true")))
        value = json_true();
    else if (text.is_hidden && gw_str_equal(text.str, GW_STR("false")))
        value = json_false();
    else
        gw_option_fail(checker, "must be true or false");
    text_finish(&text);
    return value;
}

/* A decimal number with a sign, for what came by substitution. */
static int parse_integer(struct gw_str text, int64_t *out_value)
{
    bool is_negative = gw_str_has_prefix(text, GW_STR("-"));
    uint64_t value;
    int rc = gw_str_to_u64(gw_str_tail(text, is_negative ? 1 : 0), &value);

    if (rc == 0 && value > INT64_MAX)
        rc = -ERANGE;
    if (rc == 0)
        *out_value = is_negative ? -(int64_t)value : (int64_t)value;
    return rc;
}

static json_t *check_int(struct gw_option_checker *checker, const struct gw_option *option,
                         const json_t *given)
{
    struct text text;
    int64_t value;

    if (json_is_integer(given))
        return check_bounds(checker, option, json_integer_value(given));
    if (!json_is_string(given))
        return gw_option_fail(checker, "must be an integer");
    if (take_text(checker, given, false, &text) != 0)
        return NULL;
    bool is_number = text.is_hidden && parse_integer(text.str, &value) == 0;
    text_finish(&text);
    return is_number ? check_bounds(checker, option, value)
                     : gw_option_fail(checker, "must be an integer");
}

static json_t *check_quantity(struct gw_option_checker *checker, const struct gw_option *option,
                              const json_t *given)
{
    bool is_bytes = option->type == GW_BYTES;
    struct text text;
    int64_t value;

    if (json_is_integer(given) && (is_bytes || json_integer_value(given) == 0))
        return check_bounds(checker, option, json_integer_value(given));
    if (!json_is_string(given))
        return gw_option_fail(checker, is_bytes ? "must be a size, such as 64KiB"
                                                : "must be a duration with its unit, such as 30s");
    if (take_text(checker, given, false, &text) != 0)
        return NULL;
    int rc = is_bytes ? gw_option_bytes_parse(text.str, &value)
                      : gw_option_duration_parse(text.str, &value);
    struct gw_str name = shown(&text);
    if (rc != 0 && is_bytes)
        gw_option_fail(checker, "must be a size in B, KiB, MiB or GiB, such as 64KiB, not %.*s",
                       GW_STR_ARG(name));
    else if (rc != 0)
        gw_option_fail(checker,
                       "must be a duration in ns, us, ms, s, m, h or d, such as 1m30s, not %.*s",
                       GW_STR_ARG(name));
    text_finish(&text);
    return rc == 0 ? check_bounds(checker, option, value) : NULL;
}

static json_t *check_length(struct gw_option_checker *checker, const struct gw_option *option,
                            struct gw_str text)
{
    if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)
        return gw_option_fail(checker, "must not hold a NUL");
    if (option->min > 0 && text.len < (size_t)option->min)
        return option->min == 1
                   ? gw_option_fail(checker, "must not be empty")
                   : gw_option_fail(checker, "must have at least %" PRId64 " bytes", option->min);
    if (option->max > 0 && text.len > (size_t)option->max)
        return gw_option_fail(checker, "must have at most %" PRId64 " bytes", option->max);
    return gw_option_made(checker, json_stringn(text.len > 0 ? text.ptr : "", text.len));
}

static json_t *check_string(struct gw_option_checker *checker, const struct gw_option *option,
                            const json_t *given)
{
    bool is_secret = option->type == GW_SECRET;
    struct text text;

    if (!json_is_string(given))
        return gw_option_fail(checker,
                              json_is_number(given) || json_is_boolean(given) || json_is_null(given)
                                  ? "must be a text (put it in quotes)"
                                  : "must be a text");
    if (take_text(checker, given, is_secret, &text) != 0)
        return NULL;
    json_t *value = check_length(checker, option, text.str);
    text_finish(&text);
    return value;
}

static json_t *check_file(struct gw_option_checker *checker, const struct gw_option *option,
                          const json_t *given)
{
    size_t max_bytes = option->max > 0 ? (size_t)option->max : FILE_MAX_BYTES;
    struct gw_error error;
    struct gw_buf content;
    struct text path;
    json_t *value = NULL;

    if (!json_is_string(given))
        return gw_option_fail(checker, "must be the path of a file");
    if (take_text(checker, given, false, &path) != 0)
        return NULL;
    gw_buf_append_byte(&path.buf, '\0');
    if (path.str.len == 0 || path.buf.has_failed)
        gw_option_fail(checker, "must be the path of a file");
    else if (gw_option_read_file(checker->source->folder, path.buf.ptr, max_bytes, &content,
                                 &error) != 0)
        gw_option_fail(checker, "cannot be read: %s", error.text);
    else
        value =
            gw_option_made(checker, json_stringn(content.len > 0 ? content.ptr : "", content.len));
    if (path.str.len != 0 && !path.buf.has_failed)
        gw_buf_finish(&content);
    text_finish(&path);
    return value;
}

static json_t *check_enum(struct gw_option_checker *checker, const struct gw_option *option,
                          const json_t *given)
{
    struct gw_str words = gw_str_of(option->words);
    struct gw_similar similar;
    struct gw_str word;
    struct text text;
    json_t *value = NULL;

    if (!json_is_string(given))
        return gw_option_fail(checker, "must be one of: %s", option->words);
    if (take_text(checker, given, false, &text) != 0)
        return NULL;
    gw_similar_init(&similar, text.str);
    while (value == NULL && gw_str_split(&words, ' ', &word)) {
        if (gw_str_equal(word, text.str))
            value = gw_option_made(checker, json_stringn(word.ptr, word.len));
        gw_similar_offer(&similar, word);
    }
    struct gw_str name = shown(&text);
    if (value == NULL && checker->rc != -ENOMEM && similar.best.ptr != NULL && !text.is_hidden)
        gw_option_fail(checker, "is \"%.*s\"; did you mean \"%.*s\"? One of: %s", GW_STR_ARG(name),
                       GW_STR_ARG(similar.best), option->words);
    else if (value == NULL && checker->rc != -ENOMEM)
        gw_option_fail(checker, "must be one of: %s", option->words);
    text_finish(&text);
    return value;
}

json_t *gw_option_check_scalar(struct gw_option_checker *checker, const struct gw_option *option,
                               const json_t *given)
{
    switch (option->type) {
    case GW_BOOL:
        return check_bool(checker, given);
    case GW_INT:
        return check_int(checker, option, given);
    case GW_DURATION:
    case GW_BYTES:
        return check_quantity(checker, option, given);
    case GW_STRING:
    case GW_SECRET:
        return check_string(checker, option, given);
    case GW_FILE:
        return check_file(checker, option, given);
    case GW_ENUM:
        return check_enum(checker, option, given);
    default:
        return NULL;
    }
}
