/* The fingerprint: the same for the same request, another for anything that matters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/idempotency/print.h"
#include "server/http/exchange.h"

struct request {
    const char *method, *target, *consumer, *type, *coding, *body;
};

static struct gw_exchange_pool pool;

static void print_of(const struct request *request, char out[PRINT_BYTES])
{
    struct gw_exchange *ex = gw_exchange_take(&pool);

    assert_non_null(ex);
    ex->request.method_name = gw_str_of(request->method);
    ex->request.target = gw_str_of(request->target);
    ex->identity.consumer = gw_str_of(request->consumer);
    ex->request.body = gw_str_of(request->body);
    if (request->type != NULL)
        assert_int_equal(gw_request_add_field(ex, GW_STR("Content-Type"), gw_str_of(request->type)),
                         0);
    if (request->coding != NULL)
        assert_int_equal(
            gw_request_add_field(ex, GW_STR("Content-Encoding"), gw_str_of(request->coding)), 0);
    assert_int_equal(print_make(ex, out), 0);
    gw_exchange_give_back(&pool, ex);
}

static const struct request plain = {"POST", "/a?b=1", "dev:me", "application/json", NULL, "{}"};

static void whatever_matters_changes_it(void **state)
{
    (void)state;
    static const struct request others[] = {
        {"PATCH", "/a?b=1", "dev:me", "application/json", NULL, "{}"},
        {"POST", "/a?b=2", "dev:me", "application/json", NULL, "{}"},
        {"POST", "/a", "dev:me", "application/json", NULL, "{}"},
        {"POST", "/a?b=1", "dev:you", "application/json", NULL, "{}"},
        {"POST", "/a?b=1", "dev:me", "text/json", NULL, "{}"},
        {"POST", "/a?b=1", "dev:me", NULL, NULL, "{}"},
        {"POST", "/a?b=1", "dev:me", "application/json", "gzip", "{}"},
        {"POST", "/a?b=1", "dev:me", "application/json", NULL, "{ }"},
        {"POST", "/a?b=1", "dev:me", "application/json", NULL, ""},
        {"POST", "/a?b=1dev:me", "", "application/json", NULL, "{}"},
    };
    char first[PRINT_BYTES], other[PRINT_BYTES];

    print_of(&plain, first);
    for (size_t i = 0; i < GW_COUNT_OF(others); i++) {
        print_of(&others[i], other);
        if (strcmp(first, other) == 0)
            print_error("case %zu\n", i);
        assert_string_not_equal(first, other);
    }
}

static void what_does_not_matter_leaves_it(void **state)
{
    (void)state;
    static const struct request others[] = {
        {"POST", "/a?b=1", "dev:me", "application/json", NULL, "{}"},
        {"POST", "/a?b=1", "dev:me", "application/JSON", NULL, "{}"},
        {"POST", "/a?b=1", "dev:me", " application/json ; charset=utf-8", NULL, "{}"},
        {"POST", "/a?b=1", "dev:me", "application/json", "", "{}"},
    };
    char first[PRINT_BYTES], other[PRINT_BYTES];

    print_of(&plain, first);
    for (size_t i = 0; i < GW_COUNT_OF(others); i++) {
        print_of(&others[i], other);
        assert_string_equal(first, other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_matters_changes_it),
        cmocka_unit_test(what_does_not_matter_leaves_it),
    };

    gw_exchange_pool_init(&pool, 1, 1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw_exchange_pool_finish(&pool);
    return failed;
}
