/* What may be kept, for how long, and when it serves. */
#include "policies/cache/freshness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW_S INT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define MINUTE_BEFORE "Sun, 06 Nov 1994 08:48:37 GMT"
#define MINUTE_AFTER "Sun, 06 Nov 1994 08:50:37 GMT"

struct row {
    int status;
    const char *fields[4][2];
    bool is_shared, is_authorised;
    int64_t ttl_s;
    int64_t lifetime_s; /* -1: not kept */
    int64_t age_s;
};

static bool terms_of(const struct row *row, struct cache_terms *terms)
{
    struct gw_field fields[4];
    size_t count = 0;

    for (; count < 4 && row->fields[count][0] != NULL; count++)
        fields[count] =
            (struct gw_field){gw_str_of(row->fields[count][0]), gw_str_of(row->fields[count][1])};
    const struct cache_subject subject = {
        .status = row->status,
        .fields = fields,
        .field_count = count,
        .is_authorised = row->is_authorised,
        .asked_s = NOW_S - 2,
        .came_s = NOW_S,
    };
    const struct cache_wish wish = {.is_shared = row->is_shared,
                                    .ttl_s = row->ttl_s,
                                    .stale_while_revalidate_s = 7,
                                    .stale_if_error_s = 8};
    return cache_terms_of(&subject, &wish, terms);
}

static void lifetimes_and_ages(void **state)
{
    static const struct row rows[] = {
        /* nothing stated: not kept, unless the contract says for how long */
        {200, {{"Date", DATE}}, false, false, 0, -1, 0},
        {200, {{"Date", DATE}}, false, false, 30, 30, 2},
        {404, {{"Date", DATE}}, false, false, 30, -1, 0},
        {404, {{"Cache-Control", "max-age=5"}}, false, false, 0, 5, 2},
        {201, {{"Cache-Control", "max-age=5"}}, false, false, 30, -1, 0},
        {206, {{"Cache-Control", "max-age=5"}}, false, false, 30, -1, 0},
        {500, {{"Cache-Control", "max-age=5"}}, false, false, 30, -1, 0},
        /* the order of what is stated */
        {200, {{"Cache-Control", "max-age=5, s-maxage=9"}}, false, false, 30, 9, 2},
        {200, {{"Cache-Control", "max-age=5"}, {"Expires", MINUTE_AFTER}}, false, false, 0, 5, 2},
        {200, {{"Date", DATE}, {"Expires", MINUTE_AFTER}}, false, false, 0, 60, 2},
        {200, {{"Expires", MINUTE_AFTER}}, false, false, 0, 60, 2},
        {200, {{"Expires", "0"}}, false, false, 30, 0, 2},
        {200, {{"Expires", MINUTE_BEFORE}}, false, false, 30, 0, 2},
        {200, {{"Expires", MINUTE_AFTER}, {"Expires", "0"}}, false, false, 0, 0, 2},
        {200, {{"Cache-Control", "max-age=99999999999"}}, false, false, 0, 31536000, 2},
        /* ages */
        {200, {{"Cache-Control", "max-age=5"}, {"Age", "40"}}, false, false, 0, 5, 42},
        {200, {{"Cache-Control", "max-age=5"}, {"Date", MINUTE_BEFORE}}, false, false, 0, 5, 60},
        {200, {{"Cache-Control", "max-age=5"}, {"Date", MINUTE_AFTER}}, false, false, 0, 5, 2},
        {200, {{"Cache-Control", "max-age=5"}, {"Age", "x"}}, false, false, 0, 5, 2},
        /* what must not be kept */
        {200, {{"Cache-Control", "no-store, max-age=5"}}, false, false, 30, -1, 0},
        {200, {{"Cache-Control", "max-age=5, x=\""}}, false, false, 30, -1, 0},
        {200, {{"Cache-Control", "max-age=5"}, {"Set-Cookie", "a=b"}}, false, false, 30, -1, 0},
        {200, {{"Cache-Control", "max-age=5"}, {"Content-Range", "x"}}, false, false, 30, -1, 0},
        {200, {{"Cache-Control", "no-cache"}}, false, false, 30, 0, 2},
        /* private is for the consumer's own entry */
        {200, {{"Cache-Control", "private, max-age=5"}}, false, true, 0, 5, 2},
        {200, {{"Cache-Control", "private, max-age=5"}}, true, true, 0, -1, 0},
        {200, {{"Cache-Control", "private, max-age=5"}}, true, false, 0, -1, 0},
        /* to one who has shown a credential, for others only if it says so (RFC 9111, 3.5) */
        {200, {{"Cache-Control", "max-age=5"}}, true, false, 0, 5, 2},
        {200, {{"Cache-Control", "max-age=5"}}, true, true, 0, -1, 0},
        {200, {{"Cache-Control", "max-age=5"}}, true, true, 30, -1, 0},
        {200, {{"Cache-Control", "public, max-age=5"}}, true, true, 0, 5, 2},
        {200, {{"Cache-Control", "s-maxage=5"}}, true, true, 0, 5, 2},
        {200, {{"Cache-Control", "must-revalidate, max-age=5"}}, true, true, 0, 5, 2},
        {200, {{"Expires", MINUTE_AFTER}}, true, true, 0, -1, 0},
        {200, {{"Date", DATE}}, true, true, 30, 30, 2},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        struct cache_terms terms = {.lifetime_s = -1};
        bool is_kept = terms_of(&rows[i], &terms);
        if (is_kept != (rows[i].lifetime_s >= 0) ||
            (is_kept && (terms.lifetime_s != rows[i].lifetime_s || terms.age_s != rows[i].age_s)))
            fail_msg("row %zu: lifetime %lld, age %lld", i, (long long)terms.lifetime_s,
                     (long long)terms.age_s);
    }
}

