#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/upstream/proxy_fields.h"

static struct gw_exchange_pool pool;
static struct gw_exchange *ex;
static struct gw_field out[GW_MAX_PROXY_FIELDS];
static size_t count;

static int set_up(void **state)
{
    (void)state;
    gw_exchange_pool_init(&pool, 1, 1 << 20);
    ex = gw_exchange_take(&pool);
    assert_non_null(ex);
    ex->request.peer = GW_STR("10.0.0.7");
    ex->request.host = GW_STR("api.example.com");
    ex->record.request_id = GW_STR("req");
    ex->record.trace_id = GW_STR("0123456789abcdef0123456789abcdef");
    ex->record.span_id = GW_STR("0123456789abcdef");
    count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_exchange_give_back(&pool, ex);
    gw_exchange_pool_finish(&pool);
    return 0;
}

static void give(const char *name, const char *value)
{
    assert_int_equal(gw_request_add_field(ex, gw_str_of(name), gw_str_of(value)), 0);
}

/* The value of the one field of that name, or NULL. */
static const char *sent(const char *name)
{
    static char value[600];
    const struct gw_str *found = gw_field_find(out, count, gw_str_of(name));

    if (found == NULL)
        return NULL;
    snprintf(value, sizeof(value), "%.*s", GW_STR_ARG(*found));
    for (const struct gw_field *field = out; field < out + count; field++)
        assert_true(&field->value == found || !gw_str_equal_nocase(field->name, gw_str_of(name)));
    return value;
}

static void our_own_fields_are_set(void **state)
{
    (void)state;
    const struct gw_backend_config backend = {0};

    ex->record.tracestate = GW_STR("a=b");
    ex->record.is_sampled = true;
    assert_int_equal(gw_proxy_request_fields(ex, &backend, out, &count), 0);
    assert_int_equal(count, 5);
    assert_string_equal(sent("via"), "1.1 millgate");
    assert_string_equal(sent("forwarded"), "for=10.0.0.7;host=\"api.example.com\";proto=http");
    assert_string_equal(sent("x-request-id"), "req");
    assert_string_equal(sent("traceparent"),
                        "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01");
    assert_string_equal(sent("tracestate"), "a=b");
    ex->request.peer = GW_STR("2001:db8::1");
    ex->request.is_tls = true;
    assert_int_equal(gw_proxy_request_fields(ex, &backend, out, &count), 0);
    assert_string_equal(sent("forwarded"),
                        "for=\"[2001:db8::1]\";host=\"api.example.com\";proto=https");
}

static void what_callers_may_not_say_is_dropped(void **state)
{
    (void)state;
    static const char *const dropped[] = {
        "Host",
        "TE",
        "Upgrade",
        "Trailer",
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "Proxy-Authorization",
        "Transfer-Encoding",
        "Content-Length",
        "Expect",
        "Authorization",
        "X-Forwarded-For",
        "x_forwarded_for",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Forwarded-Server",
        "X-Real-IP",
    };
    static const char *const replaced[] = {"Via", "Forwarded", "Traceparent", "Tracestate",
                                           "X-Request-Id"};
    static const char *const kept[] = {"Accept", "Content-Type", "Cookie", "X-Anything",
                                       "T",      "If-Match"};
    const struct gw_backend_config backend = {0};

    for (size_t i = 0; i < GW_COUNT_OF(dropped); i++)
        give(dropped[i], "evil");
    for (size_t i = 0; i < GW_COUNT_OF(replaced); i++)
        give(replaced[i], "evil");
    for (size_t i = 0; i < GW_COUNT_OF(kept); i++)
        give(kept[i], "good");
    assert_int_equal(gw_proxy_request_fields(ex, &backend, out, &count), 0);
    assert_int_equal(count, GW_COUNT_OF(kept) + 4);
    for (size_t i = 0; i < count; i++)
        assert_false(gw_str_equal(out[i].value, GW_STR("evil")));
    for (size_t i = 0; i < GW_COUNT_OF(kept); i++)
        assert_string_equal(sent(kept[i]), "good");
}

