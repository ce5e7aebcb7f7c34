/* Keys as text, and the records that they are found by. */
#include "policies/api_key/known_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policies/authorise/consumer.h"
#include "server/crypto/api_key.h"

#define NOW_S 1800000000

static struct gw_record_set records;
static struct gw_arena arena;
static char key[GW_API_KEY_LEN + 1];

static void add(const char *id, const char *value)
{
    struct gw_str text = gw_str_of(value);
    struct gw_record *record = gw_record_create(gw_str_of(id), &text);

    assert_non_null(record);
    assert_int_equal(gw_record_set_apply(&records, record), 0);
    gw_record_release(record);
}

static int setup(void **state)
{
    (void)state;
    gw_record_set_init(&records, 100);
    gw_arena_init(&arena, 4096, 1 << 20);
    gw_api_key_make(key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gw_record_set_finish(&records);
    gw_arena_finish(&arena);
    return 0;
}

static void a_key_has_its_form(void **state)
{
    char other[GW_API_KEY_LEN + 1];
    struct gw_str id;

    (void)state;
    assert_int_equal(strlen(key), GW_API_KEY_LEN);
    assert_int_equal(strncmp(key, "mgk_", 4), 0);
    assert_true(gw_api_key_read(gw_str_of(key), &id));
    assert_int_equal(id.len, GW_API_KEY_ID_LEN);
    gw_api_key_make(other);
    assert_string_not_equal(key, other);
    /* Any one character changed, in any way, is seen without asking anybody. */
    for (size_t i = 0; i < GW_API_KEY_LEN; i++) {
        memcpy(other, key, sizeof(key));
        other[i] = other[i] == '7' ? '8' : '7';
        assert_false(gw_api_key_read(gw_str_of(other), &id));
        other[i] = 'A';
        assert_false(gw_api_key_read(gw_str_of(other), &id));
        assert_false(gw_api_key_read(gw_str_from(key, i), &id));
    }
    assert_false(gw_api_key_read(gw_str_from(NULL, 0), &id));
}

/* Adds the record of `key`; `members` begins with a comma or is empty. */
static void add_key(const char *members)
{
    char digest[GW_API_KEY_DIGEST_LEN + 1], id[64], value[512];

    gw_api_key_digest(gw_str_of(key), digest);
    snprintf(id, sizeof(id), "key:%.*s", GW_STR_ARG(gw_api_key_id(key)));
    snprintf(value, sizeof(value), "{\"hash\":\"%s\",\"scheme\":\"partners\"%s}", digest, members);
    add(id, value);
}

static const char *find(const char *scheme, struct known_key *known)
{
    return known_key_find(&records, &arena, gw_str_of(scheme), gw_str_of(key), NOW_S, known);
}

static void a_key_is_known_by_its_record(void **state)
{
    struct known_key known;

    (void)state;
    assert_non_null(find("partners", &known));
    add_key(",\"consumer\":\"acme\",\"scopes\":\"a b\",\"plan\":\"gold\",\"not_after\":1800000001");
    assert_null(find("partners", &known));
    assert_true(gw_str_equal(known.consumer, GW_STR("acme")));
    assert_true(gw_str_equal(known.scopes, GW_STR("a b")));
    assert_true(gw_str_equal(known.plan, GW_STR("gold")));
    assert_int_equal(known.not_after_s, 1800000001);
    assert_non_null(find("others", &known));
    add_key(",\"consumer\":\"acme\"");
    assert_null(find("partners", &known));
    assert_int_equal(known.not_after_s, 0);
    assert_int_equal(known.plan.len, 0);
}

static void what_is_not_whole_is_not_valid(void **state)
{
    static const char *const members[] = {
        "",
        ",\"consumer\":\"\"",
        ",\"consumer\":7",
        ",\"consumer\":\"acme\",\"not_after\":1800000000",
        ",\"consumer\":\"acme\",\"not_after\":\"never\"",
        ",\"consumer\":\"acme\",\"not_after\":-1",
        ",\"consumer\":\"acme\",\"not_after\":1e99",
        ",\"consumer\":\"acme\"",
    };
    struct known_key known;
    char id[64];

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(members); i++) {
        bool is_last = i + 1 == GW_COUNT_OF(members);
        add_key(members[i]);
        assert_int_equal(find("partners", &known) == NULL, is_last);
    }
    snprintf(id, sizeof(id), "key:%.*s", GW_STR_ARG(gw_api_key_id(key)));
    add(id, "nonsense");
    assert_non_null(find("partners", &known));
    add(id, "{\"hash\":\"\",\"scheme\":\"partners\",\"consumer\":\"acme\"}");
    assert_non_null(find("partners", &known));
}

static void a_consumer_is_found(void **state)
{
    struct consumer consumer;

    (void)state;
    assert_int_equal(consumer_find(NULL, &arena, GW_STR("a:b"), &consumer), 0);
    assert_false(consumer.is_disabled);
    add("consumer:a:b", "{\"disabled\":true,\"plan\":\"gold\"}");
    add("consumer:a:c", "{\"disabled\":false}");
    add("consumer:a:d", "nonsense");
    assert_int_equal(consumer_find(&records, &arena, GW_STR("a:b"), &consumer), 0);
    assert_true(consumer.is_disabled);
    assert_true(gw_str_equal(consumer.plan, GW_STR("gold")));
    assert_int_equal(consumer_find(&records, &arena, GW_STR("a:c"), &consumer), 0);
    assert_false(consumer.is_disabled);
    assert_int_equal(consumer.plan.len, 0);
    assert_int_equal(consumer_find(&records, &arena, GW_STR("a:d"), &consumer), 0);
    assert_true(consumer.is_disabled);
    assert_int_equal(consumer_find(&records, &arena, GW_STR("a"), &consumer), 0);
    assert_false(consumer.is_disabled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_has_its_form, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_is_known_by_its_record, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_whole_is_not_valid, setup, teardown),
        cmocka_unit_test_setup_teardown(a_consumer_is_found, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
