#include "server/connector/odata/request.h"

#include <errno.h>

#include "server/connector/odata/body.h"
#include "server/connector/odata/literal.h"
#include "server/connector/odata/path.h"
#include "server/connector/odata/query.h"
#include "server/core/arena.h"
#include "server/core/buf.h"

#define MAX_BODY_BYTES (16u << 20)
#define MAX_ETAG_BYTES 512

/* What is written before it is copied into the arena. */
struct draft {
    const struct odata_builder *builder;
    struct gw_buf path, query, body;
    struct odata_request *request;
};

/* --- parts ------------------------------------------------------------------------------------ */

/* As an entity tag (RFC 9110, section 8.8.3) or "*": it becomes a field's value. */
static int take_etag(struct draft *draft)
{
    struct gw_str etag;
    int rc = odata_argument_text(draft->builder, "etag", &etag);

    if (rc != 0)
        return rc;
    if (etag.len == 0 && gw_value_member(draft->builder->arguments, GW_STR("etag")) != NULL)
        return gw_error_set(draft->builder->error, -EINVAL,
                            "etag is empty: leave it out where no state is expected");
    for (size_t i = 0; i < etag.len; i++)
        if (etag.len > MAX_ETAG_BYTES || (unsigned char)etag.ptr[i] < 0x20 || etag.ptr[i] == 0x7f)
            return gw_error_set(draft->builder->error, -EINVAL, "etag is no entity tag");
    draft->request->etag = etag;
    return 0;
}

static int write_body(struct draft *draft, const char *argument)
{
    const struct gw_value *value = odata_argument(draft->builder, argument);

    if (value == NULL || value->type != GW_JSON_OBJECT)
        return gw_error_set(draft->builder->error, -EINVAL, "%s must be an object", argument);
    return odata_body_write(&draft->body, draft->builder->settings, value, draft->builder->error);
}

/* The query that an earlier page's answer gave: it was a server's, and passed through a caller. */
static int write_next(struct draft *draft, struct gw_str next)
{
    for (size_t i = 0; i < next.len; i++)
        if (next.ptr[i] <= 0x20 || (unsigned char)next.ptr[i] >= 0x7f || next.ptr[i] == '#')
            return gw_error_set(draft->builder->error, -EINVAL, "next is no query");
    gw_buf_append_str(&draft->query, next);
    return 0;
}

/* --- functions -------------------------------------------------------------------------------- */

static int build_list(struct draft *draft)
{
    struct gw_str next;
    int rc = odata_argument_text(draft->builder, "next", &next);

    draft->request->shape = ODATA_LIST;
    if (rc == 0)
        rc = odata_path_write(&draft->path, draft->builder, false);
    if (rc != 0)
        return rc;
    return next.len > 0 ? write_next(draft, next)
                        : odata_query_write(&draft->query, draft->builder, true);
}

static int build_read(struct draft *draft)
{
    int rc = odata_path_write(&draft->path, draft->builder, true);

    draft->request->shape = ODATA_ENTITY;
    return rc == 0 ? odata_query_write(&draft->query, draft->builder, false) : rc;
}

static int build_create(struct draft *draft)
{
    int rc = odata_path_write(&draft->path, draft->builder, false);

    draft->request->method = "POST";
    draft->request->shape = ODATA_ENTITY;
    return rc == 0 ? write_body(draft, "body") : rc;
}

static int build_update(struct draft *draft)
{
    int rc = odata_path_write(&draft->path, draft->builder, true);

    draft->request->method = draft->builder->settings->version == ODATA_V2 ? "MERGE" : "PATCH";
    draft->request->shape = ODATA_ENTITY;
    if (rc == 0)
        rc = take_etag(draft);
    return rc == 0 ? write_body(draft, "body") : rc;
}

static int build_delete(struct draft *draft)
{
    int rc = odata_path_write(&draft->path, draft->builder, true);

    draft->request->method = "DELETE";
    draft->request->shape = ODATA_NOTHING;
    return rc == 0 ? take_etag(draft) : rc;
}

/* --- actions and functions -------------------------------------------------------------------- */

/* "name=literal" for each parameter: in a V2 query joined by '&', in a V4 path by ','. */
static int write_parameters(struct draft *draft, struct gw_buf *out, bool in_query)
{
    const struct gw_value *parameters = odata_argument(draft->builder, "parameters");
    struct gw_buf literal;
    int rc = 0;

    if (parameters == NULL)
        return 0;
    if (parameters->type != GW_JSON_OBJECT)
        return gw_error_set(draft->builder->error, -EINVAL, "parameters must be an object");
    gw_buf_init(&literal, ODATA_MAX_TARGET_BYTES);
    for (uint32_t i = 0; i < parameters->count && rc == 0; i++) {
        struct gw_str name = parameters->members[i].name;
        if (!odata_is_name(name))
            rc = gw_error_set(draft->builder->error, -EINVAL, "\"%.*s\" is no name of a parameter",
                              GW_STR_ARG(name));
        if (i > 0)
            gw_buf_append_byte(out, in_query ? '&' : ',');
        odata_encode(out, name);
        gw_buf_append_byte(out, '=');
        gw_buf_clear(&literal);
        if (rc == 0)
            rc = odata_literal_write(&literal, draft->builder->settings->version,
                                     &parameters->members[i].value, draft->builder->error);
        if (literal.has_failed)
            rc = gw_error_set(draft->builder->error, -EINVAL, "the parameters are too long");
        odata_encode(out, gw_buf_str(&literal));
    }
    gw_buf_finish(&literal);
    return rc;
}

