#include "server/connector/odata/query.h"

#include <errno.h>

#include "server/connector/odata/filter.h"
#include "server/connector/odata/literal.h"
#include "server/core/buf.h"

void odata_query_add(struct gw_buf *out, const char *name, struct gw_str text)
{
    if (out->len > 0)
        gw_buf_append_byte(out, '&');
    odata_encode(out, gw_str_of(name));
    gw_buf_append_byte(out, '=');
    odata_encode(out, text);
}

/* --- lists of names: "A,B/C" or ["A", "B/C"] ---------------------------------------------------
 */

struct names {
    struct gw_buf text;
    const struct odata_builder *builder;
    const char *option;
    int (*add)(struct names *names, struct gw_str item);
};

static int refuse_name(struct names *names, struct gw_str item)
{
    return gw_error_set(names->builder->error, -EINVAL, "%s: \"%.*s\" is no name of a property",
                        names->option, GW_STR_ARG(item));
}

static void append_separator(struct names *names)
{
    if (names->text.len > 0)
        gw_buf_append_byte(&names->text, ',');
}

static int add_path(struct names *names, struct gw_str item)
{
    if (!odata_is_path(item, '/') && !gw_str_equal(item, GW_STR("*")))
        return refuse_name(names, item);
    append_separator(names);
    gw_buf_append_str(&names->text, item);
    return 0;
}

/* "Field", "Field asc", "Field desc". */
static int add_order(struct names *names, struct gw_str item)
{
    size_t space = gw_str_find(item, ' ');
    struct gw_str path = gw_str_from(item.ptr, space);
    struct gw_str direction = gw_str_trim(gw_str_tail(item, space));

    if (!odata_is_path(path, '/'))
        return refuse_name(names, path);
    if (direction.len > 0 && !gw_str_equal(direction, GW_STR("asc")) &&
        !gw_str_equal(direction, GW_STR("desc")))
        return gw_error_set(names->builder->error, -EINVAL, "%s: \"%.*s\" is neither asc nor desc",
                            names->option, GW_STR_ARG(direction));
    append_separator(names);
    gw_buf_append_str(&names->text, path);
    if (direction.len > 0)
        gw_buf_append_byte(&names->text, ' ');
    gw_buf_append_str(&names->text, direction);
    return 0;
}

/* "to_Item/to_Batch": V2 has the path; in V4 what lies deeper is an option of what lies above. */
static int add_expansion(struct names *names, struct gw_str item)
{
    struct gw_str rest = item;
    struct gw_str name;
    unsigned depth = 0;

    if (!odata_is_path(item, '/'))
        return refuse_name(names, item);
    append_separator(names);
    if (names->builder->settings->version == ODATA_V2) {
        gw_buf_append_str(&names->text, item);
        return 0;
    }
    while (gw_str_split(&rest, '/', &name)) {
        if (depth++ > 0)
            gw_buf_append_text(&names->text, "($expand=");
        gw_buf_append_str(&names->text, name);
    }
    while (--depth > 0)
        gw_buf_append_byte(&names->text, ')');
    return 0;
}

static int add_each(struct names *names, const struct gw_value *value)
{
    struct gw_str rest, item;
    int rc = 0;

    if (value->type == GW_JSON_STRING) {
        rest = value->text;
        while (rc == 0 && value->text.len > 0 && gw_str_split(&rest, ',', &item))
            rc = names->add(names, gw_str_trim(item));
        return rc;
    }
    if (value->type != GW_JSON_ARRAY)
        return gw_error_set(names->builder->error, -EINVAL, "%s must be a text or a list of texts",
                            names->option);
    for (uint32_t i = 0; i < value->count && rc == 0; i++)
        rc = value->items[i].type == GW_JSON_STRING
                 ? names->add(names, value->items[i].text)
                 : gw_error_set(names->builder->error, -EINVAL, "%s must be a list of texts",
                                names->option);
    return rc;
}

static int write_names(struct gw_buf *out, const struct odata_builder *builder, const char *option,
                       int (*add)(struct names *names, struct gw_str item))
{
    const struct gw_value *value = odata_argument(builder, option + 1);
    struct names names = {.builder = builder, .option = option + 1, .add = add};

    if (value == NULL)
        return 0;
    gw_buf_init(&names.text, ODATA_MAX_TARGET_BYTES);
    int rc = add_each(&names, value);
    if (rc == 0 && names.text.len > 0)
        odata_query_add(out, option, gw_buf_str(&names.text));
    gw_buf_finish(&names.text);
    return rc;
}

/* A text may say more than paths: nested options. It is the flow's own word. */
static int write_expand(struct gw_buf *out, const struct odata_builder *builder)
{
    const struct gw_value *value = odata_argument(builder, "expand");

    if (value == NULL || value->type != GW_JSON_STRING)
        return write_names(out, builder, "$expand", add_expansion);
    if (value->text.len > 0)
        odata_query_add(out, "$expand", value->text);
    return 0;
}

/* --- the rest --------------------------------------------------------------------------------- */

static int write_filter(struct gw_buf *out, const struct odata_builder *builder)
{
    const struct gw_value *filter = odata_argument(builder, "filter");
    struct gw_buf text;
    int rc;

    if (filter == NULL)
        return 0;
    if (filter->type == GW_JSON_STRING) {
        if (filter->text.len > 0)
            odata_query_add(out, "$filter", filter->text);
        return 0;
    }
    gw_buf_init(&text, ODATA_MAX_TARGET_BYTES);
    rc = odata_filter_write(&text, builder->settings->version, filter, builder->error);
    if (rc == 0 && text.has_failed)
        rc = gw_error_set(builder->error, -EINVAL, "the filter is too long");
    if (rc == 0 && text.len > 0)
        odata_query_add(out, "$filter", gw_buf_str(&text));
    gw_buf_finish(&text);
    return rc;
}

static int write_number(struct gw_buf *out, const struct odata_builder *builder, const char *option)
{
    int64_t number;
    int rc = odata_argument_count(builder, option + 1, &number);

    if (rc != 0 || number < 0)
        return rc;
    gw_buf_printf(out, "%s%s=%lld", out->len > 0 ? "&" : "", option, (long long)number);
    return 0;
}

static int write_count(struct gw_buf *out, const struct odata_builder *builder)
{
    bool counts;
    int rc = odata_argument_flag(builder, "count", &counts);

    if (rc != 0 || !counts)
        return rc;
    if (builder->settings->version == ODATA_V2)
        odata_query_add(out, "$inlinecount", GW_STR("allpages"));
    else
        odata_query_add(out, "$count", GW_STR("true"));
    return 0;
}

int odata_query_write(struct gw_buf *out, const struct odata_builder *builder, bool is_list)
{
    int rc = write_names(out, builder, "$select", add_path);

    if (rc == 0)
        rc = write_expand(out, builder);
    if (rc != 0 || !is_list)
        return rc;
    rc = write_filter(out, builder);
    if (rc == 0)
        rc = write_names(out, builder, "$orderby", add_order);
    if (rc == 0)
        rc = write_number(out, builder, "$top");
    if (rc == 0)
        rc = write_number(out, builder, "$skip");
    return rc == 0 ? write_count(out, builder) : rc;
}
