/* The text of the program that libjq compiles of a set. Each expression is a function of its own,
 * in brackets that it cannot leave (see expression_scan.h). */
#include "server/core/buf.h"
#include "server/flow/expression_set.h"

static size_t count_breaks(struct gw_str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    return count;
}

static bool is_wanted(const struct gw_jq_part *part, size_t index)
{
    return gw_jq_is_foreign(&part->set->items[index]) && (part->skip == NULL || !part->skip[index]);
}

static void write_variables(struct gw_buf *buf, const struct gw_expressions *set)
{
    const struct gw_map_entry *entry;
    size_t position = 0;

    while ((entry = gw_map_next(&set->variables, &position)) != NULL)
        gw_buf_printf(buf, "$__gw_v[\"%.*s\"] as $%.*s|", GW_STR_ARG(entry->key),
                      GW_STR_ARG(entry->key));
}

static void write_choice(struct gw_buf *buf, const struct gw_jq_part *part)
{
    const struct gw_expressions *set = part->set;

    gw_buf_append_text(buf, "$__gw_i|");
    for (size_t i = 0; i < set->count; i++) {
        if (is_wanted(part, i))
            gw_buf_printf(buf, "if $__gw_n==%zu then __gw_e%zu else ", i, i);
    }
    gw_buf_append_text(buf, "empty");
    for (size_t i = 0; i < set->count; i++) {
        if (is_wanted(part, i))
            gw_buf_append_text(buf, " end");
    }
    gw_buf_append_text(buf, "\n;\n");
}

/* The first line is ours, then come the definitions, then each expression with a line of ours
 * before and behind it, then two of ours. */
void gw_jq_write_part(struct gw_buf *buf, const struct gw_jq_part *part, size_t ordinal)
{
    const struct gw_expressions *set = part->set;

    gw_buf_printf(buf, "def __gw_s%zu: . as [$__gw_i,$__gw_v,$__gw_n]|", ordinal);
    write_variables(buf, set);
    gw_buf_append_byte(buf, '\n');
    gw_buf_append_str(buf, set->definitions);
    gw_buf_append_byte(buf, '\n');
    for (size_t i = 0; i < set->count; i++) {
        if (!is_wanted(part, i))
            continue;
        gw_buf_printf(buf, "def __gw_e%zu:(\n", i);
        gw_buf_append_str(buf, set->items[i].text);
        gw_buf_append_text(buf, "\n);\n");
    }
    write_choice(buf, part);
}

int64_t gw_jq_at_line(const struct gw_jq_part *part, size_t line, bool *out_is_end)
{
    const struct gw_expressions *set = part->set;
    size_t at = 1 + count_breaks(set->definitions) + 1;

    *out_is_end = false;
    if (line < at)
        return line == 0 ? -1 : (int64_t)GW_EXPRESSION_DEFINITIONS;
    for (size_t i = 0; i < set->count; i++) {
        if (!is_wanted(part, i))
            continue;
        at += 3 + count_breaks(set->items[i].text);
        *out_is_end = line + 1 == at;
        if (line < at)
            return (int64_t)i;
    }
    return -1;
}

size_t gw_jq_count_lines(const struct gw_jq_part *part)
{
    size_t lines = 1 + count_breaks(part->set->definitions) + 1 + 2;

    for (size_t i = 0; i < part->set->count; i++) {
        if (is_wanted(part, i))
            lines += 3 + count_breaks(part->set->items[i].text);
    }
    return lines;
}
