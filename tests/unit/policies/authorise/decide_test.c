/* The alternatives of a security requirement, over credentials of all kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/authorise/decide.h"

static const struct gw_str none[] = {GW_STR_INIT("")};
static const struct gw_str read_only[] = {GW_STR_INIT("read")};
static const struct gw_str read_write[] = {GW_STR_INIT("read"), GW_STR_INIT("write")};

#define TOKEN(scopes, n)                                       \
    {                                                          \
        GW_SCHEME_TOKEN, GW_STR_INIT("corporate"), (scopes), n \
    }
#define OTHER                                          \
    {                                                  \
        GW_SCHEME_TOKEN, GW_STR_INIT("plant"), NULL, 0 \
    }
#define KEY(scopes, n)                                       \
    {                                                        \
        GW_SCHEME_API_KEY, GW_STR_INIT("partner"), scopes, n \
    }
#define CERTIFICATE                                           \
    {                                                         \
        GW_SCHEME_CERTIFICATE, GW_STR_INIT("device"), NULL, 0 \
    }

static const struct gw_security_scheme token[] = {TOKEN(NULL, 0)};
static const struct gw_security_scheme token_read[] = {TOKEN(read_only, 1)};
static const struct gw_security_scheme token_write[] = {TOKEN(read_write, 2)};
static const struct gw_security_scheme token_nothing[] = {TOKEN(none, 1)};
static const struct gw_security_scheme two_tokens[] = {TOKEN(NULL, 0), OTHER};
static const struct gw_security_scheme key[] = {KEY(NULL, 0)};
static const struct gw_security_scheme key_and_token[] = {KEY(read_only, 1), TOKEN(read_only, 1)};
static const struct gw_security_scheme all[] = {CERTIFICATE, KEY(NULL, 0), TOKEN(NULL, 0)};

static const struct gw_security_alternative for_token[] = {{token, 1}};
static const struct gw_security_alternative for_read[] = {{token_read, 1}};
static const struct gw_security_alternative for_nothing[] = {{token_nothing, 1}};
static const struct gw_security_alternative for_write_or_key[] = {{token_write, 1}, {key, 1}};
static const struct gw_security_alternative for_key_or_write[] = {{key, 1}, {token_write, 1}};
static const struct gw_security_alternative for_two[] = {{two_tokens, 2}};
static const struct gw_security_alternative for_pair[] = {{key_and_token, 2}};
static const struct gw_security_alternative for_all[] = {{all, 3}};
static const struct gw_security_alternative for_anyone[] = {{NULL, 0}, {token_read, 1}};

static struct gw_identity credential(const char *scheme, const char *scopes, uint64_t expires_s)
{
    return (struct gw_identity){.issuer = gw_str_of(scheme),
                                .subject = gw_str_of("s"),
                                .scopes = gw_str_of(scopes),
                                .expires_at_s = expires_s};
}

struct answer {
    enum authorise_outcome outcome;
    const char *identity; /* the scheme of who counts; of SCOPE: whose credential lacks it */
};