static void stale_terms(void **state)
{
    static const struct {
        const char *control;
        bool must_revalidate;
        int64_t revalidate_s, error_s;
    } rows[] = {
        {"max-age=1", false, 7, 8},
        {"max-age=1, stale-while-revalidate=3, stale-if-error=4", false, 3, 4},
        {"max-age=1, stale-if-error=0", false, 7, 0},
        {"max-age=1, must-revalidate", true, 7, 8},
        {"max-age=1, proxy-revalidate", true, 7, 8},
        {"s-maxage=1", true, 0, 0},
        {"s-maxage=1, stale-while-revalidate=3", false, 3, 0},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        struct row row = {200, {{"Cache-Control", rows[i].control}}, false, false, 0, 0, 0};
        struct cache_terms terms;
        assert_true(terms_of(&row, &terms));
        assert_int_equal(terms.must_revalidate, rows[i].must_revalidate);
        assert_int_equal(terms.stale_while_revalidate_s, rows[i].revalidate_s);
        assert_int_equal(terms.stale_if_error_s, rows[i].error_s);
    }
}

static void when_it_serves(void **state)
{
    const struct cache_terms plain = {
        .lifetime_s = 10, .stale_while_revalidate_s = 5, .stale_if_error_s = 20};
    const struct cache_terms strict = {.lifetime_s = 10,
                                       .stale_while_revalidate_s = 5,
                                       .stale_if_error_s = 20,
                                       .must_revalidate = true};
    const struct cache_terms asked = {.lifetime_s = 10, .stale_if_error_s = 20, .no_cache = true};
    const struct {
        const struct cache_terms *terms;
        const char *request;
        int64_t age_s;
        enum cache_use use;
        bool may_stand_in;
    } rows[] = {
        {&plain, "", 0, CACHE_USE, true},
        {&plain, "", 9, CACHE_USE, true},
        {&plain, "", 10, CACHE_USE_MEANWHILE, true},
        {&plain, "", 14, CACHE_USE_MEANWHILE, true},
        {&plain, "", 15, CACHE_REVALIDATE, true},
        {&plain, "", 29, CACHE_REVALIDATE, true},
        {&plain, "", 30, CACHE_REVALIDATE, false},
        {&strict, "", 9, CACHE_USE, false},
        {&strict, "", 10, CACHE_REVALIDATE, false},
        {&strict, "max-stale", 10, CACHE_REVALIDATE, false},
        {&asked, "", 0, CACHE_REVALIDATE, false},
        {&plain, "no-cache", 0, CACHE_REVALIDATE, false},
        {&plain, "max-age=0", 0, CACHE_REVALIDATE, true},
        {&plain, "max-age=5", 5, CACHE_USE, true},
        {&plain, "max-age=5", 6, CACHE_REVALIDATE, true},
        {&plain, "min-fresh=5", 5, CACHE_USE, true},
        {&plain, "min-fresh=5", 6, CACHE_REVALIDATE, true},
        {&plain, "max-stale=20", 30, CACHE_USE, false},
        {&plain, "max-stale=20", 31, CACHE_REVALIDATE, false},
        {&plain, "max-stale", 100, CACHE_USE, false},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        struct cache_control request;
        cache_control_init(&request);
        cache_control_read(&request, gw_str_of(rows[i].request));
        if (cache_use_of(rows[i].terms, rows[i].age_s, &request) != rows[i].use ||
            cache_may_stand_in(rows[i].terms, rows[i].age_s, &request) != rows[i].may_stand_in)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lifetimes_and_ages),
        cmocka_unit_test(stale_terms),
        cmocka_unit_test(when_it_serves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
