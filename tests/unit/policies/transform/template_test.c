/* Texts with places: which are good, and what they give. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "policies/transform/template.h"
#include "server/contract/operation.h"
#include "server/core/buf.h"

static struct gw_exchange_pool pool;

static const struct gw_parameter parameters[] = {
    {.name = GW_STR_INIT("plant"), .place = GW_IN_PATH, .path_index = 0},
    {.name = GW_STR_INIT("id"), .place = GW_IN_PATH, .path_index = 1},
};
static const struct gw_operation operation = {.parameters = parameters, .parameter_count = 2};

static struct gw_exchange *make_exchange(void)
{
    struct gw_exchange *ex = gw_exchange_take(&pool);

    assert_non_null(ex);
    ex->operation = &operation;
    ex->path_parameters[0] = GW_STR("1010");
    ex->path_parameters[1] = GW_STR("a%20b");
    ex->path_parameter_count = 2;
    ex->request.query = GW_STR("q=x+y&bad=%zz&nul=%00");
    ex->request.method_name = GW_STR("GET");
    ex->request.peer = GW_STR("192.0.2.1");
    ex->identity.consumer = GW_STR("dev:s1");
    ex->identity.claims =
        GW_STR("{\"plant\":\"P1\",\"n\":12.50,\"t\":true,\"l\":[1],\"z\":null,\"nl\":\"a\\nb\"}");
    ex->record.request_id = GW_STR("r1");
    ex->record.trace_id = GW_STR("t1");
    return ex;
}

static void filling(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
        const char *value;
    } cases[] = {
        {"", 0, ""},
        {"plain", 0, "plain"},
        {"{{x}}", 0, "{x}"},
        {"{path.plant}/{path.id}", 0, "1010/a b"},
        {"{query.q}", 0, "x y"},
        {"{claim.plant}-{claim.n}-{claim.t}", 0, "P1-12.50-true"},
        {"{consumer} {request_id} {trace_id} {method} {peer}", 0, "dev:s1 r1 t1 GET 192.0.2.1"},
        {"{path.other}", -ENOENT, NULL},
        {"{query.other}", -ENOENT, NULL},
        {"{header.X-None}", -ENOENT, NULL},
        {"{claim.other}", -ENOENT, NULL},
        {"{claim.z}", -ENOENT, NULL},
        {"{claim.l}", -EINVAL, NULL},
        {"{claim.nl}", -EINVAL, NULL},
        {"{query.bad}", -EINVAL, NULL},
        {"{query.nul}", -EINVAL, NULL},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_exchange *ex = make_exchange();
        struct template *template;
        struct gw_error error;
        struct gw_str value = GW_STR("untouched");
        assert_int_equal(template_create(gw_str_of(cases[i].text), &template, &error), 0);
        int rc = template_fill(template, ex, &value);
        if (rc != cases[i].rc ||
            !gw_str_equal(value, rc == 0 ? gw_str_of(cases[i].value) : GW_STR("untouched")))
            fail_msg("%s: %d, %.*s", cases[i].text, rc, GW_STR_ARG(value));
        template_destroy(template);
        gw_exchange_give_back(&pool, ex);
    }
}

static void without_a_token_a_claim_is_absent(void **state)
{
    (void)state;
    struct gw_exchange *ex = make_exchange();
    struct template *template;
    struct gw_error error;
    struct gw_str value;

    ex->identity = (struct gw_identity){0};
    assert_int_equal(template_create(GW_STR("{claim.plant}"), &template, &error), 0);
    assert_int_equal(template_fill(template, ex, &value), -ENOENT);
    template_destroy(template);
    assert_int_equal(template_create(GW_STR("{consumer}"), &template, &error), 0);
    assert_int_equal(template_fill(template, ex, &value), -ENOENT);
    template_destroy(template);
    gw_exchange_give_back(&pool, ex);
}

static void a_value_too_long(void **state)
{
    (void)state;
    static char longest[TEMPLATE_MAX_VALUE_BYTES + 2];
    struct gw_exchange *ex = make_exchange();
    struct template *template;
    struct gw_error error;
    struct gw_str value;

    for (size_t len = TEMPLATE_MAX_VALUE_BYTES; len <= TEMPLATE_MAX_VALUE_BYTES + 1; len++) {
        memset(longest, 'x', len);
        assert_int_equal(template_create(gw_str_from(longest, len), &template, &error), 0);
        assert_int_equal(template_fill(template, ex, &value),
                         len > TEMPLATE_MAX_VALUE_BYTES ? -EINVAL : 0);
        template_destroy(template);
    }
    gw_exchange_give_back(&pool, ex);
}

static void bad_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"a{path.id", "byte 2"},     {"a}", "byte 2"},         {"{}", "none of"},
        {"{path.}", "none of"},      {"{Path.id}", "none of"}, {"x{consumer.a}", "none of"},
        {"{ consumer }", "none of"},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct template *template;
        struct gw_error error;
        assert_int_equal(template_create(gw_str_of(cases[i].text), &template, &error), -EINVAL);
        if (strstr(error.text, cases[i].why) == NULL)
            fail_msg("%s: %s", cases[i].text, error.text);
    }
    struct gw_buf many;
    struct template *template;
    struct gw_error error;
    gw_buf_init(&many, 4096);
    for (int i = 0; i < 33; i++)
        gw_buf_append_text(&many, "{peer}");
    assert_int_equal(template_create(gw_buf_str(&many), &template, &error), -EINVAL);
    gw_buf_finish(&many);
}

static int start(void **state)
{
    (void)state;
    gw_exchange_pool_init(&pool, 4, 1 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    gw_exchange_pool_finish(&pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filling),
        cmocka_unit_test(without_a_token_a_claim_is_absent),
        cmocka_unit_test(a_value_too_long),
        cmocka_unit_test(bad_texts),
    };
    return cmocka_run_group_tests(tests, start, end);
}
