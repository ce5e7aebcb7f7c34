/* Each allocation of a load and of a router fails once: the answer is -ENOMEM or, where memory was
 * a convenience, the same as ever, and never a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/http/router.h"
#include "tests/unit/support/contract_folder.h"
#include "tests/unit/support/contract_orders.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)

int main(void)
{
    printf("skipped: the allocator belongs to a sanitizer\n");
    return 77;
}

#else

#define MAX_ALLOCATIONS 200000

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);

static long allocations_left = -1; /* below 0: none fails */

static int is_refused(void)
{
    return allocations_left >= 0 && allocations_left-- == 0;
}

void *malloc(size_t bytes)
{
    return is_refused() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    return is_refused() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
    return is_refused() ? NULL : __libc_realloc(old, bytes);
}

static void a_load_survives_each_failure(void **state)
{
    (void)state;
    static struct gw_diagnostics diagnostics;
    struct contract_folder folder;
    char path[128];
    long refused = 0;

    contract_folder_create(&folder);
    contract_folder_write(&folder, "orders.yaml", orders);
    snprintf(path, sizeof(path), "%s/orders.yaml", folder.path);
    for (long i = 0;; i++) {
        struct gw_contract *contract = NULL;
        gw_diagnostics_init(&diagnostics);
        allocations_left = i;
        int rc = gw_contract_load(path, &strict, &diagnostics, &contract);
        bool is_through = allocations_left >= 0;
        allocations_left = -1;
        if (rc == 0) {
            assert_int_equal(gw_contract_api(contract)->operation_count, 2);
            gw_contract_release(contract);
        } else {
            assert_true(diagnostics.error_count > 0);
            refused++;
        }
        gw_diagnostics_finish(&diagnostics);
        if (is_through)
            break;
        assert_true(i < MAX_ALLOCATIONS);
    }
    assert_true(refused > 20);
    contract_folder_destroy(&folder);
}

static void a_router_survives_each_failure(void **state)
{
    (void)state;
    static const char *const paths[] = {"/a/{x}", "/a/b/a-rather-long-segment", "/o/A('{k}')/{l}",
                                        "/{a}-{b}/c"};
    struct gw_route routes[GW_COUNT_OF(paths)];
    bool is_through = false;

    for (size_t i = 0; i < GW_COUNT_OF(paths); i++)
        routes[i] = (struct gw_route){GW_METHOD_GET, gw_str_of(paths[i]), GW_STR("x"), paths[i]};
    for (long i = 0; !is_through; i++) {
        struct gw_router *router = NULL;
        struct gw_error error;
        allocations_left = i;
        int rc = gw_router_create(routes, GW_COUNT_OF(paths), &router, &error);
        is_through = allocations_left >= 0;
        allocations_left = -1;
        assert_int_equal(rc, is_through ? 0 : -12);
        gw_router_destroy(router);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_survives_each_failure),
        cmocka_unit_test(a_router_survives_each_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
