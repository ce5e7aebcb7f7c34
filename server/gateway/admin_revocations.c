/* Revoked tokens over the admin listener. A record is one of
 *   revocation:jti:<issuer>:<jti>           that token
 *   revocation:subject:<issuer>:<subject>   the subject's tokens that were issued until a time
 *   revocation:issuer:<issuer>              all of an issuer's that were
 * <issuer> being a name of the section `issuers`; policies/jwt/revocation.h judges by them. */
#include <errno.h>

#include "server/core/clock.h"
#include "server/gateway/admin_act.h"
#include "server/gateway/admin_record.h"
#include "server/gateway/server_state.h"

#define KIND "revocation:"
#define KEPT "90d" /* unless the caller says otherwise */

const struct gw_option gw_admin_revocation_fields[] = {
    {.name = "issuer", .type = GW_STRING, .min = 1, .max = 64, .flags = GW_OPTION_REQUIRED},
    {.name = "jti", .type = GW_STRING, .min = 1, .max = 512},
    {.name = "subject", .type = GW_STRING, .min = 1, .max = 512},
    {.name = "all", .type = GW_BOOL, .value = "false"},
    {.name = "issued_before", .type = GW_STRING, .max = 32},
    {.name = "expires", .type = GW_STRING, .max = 32, .value = KEPT},
    {.name = "reason", .type = GW_STRING, .max = 500},
    {0},
};

struct wish {
    struct gw_str issuer, jti, subject, name; /* name: the record's */
    uint64_t issued_before_s, not_after_s, now_s;
};

static struct gw_str make_name(struct gw_exchange *ex, const struct wish *wish)
{
    if (wish->jti.len > 0)
        return gw_arena_printf(&ex->arena, "jti:%.*s:%.*s", GW_STR_ARG(wish->issuer),
                               GW_STR_ARG(wish->jti));
    if (wish->subject.len > 0)
        return gw_arena_printf(&ex->arena, "subject:%.*s:%.*s", GW_STR_ARG(wish->issuer),
                               GW_STR_ARG(wish->subject));
    return gw_arena_printf(&ex->arena, "issuer:%.*s", GW_STR_ARG(wish->issuer));
}

/* NULL, or what is wrong. */
static const char *take_wish(struct gw_server *server, struct gw_exchange *ex, const json_t *body,
                             struct wish *wish)
{
    const json_t *issuers = gw_config_section(server->current->config, "issuers");
    struct gw_str before = gw_admin_text(body, "issued_before");
    bool is_all = json_is_true(json_object_get(body, "all"));

    wish->issuer = gw_admin_text(body, "issuer");
    wish->jti = gw_admin_text(body, "jti");
    wish->subject = gw_admin_text(body, "subject");
    wish->now_s = ex->wall_ns / GW_NS_PER_SECOND;
    /* A token's iat may have a fraction, and is rounded up where it is read. */
    wish->issued_before_s = wish->now_s + 1;
    if (json_object_get(issuers, wish->issuer.ptr) == NULL)
        return "issuer must be a name of the section issuers.";
    if ((wish->jti.len > 0) + (wish->subject.len > 0) + is_all != 1)
        return "one of jti, subject and all must be given.";
    if (wish->jti.len > 0 && before.len > 0)
        return "issued_before goes with subject or all.";
    if (before.len > 0 && gw_admin_time_parse(before, 0, &wish->issued_before_s) != 0)
        return "issued_before must be a time such as 2026-12-31T00:00:00Z.";
    if (gw_admin_time_parse(gw_admin_text(body, "expires"), wish->now_s, &wish->not_after_s) != 0 ||
        wish->not_after_s <= wish->now_s)
        return "expires must be a duration such as 90d, or a time to come.";
    wish->name = make_name(ex, wish);
    return NULL;
}

static json_t *make_value(struct gw_exchange *ex, const json_t *body, const struct wish *wish)
{
    json_t *value = json_object();

    gw_admin_set_text(value, "issuer", wish->issuer);
    gw_admin_set_text(value, "jti", wish->jti);
    gw_admin_set_text(value, "subject", wish->subject);
    gw_admin_set_text(value, "reason", gw_admin_text(body, "reason"));
    gw_admin_set_text(value, "created_by", gw_admin_who(ex));
    json_object_set_new(value, "created", json_integer((json_int_t)wish->now_s));
    json_object_set_new(value, "not_after", json_integer((json_int_t)wish->not_after_s));
    if (wish->jti.len == 0)
        json_object_set_new(value, "issued_before",
                            json_integer((json_int_t)wish->issued_before_s));
    return value;
}

/* `value` is released. */
static json_t *show(struct gw_exchange *ex, struct gw_str name, json_t *value)
{
    static const char *const texts[] = {"issuer", "jti", "subject", "reason", "created_by"};
    json_t *shown = json_object();

    (void)ex;
    if (shown != NULL) {
        gw_admin_set_text(shown, "id", name);
        for (size_t i = 0; i < GW_COUNT_OF(texts); i++)
            gw_admin_set_text(shown, texts[i], gw_admin_text(value, texts[i]));
        gw_admin_set_time(shown, "issued_before", json_object_get(value, "issued_before"));
        gw_admin_set_time(shown, "created", json_object_get(value, "created"));
        gw_admin_set_time(shown, "expires", json_object_get(value, "not_after"));
    }
    json_decref(value);
    return shown;
}

void gw_admin_revocation_create(struct gw_server *server, struct gw_exchange *ex,
                                const json_t *body)
{
    struct wish wish = {0};
    const char *wrong = take_wish(server, ex, body, &wish);

    if (wrong != NULL) {
        gw_admin_refuse(ex, "invalid-body", wrong);
        return;
    }
    struct gw_admin_change change = {
        .act = GW_RECORD_PUT,
        .id = gw_admin_record_id(ex, GW_STR(KIND), wish.name),
        .value = make_value(ex, body, &wish),
        .expires_s = wish.not_after_s,
        .status = 201,
    };
    change.answer = show(ex, wish.name, json_incref(change.value));
    gw_admin_record_change(server, ex, &change);
}

void gw_admin_revocation_list(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    (void)body;
    gw_admin_record_list(server, ex, GW_STR(KIND), show);
}

void gw_admin_revocation_show(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    (void)body;
    gw_admin_record_show(server, ex, GW_STR(KIND), show);
}

void gw_admin_revocation_remove(struct gw_server *server, struct gw_exchange *ex,
                                const json_t *body)
{
    (void)body;
    gw_admin_record_remove(server, ex, GW_STR(KIND));
}
