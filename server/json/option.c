#include "server/json/option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/similar.h"
#include "server/json/option_private.h"

static json_t *check_value(struct gw_option_checker *checker, const struct gw_option *option,
                           const json_t *given);

/* --- places and findings -------------------------------------------------------------------- */

static const char *pointer_text(struct gw_option_checker *checker)
{
    if (checker->pointer.len == 0)
        return "";
    gw_buf_append_byte(&checker->pointer, '\0');
    if (checker->pointer.has_failed)
        return "";
    checker->pointer.len--;
    return checker->pointer.ptr;
}

/* Appends "/token" and returns the length to go back to. */
static size_t enter(struct gw_option_checker *checker, const char *token)
{
    size_t before = checker->pointer.len;

    gw_buf_append_byte(&checker->pointer, '/');
    for (; *token != '\0'; token++)
        if (*token == '~')
            gw_buf_append_text(&checker->pointer, "~0");
        else if (*token == '/')
            gw_buf_append_text(&checker->pointer, "~1");
        else
            gw_buf_append_byte(&checker->pointer, *token);
    return before;
}

static void leave(struct gw_option_checker *checker, size_t before)
{
    checker->pointer.len = before;
}

static void report(struct gw_option_checker *checker, bool at_key, const char *text)
{
    struct gw_document *document = checker->source->document;
    struct gw_diagnostics *diagnostics = checker->source->diagnostics;
    const char *pointer = pointer_text(checker);

    if (checker->rc == 0)
        checker->rc = -EINVAL;
    if (document == NULL)
        gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, NULL, 0, 0, "%s%s%s", pointer,
                           pointer[0] != '\0' ? ": " : "", text);
    else if (at_key)
        gw_document_report_key(document, pointer, GW_SEVERITY_ERROR, diagnostics, "%s", text);
    else
        gw_document_report(document, pointer, GW_SEVERITY_ERROR, diagnostics, "%s", text);
}

/* The last token of the pointer is the name that the reader knows the value by. */
static const char *current_name(struct gw_option_checker *checker)
{
    const char *pointer = pointer_text(checker);
    const char *slash = strrchr(pointer, '/');

    return slash != NULL ? slash + 1 : "the configuration";
}

json_t *gw_option_fail(struct gw_option_checker *checker, const char *format, ...)
{
    char text[512];
    va_list args;
    int len = snprintf(text, sizeof(text), "%s ", current_name(checker));

    if (len < 0 || (size_t)len >= sizeof(text))
        len = 0;
    va_start(args, format);
    vsnprintf(text + len, sizeof(text) - (size_t)len, format, args);
    va_end(args);
    report(checker, false, text);
    return NULL;
}

json_t *gw_option_fail_memory(struct gw_option_checker *checker)
{
    checker->rc = -ENOMEM;
    return NULL;
}

json_t *gw_option_made(struct gw_option_checker *checker, json_t *value)
{
    return value != NULL ? value : gw_option_fail_memory(checker);
}

/* --- lists, maps, objects -----------------------------------------------------------------------
 */

