#include "tests/unit/support/chain_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct gw_exchange *ex;
struct gw_chain chain;
struct scripted filters[3];
char trail[64];
unsigned wakes;
bool end_waits;

static struct gw_exchange_pool pool;

void chain_rig_leave(char mark)
{
    size_t len = strlen(trail);
    assert_true(len + 1 < sizeof(trail));
    trail[len] = mark;
    trail[len + 1] = '\0';
}

static void cancel(void *self, struct gw_exchange *left)
{
    assert_ptr_equal(left, ex);
    ((struct scripted *)self)->cancels++;
}

static enum gw_verdict then(void *self, struct gw_exchange *there)
{
    struct scripted *filter = self;

    chain_rig_leave('(');
    assert_ptr_equal(there, ex);
    if (filter->then == GW_STOP)
        gw_problem_set(ex, "invalid-body", NULL);
    return filter->then;
}

static enum gw_verdict verdict_of(struct scripted *filter, enum gw_verdict verdict)
{
    if (verdict == GW_STOP)
        return gw_exchange_reject(ex, "rate-limited", NULL, UINT64_C(1500000000));
    if (verdict == GW_WAIT) {
        gw_exchange_on_cancel(ex, cancel);
        if (filter->resumes_at_once)
            gw_exchange_resume(ex, filter->resumes_with);
    }
    return verdict;
}

static enum gw_verdict on_request(void *self, struct gw_exchange *there)
{
    struct scripted *filter = self;

    chain_rig_leave(filter->name);
    assert_ptr_equal(there, ex);
    void **slot = gw_exchange_slot(ex, self);
    assert_null(*slot);
    *slot = filter;
    if (filter->body_bytes > 0)
        return gw_exchange_need_request_body(ex, filter->body_bytes, then);
    return verdict_of(filter, filter->on_request);
}

static enum gw_verdict on_response(void *self, struct gw_exchange *there)
{
    struct scripted *filter = self;

    chain_rig_leave((char)(filter->name - 'a' + 'A'));
    assert_ptr_equal(there, ex);
    assert_ptr_equal(*gw_exchange_slot(ex, self), filter);
    if (filter->replaces)
        gw_problem_set(ex, "unavailable", NULL);
    return verdict_of(filter, filter->on_response);
}

static const struct gw_filter_type type = {
    .name = "scripted", .on_request = on_request, .on_response = on_response};

static void end(struct gw_exchange *there)
{
    chain_rig_leave('|');
    assert_ptr_equal(there, ex);
    if (end_waits)
        return;
    ex->response.status = 200;
    ex->response.body = GW_STR("whole");
    gw_chain_response_set(ex);
}

static void on_wake(struct gw_exchange *there)
{
    (void)there;
    wakes++;
}

static const struct gw_exchange_io io = {.wake = on_wake};

int chain_rig_set_up(void **state)
{
    (void)state;
    gw_exchange_pool_init(&pool, 1, 1 << 20);
    ex = gw_exchange_take(&pool);
    assert_non_null(ex);
    ex->io = &io;
    wakes = 0;
    end_waits = false;
    trail[0] = '\0';
    chain = (struct gw_chain){.count = 3, .end = end};
    for (size_t i = 0; i < 3; i++) {
        filters[i] = (struct scripted){.name = (char)('a' + i)};
        chain.links[i] = (struct gw_chain_link){&type, &filters[i]};
    }
    return 0;
}

int chain_rig_tear_down(void **state)
{
    (void)state;
    gw_exchange_give_back(&pool, ex);
    gw_exchange_pool_finish(&pool);
    return 0;
}

void chain_rig_assert_answered(const char *expected_trail, int status)
{
    assert_string_equal(trail, expected_trail);
    assert_int_equal(ex->state, GW_EXCHANGE_RESPONDING);
    assert_int_equal(ex->response.status, status);
    assert_int_equal(wakes, 1);
}

void chain_rig_feed(const char *text)
{
    assert_int_equal(gw_exchange_feed(ex, text, strlen(text)), strlen(text));
}