static const struct scenario {
    const char *what;
    const struct gw_security_alternative *security;
    size_t count;
    const char *presented[3]; /* scheme:scopes */
    struct answer expected;
} scenarios[] = {
    {"open to all", NULL, 0, {NULL}, {AUTHORISE_ANONYMOUS, NULL}},
    {"open to all, a token is there", NULL, 0, {"corporate:read"}, {AUTHORISE_ANONYMOUS, NULL}},
    {"nothing", for_token, 1, {NULL}, {AUTHORISE_UNPROVED, NULL}},
    {"a token", for_token, 1, {"corporate:"}, {AUTHORISE_ALLOWED, "corporate"}},
    {"of another issuer", for_token, 1, {"plant:"}, {AUTHORISE_UNPROVED, NULL}},
    {"nearly that issuer", for_token, 1, {"corporate2:"}, {AUTHORISE_UNPROVED, NULL}},
    {"of another case", for_token, 1, {"Corporate:"}, {AUTHORISE_UNPROVED, NULL}},
    {"without a name", for_token, 1, {":"}, {AUTHORISE_UNPROVED, NULL}},
    {"its scope", for_read, 1, {"corporate:a read b"}, {AUTHORISE_ALLOWED, "corporate"}},
    {"no scope", for_read, 1, {"corporate:"}, {AUTHORISE_SCOPE, "corporate"}},
    {"near scopes", for_read, 1, {"corporate:rea reads READ"}, {AUTHORISE_SCOPE, "corporate"}},
    {"nobody has the empty scope", for_nothing, 1, {"corporate: "}, {AUTHORISE_SCOPE, "corporate"}},
    {"one of two scopes", for_write_or_key, 2, {"corporate:read"}, {AUTHORISE_SCOPE, "corporate"}},
    {"the same, other order",
     for_key_or_write,
     2,
     {"corporate:read"},
     {AUTHORISE_SCOPE, "corporate"}},
    {"the other alternative",
     for_write_or_key,
     2,
     {"corporate:read", "partner:"},
     {AUTHORISE_ALLOWED, "partner"}},
    {"the first that holds",
     for_write_or_key,
     2,
     {"partner:", "corporate:read write"},
     {AUTHORISE_ALLOWED, "corporate"}},
    {"one of two tokens", for_two, 1, {"corporate:"}, {AUTHORISE_UNPROVED, NULL}},
    {"two tokens: the first counts",
     for_two,
     1,
     {"plant:", "corporate:"},
     {AUTHORISE_ALLOWED, "corporate"}},
    {"a key without its token", for_pair, 1, {"partner:read"}, {AUTHORISE_UNPROVED, NULL}},
    {"a token without its key", for_pair, 1, {"corporate:read"}, {AUTHORISE_UNPROVED, NULL}},
    {"both: the token's owner counts",
     for_pair,
     1,
     {"partner:read", "corporate:read"},
     {AUTHORISE_ALLOWED, "corporate"}},
    {"scopes are not lent: the key's",
     for_pair,
     1,
     {"partner:read", "corporate:"},
     {AUTHORISE_SCOPE, "corporate"}},
    {"scopes are not lent: the token's",
     for_pair,
     1,
     {"partner:", "corporate:read"},
     {AUTHORISE_SCOPE, "partner"}},
    {"three kinds",
     for_all,
     1,
     {"corporate:", "partner:", "device:"},
     {AUTHORISE_ALLOWED, "corporate"}},
    {"two of three kinds", for_all, 1, {"corporate:", "partner:"}, {AUTHORISE_UNPROVED, NULL}},
    {"nobody, who may", for_anyone, 2, {NULL}, {AUTHORISE_ANONYMOUS, NULL}},
    {"somebody, where nobody may",
     for_anyone,
     2,
     {"corporate:read"},
     {AUTHORISE_ALLOWED, "corporate"}},
    {"somebody without the scope is nobody",
     for_anyone,
     2,
     {"corporate:"},
     {AUTHORISE_ANONYMOUS, NULL}},
};

static size_t present(const struct scenario *scenario, struct gw_identity out[3])
{
    size_t count = 0;

    for (; count < 3 && scenario->presented[count] != NULL; count++) {
        struct gw_str scopes = gw_str_of(scenario->presented[count]), scheme;
        (void)gw_str_split(&scopes, ':', &scheme);
        out[count] = (struct gw_identity){.issuer = scheme, .scopes = scopes};
    }
    return count;
}

static void alternatives_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(scenarios); i++) {
        const struct scenario *scenario = &scenarios[i];
        const struct gw_operation operation = {.security = scenario->security,
                                               .security_count = scenario->count};
        struct gw_identity credentials[3];
        size_t count = present(scenario, credentials);
        struct authorise_decision decision = authorise_decide(&operation, credentials, count);
        const struct gw_identity *who = decision.outcome == AUTHORISE_SCOPE     ? decision.lacking
                                        : decision.outcome == AUTHORISE_ALLOWED ? decision.identity
                                                                                : NULL;

        if (decision.outcome != scenario->expected.outcome)
            fail_msg("%s: %d", scenario->what, (int)decision.outcome);
        assert_true((who == NULL) == (scenario->expected.identity == NULL));
        if (who != NULL && !gw_str_equal(who->issuer, gw_str_of(scenario->expected.identity)))
            fail_msg("%s: %.*s", scenario->what, GW_STR_ARG(who->issuer));
    }
}

static void the_first_end_counts(void **state)
{
    const struct gw_operation operation = {.security = for_all, .security_count = 1};
    const struct gw_identity credentials[] = {credential("device", "", 300),
                                              credential("partner", "", 0),
                                              credential("corporate", "", 400)};

    (void)state;
    assert_int_equal(authorise_decide(&operation, credentials, 3).expires_at_s, 300);
    const struct gw_operation simple = {.security = for_token, .security_count = 1};
    assert_int_equal(authorise_decide(&simple, credentials, 3).expires_at_s, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alternatives_are_judged),
        cmocka_unit_test(the_first_end_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
