/* What makes a write known again: the fields that carry its effect's key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/connector/odata/run.h"
#include "server/core/arena.h"
#include "server/upstream/backend.h"

static struct gw_arena arena;
static struct gw_field fields[ODATA_MAX_FIELDS];
static size_t count;

static void ask(const char *key, bool is_write, bool repeats, struct gw_effect effect)
{
    struct gw_backend_config config = {.effect = effect};
    const struct gw_backend backend = {.config = &config};
    static struct odata odata;
    struct gw_connector_call call = {.arena = &arena, .effect_key = gw_str_of(key)};
    const struct odata_request request = {.method = "POST", .is_write = is_write};

    memset(&odata, 0, sizeof(odata));
    odata.backend = &backend;
    odata.settings.version = ODATA_V4;
    odata.settings.has_repeatability = repeats;
    const struct odata_run run = {.odata = &odata, .call = &call, .request = &request};
    assert_int_equal(odata_fields(&run, fields, &count), 0);
}

static struct gw_str value_of(const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (gw_str_equal(fields[i].name, gw_str_of(name)))
            return fields[i].value;
    return gw_str_from(NULL, 0);
}

static void the_same_effect_has_the_same_id(void **state)
{
    const struct gw_effect none = {0};
    struct gw_str first, other;

    (void)state;
    ask("run/1", true, true, none);
    first = value_of("Repeatability-Request-ID");
    assert_int_equal(first.len, 36);
    assert_int_equal(first.ptr[14], '8'); /* the version */
    assert_non_null(strchr("89ab", first.ptr[19]));
    assert_int_equal(value_of("Repeatability-First-Sent").len, 29);
    ask("run/1", true, true, none);
    assert_true(gw_str_equal(first, value_of("Repeatability-Request-ID")));
    ask("run/2", true, true, none);
    other = value_of("Repeatability-Request-ID");
    assert_false(gw_str_equal(first, other));
}

static void reads_and_others_carry_none(void **state)
{
    const struct gw_effect none = {0};

    (void)state;
    ask("run/1", false, true, none);
    assert_null(value_of("Repeatability-Request-ID").ptr);
    ask("", true, true, none);
    assert_null(value_of("Repeatability-Request-ID").ptr);
    ask("run/1", true, false, none);
    assert_null(value_of("Repeatability-Request-ID").ptr);
}

static void the_operators_field_has_the_key(void **state)
{
    struct gw_effect keyed = {.class = GW_EFFECT_KEYED, .key_field = GW_STR("RequestID")};

    (void)state;
    ask("run/1", true, false, keyed);
    assert_true(gw_str_equal(value_of("RequestID"), GW_STR("\"run/1\"")));
    keyed.is_key_bare = true;
    ask("run/1", true, false, keyed);
    assert_true(gw_str_equal(value_of("RequestID"), GW_STR("run/1")));
    keyed.class = GW_EFFECT_TRANSITION;
    ask("run/1", true, false, keyed);
    assert_null(value_of("RequestID").ptr);
}

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 16 * 1024, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_same_effect_has_the_same_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_and_others_carry_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_operators_field_has_the_key, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
