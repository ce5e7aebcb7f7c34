/* Templates at run time: what the expressions gave, put in its places. */
#include <errno.h>

#include "server/core/buf.h"
#include "server/crypto/base64.h"
#include "server/flow/task.h"
#include "server/http/percent.h"

#define MAX_TEXT_BYTES (64 * 1024)

struct filling {
    const struct gw_value *results, *input;
    struct gw_arena *arena;
    struct gw_str wrong;
};

static int fill(struct filling *filling, const struct flow_node *node, struct gw_value *out_value);

static int fill_array(struct filling *filling, const struct flow_node *node,
                      struct gw_value *out_value)
{
    struct gw_value *items = gw_arena_calloc(filling->arena, node->count + 1, sizeof(*items));

    if (items == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < node->count; i++) {
        int rc = fill(filling, &node->parts[i], &items[i]);
        if (rc != 0)
            return rc;
    }
    *out_value = gw_value_array(items, node->count);
    return 0;
}

static int fill_object(struct filling *filling, const struct flow_node *node,
                       struct gw_value *out_value)
{
    struct gw_value_member *members =
        gw_arena_calloc(filling->arena, node->count + 1, sizeof(*members));

    if (members == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < node->count; i++) {
        members[i].name = node->names[i];
        int rc = fill(filling, &node->parts[i], &members[i].value);
        if (rc != 0)
            return rc;
    }
    *out_value = gw_value_object(members, node->count);
    return 0;
}

static int refuse(struct filling *filling, const char *format, struct gw_str name)
{
    filling->wrong = gw_arena_printf(filling->arena, format, GW_STR_ARG(name));
    return filling->wrong.ptr != NULL ? -EINVAL : -ENOMEM;
}

/* RFC 6570, simple expansion, where the text is encoded. */
static int append_variable(struct filling *filling, struct gw_buf *buf, struct gw_str name,
                           bool is_plain)
{
    const struct gw_value *value = gw_value_member(filling->input, name);

    if (value == NULL || value->type == GW_JSON_NULL)
        return refuse(filling, "{%.*s} is no member of the input", name);
    if (value->type >= GW_JSON_ARRAY)
        return refuse(filling, "{%.*s} is an array or an object", name);
    struct gw_str text = value->type == GW_JSON_TRUE ? GW_STR("true") : GW_STR("false");
    if (value->type == GW_JSON_STRING || value->type == GW_JSON_NUMBER)
        text = value->text;
    if (is_plain)
        gw_buf_append_str(buf, text);
    else
        gw_percent_append(buf, text);
    return 0;
}

static int fill_uri(struct filling *filling, const struct flow_node *node,
                    struct gw_value *out_value)
{
    struct gw_buf buf;
    int rc = 0;

    gw_buf_init(&buf, MAX_TEXT_BYTES);
    for (uint32_t i = 0; rc == 0 && i < node->count; i++) {
        const struct flow_node *part = &node->parts[i];
        if (part->kind == FLOW_NODE_VARIABLE)
            rc = append_variable(filling, &buf, part->literal.text, node->kind == FLOW_NODE_TEXT);
        else
            gw_buf_append_str(&buf, part->literal.text);
    }
    struct gw_str text = {NULL, 0};
    if (rc == 0 && !buf.has_failed)
        text = gw_arena_copy(filling->arena, gw_buf_str(&buf));
    gw_buf_finish(&buf);
    if (rc != 0)
        return rc;
    *out_value = gw_value_string(text);
    return text.ptr != NULL ? 0 : -ENOMEM;
}

/* The path of an address, which must be below the backend's. */
static int fill_below(struct filling *filling, const struct flow_node *node,
                      struct gw_value *out_value)
{
    struct gw_str base = node->literal.text;
    struct gw_value whole = gw_value_null();
    int rc = fill(filling, &node->parts[0], &whole);