static void the_bearer_goes_where_it_is_asked_for(void **state)
{
    (void)state;
    struct gw_backend_config backend = {.sends_bearer = true};
    const struct gw_field key = {GW_STR("authorization"), GW_STR("Basic ours")};

    give("Authorization", "Bearer theirs");
    assert_int_equal(gw_proxy_request_fields(ex, &backend, out, &count), 0);
    assert_string_equal(sent("authorization"), "Bearer theirs");
    backend.fields = &key;
    backend.field_count = 1;
    assert_int_equal(gw_proxy_request_fields(ex, &backend, out, &count), 0);
    assert_string_equal(sent("authorization"), "Basic ours");
    backend.sends_bearer = false;
    assert_int_equal(gw_proxy_request_fields(ex, &backend, out, &count), 0);
    assert_string_equal(sent("authorization"), "Basic ours");
}

static void the_operators_fields_replace_and_always_fit(void **state)
{
    (void)state;
    static char names[GW_MAX_BACKEND_FIELDS][16];
    static struct gw_field fields[GW_MAX_BACKEND_FIELDS];
    const struct gw_backend_config backend = {.fields = fields,
                                              .field_count = GW_MAX_BACKEND_FIELDS};

    for (size_t i = 0; i < GW_MAX_BACKEND_FIELDS; i++) {
        snprintf(names[i], sizeof(names[i]), "Own-%zu", i);
        fields[i] = (struct gw_field){gw_str_of(names[i]), GW_STR("ours")};
    }
    give("own-31", "theirs");
    give("own_0", "theirs");
    for (int i = 2; i < GW_MAX_REQUEST_FIELDS; i++)
        give("X-Much", "x");
    ex->record.tracestate = GW_STR("a=b");
    assert_int_equal(gw_proxy_request_fields(ex, &backend, out, &count), 0);
    assert_int_equal(count, GW_MAX_REQUEST_FIELDS - 2 + 32 + 5);
    assert_string_equal(sent("own-31"), "ours");
    assert_null(sent("own_0"));
    assert_string_equal(sent("tracestate"), "a=b");
}

static void without_memory_nothing_is_sent(void **state)
{
    (void)state;
    const struct gw_backend_config backend = {0};

    ex->record.trace_id = GW_STR(""); /* there was none for the id */
    assert_int_equal(gw_proxy_request_fields(ex, &backend, out, &count), -ENOMEM);
    ex->record.trace_id = GW_STR("0123456789abcdef0123456789abcdef");
    while (gw_arena_alloc(&ex->arena, 16) != NULL)
        continue;
    assert_int_equal(gw_proxy_request_fields(ex, &backend, out, &count), -ENOMEM);
}

static void answers_are_copied(void **state)
{
    (void)state;
    char value[] = "v1";
    const struct gw_field fields[] = {
        {GW_STR("ETag"), gw_str_from(value, 2)},
        {GW_STR("X-REQUEST-ID"), GW_STR("theirs")},
        {GW_STR("Set-Cookie"), GW_STR("a=1")},
        {GW_STR("Set-Cookie"), GW_STR("b=2")},
    };
    const struct gw_field bad = {GW_STR("X"), GW_STR("a\rb")};

    assert_int_equal(gw_proxy_response_fields(ex, fields, GW_COUNT_OF(fields)), 0);
    value[0] = 'x';
    assert_int_equal(ex->response.field_count, 4);
    assert_string_equal(gw_response_field(ex, GW_STR("etag"))->ptr, "v1");
    assert_null(gw_response_field(ex, GW_STR("x-request-id")));
    assert_string_equal(gw_response_field(ex, GW_STR("via"))->ptr, "1.1 millgate");
    assert_int_equal(gw_proxy_response_fields(ex, &bad, 1), -EINVAL);
    gw_response_clear(ex);
    for (int i = 0; i < 25; i++)
        assert_int_equal(gw_proxy_response_fields(ex, fields, 4), 0);
    assert_int_equal(gw_proxy_response_fields(ex, fields, 4), -ENOSPC);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(our_own_fields_are_set),
        T(what_callers_may_not_say_is_dropped),
        T(the_bearer_goes_where_it_is_asked_for),
        T(the_operators_fields_replace_and_always_fit),
        T(without_memory_nothing_is_sent),
        T(answers_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
