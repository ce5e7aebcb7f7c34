#include "server/contract/parameter_text.h"

#include <errno.h>

#include "server/core/buf.h"
#include "server/http/percent.h"

struct printing {
    struct gw_buf *buf;
    const struct gw_parameter *parameter;
};

static void append_escaped(struct printing *printing, struct gw_str text)
{
    if (printing->parameter->place == GW_IN_HEADER)
        gw_buf_append_str(printing->buf, text);
    else
        gw_percent_append(printing->buf, text);
}

static bool is_scalar(const struct gw_value *value)
{
    return value->type != GW_JSON_ARRAY && value->type != GW_JSON_OBJECT;
}

static int append_scalar(struct printing *printing, const struct gw_value *value)
{
    switch (value->type) {
    case GW_JSON_STRING:
    case GW_JSON_NUMBER:
        append_escaped(printing, value->text);
        return 0;
    case GW_JSON_TRUE:
        gw_buf_append_text(printing->buf, "true");
        return 0;
    case GW_JSON_FALSE:
        gw_buf_append_text(printing->buf, "false");
        return 0;
    case GW_JSON_NULL:
        return 0;
    default:
        return -EINVAL;
    }
}

/* How a list is joined, and what stands before each of its parts. */
struct joint {
    const char *first, *next;
    bool names_items; /* "name=" before each element */
    bool pairs;       /* members as "k=v", not "k,v" */
    bool is_deep;     /* "name[k]=v" */
};

static void append_name(struct printing *printing)
{
    append_escaped(printing, printing->parameter->name);
    gw_buf_append_byte(printing->buf, '=');
}

static int append_member(struct printing *printing, const struct joint *joint,
                         const struct gw_value_member *member)
{
    if (joint->is_deep) {
        append_escaped(printing, printing->parameter->name);
        gw_buf_append_text(printing->buf, "%5B");
    }
    append_escaped(printing, member->name);
    if (joint->is_deep)
        gw_buf_append_text(printing->buf, "%5D");
    gw_buf_append_text(printing->buf, joint->pairs ? "=" : joint->next);
    return append_scalar(printing, &member->value);
}

static int append_joined(struct printing *printing, const struct joint *joint,
                         const struct gw_value *value)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < value->count; i++) {
        gw_buf_append_text(printing->buf, i == 0 ? joint->first : joint->next);
        if (value->type == GW_JSON_OBJECT) {
            rc = append_member(printing, joint, &value->members[i]);
            continue;
        }
        if (joint->names_items)
            append_name(printing);
        rc = append_scalar(printing, &value->items[i]);
    }
    return rc;
}

static const char *delimiter_of(enum gw_parameter_style style)
{
    return style == GW_STYLE_SPACE_DELIMITED  ? "%20"
           : style == GW_STYLE_PIPE_DELIMITED ? "%7C"
                                              : ",";
}

static int append_pairs(struct printing *printing, const struct gw_value *value)
{
    const struct gw_parameter *parameter = printing->parameter;
    const char *next = parameter->place == GW_IN_COOKIE ? "; " : "&";
    bool is_deep = parameter->style == GW_STYLE_DEEP_OBJECT;

    if (!is_scalar(value) && (parameter->explode || is_deep)) {
        const struct joint joint = {"", next, true, true, is_deep};
        return is_deep && value->type != GW_JSON_OBJECT ? -EINVAL
                                                        : append_joined(printing, &joint, value);
    }
    append_name(printing);
    if (is_scalar(value))
        return append_scalar(printing, value);
    const struct joint joint = {"", delimiter_of(parameter->style), false, false, false};
    return append_joined(printing, &joint, value);
}

static int append_in_place(struct printing *printing, const struct gw_value *value)
{
    const struct gw_parameter *parameter = printing->parameter;
    struct joint joint = {"", ",", false, parameter->explode, false};

    if (parameter->style == GW_STYLE_LABEL)
        joint =
            (struct joint){".", parameter->explode ? "." : ",", false, parameter->explode, false};
    if (parameter->style == GW_STYLE_MATRIX && !is_scalar(value) && parameter->explode)
        joint = (struct joint){";", ";", true, true, false};
    else if (parameter->style == GW_STYLE_MATRIX) {
        gw_buf_append_byte(printing->buf, ';');
        append_name(printing);
    }
    if (!is_scalar(value))
        return append_joined(printing, &joint, value);
    gw_buf_append_text(printing->buf, joint.first);
    return append_scalar(printing, value);
}

/* What would be another path: an empty segment, or one that goes up. */
static bool is_no_segment(struct gw_str text)
{
    return text.len == 0 || gw_str_equal(text, GW_STR(".")) || gw_str_equal(text, GW_STR(".."));
}

static int append_json(struct printing *printing, const struct gw_value *value)
{
    struct gw_buf text;

    gw_buf_init(&text, 64 * 1024);
    gw_value_write(&text, value);
    if (printing->parameter->place == GW_IN_QUERY || printing->parameter->place == GW_IN_COOKIE)
        append_name(printing);
    append_escaped(printing, gw_buf_str(&text));
    int rc = text.has_failed ? -EINVAL : 0;
    gw_buf_finish(&text);
    return rc;
}

int gw_parameter_append(struct gw_buf *buf, const struct gw_parameter *parameter,
                        const struct gw_value *value)
{
    struct printing printing = {buf, parameter};
    size_t from = buf->len;
    int rc;

    if (parameter->is_json)
        rc = append_json(&printing, value);
    else if (parameter->place == GW_IN_PATH || parameter->place == GW_IN_HEADER)
        rc = append_in_place(&printing, value);
    else
        rc = append_pairs(&printing, value);
    if (rc == 0 && parameter->place == GW_IN_PATH &&
        is_no_segment(gw_str_from(buf->ptr + from, buf->len - from)))
        rc = -EINVAL;
    return rc;
}
