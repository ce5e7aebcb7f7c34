#include "jwt_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

static const struct gw_str read_scopes[] = {GW_STR_INIT("stock.read")};
static const struct gw_security_scheme plant_read[] = {
    {GW_SCHEME_TOKEN, GW_STR_INIT("plant"), read_scopes, 1}};
const struct gw_security_alternative jwt_for_plant[1] = {{plant_read, 1}};

json_t *jwt_rig_issuer(const char *issuer, const char *jwks)
{
    return json_pack("{s:s,s:s,s:[s],s:[ssss],s:s,s:I,s:b,s:[],s:i,s:i,s:[]}", "issuer", issuer,
                     "jwks_file", jwks, "audiences", "millgate", "algorithms", "RS256", "PS256",
                     "ES256", "EdDSA", "typ", "any", "leeway", (json_int_t)60000000000,
                     "needs_expiry", 1, "required_claims", "max_token_bytes", 8192, "min_rsa_bits",
                     2048, "grants");
}

void jwt_rig_start(struct jwt_rig *rig)
{
    forge_init(&rig->plant, GW_RS256);
    forge_init(&rig->supplier, GW_ES256);
}

void jwt_rig_stop(struct jwt_rig *rig)
{
    forge_finish(&rig->plant);
    forge_finish(&rig->supplier);
}

void jwt_rig_open(struct jwt_rig *rig)
{
    rig->config = json_pack("{s:{s:o,s:o},s:s,s:i,s:i}", "issuers", "plant",
                            jwt_rig_issuer("https://plant.example", rig->plant.jwks), "supplier",
                            jwt_rig_issuer("https://supplier.example", rig->supplier.jwks), "realm",
                            "millgate", "cache_bytes", 1 << 20, "cache_entries", 1000);
}

void jwt_rig_close(struct jwt_rig *rig)
{
    gw_jwt.destroy(rig->policy);
    rig->policy = NULL;
    json_decref(rig->config);
}

void jwt_rig_create(struct jwt_rig *rig)
{
    struct gw_error why;

    if (gw_jwt.create(rig->config, &rig->policy, &why) != 0)
        fail_msg("%s: %s", why.where, why.text);
}

void jwt_rig_begin(struct jwt_rig *rig, const struct gw_security_alternative *security,
                   size_t count, struct gw_operation *operation)
{
    memset(&rig->ex, 0, sizeof(rig->ex));
    memset(operation, 0, sizeof(*operation));
    operation->security = security;
    operation->security_count = count;
    rig->ex.operation = operation;
    rig->ex.wall_ns = UINT64_C(1000000000) * JWT_NOW_S;
    gw_arena_init(&rig->ex.arena, 4096, 1 << 20);
}

enum gw_verdict jwt_rig_ask(struct jwt_rig *rig, const struct gw_security_alternative *security,
                            size_t count, const char *token)
{
    static struct gw_operation operation;

    jwt_rig_begin(rig, security, count, &operation);
    if (token != NULL) {
        struct gw_str value = gw_arena_printf(&rig->ex.arena, "Bearer %s", token);
        assert_int_equal(gw_request_add_field(&rig->ex, GW_STR("authorization"), value), 0);
    }
    return gw_jwt.on_request(rig->policy, &rig->ex);
}

void jwt_rig_is_challenged(const struct jwt_rig *rig, int status, const char *needle)
{
    const struct gw_str *challenge = gw_response_field(&rig->ex, GW_STR("WWW-Authenticate"));

    assert_int_equal(rig->ex.response.status, status);
    assert_non_null(challenge);
    if (memmem(challenge->ptr, challenge->len, needle, strlen(needle)) == NULL)
        fail_msg("%.*s lacks %s", GW_STR_ARG(*challenge), needle);
    assert_int_equal(rig->ex.credential_count, 0);
}

void jwt_rig_refuses(struct jwt_rig *rig, const char *token, const char *why)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(jwt_rig_ask(rig, jwt_for_plant, 1, token), GW_STOP);
        jwt_rig_is_challenged(rig, 401, "error=\"invalid_token\"");
        jwt_rig_is_challenged(rig, 401, why);
        gw_arena_finish(&rig->ex.arena);
    }
}
