/* Which requests may have one answer: the table that keeps callers apart. */
#include "policies/cache/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/contract/operation.h"

static struct cache_keyer keyer;

struct ask {
    const char *path, *query, *host, *consumer, *subject, *issuer, *scopes, *claims;
    const char *fields[3][2];
    bool is_tls;
};

static struct cache_key key_of(const struct ask *ask, const struct gw_cache_rule *rule)
{
    static const struct gw_operation operation = {.route = GW_STR_INIT("/system/x/v1/a"),
                                                  .backend = GW_STR_INIT("b"),
                                                  .backend_path = GW_STR_INIT("/a")};
    struct gw_exchange ex = {.operation = &operation};
    struct gw_field fields[3];
    struct cache_key key;

    ex.request.path = gw_str_of(ask->path);
    ex.request.query = gw_str_of(ask->query);
    ex.request.host = gw_str_of(ask->host);
    ex.request.is_tls = ask->is_tls;
    ex.request.fields = fields;
    for (; ex.request.field_count < 3 && ask->fields[ex.request.field_count][0] != NULL;
         ex.request.field_count++)
        fields[ex.request.field_count] =
            (struct gw_field){gw_str_of(ask->fields[ex.request.field_count][0]),
                              gw_str_of(ask->fields[ex.request.field_count][1])};
    ex.identity.consumer = gw_str_of(ask->consumer);
    ex.identity.subject = gw_str_of(ask->subject);
    ex.identity.issuer = gw_str_of(ask->issuer);
    ex.identity.scopes = gw_str_of(ask->scopes);
    ex.identity.claims = gw_str_of(ask->claims);
    assert_int_equal(cache_key_make(&keyer, &ex, rule, &key), 0);
    return key;
}

static const struct ask ann = {.path = "/a",
                               .query = "",
                               .host = "h",
                               .consumer = "dev:ann",
                               .subject = "ann",
                               .issuer = "dev",
                               .scopes = "s",
                               .claims = "{\"sub\":\"ann\"}"};

static struct ask changed(void (*change)(struct ask *ask))
{
    struct ask ask = ann;

    change(&ask);
    return ask;
}

#define CHANGE(name, statement)       \
    static void name(struct ask *ask) \
    {                                 \
        statement;                    \
    }

CHANGE(other_path, ask->path = "/b")
CHANGE(encoded_path, ask->path = "/%61")
CHANGE(other_query, ask->query = "x=1")
CHANGE(path_takes_query, (ask->path = "/ax", ask->query = ""))
CHANGE(other_host, ask->host = "evil")
CHANGE(with_tls, ask->is_tls = true)
CHANGE(unknown_field, (ask->fields[0][0] = "X-Original-URL", ask->fields[0][1] = "/admin"))
CHANGE(override_field, (ask->fields[0][0] = "X-HTTP-Method-Override", ask->fields[0][1] = "PUT"))
CHANGE(cookie, (ask->fields[0][0] = "Cookie", ask->fields[0][1] = "session=1"))
CHANGE(claim_field, (ask->fields[0][0] = "X-Plant", ask->fields[0][1] = "0001"))
CHANGE(empty_field, (ask->fields[0][0] = "X-Plant", ask->fields[0][1] = ""))

CHANGE(other_consumer, ask->consumer = "dev:bob")
CHANGE(no_consumer, ask->consumer = "")
CHANGE(other_subject, ask->subject = "bob")
CHANGE(other_issuer, ask->issuer = "idp")
CHANGE(other_scopes, ask->scopes = "s admin")
CHANGE(other_claims, ask->claims = "{\"sub\":\"ann\",\"plant\":1}")
CHANGE(moved_border, (ask->consumer = "dev:an", ask->subject = "nann"))
CHANGE(other_token, (ask->fields[0][0] = "authorization", ask->fields[0][1] = "Bearer x"))

