/* The bound, the order of going, variants, purges; and the form in which entries go to Redis. */
#include "policies/cache/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policies/cache/wire.h"
#include "server/store/purge.h"

static struct cache_keyer keyer;
static struct cache_store store;

static struct cache_key key_of(unsigned number)
{
    struct cache_key key = {0};

    memcpy(key.bytes, &number, sizeof(number));
    return key;
}

/* Keeps one; `language` is what the request said of it. */
static bool add(unsigned number, const char *language, const char *tag, size_t body_bytes,
                uint64_t known)
{
    static char body[10000];
    const struct gw_field fields[] = {{GW_STR("ETag"), GW_STR("\"a\"")},
                                      {GW_STR("Age"), GW_STR("7")},
                                      {GW_STR("X-Kept"), GW_STR("yes")}};
    struct gw_field asked = {GW_STR("Accept-Language"), gw_str_of(language)};
    struct gw_exchange ex = {.request = {.fields = &asked, .field_count = 1}};
    struct cache_draft draft = {
        .key = key_of(number),
        .vary = language[0] != '\0' ? GW_STR("Accept-Language") : GW_STR(""),
        .status = 200,
        .fields = fields,
        .field_count = 3,
        .body = gw_str_from(body, body_bytes),
        .terms = {.lifetime_s = 60, .age_s = 2},
        .came_ns = INT64_C(100000000000),
        .known = known,
        .epoch = store.epoch,
        .tags = {cache_tag_slot(gw_purge_hash(gw_str_of(tag)))},
        .tag_count = 1,
    };
    assert_int_equal(cache_variant_make(&keyer, &ex, draft.vary, &draft.variant), 0);
    struct cache_entry *entry = cache_entry_create(&draft);
    assert_non_null(entry);
    bool is_kept = cache_store_add(&store, entry);
    cache_entry_release(entry);
    return is_kept;
}

static struct cache_entry *find(unsigned number, const char *language)
{
    struct gw_field asked = {GW_STR("accept-language"), gw_str_of(language)};
    struct gw_exchange ex = {.request = {.fields = &asked, .field_count = 1}};
    struct cache_key key = key_of(number);

    return cache_store_find(&store, &keyer, &ex, &key);
}

static int setup(void **state)
{
    (void)state;
    cache_store_init(&store, 64 * 1024);
    return cache_keyer_init(&keyer);
}

static int teardown(void **state)
{
    (void)state;
    cache_store_finish(&store);
    cache_keyer_finish(&keyer);
    return 0;
}

static void what_is_kept_is_found(void **state)
{
    (void)state;
    assert_true(add(1, "", "t", 10, 0));
    struct cache_entry *entry = find(1, "de");
    assert_non_null(entry);
    assert_int_equal(entry->field_count, 2); /* not Age */
    assert_string_equal(entry->fields[1].value.ptr, "yes");
    assert_true(gw_str_equal(entry->etag, GW_STR("\"a\"")));
    assert_int_equal(cache_entry_age_s(entry, INT64_C(100000000000)), 2);
    assert_int_equal(cache_entry_age_s(entry, INT64_C(103000000000)), 5);
    assert_null(find(2, "de"));
}

static void the_bound_holds_and_the_unused_go_first(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 500; i++) {
        assert_true(add(i, "", "t", i % 3 == 0 ? 9000 : 50, 0));
        assert_true(store.bytes <= store.max_bytes);
        assert_true(i == 0 || find(0, "") != NULL); /* is used each time */
    }
    assert_null(find(1, ""));
    assert_non_null(find(499, ""));
    assert_true(store.evictions > 0);
    cache_store_clear(&store);
    assert_int_equal(store.bytes, 0);
    assert_int_equal(store.count, 0);
}

static void what_is_larger_than_all_is_not_kept(void **state)
{
    struct cache_store small;

    (void)state;
    cache_store_init(&small, 4096);
    struct cache_draft draft = {.key = key_of(1), .body = gw_str_from((char[5000]){0}, 5000)};
    struct cache_entry *entry = cache_entry_create(&draft);
    assert_non_null(entry);
    assert_false(cache_store_add(&small, entry));
    cache_entry_release(entry);
    cache_store_finish(&small);
}

static void one_that_is_sent_outlives_the_store(void **state)
{
    (void)state;
    assert_true(add(1, "", "t", 10, 0));
    struct cache_entry *entry = cache_entry_retain(find(1, ""));
    cache_store_clear(&store);
    assert_int_equal(entry->body.len, 10);
    cache_store_remove(&store, entry); /* is not there any more */
    cache_entry_release(entry);
}

