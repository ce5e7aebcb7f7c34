/* What else an option table is good for: the manual, and hiding what must not be shown. */
#include <string.h>

#include "server/json/option_private.h"

/* --- masking ---------------------------------------------------------------------------------- */

static void mask_items(json_t *items, const struct gw_option *option)
{
    bool is_secret = (option->flags & GW_OPTION_SECRET) != 0;
    const char *name;
    size_t index;
    json_t *item;

    json_array_foreach(items, index, item)
    {
        if (option->fields != NULL)
            gw_option_mask(item, option->fields);
        else if (is_secret)
            json_string_set(item, "***");
    }
    json_object_foreach(items, name, item)
    {
        if (option->fields != NULL)
            gw_option_mask(item, option->fields);
        else if (is_secret)
            json_string_set(item, "***");
    }
}

void gw_option_mask_value(json_t *checked, const struct gw_option *option)
{
    bool is_object = option->type == GW_OBJECT ||
                     (option->type == GW_SECTION && (option->flags & GW_OPTION_SINGLE) != 0);

    if (option->type == GW_SECRET || option->type == GW_FILE)
        json_string_set(checked, "***");
    else if (is_object)
        gw_option_mask(checked, option->fields);
    else if (option->type == GW_LIST || option->type == GW_MAP || option->type == GW_SECTION)
        mask_items(checked, option);
}

void gw_option_mask(json_t *checked, const struct gw_option *table)
{
    for (; table->type != GW_END; table++) {
        json_t *value = json_object_get(checked, table->name);
        if (value != NULL)
            gw_option_mask_value(value, table);
    }
}

/* --- the manual ------------------------------------------------------------------------------- */

static const char *type_name(const struct gw_option *option)
{
    static const char *const names[] = {
        [GW_BOOL] = "boolean", [GW_INT] = "integer",     [GW_DURATION] = "duration",
        [GW_BYTES] = "size",   [GW_STRING] = "text",     [GW_SECRET] = "secret",
        [GW_FILE] = "file",    [GW_ENUM] = "word",       [GW_OBJECT] = "object",
        [GW_ANY] = "any",      [GW_SECTION] = "section",
    };

    if (option->type == GW_LIST)
        return option->fields != NULL ? "list of objects" : "list of texts";
    if (option->type == GW_MAP && option->fields == NULL)
        return (option->flags & GW_OPTION_SECRET) != 0 ? "map of secrets" : "map of texts";
    if (option->type == GW_MAP)
        return "map of objects";
    return names[option->type];
}

static void print_amount(FILE *out, const struct gw_option *option, int64_t amount)
{
    char text[GW_OPTION_AMOUNT_BYTES];

    gw_option_amount_print(option->type, amount, text);
    fprintf(out, "%s", text);
}

static void print_bounds(FILE *out, const struct gw_option *option)
{
    if (option->type == GW_ENUM)
        fprintf(out, "%s", option->words);
    if (option->type == GW_ENUM || (option->min == 0 && option->max == 0))
        return;
    if (option->min == 0)
        fprintf(out, "at most ");
    else
        print_amount(out, option, option->min);
    if (option->min != 0)
        fprintf(out, option->max != 0 ? " to " : " or more");
    if (option->max != 0)
        print_amount(out, option, option->max);
    if (option->type == GW_STRING || option->type == GW_SECRET)
        fprintf(out, " bytes");
    if (option->type == GW_LIST || option->type == GW_MAP)
        fprintf(out, " entries");
}

/* A table's cell must not hold its own separator. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void print_row(FILE *out, const char *prefix, const struct gw_option *option)
{
    fprintf(out, "| `%s%s` | %s | ", prefix, option->name, type_name(option));
    print_bounds(out, option);
    if ((option->flags & GW_OPTION_REQUIRED) != 0)
        fprintf(out, " | required | ");
    else if (option->value != NULL)
        fprintf(out, " | `%s` | ", option->value);
    else
        fprintf(out, " | | ");
    print_cell(out, option->help != NULL ? option->help : "");
    fprintf(out, " |\n");
}

static void print_rows(FILE *out, const char *prefix, const struct gw_option *table)
{
    for (; table->type != GW_END; table++) {
        char inner[256];
        const char *join = table->type == GW_LIST ? "[]." : table->type == GW_MAP ? ".*." : ".";

        print_row(out, prefix, table);
        if (table->fields == NULL || table->type == GW_SECTION)
            continue;
        snprintf(inner, sizeof(inner), "%s%s%s", prefix, table->name, join);
        print_rows(out, inner, table->fields);
    }
}

void gw_option_reference_print(FILE *out, const char *prefix, const struct gw_option *table)
{
    fprintf(out, "| Key | Type | Bounds | Default | Meaning |\n|---|---|---|---|---|\n");
    print_rows(out, prefix, table);
}
