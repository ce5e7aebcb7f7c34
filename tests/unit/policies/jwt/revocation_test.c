/* Which tokens a list of revocations stops. */
#include "policies/jwt/revocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct gw_record_set records;
static struct gw_arena arena;

static int setup(void **state)
{
    (void)state;
    gw_record_set_init(&records, 100);
    gw_arena_init(&arena, 4096, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gw_record_set_finish(&records);
    gw_arena_finish(&arena);
    return 0;
}

static void add(const char *id, const char *value)
{
    struct gw_str text = gw_str_of(value);
    struct gw_record *record = gw_record_create(gw_str_of(id), value == NULL ? NULL : &text);

    assert_non_null(record);
    assert_int_equal(gw_record_set_apply(&records, record), 0);
    gw_record_release(record);
}

static enum jose_verdict judge(const char *payload, int64_t now_s)
{
    const struct claims_form form = {0};
    const struct claims *claims;

    assert_int_equal(claims_read(&arena, gw_str_of(payload), JOSE_TYPE_JWT, &form, &claims),
                     JOSE_OK);
    return revocation_judge(&records, GW_STR("corp"), claims, now_s, &arena);
}

#define EVE(more) "{\"iss\":\"https://corp.example\",\"sub\":\"eve\"" more "}"

static void nothing_is_revoked_at_first(void **state)
{
    const struct claims_form form = {0};
    const struct claims *claims;

    (void)state;
    assert_int_equal(judge(EVE(",\"jti\":\"1\",\"iat\":100"), 200), JOSE_OK);
    assert_int_equal(claims_read(&arena, GW_STR(EVE("")), JOSE_TYPE_JWT, &form, &claims), JOSE_OK);
    assert_int_equal(revocation_judge(NULL, GW_STR("corp"), claims, 200, &arena), JOSE_OK);
}

static void one_token(void **state)
{
    (void)state;
    add("revocation:jti:corp:1", "{\"not_after\":300}");
    assert_int_equal(judge(EVE(",\"jti\":\"1\""), 299), JOSE_REVOKED);
    assert_int_equal(judge(EVE(",\"jti\":\"1\""), 300), JOSE_OK);
    assert_int_equal(judge(EVE(",\"jti\":\"2\""), 299), JOSE_OK);
    assert_int_equal(judge(EVE(",\"jti\":\"\""), 299), JOSE_OK);
    assert_int_equal(judge(EVE(""), 299), JOSE_OK);
    add("revocation:jti:corp:1", NULL);
    assert_int_equal(judge(EVE(",\"jti\":\"1\""), 299), JOSE_OK);
    add("revocation:jti:corp:7", "{\"not_after\":300}");
    assert_int_equal(judge(EVE(",\"jti\":\"7\\u0000\""), 299), JOSE_OK); /* another name */
    /* Another issuer's */
    add("revocation:jti:other:1", "{\"not_after\":300}");
    assert_int_equal(judge(EVE(",\"jti\":\"1\""), 299), JOSE_OK);
}

static void issued_before(void **state)
{
    static const char *const ids[] = {"revocation:subject:corp:eve", "revocation:issuer:corp"};

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(ids); i++) {
        add(ids[i], "{\"issued_before\":100,\"not_after\":300}");
        assert_int_equal(judge(EVE(",\"iat\":99"), 200), JOSE_REVOKED);
        assert_int_equal(judge(EVE(",\"iat\":99.5"), 200), JOSE_REVOKED);
        assert_int_equal(judge(EVE(",\"iat\":100"), 200), JOSE_REVOKED);
        assert_int_equal(judge(EVE(",\"iat\":101"), 200), JOSE_OK);
        assert_int_equal(judge(EVE(""), 200), JOSE_REVOKED);
        assert_int_equal(judge(EVE(",\"iat\":99"), 300), JOSE_OK);
        add(ids[i], NULL);
        assert_int_equal(judge(EVE(",\"iat\":99"), 200), JOSE_OK);
    }
    add("revocation:subject:corp:alice", "{\"issued_before\":100,\"not_after\":300}");
    assert_int_equal(judge(EVE(",\"iat\":99"), 200), JOSE_OK);
}

static void what_cannot_be_read_stops(void **state)
{
    static const char *const values[] = {"", "nonsense", "{\"not_after\":\"soon\"}",
                                         "{\"issued_before\":\"now\",\"not_after\":300}"};

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(values); i++) {
        add("revocation:subject:corp:eve", values[i]);
        assert_int_equal(judge(EVE(",\"iat\":101"), 200), JOSE_REVOKED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_revoked_at_first, setup, teardown),
        cmocka_unit_test_setup_teardown(one_token, setup, teardown),
        cmocka_unit_test_setup_teardown(issued_before, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_stops, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