CHANGE(same, (void)ask)
CHANGE(same_host, ask->host = "H")
CHANGE(other_accept, (ask->fields[0][0] = "Accept", ask->fields[0][1] = "text/html"))
CHANGE(other_agent, (ask->fields[0][0] = "User-Agent", ask->fields[0][1] = "curl"))
CHANGE(condition, (ask->fields[0][0] = "If-None-Match", ask->fields[0][1] = "\"a\""))
CHANGE(control, (ask->fields[0][0] = "Cache-Control", ask->fields[0][1] = "max-age=1"))
CHANGE(dropped_host, (ask->fields[0][0] = "X-Forwarded-Host", ask->fields[0][1] = "evil"))
CHANGE(dropped_id, (ask->fields[0][0] = "X_Request_Id", ask->fields[0][1] = "1"))
CHANGE(proof, (ask->fields[0][0] = "DPoP", ask->fields[0][1] = "e30.e30."))

static const struct gw_cache_rule own_rule = {0};
static const struct gw_cache_rule shared_rule = {.is_shared = true};

static bool is_same(const struct gw_cache_rule *rule, void (*change)(struct ask *ask))
{
    struct ask ask = changed(change);
    struct cache_key one = key_of(&ann, rule);
    struct cache_key other = key_of(&ask, rule);

    return cache_key_is_equal(&one, &other);
}

static void what_the_backend_sees_tells_apart(void **state)
{
    static void (*const changes[])(struct ask *) = {
        other_path,    encoded_path,   other_query, path_takes_query, other_host,  with_tls,
        unknown_field, override_field, cookie,      claim_field,      empty_field,
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(changes); i++) {
        if (is_same(&own_rule, changes[i]) || is_same(&shared_rule, changes[i]))
            fail_msg("change %zu makes no other key", i);
    }
}

static void who_asks_tells_apart_unless_it_is_shared(void **state)
{
    static void (*const changes[])(struct ask *) = {
        other_consumer, no_consumer,  other_subject, other_issuer,
        other_scopes,   other_claims, moved_border,  other_token,
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(changes); i++) {
        if (is_same(&own_rule, changes[i]) || !is_same(&shared_rule, changes[i]))
            fail_msg("change %zu", i);
    }
}

static void what_makes_no_other_answer_does_not(void **state)
{
    static void (*const changes[])(struct ask *) = {
        same,    same_host,    other_accept, other_agent, condition,
        control, dropped_host, dropped_id,   proof,
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(changes); i++) {
        if (!is_same(&own_rule, changes[i]) || !is_same(&shared_rule, changes[i]))
            fail_msg("change %zu makes another key", i);
    }
}

static void shared_and_own_never_meet(void **state)
{
    struct cache_key own = key_of(&ann, &own_rule);
    struct cache_key shared = key_of(&ann, &shared_rule);

    (void)state;
    assert_false(cache_key_is_equal(&own, &shared));
}

static void the_contract_may_ignore_fields(void **state)
{
    const struct gw_str names[] = {GW_STR_INIT("x-plant")};
    const struct gw_cache_rule rule = {.ignored = names, .ignored_count = 1};

    (void)state;
    assert_true(is_same(&rule, claim_field));
    assert_false(is_same(&rule, unknown_field));
}

static void vary_that_cannot_be_kept_to_is_seen(void **state)
{
    static const char *const good[] = {"", "Accept", "accept, accept-language", "Origin,,"};
    static const char *const bad[] = {"*",         "accept, *",      "*,",          " * ",
                                      "Forwarded", "x, TraceParent", "X-Request-Id"};

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(good); i++)
        assert_true(cache_vary_is_usable(gw_str_of(good[i])));
    for (size_t i = 0; i < GW_COUNT_OF(bad); i++)
        assert_false(cache_vary_is_usable(gw_str_of(bad[i])));
}

static int setup(void **state)
{
    (void)state;
    return cache_keyer_init(&keyer);
}

static int teardown(void **state)
{
    (void)state;
    cache_keyer_finish(&keyer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_backend_sees_tells_apart),
        cmocka_unit_test(who_asks_tells_apart_unless_it_is_shared),
        cmocka_unit_test(what_makes_no_other_answer_does_not),
        cmocka_unit_test(shared_and_own_never_meet),
        cmocka_unit_test(the_contract_may_ignore_fields),
        cmocka_unit_test(vary_that_cannot_be_kept_to_is_seen),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
