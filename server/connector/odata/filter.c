#include "server/connector/odata/filter.h"

#include <errno.h>

#include "server/core/buf.h"

struct filter_writer {
    struct gw_buf *out;
    enum odata_version version;
    unsigned terms;
    unsigned depth;
    struct gw_error *error;
};

static int write_all_of(struct filter_writer *writer, const struct gw_value *filter);

static int write_value(struct filter_writer *writer, const struct gw_value *value)
{
    return odata_literal_write(writer->out, writer->version, value, writer->error);
}

/* Counted, so that a list from outside cannot make an expression of any length. */
static int begin_term(struct filter_writer *writer)
{
    return ++writer->terms <= ODATA_MAX_TERMS
               ? 0
               : gw_error_set(writer->error, -EINVAL, "a filter has at most %d comparisons",
                              ODATA_MAX_TERMS);
}

static int write_comparison(struct filter_writer *writer, struct gw_str path, struct gw_str word,
                            const struct gw_value *value)
{
    int rc = begin_term(writer);

    if (rc != 0)
        return rc;
    gw_buf_append_str(writer->out, path);
    gw_buf_append_byte(writer->out, ' ');
    gw_buf_append_str(writer->out, word);
    gw_buf_append_byte(writer->out, ' ');
    return write_value(writer, value);
}

/* V2 knows contains as substringof, with its arguments the other way round. */
static int write_function(struct filter_writer *writer, struct gw_str path, struct gw_str word,
                          const struct gw_value *value)
{
    bool is_turned = writer->version == ODATA_V2 && gw_str_equal(word, GW_STR("contains"));
    int rc = begin_term(writer);

    if (rc == 0 && value->type != GW_JSON_STRING)
        rc =
            gw_error_set(writer->error, -EINVAL, "\"%.*s\" compares with a text", GW_STR_ARG(word));
    if (rc != 0)
        return rc;
    gw_buf_append_str(writer->out, is_turned ? GW_STR("substringof") : word);
    gw_buf_append_byte(writer->out, '(');
    if (!is_turned) {
        gw_buf_append_str(writer->out, path);
        gw_buf_append_byte(writer->out, ',');
    }
    rc = write_value(writer, value);
    if (is_turned) {
        gw_buf_append_byte(writer->out, ',');
        gw_buf_append_str(writer->out, path);
    }
    gw_buf_append_byte(writer->out, ')');
    return rc;
}

/* As comparisons joined by `or`: V2 and many a V4 server have no `in`. */
static int write_in(struct filter_writer *writer, struct gw_str path, const struct gw_value *list)
{
    if (list->type != GW_JSON_ARRAY)
        return gw_error_set(writer->error, -EINVAL, "\"in\" takes a list");
    if (list->count == 0) {
        gw_buf_append_text(writer->out, "1 eq 2");
        return begin_term(writer);
    }
    gw_buf_append_byte(writer->out, '(');
    for (uint32_t i = 0; i < list->count; i++) {
        if (i > 0)
            gw_buf_append_text(writer->out, " or ");
        int rc = write_comparison(writer, path, GW_STR("eq"), &list->items[i]);
        if (rc != 0)
            return rc;
    }
    gw_buf_append_byte(writer->out, ')');
    return 0;
}

static bool is_one_of(struct gw_str word, const char *words)
{
    struct gw_str rest = gw_str_of(words);
    struct gw_str one;

    while (gw_str_split(&rest, ' ', &one))
        if (gw_str_equal(one, word))
            return true;
    return false;
}

static int write_operator(struct filter_writer *writer, struct gw_str path,
                          const struct gw_value_member *operator)
{
    if (is_one_of(operator->name, "eq ne gt ge lt le"))
        return write_comparison(writer, path, operator->name, &operator->value);
    if (is_one_of(operator->name, "contains startswith endswith"))
        return write_function(writer, path, operator->name, &operator->value);
    if (gw_str_equal(operator->name, GW_STR("in")))
        return write_in(writer, path, &operator->value);
    return gw_error_set(writer->error, -EINVAL,
                        "\"%.*s\" is no operator; there are eq, ne, gt, ge, lt, le, in, contains, "
                        "startswith and endswith",
                        GW_STR_ARG(operator->name));
}

