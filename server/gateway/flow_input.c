#include "server/gateway/flow_input.h"

#include <errno.h>

#include "server/contract/media.h"
#include "server/contract/operation.h"
#include "server/contract/parameter_values.h"
#include "server/core/utf8.h"
#include "server/observe/trace.h"
#include "server/store/keyed_record.h"

/* --- the body --- */

static int read_body(const struct gw_exchange *ex, struct gw_arena *arena,
                     struct gw_value *out_value)
{
    const struct gw_str *type = gw_request_field(ex, GW_STR("content-type"));
    struct gw_json_error error;
    struct gw_str range;

    *out_value = gw_value_null();
    if (ex->request.body.len == 0)
        return 0;
    if (type == NULL || (gw_media_parse(*type, &range) && gw_media_is_json(range))) {
        int rc = gw_value_read(arena, ex->request.body, NULL, out_value, &error);
        return rc == 0 || rc == -ENOMEM ? rc : -EINVAL;
    }
    if (!gw_utf8_is_valid(ex->request.body))
        return -EINVAL;
    *out_value = gw_value_string(ex->request.body);
    return 0;
}

/* --- who is calling --- */

static int read_scopes(struct gw_str text, struct gw_arena *arena, struct gw_value *out_value)
{
    struct gw_value_builder scopes = {.arena = arena};
    struct gw_str scope;
    int rc = 0;

    while (rc == 0 && gw_str_split(&text, ' ', &scope)) {
        if (scope.len > 0)
            rc = gw_value_add_item(&scopes, gw_value_string(scope));
    }
    *out_value = gw_value_built_array(&scopes);
    return rc;
}

static int read_claims(struct gw_str text, struct gw_arena *arena, struct gw_value *out_value)
{
    struct gw_json_error error;

    if (text.len > 0) {
        int rc = gw_value_read(arena, text, NULL, out_value, &error);
        if (rc == 0 || rc == -ENOMEM)
            return rc;
    }
    *out_value = gw_value_object(NULL, 0);
    return 0;
}

int gw_flow_input_identity(const struct gw_exchange *ex, struct gw_arena *arena,
                           struct gw_value *out_identity)
{
    const struct gw_identity *identity = &ex->identity;
    struct gw_value_builder object = {.arena = arena};
    struct gw_value scopes, claims;

    *out_identity = gw_value_null();
    if (identity->consumer.len == 0 && identity->subject.len == 0)
        return 0;
    if (read_scopes(identity->scopes, arena, &scopes) != 0 ||
        read_claims(identity->claims, arena, &claims) != 0 ||
        gw_value_add_member(&object, GW_STR("consumer"), gw_value_string(identity->consumer)) !=
            0 ||
        gw_value_add_member(&object, GW_STR("subject"), gw_value_string(identity->subject)) != 0 ||
        gw_value_add_member(&object, GW_STR("issuer"), gw_value_string(identity->issuer)) != 0 ||
        gw_value_add_member(&object, GW_STR("scopes"), scopes) != 0 ||
        gw_value_add_member(&object, GW_STR("claims"), claims) != 0)
        return -ENOMEM;
    *out_identity = gw_value_built_object(&object);
    return 0;
}

/* --- all of it --- */

static struct gw_value text_or_null(struct gw_str text)
{
    return text.len > 0 ? gw_value_string(text) : gw_value_null();
}

int gw_flow_input_make(struct gw_exchange *ex, struct gw_arena *arena, struct gw_value *out_input)
{
    struct gw_value_builder input = {.arena = arena};
    struct gw_value parameters, body, identity;
    bool is_repeated = ex->claim != NULL && ex->claim->begun_before > 0;
    int rc = read_body(ex, arena, &body);

    if (rc == 0)
        rc = gw_parameters_read(ex, arena, &parameters);
    if (rc == 0)
        rc = gw_flow_input_identity(ex, arena, &identity);
    if (rc != 0)
        return rc;
    if (gw_value_add_member(&input, GW_STR("parameters"), parameters) != 0 ||
        gw_value_add_member(&input, GW_STR("body"), body) != 0 ||
        gw_value_add_member(&input, GW_STR("identity"), identity) != 0 ||
        gw_value_add_member(&input, GW_STR("key"), text_or_null(ex->record.idempotency_key)) != 0 ||
        gw_value_add_member(&input, GW_STR("repeated"), gw_value_bool(is_repeated)) != 0 ||
        gw_value_add_member(&input, GW_STR("request_id"), gw_value_string(ex->record.request_id)) !=
            0)
        return -ENOMEM;
    *out_input = gw_value_built_object(&input);
    return 0;
}

struct gw_str gw_flow_input_key(struct gw_exchange *ex)
{
    uint8_t digest[GW_KEYED_DIGEST_BYTES];
    char *text = gw_arena_alloc(&ex->arena, 2 * sizeof(digest) + 1);
    struct gw_str operation =
        gw_arena_printf(&ex->arena, "%.*s %.*s", GW_STR_ARG(ex->request.method_name),
                        GW_STR_ARG(ex->operation->route));
    const struct gw_keyed_scope scope = {ex->identity.consumer, operation,
                                         ex->record.idempotency_key};

    if (ex->record.idempotency_key.len == 0)
        return ex->record.request_id;
    if (text == NULL || operation.ptr == NULL || gw_keyed_digest(&scope, digest) != 0)
        return (struct gw_str){NULL, 0};
    gw_trace_hex(digest, 2 * sizeof(digest), text);
    return gw_str_from(text, 2 * sizeof(digest));
}