/* A bound one stands behind what it is bound to, by its full name ("ErpService.Release"). V2 has
 * function imports only: a key is one of their parameters. */
static int write_operation_path(struct draft *draft)
{
    const struct odata_builder *builder = draft->builder;
    bool is_bound = odata_argument(builder, "entity") != NULL;
    struct gw_str name;
    int rc = odata_argument_text(builder, "name", &name);

    if (rc == 0 && !odata_is_path(name, '.'))
        rc = gw_error_set(builder->error, -EINVAL, "\"%.*s\" is no name of an action",
                          GW_STR_ARG(name));
    if (rc == 0 && is_bound && builder->settings->version == ODATA_V2)
        rc = gw_error_set(builder->error, -EINVAL,
                          "OData V2 binds nothing: name the function import, and give the key "
                          "among its parameters");
    if (rc == 0 && is_bound)
        rc = odata_path_write(&draft->path, builder, false);
    gw_buf_append_byte(&draft->path, '/');
    odata_encode(&draft->path, name);
    return rc;
}

static int build_action(struct draft *draft)
{
    bool is_v2 = draft->builder->settings->version == ODATA_V2;
    int rc = write_operation_path(draft);

    draft->request->method = "POST";
    draft->request->shape = ODATA_ANY;
    if (rc == 0)
        rc = take_etag(draft);
    if (rc != 0)
        return rc;
    if (is_v2)
        return write_parameters(draft, &draft->query, true);
    if (odata_argument(draft->builder, "parameters") != NULL)
        return write_body(draft, "parameters");
    gw_buf_append_text(&draft->body, "{}");
    return 0;
}

static int build_function(struct draft *draft)
{
    int rc = write_operation_path(draft);

    draft->request->shape = ODATA_ANY;
    if (rc != 0)
        return rc;
    if (draft->builder->settings->version == ODATA_V2)
        return write_parameters(draft, &draft->query, true);
    gw_buf_append_byte(&draft->path, '(');
    rc = write_parameters(draft, &draft->path, false);
    gw_buf_append_byte(&draft->path, ')');
    return rc;
}

/* --- all -------------------------------------------------------------------------------------- */

static const struct {
    struct gw_str name;
    int (*build)(struct draft *draft);
    bool is_write;
} rows[] = {
    {GW_STR_INIT("list"), build_list, false},         {GW_STR_INIT("read"), build_read, false},
    {GW_STR_INIT("create"), build_create, true},      {GW_STR_INIT("update"), build_update, true},
    {GW_STR_INIT("delete"), build_delete, true},      {GW_STR_INIT("action"), build_action, true},
    {GW_STR_INIT("function"), build_function, false},
};

static int finish(struct draft *draft)
{
    struct odata_request *request = draft->request;
    struct gw_arena *arena = draft->builder->arena;

    if (draft->path.has_failed || draft->query.has_failed ||
        draft->path.len + draft->query.len > ODATA_MAX_TARGET_BYTES)
        return gw_error_set(draft->builder->error, -EINVAL,
                            "path and query would be longer than %u bytes", ODATA_MAX_TARGET_BYTES);
    if (draft->body.has_failed)
        return gw_error_set(draft->builder->error, -EINVAL, "the body is too large");
    request->path = gw_arena_copy(arena, gw_buf_str(&draft->path));
    request->query = gw_arena_copy(arena, gw_buf_str(&draft->query));
    if (draft->body.len > 0)
        request->body = gw_arena_copy(arena, gw_buf_str(&draft->body));
    return request->path.ptr == NULL || request->query.ptr == NULL ||
                   (draft->body.len > 0 && request->body.ptr == NULL)
               ? -ENOMEM
               : 0;
}

int odata_request_build(const struct odata_builder *builder, struct gw_str function,
                        struct odata_request *out_request)
{
    struct odata_request request = {.method = "GET"};
    struct draft draft = {.builder = builder, .request = &request};
    int rc = -ENOENT;

    gw_buf_init(&draft.path, ODATA_MAX_TARGET_BYTES);
    gw_buf_init(&draft.query, ODATA_MAX_TARGET_BYTES);
    gw_buf_init(&draft.body, MAX_BODY_BYTES);
    for (size_t i = 0; i < GW_COUNT_OF(rows) && rc == -ENOENT; i++) {
        if (!gw_str_equal(rows[i].name, function))
            continue;
        request.is_write = rows[i].is_write;
        rc = rows[i].build(&draft);
    }
    if (rc == 0)
        rc = finish(&draft);
    gw_buf_finish(&draft.path);
    gw_buf_finish(&draft.query);
    gw_buf_finish(&draft.body);
    if (rc == 0)
        *out_request = request;
    return rc;
}