static int write_property(struct filter_writer *writer, const struct gw_value_member *member)
{
    const struct gw_value *value = &member->value;
    enum odata_mark mark;
    struct gw_str text;
    int rc = odata_mark_read(value, &mark, &text, writer->error);

    if (rc != 0)
        return rc;
    if (!odata_is_path(member->name, '/'))
        return gw_error_set(writer->error, -EINVAL, "\"%.*s\" is no name of a property",
                            GW_STR_ARG(member->name));
    if (value->type != GW_JSON_OBJECT || mark != ODATA_UNMARKED)
        return write_comparison(writer, member->name, GW_STR("eq"), value);
    if (value->count == 0)
        return gw_error_set(writer->error, -EINVAL, "\"%.*s\" lacks an operator",
                            GW_STR_ARG(member->name));
    for (uint32_t i = 0; i < value->count && rc == 0; i++) {
        if (i > 0)
            gw_buf_append_text(writer->out, " and ");
        rc = write_operator(writer, member->name, &value->members[i]);
    }
    return rc;
}

static int write_group(struct filter_writer *writer, const struct gw_value *filter)
{
    if (filter->type != GW_JSON_OBJECT || filter->count == 0)
        return gw_error_set(writer->error, -EINVAL,
                            "each part of $and, $or and $not is an object with a member or more");
    gw_buf_append_byte(writer->out, '(');
    int rc = write_all_of(writer, filter);
    gw_buf_append_byte(writer->out, ')');
    return rc;
}

static int write_joined(struct filter_writer *writer, const struct gw_value *list, const char *word)
{
    int rc = 0;

    if (list->type != GW_JSON_ARRAY || list->count == 0)
        return gw_error_set(writer->error, -EINVAL, "$and and $or take a list that is not empty");
    gw_buf_append_byte(writer->out, '(');
    for (uint32_t i = 0; i < list->count && rc == 0; i++) {
        if (i > 0)
            gw_buf_append_text(writer->out, word);
        rc = write_group(writer, &list->items[i]);
    }
    gw_buf_append_byte(writer->out, ')');
    return rc;
}

static int write_member(struct filter_writer *writer, const struct gw_value_member *member)
{
    if (gw_str_equal(member->name, GW_STR("$or")))
        return write_joined(writer, &member->value, " or ");
    if (gw_str_equal(member->name, GW_STR("$and")))
        return write_joined(writer, &member->value, " and ");
    if (!gw_str_equal(member->name, GW_STR("$not")))
        return write_property(writer, member);
    gw_buf_append_text(writer->out, "not ");
    return write_group(writer, &member->value);
}

static int write_all_of(struct filter_writer *writer, const struct gw_value *filter)
{
    int rc = 0;

    if (writer->depth >= ODATA_MAX_DEPTH)
        return gw_error_set(writer->error, -EINVAL, "a filter is at most %d deep", ODATA_MAX_DEPTH);
    writer->depth++;
    for (uint32_t i = 0; i < filter->count && rc == 0; i++) {
        if (i > 0)
            gw_buf_append_text(writer->out, " and ");
        rc = write_member(writer, &filter->members[i]);
    }
    writer->depth--;
    return rc;
}

int odata_filter_write(struct gw_buf *out, enum odata_version version,
                       const struct gw_value *filter, struct gw_error *error)
{
    struct filter_writer writer = {.out = out, .version = version, .error = error};

    if (filter->type != GW_JSON_OBJECT)
        return gw_error_set(error, -EINVAL, "filter must be a text or an object");
    return write_all_of(&writer, filter);
}
