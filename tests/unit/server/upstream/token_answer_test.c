#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/upstream/form_post.h"
#include "server/upstream/token_answer.h"

static struct gw_arena arena;
static struct gw_token_answer answer;
static struct gw_error why;

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 4096, 1 << 20);
    memset(&answer, 0, sizeof(answer));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

static int read(int status, const char *text)
{
    return gw_token_answer_read(&arena, status, gw_str_of(text), &answer, &why);
}

static void a_token_and_its_life(void **state)
{
    (void)state;
    static const struct {
        const char *expires, *type;
        uint64_t lifetime_s;
    } good[] = {
        {",\"expires_in\":600", "Bearer", 600},
        {",\"expires_in\":1", "bearer", 1},
        {"", "BEARER", 300},
        {",\"expires_in\":null", "Bearer", 300},
        {",\"expires_in\":864000", "Bearer", 86400},
    };
    char text[200];

    for (size_t i = 0; i < GW_COUNT_OF(good); i++) {
        snprintf(text, sizeof(text), "{\"access_token\":\"a.b-c\",\"token_type\":\"%s\"%s}",
                 good[i].type, good[i].expires);
        assert_int_equal(read(200, text), 0);
        assert_true(gw_str_equal(answer.token, GW_STR("a.b-c")));
        assert_int_equal(answer.lifetime_s, good[i].lifetime_s);
    }
}

static void what_cannot_be_used_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "null",
        "[]",
        "<html>",
        "{}",
        "{\"access_token\":\"a\"}",
        "{\"access_token\":\"a\",\"token_type\":\"DPoP\"}",
        "{\"access_token\":\"\",\"token_type\":\"Bearer\"}",
        "{\"access_token\":7,\"token_type\":\"Bearer\"}",
        "{\"access_token\":\"a b\",\"token_type\":\"Bearer\"}",
        "{\"access_token\":\"a\\r\\nX: y\",\"token_type\":\"Bearer\"}",
        "{\"access_token\":\"\xc3\xa4\",\"token_type\":\"Bearer\"}",
        "{\"access_token\":\"a\",\"access_token\":\"b\",\"token_type\":\"Bearer\"}",
        "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":0}",
        "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":-5}",
        "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":\"60\"}",
        "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":1e99}",
    };

    for (size_t i = 0; i < GW_COUNT_OF(bad); i++) {
        if (read(200, bad[i]) != -EINVAL)
            fail_msg("%s passes", bad[i]);
        assert_null(answer.token.ptr);
    }
}

/* The reason is for a log: of what the server says, only its code is repeated. */
static void an_error_is_told_by_its_code(void **state)
{
    (void)state;
    assert_int_equal(read(401, "{\"error\":\"invalid_client\",\"error_description\":\"s3cret\"}"),
                     -EINVAL);
    assert_string_equal(why.text, "the token endpoint answered with status 401, invalid_client");
    assert_int_equal(read(500, "{\"error\":\"a b\\n\"}"), -EINVAL);
    assert_string_equal(why.text, "the token endpoint answered with status 500");
    assert_int_equal(read(302, "x"), -EINVAL);
    assert_int_equal(read(201, "{\"access_token\":\"a\",\"token_type\":\"Bearer\"}"), -EINVAL);
}

static void forms_are_encoded(void **state)
{
    (void)state;
    struct gw_buf buf;

    gw_buf_init(&buf, 100);
    gw_form_append(&buf, GW_STR("aZ09*-._ +&=%~\xc3\xa4\r\n"));
    assert_true(gw_str_equal(gw_buf_str(&buf), GW_STR("aZ09*-._+%2B%26%3D%25%7E%C3%A4%0D%0A")));
    gw_form_append(&buf, gw_str_from("\0", 1));
    assert_true(gw_str_has_suffix(gw_buf_str(&buf), GW_STR("%00")));
    gw_buf_finish(&buf);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_token_and_its_life),
        T(what_cannot_be_used_is_refused),
        T(an_error_is_told_by_its_code),
        T(forms_are_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