static const struct gw_option *find_option(const struct gw_option *table, const char *name)
{
    for (; table->type != GW_END; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

static void report_unknown(struct gw_option_checker *checker, const struct gw_option *table,
                           const char *name)
{
    struct gw_similar similar;
    char text[400];
    size_t before = enter(checker, name);

    gw_similar_init(&similar, gw_str_of(name));
    for (; table->type != GW_END; table++)
        gw_similar_offer(&similar, gw_str_of(table->name));
    if (similar.best.ptr != NULL)
        snprintf(text, sizeof(text), "unknown key \"%.100s\"; did you mean \"%.*s\"?", name,
                 GW_STR_ARG(similar.best));
    else
        snprintf(text, sizeof(text), "unknown key \"%.100s\"", name);
    report(checker, true, text);
    leave(checker, before);
}

/* The default of an option as a value to be checked; NULL without one. Scalars that are texts are
 * taken as they are ("*" would be an alias). */
static json_t *default_of(struct gw_option_checker *checker, const struct gw_option *option)
{
    struct gw_diagnostics *unused;
    struct gw_document *document = NULL;
    json_t *value = NULL;

    if (option->type == GW_STRING || option->type == GW_ENUM || option->type == GW_DURATION ||
        option->type == GW_SECRET || option->type == GW_BYTES || option->type == GW_FILE)
        return gw_option_made(checker, json_string(option->value));
    unused = calloc(1, sizeof(*unused));
    if (unused == NULL)
        return gw_option_fail_memory(checker);
    if (gw_document_load(gw_str_of(option->value), "default", unused, &document) == 0)
        value = json_incref(document->root);
    gw_document_destroy(document);
    gw_diagnostics_finish(unused);
    free(unused);
    return value != NULL ? value : gw_option_fail_memory(checker);
}

/* The value of one key of an object, given or not; NULL if there is none. */
static json_t *check_member(struct gw_option_checker *checker, const struct gw_option *option,
                            const json_t *given)
{
    if (given != NULL)
        return check_value(checker, option, given);
    if (option->value == NULL)
        return NULL;

    json_t *value = default_of(checker, option);
    json_t *checked = value != NULL ? check_value(checker, option, value) : NULL;
    json_decref(value);
    return checked;
}

static json_t *check_object(struct gw_option_checker *checker, const struct gw_option *table,
                            const json_t *given)
{
    const char *name;
    json_t *value;

    if (given != NULL && !json_is_null(given) && !json_is_object(given))
        return gw_option_fail(checker, "must be a map of keys and values");
    json_t *checked = json_object();
    if (checked == NULL)
        return gw_option_fail_memory(checker);
    json_object_foreach((json_t *)given, name, value)
    {
        if (find_option(table, name) == NULL)
            report_unknown(checker, table, name);
    }
    for (const struct gw_option *option = table; option->type != GW_END; option++) {
        json_t *member = json_object_get(given, option->name);
        if (option->type == GW_SECTION && member == NULL)
            continue;
        if (member == NULL && (option->flags & GW_OPTION_REQUIRED) != 0) {
            gw_option_fail(checker, "lacks the key \"%s\"", option->name);
            continue;
        }
        size_t before = enter(checker, option->name);
        value = option->type == GW_SECTION
                    ? gw_option_fail(checker, "belongs at the top level of the configuration")
                    : check_member(checker, option, member);
        if (value != NULL && json_object_set_new(checked, option->name, value) != 0)
            gw_option_fail_memory(checker);
        leave(checker, before);
    }
    return checked;
}

static json_t *check_item(struct gw_option_checker *checker, const struct gw_option *option,
                          const json_t *given)
{
    const struct gw_option string = {
        .name = option->name,
        .type = (option->flags & GW_OPTION_SECRET) != 0 ? GW_SECRET : GW_STRING,
    };

    return option->fields != NULL ? check_object(checker, option->fields, given)
                                  : gw_option_check_scalar(checker, &string, given);
}

static bool check_count(struct gw_option_checker *checker, const struct gw_option *option,
                        size_t count)
{
    if (option->min > 0 && count < (size_t)option->min)
        gw_option_fail(checker, "must have at least %" PRId64 " %s", option->min,
                       option->min == 1 ? "entry" : "entries");
    else if (option->max > 0 && count > (size_t)option->max)
        gw_option_fail(checker, "must have at most %" PRId64 " entries", option->max);
    else
        return true;
    return false;
}

static json_t *check_list(struct gw_option_checker *checker, const struct gw_option *option,
                          const json_t *given)
{
    size_t index;
    json_t *item;

    if (!json_is_array(given))
        return gw_option_fail(checker, "must be a list");
    if (!check_count(checker, option, json_array_size(given)))
        return NULL;
    json_t *checked = json_array();
    if (checked == NULL)
        return gw_option_fail_memory(checker);
    json_array_foreach(given, index, item)
    {
        char token[24];
        snprintf(token, sizeof(token), "%zu", index);
        size_t before = enter(checker, token);
        json_t *value = check_item(checker, option, item);
        if (value == NULL) /* holds the place, so that the others keep their numbers */
            value = json_null();
        if (json_array_append_new(checked, value) != 0)
            gw_option_fail_memory(checker);
        leave(checker, before);
    }
    return checked;
}

static json_t *check_map(struct gw_option_checker *checker, const struct gw_option *option,
                         const json_t *given)
{
    const char *name;
    json_t *item;

    if (!json_is_object(given))
        return gw_option_fail(checker, "must be a map of names and values");
    if (!check_count(checker, option, json_object_size(given)))
        return NULL;
    json_t *checked = json_object();
    if (checked == NULL)
        return gw_option_fail_memory(checker);
    json_object_foreach((json_t *)given, name, item)
    {
        size_t before = enter(checker, name);
        json_t *value = check_item(checker, option, item);
        if (value != NULL && json_object_set_new(checked, name, value) != 0)
            gw_option_fail_memory(checker);
        leave(checker, before);
    }
    return checked;
}

static json_t *check_value(struct gw_option_checker *checker, const struct gw_option *option,
                           const json_t *given)
{
    switch (option->type) {
    case GW_OBJECT:
        return check_object(checker, option->fields, given);
    case GW_LIST:
        return check_list(checker, option, given);
    case GW_SECTION:
        if ((option->flags & GW_OPTION_SINGLE) != 0)
            return check_object(checker, option->fields, given);
        return check_map(checker, option, given);
    case GW_MAP:
        return check_map(checker, option, given);
    case GW_ANY:
        return json_incref((json_t *)given);
    default:
        return gw_option_check_scalar(checker, option, given);
    }
}

/* --- entries ---------------------------------------------------------------------------------- */

int gw_option_check_partly(const struct gw_option_source *source, const json_t *given,
                           const char *pointer, const struct gw_option *option, json_t **out_part)
{
    struct gw_option_checker checker = {.source = source};

    gw_buf_init(&checker.pointer, 64u << 10);
    gw_buf_append_text(&checker.pointer, pointer);
    json_t *part = check_value(&checker, option, given);
    gw_buf_finish(&checker.pointer);
    if (checker.rc == -ENOMEM) {
        gw_diagnostics_add(source->diagnostics, GW_SEVERITY_ERROR, NULL, 0, 0,
                           "not enough memory to check the configuration");
        json_decref(part);
        return -ENOMEM;
    }
    *out_part = part;
    return checker.rc;
}

int gw_option_check_value(const struct gw_option_source *source, const json_t *given,
                          const char *pointer, const struct gw_option *option, json_t **out_checked)
{
    json_t *checked = NULL;
    int rc = gw_option_check_partly(source, given, pointer, option, &checked);

    if (rc == 0)
        *out_checked = checked;
    else
        json_decref(checked);
    return rc;
}

int gw_option_check(const struct gw_option_source *source, const json_t *given, const char *pointer,
                    const struct gw_option *table, json_t **out_checked)
{
    const struct gw_option object = {.type = GW_OBJECT, .fields = table};

    return gw_option_check_value(source, given, pointer, &object, out_checked);
}

int gw_option_parse(const char *yaml, const struct gw_option *table, json_t **out_checked,
                    struct gw_error *error)
{
    struct gw_diagnostics *diagnostics = calloc(1, sizeof(*diagnostics));
    struct gw_document *document = NULL;

    if (diagnostics == NULL)
        return gw_error_set(error, -ENOMEM, "not enough memory");
    int rc = gw_document_load(gw_str_of(yaml), "text", diagnostics, &document);
    if (rc == 0) {
        struct gw_option_source source = {.document = document, .diagnostics = diagnostics};
        rc = gw_option_check(&source, document->root, "", table, out_checked);
    }
    if (rc != 0)
        gw_diagnostics_to_error(diagnostics, rc, error);
    gw_document_destroy(document);
    gw_diagnostics_finish(diagnostics);
    free(diagnostics);
    return rc;
}