    if (rc != 0)
        return rc;
    if (whole.type != GW_JSON_STRING || !gw_str_has_prefix(whole.text, base))
        return refuse(filling, "an endpoint is not below %.*s", base);
    *out_value = gw_value_string(gw_str_tail(whole.text, base.len));
    return 0;
}

/* A credential: its text must be one, and none of it is ever told. */
static int fill_secret(struct filling *filling, const struct flow_node *node,
                       struct gw_str *out_text)
{
    struct gw_value value;
    int rc = fill(filling, node, &value);

    if (rc != 0)
        return rc;
    if (value.type != GW_JSON_STRING || value.text.len > MAX_TEXT_BYTES / 8)
        return refuse(filling, "%.*s is no text", GW_STR("a credential"));
    for (size_t i = 0; i < value.text.len; i++)
        if ((unsigned char)value.text.ptr[i] < ' ' || value.text.ptr[i] == 0x7f)
            return refuse(filling, "%.*s has control characters", GW_STR("a credential"));
    *out_text = value.text;
    return 0;
}

static int fill_basic(struct filling *filling, const struct flow_node *node,
                      struct gw_value *out_value)
{
    struct gw_str name, password;
    struct gw_buf buf;
    int rc = fill_secret(filling, &node->parts[0], &name);

    if (rc == 0)
        rc = fill_secret(filling, &node->parts[1], &password);
    if (rc != 0)
        return rc;
    if (gw_str_find(name, ':') < name.len)
        return refuse(filling, "%.*s has a colon", GW_STR("a user name"));
    struct gw_str pair =
        gw_arena_join(filling->arena, (struct gw_str[]){name, GW_STR(":"), password}, 3);
    gw_buf_init(&buf, MAX_TEXT_BYTES);
    gw_buf_append_text(&buf, "Basic ");
    gw_base64_append(&buf, pair);
    struct gw_str text = {NULL, 0};
    if (pair.ptr != NULL && !buf.has_failed)
        text = gw_arena_copy(filling->arena, gw_buf_str(&buf));
    gw_buf_finish(&buf);
    *out_value = gw_value_string(text);
    return text.ptr != NULL ? 0 : -ENOMEM;
}

static int fill_bearer(struct filling *filling, const struct flow_node *node,
                       struct gw_value *out_value)
{
    struct gw_str token;
    int rc = fill_secret(filling, &node->parts[0], &token);

    if (rc != 0)
        return rc;
    struct gw_str text =
        gw_arena_join(filling->arena, (struct gw_str[]){GW_STR("Bearer "), token}, 2);
    *out_value = gw_value_string(text);
    return text.ptr != NULL ? 0 : -ENOMEM;
}

static int fill(struct filling *filling, const struct flow_node *node, struct gw_value *out_value)
{
    switch (node->kind) {
    case FLOW_NODE_LITERAL:
    case FLOW_NODE_VARIABLE:
        *out_value = node->literal;
        return 0;
    case FLOW_NODE_EXPRESSION:
        *out_value = filling->results[node->hole];
        return 0;
    case FLOW_NODE_ARRAY:
        return fill_array(filling, node, out_value);
    case FLOW_NODE_OBJECT:
        return fill_object(filling, node, out_value);
    case FLOW_NODE_URI:
    case FLOW_NODE_TEXT:
        return fill_uri(filling, node, out_value);
    case FLOW_NODE_BELOW:
        return fill_below(filling, node, out_value);
    case FLOW_NODE_BASIC:
        return fill_basic(filling, node, out_value);
    case FLOW_NODE_BEARER:
        return fill_bearer(filling, node, out_value);
    }
    return -EINVAL;
}

int flow_template_fill(const struct flow_template *template, const struct gw_value *results,
                       const struct gw_value *input, struct gw_arena *arena,
                       struct gw_value *out_value, struct gw_str *out_wrong)
{
    struct filling filling = {.results = results, .input = input, .arena = arena};
    int rc = fill(&filling, template->root, out_value);

    if (rc == -EINVAL)
        *out_wrong = filling.wrong;
    return rc;
}
