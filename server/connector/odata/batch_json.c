/* $batch as JSON (OData 4.01 JSON format, section 19). */
#include <errno.h>

#include "server/connector/odata/batch.h"
#include "server/core/buf.h"

/* --- requests --------------------------------------------------------------------------------- */

static void write_text(struct gw_buf *out, const char *name, struct gw_str text)
{
    gw_buf_printf(out, ",\"%s\":\"", name);
    gw_buf_append_json(out, text);
    gw_buf_append_byte(out, '"');
}

/* What an entity "$ID" refers to must be there before, too. */
static void write_dependence(struct gw_buf *out, const struct odata_member *member)
{
    struct gw_str path = member->request.path;
    bool refers = path.len > 1 && path.ptr[1] == '$';
    const char *separator = "";

    if (!refers && member->depends_on == NULL)
        return;
    gw_buf_append_text(out, ",\"dependsOn\":[");
    if (refers) {
        path = gw_str_tail(path, 2);
        gw_buf_printf(out, "\"%.*s\"", (int)gw_str_find(path, '/'), path.ptr);
        separator = ",";
    }
    for (uint32_t i = 0; member->depends_on != NULL && i < member->depends_on->count; i++) {
        gw_buf_append_text(out, separator);
        gw_value_write(out, &member->depends_on->items[i]);
        separator = ",";
    }
    gw_buf_append_byte(out, ']');
}

static void write_fields(struct gw_buf *out, const struct odata_settings *settings,
                         const struct odata_request *request)
{
    const char *type =
        settings->exact_numbers ? "application/json;IEEE754Compatible=true" : "application/json";

    gw_buf_printf(out, ",\"headers\":{\"accept\":\"%s\"", type);
    if (request->body.ptr != NULL)
        write_text(out, "content-type", gw_str_of(type));
    if (request->etag.len > 0)
        write_text(out, "if-match", request->etag);
    gw_buf_append_byte(out, '}');
}

static void write_member(struct gw_buf *out, const struct odata_settings *settings,
                         const struct odata_member *member)
{
    const struct odata_request *request = &member->request;

    gw_buf_printf(out, "{\"id\":\"%.*s\"", GW_STR_ARG(member->id));
    if (member->group.len > 0)
        write_text(out, "atomicityGroup", member->group);
    write_dependence(out, member);
    write_text(out, "method", gw_str_of(request->method));
    gw_buf_append_text(out, ",\"url\":\"");
    gw_buf_append_json(out, gw_str_tail(request->path, 1));
    if (request->query.len > 0)
        gw_buf_append_byte(out, '?');
    gw_buf_append_json(out, request->query);
    gw_buf_append_byte(out, '"');
    write_fields(out, settings, request);
    if (request->body.ptr != NULL) {
        gw_buf_append_text(out, ",\"body\":");
        gw_buf_append_str(out, request->body);
    }
    gw_buf_append_byte(out, '}');
}

void odata_batch_write_json(struct gw_buf *out, const struct odata_settings *settings,
                            const struct odata_batch *batch)
{
    gw_buf_append_text(out, "{\"requests\":[");
    for (size_t i = 0; i < batch->count; i++) {
        if (i > 0)
            gw_buf_append_byte(out, ',');
        write_member(out, settings, &batch->members[i]);
    }
    gw_buf_append_text(out, "]}");
}

/* --- answers ---------------------------------------------------------------------------------- */

static struct gw_str etag_of(const struct gw_value *fields)
{
    for (uint32_t i = 0; fields != NULL && fields->type == GW_JSON_OBJECT && i < fields->count; i++)
        if (gw_str_equal_nocase(fields->members[i].name, GW_STR("etag")) &&
            fields->members[i].value.type == GW_JSON_STRING)
            return fields->members[i].value.text;
    return gw_str_from(NULL, 0);
}

static int take_response(const struct gw_value *response, struct odata_batch *batch,
                         struct gw_error *error)
{
    struct gw_str id = gw_value_member_text(response, GW_STR("id"));
    const struct gw_value *status = gw_value_member(response, GW_STR("status"));
    uint64_t code;

    if (status == NULL || status->type != GW_JSON_NUMBER ||
        gw_str_to_u64(status->text, &code) != 0 || code < 100 || code > 599)
        return gw_error_set(error, -EBADMSG, "an answer in the batch has no status");
    for (size_t i = 0; i < batch->count; i++) {
        struct odata_member *member = &batch->members[i];
        if (!gw_str_equal(member->id, id) || member->status != 0)
            continue;
        member->status = (int)code;
        member->value = gw_value_member(response, GW_STR("body"));
        member->etag = etag_of(gw_value_member(response, GW_STR("headers")));
        return 0;
    }
    return gw_error_set(error, -EBADMSG, "an answer in the batch is of no request: \"%.*s\"",
                        (int)(id.len < 100 ? id.len : 100), id.ptr != NULL ? id.ptr : "");
}

int odata_batch_take_json(struct gw_arena *arena, const struct odata_settings *settings,
                          struct gw_str text, struct odata_batch *batch, struct gw_error *error)
{
    const struct gw_json_limits limits = {
        .max_bytes = settings->max_answer_bytes,
        .max_depth = ODATA_MAX_DEPTH,
    };
    struct gw_json_error flaw;
    struct gw_value whole;
    int rc = gw_value_read(arena, text, &limits, &whole, &flaw);

    if (rc == -ENOMEM)
        return rc;
    if (rc != 0)
        return gw_error_set(error, -EBADMSG, "the batch's answer is no JSON: %s", flaw.text);
    const struct gw_value *responses = gw_value_member(&whole, GW_STR("responses"));
    if (responses == NULL || responses->type != GW_JSON_ARRAY)
        return gw_error_set(error, -EBADMSG, "the batch's answer has no responses");
    for (uint32_t i = 0; i < responses->count && rc == 0; i++)
        rc = take_response(&responses->items[i], batch, error);
    return rc;
}