static void variants_are_told_apart_and_bounded(void **state)
{
    char language[8] = "aa";

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        language[0] = (char)('a' + i % 20);
        language[1] = (char)('a' + i / 20);
        assert_true(add(1, language, "t", 10, 0));
        assert_true(store.count <= CACHE_MAX_VARIANTS + 1);
        assert_non_null(find(1, language));
    }
    assert_null(find(1, "aa"));
    assert_null(find(1, ""));
    size_t count = store.count;
    assert_true(add(1, language, "t", 20, 0)); /* in place of the same */
    assert_int_equal(store.count, count);
    assert_int_equal(find(1, language)->body.len, 20);
    while (find(1, language) != NULL)
        cache_store_remove(&store, find(1, language));
    assert_int_equal(store.count, count - 1);
}

static void purged_ones_are_not_found(void **state)
{
    (void)state;
    assert_true(add(1, "", "one", 10, 5));
    assert_true(add(2, "", "two", 10, 5));
    cache_store_purge_tag(&store, gw_purge_hash(GW_STR("one")), 6);
    assert_null(find(1, ""));
    assert_non_null(find(2, ""));
    assert_false(add(1, "", "one", 10, 5)); /* it was asked for before */
    assert_true(add(1, "", "one", 10, 6));
    cache_store_purge_tag(&store, gw_purge_hash(GW_STR("one")), 6); /* known already */
    assert_non_null(find(1, ""));
    assert_int_equal(cache_store_next_mark(&store), 7);
    cache_store_purge_all(&store, 3); /* the log was lost: marks are smaller */
    assert_null(find(1, ""));
    assert_null(find(2, ""));
    assert_true(add(1, "", "one", 10, 3));
    cache_store_purge_tag(&store, gw_purge_hash(GW_STR("one")), 4);
    assert_null(find(1, ""));
}

static void marks_follow_the_ids_of_streams(void **state)
{
    (void)state;
    assert_true(gw_purge_mark(GW_STR("1700000000000-1")) >
                gw_purge_mark(GW_STR("1700000000000-0")));
    assert_true(gw_purge_mark(GW_STR("1700000000001-0")) >
                gw_purge_mark(GW_STR("1700000000000-99999999")));
    assert_true(gw_purge_mark(GW_STR("4100000000000-0")) < INT64_MAX);
    static const char *const bad[] = {"",   "-",   "1",     "1-",
                                      "-1", "a-1", "1-1-1", "99999999999999999-1"};
    for (size_t i = 0; i < GW_COUNT_OF(bad); i++)
        assert_int_equal(gw_purge_mark(gw_str_of(bad[i])), 0);
}

static void an_entry_survives_the_wire_and_no_part_of_it_does(void **state)
{
    struct gw_arena arena;
    struct gw_buf bytes;
    struct cache_draft draft;

    (void)state;
    assert_true(add(1, "de", "one", 300, 5));
    struct cache_entry *entry = find(1, "de");
    gw_buf_init(&bytes, 1 << 20);
    gw_arena_init(&arena, 4096, 1 << 20);
    cache_wire_write(entry, INT64_C(103000000000), INT64_C(1700000003000000000), &bytes);
    assert_int_equal(
        cache_wire_read(gw_buf_str(&bytes), 9, INT64_C(1700000013000000000), &arena, &draft), 0);
    assert_true(cache_key_is_equal(&draft.key, &entry->key));
    assert_true(cache_key_is_equal(&draft.variant, &entry->variant));
    assert_int_equal(draft.terms.age_s, 15); /* 5 when it was written, 10 on the way */
    assert_int_equal(draft.terms.lifetime_s, 60);
    assert_int_equal(draft.known, 5);
    assert_int_equal(draft.tags[0], entry->tags[0]);
    assert_int_equal(draft.field_count, 2);
    assert_true(gw_str_equal(draft.body, entry->body));
    assert_true(gw_str_equal(draft.vary, GW_STR("Accept-Language")));
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_not_equal(cache_wire_read(gw_str_from(bytes.ptr, len), 9, 0, &arena, &draft), 0);
    gw_buf_append_byte(&bytes, 'x');
    assert_int_not_equal(cache_wire_read(gw_buf_str(&bytes), 9, 0, &arena, &draft), 0);
    for (size_t at = 0; at < bytes.len - 1; at++) { /* whatever it says, it is read within bounds */
        bytes.ptr[at] = (char)(bytes.ptr[at] ^ 0x80);
        int rc = cache_wire_read(gw_str_from(bytes.ptr, bytes.len - 1), 9, 0, &arena, &draft);
        assert_true(rc == 0 || rc == -22 || rc == -12);
        bytes.ptr[at] = (char)(bytes.ptr[at] ^ 0x80);
    }
    gw_buf_finish(&bytes);
    gw_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_kept_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(the_bound_holds_and_the_unused_go_first, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_larger_than_all_is_not_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_is_sent_outlives_the_store, setup, teardown),
        cmocka_unit_test_setup_teardown(variants_are_told_apart_and_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(purged_ones_are_not_found, setup, teardown),
        cmocka_unit_test(marks_follow_the_ids_of_streams),
        cmocka_unit_test_setup_teardown(an_entry_survives_the_wire_and_no_part_of_it_does, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
