/* Keys of ours in what is created. */
#include "server/connector/odata/adopt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "server/core/arena.h"

static struct gw_arena arena;
static struct gw_value arguments;
static struct gw_error error;

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 16 * 1024, 16 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

static struct gw_value parse(const char *text)
{
    struct gw_json_error flaw;
    struct gw_value value;

    assert_int_equal(gw_value_read(&arena, gw_str_of(text), NULL, &value, &flaw), 0);
    return value;
}

static int read_adoption(const char *text, const char *key, struct odata_adoption *out)
{
    const struct odata_builder builder = {
        .arena = &arena, .arguments = &arguments, .error = &error};

    arguments = parse(text);
    return odata_adoption_read(&builder, gw_str_of(key), out);
}

static void keys_are_the_same_for_the_same_effect(void **state)
{
    static const char text[] = "{\"body\":{},\"adopt\":{\"field\":\"F\",\"prefix\":\"MG-\","
                               "\"length\":50}}";
    struct odata_adoption first, again, other;

    (void)state;
    assert_int_equal(read_adoption(text, "run/1", &first), 0);
    assert_int_equal(read_adoption(text, "run/1", &again), 0);
    assert_int_equal(read_adoption(text, "run/2", &other), 0);
    assert_true(first.is_derived);
    assert_int_equal(first.value.text.len, 50);
    assert_memory_equal(first.value.text.ptr, "MG-", 3);
    assert_int_equal(strspn(first.value.text.ptr + 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), 47);
    assert_true(gw_value_equal(&first.value, &again.value));
    assert_false(gw_value_equal(&first.value, &other.value));
}

/* Known from elsewhere: base32 of SHA-256("abc"). */
static void digits_are_those_of_the_digest(void **state)
{
    struct odata_adoption adoption;

    (void)state;
    assert_int_equal(
        read_adoption("{\"body\":{},\"adopt\":{\"field\":\"F\",\"length\":16}}", "abc", &adoption),
        0);
    assert_string_equal(adoption.value.text.ptr, "XJ4BNP4PAHH6UQKB");
}

static void the_body_gets_the_key(void **state)
{
    const struct odata_builder builder = {
        .arena = &arena, .arguments = &arguments, .error = &error};
    struct odata_adoption adoption;
    struct gw_value whole;

    (void)state;
    assert_int_equal(
        read_adoption("{\"entity\":\"A\",\"body\":{\"X\":1},\"adopt\":{\"field\":\"F\"}}", "k",
                      &adoption),
        0);
    assert_int_equal(odata_adoption_arguments(&builder, &adoption, &whole), 0);
    const struct gw_value *body = gw_value_member(&whole, GW_STR("body"));
    assert_int_equal(gw_value_member_text(body, GW_STR("F")).len, 20);
    assert_non_null(gw_value_member(body, GW_STR("X")));
    assert_non_null(gw_value_member(&whole, GW_STR("entity")));

    assert_int_equal(
        read_adoption("{\"body\":{\"F\":\"own\"},\"adopt\":{\"field\":\"F\"}}", "", &adoption), 0);
    assert_false(adoption.is_derived);
    assert_true(gw_str_equal(adoption.value.text, GW_STR("own")));
    assert_int_equal(read_adoption("{\"body\":{}}", "", &adoption), 0);
    assert_int_equal(adoption.field.len, 0);
}

static void what_makes_no_key_is_refused(void **state)
{
    static const char *const rows[] = {
        "{\"body\":{},\"adopt\":{}}",
        "{\"body\":{},\"adopt\":7}",
        "{\"body\":{},\"adopt\":null}",
        "{\"body\":{},\"adopt\":{\"field\":\"a b\"}}",
        "{\"body\":{},\"adopt\":{\"field\":\"F\",\"length\":9}}",
        "{\"body\":{},\"adopt\":{\"field\":\"F\",\"length\":51}}",
        "{\"body\":{},\"adopt\":{\"field\":\"F\",\"length\":12,\"prefix\":\"abc\"}}",
        "{\"body\":{},\"adopt\":{\"field\":\"F\",\"prefix\":\"a'b\"}}",
        "{\"body\":{},\"adopt\":{\"field\":\"F\",\"prefix\":7}}",
    };
    struct odata_adoption adoption;

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++)
        assert_int_equal(read_adoption(rows[i], "key", &adoption), -EINVAL);
    assert_int_equal(read_adoption("{\"body\":{},\"adopt\":{\"field\":\"F\"}}", "", &adoption),
                     -EINVAL);
}

static void what_is_found_is_compared(void **state)
{
    static const struct {
        const char *sent, *found;
        bool fits;
    } rows[] = {
        {"{\"A\":\"10.50\",\"B\":1,\"C\":\"x\"}", "{\"A\":10.5,\"B\":\"1.0\",\"C\":\"x\",\"D\":2}",
         true},
        {"{\"A\":1}", "{\"A\":2}", false},
        {"{\"A\":\"x\"}", "{\"A\":\"y\"}", false},
        {"{\"A\":true}", "{\"A\":false}", false},
        {"{\"A\":null}", "{\"A\":\"x\"}", false},
        {"{\"A\":1}", "{\"B\":2}", true},
        {"{\"A\":[1]}", "{\"A\":[2]}", true},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        struct gw_value sent = parse(rows[i].sent);
        struct gw_value found = parse(rows[i].found);
        if (odata_adoption_fits(&sent, &found) != rows[i].fits)
            fail_msg("%s %s", rows[i].sent, rows[i].found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_are_the_same_for_the_same_effect, set_up, tear_down),
        cmocka_unit_test_setup_teardown(digits_are_those_of_the_digest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_body_gets_the_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_makes_no_key_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_found_is_compared, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
