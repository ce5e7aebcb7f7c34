/* Each allocation of a constructor fails once, the n-th for n = 1, 2, ... until it succeeds: it
 * says so and leaves nothing behind. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/core/map.h"
#include "server/filter/chain.h"
#include "server/filter/worker.h"
#include "server/flow/flow.h"
#include "server/http/problem.h"
#include "server/net/loop.h"
#include "server/observe/access_log.h"
#include "server/observe/metrics.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)

int main(void)
{
    printf("skipped: the allocator belongs to a sanitizer\n");
    return 77;
}

#else

#define MAX_ALLOCATIONS 3000

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);
extern void __libc_free(void *ptr);

static _Thread_local long allocations_left = -1; /* below 0: none fails */
static atomic_long balance;                      /* of what was taken and given back */

static int is_refused(void)
{
    if (allocations_left < 0 || allocations_left-- > 0)
        return 0;
    errno = ENOMEM;
    return 1;
}

static void *taken(void *memory)
{
    balance += memory != NULL;
    return memory;
}

void *malloc(size_t bytes)
{
    return is_refused() ? NULL : taken(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t bytes)
{
    return is_refused() ? NULL : taken(__libc_calloc(count, bytes));
}

void *realloc(void *old, size_t bytes)
{
    if (is_refused())
        return NULL;
    return old == NULL ? taken(__libc_realloc(NULL, bytes)) : __libc_realloc(old, bytes);
}

void free(void *ptr)
{
    balance -= ptr != NULL;
    __libc_free(ptr);
}

/* Returns whether it succeeded; has given all back either way. */
typedef bool attempt_fn(void);

static void survives(attempt_fn *attempt)
{
    for (long i = 0; i < MAX_ALLOCATIONS; i++) {
        long before = atomic_load(&balance);
        allocations_left = i;
        bool is_good = attempt();
        bool is_through = allocations_left >= 0;
        allocations_left = -1;
        assert_int_equal(atomic_load(&balance), before);
        if (is_through) {
            assert_true(is_good);
            assert_true(i > 0);
            return;
        }
    }
    fail_msg("it never ended");
}

static bool use_map(void)
{
    static char names[100][8];
    struct gw_map map;
    bool is_good = true;

    gw_map_init(&map, 1000);
    for (int i = 0; i < 100 && is_good; i++) {
        snprintf(names[i], sizeof(names[i]), "%d", i);
        int rc = gw_map_add(&map, gw_str_of(names[i]), &map);
        is_good = rc == 0;
        assert_true(rc == 0 || rc == -ENOMEM);
        assert_int_equal(map.count, i + is_good); /* what was in it still is */
        assert_int_equal(gw_map_get(&map, gw_str_of(names[i])) != NULL, is_good);
    }
    gw_map_finish(&map);
    return is_good;
}

static bool use_buf(void)
{
    struct gw_buf buf;

    gw_buf_init(&buf, 1 << 20);
    for (int i = 0; i < 1000; i++)
        gw_buf_printf(&buf, "%d,", i);
    bool is_good = !buf.has_failed;
    gw_buf_finish(&buf);
    return is_good;
}

static void enough(void *ptr)
{
    ++*(int *)ptr;
}

static bool use_arena(void)
{
    struct gw_arena arena;
    int calls = 0;
    bool is_good = true;
    int kept = 0;

    gw_arena_init(&arena, 256, 1 << 20);
    for (int i = 0; i < 50; i++) {
        is_good = gw_arena_calloc(&arena, 1, (size_t)i * 13) != NULL && is_good;
        is_good = gw_arena_printf(&arena, "%d", i).ptr != NULL && is_good;
        int rc = gw_arena_defer(&arena, enough, &calls);
        kept += rc == 0;
        is_good = is_good && rc == 0;
    }
    gw_arena_finish(&arena);
    assert_int_equal(calls, kept);
    return is_good;
}

static bool make_metrics(void)
{
    struct gw_metrics *metrics = gw_metrics_create(3);
    bool is_good = metrics != NULL;

    for (int i = 0; i < 70 && metrics != NULL; i++) {
        char name[16];
        snprintf(name, sizeof(name), "/%d", i);
        size_t route = gw_metrics_route(metrics, "GET", gw_str_of(name));
        gw_metrics_exchange(gw_metrics_get_shard(metrics, 2), route, 200, 1);
        is_good = is_good && route > 0;
    }
    gw_metrics_destroy(metrics);
    return is_good;
}

static bool open_access_log(void)
{
    struct gw_access_log *log = NULL;
    struct gw_error error = {0};
    struct gw_exchange ex = {.response.status = 200};
    int rc = gw_access_log_create("/dev/null", 2, &log, &error);

    if (rc != 0) {
        assert_true(error.text[0] != '\0');
        return false;
    }
    for (int i = 0; i < 20; i++) /* a line without memory is dropped */
        gw_access_log_write(gw_access_log_get_shard(log, 1), &ex, 1);
    bool is_good = gw_access_log_dropped(log) == 0;
    gw_access_log_destroy(log);
    return is_good;
}

static void end(struct gw_exchange *ex)
{
    ex->response.status = 200;
    gw_chain_response_set(ex);
}

static bool run_chain(void)
{
    const struct gw_chain chain = {.end = end};
    struct gw_exchange_pool pool;
    bool is_good = false;

    gw_exchange_pool_init(&pool, 2, 1 << 20);
    struct gw_exchange *ex = gw_exchange_take(&pool);
    if (ex != NULL) {
        ex->request.body_bytes = -1;
        size_t fed = gw_exchange_feed(ex, "abc", 3);
        gw_chain_run(&chain, ex);
        is_good = fed == 3 && ex->response.status == 200;
        assert_true(ex->response.status == 200 || ex->response.status == 503);
        gw_problem_set(ex, "forbidden", "Not you.");
        is_good = is_good && ex->response.body.len > 0;
        assert_int_equal(ex->response.status, 403);
        gw_exchange_give_back(&pool, ex);
    }
    gw_exchange_pool_finish(&pool);
    return is_good;
}

static const char flow_text[] =
    "document: {dsl: 1.0.0, namespace: a, name: b, version: 1.0.0}\n"
    "input: {schema: {document: {type: object}}}\n"
    "use: {functions: {f: {set: {n: 1}}}}\n"
    "do:\n"
    "- a: {set: {n: [1, 2], m: '${ .n }'}, output: {as: .}, export: {as: '{n: .m}'}}\n"
    "- b: {for: {in: .n}, do: [{c: {call: f, with: {x: '${ $item }'}}}]}\n"
    "- d: {fork: {branches: [{e: {wait: PT0S}}, {g: {set: {n: 3}}}]},"
    " output: {as: '.[0]'}}\n"
    "- h: {try: [{i: {raise: {error: {type: 'urn:x', status: 400}}}}], catch: {when: "
    "$error.type}}\n"
    "- j: {switch: [{k: {when: .x, then: end}}]}\n";

static char flow_path[64];
static struct gw_loop *loop;
static struct gw_evaluator *evaluator;
static struct gw_flow *flow;

static bool load_flow(void)
{
    static struct gw_diagnostics diagnostics;
    struct gw_flow *loaded = NULL;

    gw_diagnostics_init(&diagnostics);
    int rc = gw_flow_load(flow_path, NULL, &diagnostics, &loaded);
    if ((rc != 0) != gw_diagnostics_has_errors(&diagnostics))
        fail_msg("%d is not said, or said in vain: %s", rc, diagnostics.findings[0].text);
    gw_flow_release(loaded);
    gw_diagnostics_finish(&diagnostics);
    return rc == 0;
}

static void flow_ended(void *self, const struct gw_value *output, const struct gw_flow_error *error)
{
    int *outcome = self;

    (void)output;
    *outcome = error == NULL ? 1 : -1;
}

static bool run_flow(void)
{
    struct gw_worker worker = {.loop = loop};
    const struct gw_flow_host host = {.worker = &worker, .evaluator = evaluator};
    int outcome = 0;
    const struct gw_flow_start start = {.flow = flow,
                                        .input = gw_value_object(NULL, 0),
                                        .deadline_ns = gw_clock_monotonic_ns() + GW_NS_PER_SECOND,
                                        .done = flow_ended,
                                        .self = &outcome};

    if (gw_flow_start(&host, &start) == NULL) {
        assert_int_equal(outcome, 0);
        return false;
    }
    while (outcome == 0)
        gw_loop_turn(loop, 100);
    return outcome > 0;
}

static void prepare_flow(void)
{
    static struct gw_diagnostics diagnostics;
    struct gw_error error;

    snprintf(flow_path, sizeof(flow_path), "/tmp/millgate-no-memory-%d.flow.yaml", (int)getpid());
    FILE *file = fopen(flow_path, "w");
    assert_non_null(file);
    assert_true(fputs(flow_text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(gw_loop_create(&loop, &error), 0);
    evaluator = gw_evaluator_create(loop, NULL);
    assert_non_null(evaluator);
    gw_diagnostics_init(&diagnostics);
    assert_int_equal(gw_flow_load(flow_path, NULL, &diagnostics, &flow), 0);
    gw_diagnostics_finish(&diagnostics);
    struct gw_expressions *set = gw_flow_expressions(flow);
    assert_int_equal(gw_expressions_compile(&set, 1, NULL, NULL), 0);
}

static void each_failure_of_a_flow_is_survived(void **state)
{
    (void)state;
    prepare_flow();
    assert_true(load_flow() && run_flow());
    survives(load_flow);
    survives(run_flow);
    gw_flow_release(flow);
    gw_evaluator_destroy(evaluator);
    gw_loop_destroy(loop);
    remove(flow_path);
}

static void each_failure_is_survived(void **state)
{
    (void)state;
    survives(use_map);
    survives(use_buf);
    survives(use_arena);
    survives(make_metrics);
    assert_true(open_access_log()); /* the C library keeps what it took for a thread */
    survives(open_access_log);
    survives(run_chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_failure_is_survived),
                                       cmocka_unit_test(each_failure_of_a_flow_is_survived)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
