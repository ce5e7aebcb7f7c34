/* Heads laid out as libmicrohttpd 0.9.75 leaves them in its buffer: each CR LF two NULs, the space
 * behind method and target one NUL, each colon one NUL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/http/request_head.h"

/* "GET|/x|HTTP/1.1||Host| a||||": each bar is a NUL in the buffer; an exclamation mark is one that
 * lies behind the head. Fields are told as name and value. */
struct laid_head {
    const char *text;
    size_t target_len;
    struct {
        const char *name, *value;
    } fields[3];
};

static char buffer[256];

static const char *flaw_of(const struct laid_head *laid)
{
    struct gw_field fields[3];
    struct gw_raw_head head = {.fields = fields, .target_len = laid->target_len};

    memset(buffer, 0x55, sizeof(buffer));
    for (size_t i = 0; laid->text[i] != '\0'; i++) {
        buffer[i] = laid->text[i] == '|' || laid->text[i] == '!' ? '\0' : laid->text[i];
        head.head_bytes += laid->text[i] != '!';
    }
    head.method = buffer;
    head.target = buffer + strlen(head.method) + 1;
    head.version = head.target + laid->target_len + 1;
    const char *from = head.version;
    for (size_t i = 0; i < 3 && laid->fields[i].name != NULL; i++) {
        struct gw_str name = gw_str_of(laid->fields[i].name);
        struct gw_str value = gw_str_of(laid->fields[i].value);
        const char *at = memmem(from, (size_t)(buffer + sizeof(buffer) - from), name.ptr, name.len);
        assert_non_null(at);
        fields[i].name = gw_str_from(at, name.len);
        at += name.len + 1;
        while (value.len > 0 ? memcmp(at, value.ptr, value.len) != 0 : *at == ' ' || *at == '\t')
            at++;
        fields[i].value = gw_str_from(at, value.len);
        from = at + value.len;
        head.field_count++;
    }
    return gw_request_head_flaw(&head);
}

static void strict_heads_pass(void **state)
{
    (void)state;
    static const struct laid_head good[] = {
        {"GET|/x|HTTP/1.1||Host| a||||", 2, {{"Host", "a"}}},
        {"GET|/x|HTTP/1.0||||", 2, {{0}}},
        {"POST|/long|HTTP/1.1||Host|a||X-Empty| ||Y|\tb \t||||",
         5,
         {{"Host", "a"}, {"X-Empty", ""}, {"Y", "b \t"}}},
        {"#$%&'*+-.^_`~|/x|HTTP/1.1||Host| a||||", 2, {{"Host", "a"}}},
    };
    for (size_t i = 0; i < GW_COUNT_OF(good); i++) {
        const char *flaw = flaw_of(&good[i]);
        if (flaw != NULL)
            print_error("%zu: %s\n", i, flaw);
        assert_null(flaw);
    }
}

static void each_flaw_is_seen(void **state)
{
    (void)state;
    static const struct {
        struct laid_head head;
        const char *flaw;
    } cases[] = {
        {{"G@T|/x|HTTP/1.1||Host| a||||", 2, {{"Host", "a"}}}, "the method"},
        {{"GET|/x|HTTP/1.9||Host| a||||", 2, {{"Host", "a"}}}, "the version"},
        {{"GET|/x|HTTP/2.0||Host| a||||", 2, {{"Host", "a"}}}, "the version"},
        {{"GET|/x|http/1.1||Host| a||||", 2, {{"Host", "a"}}}, "the version"},
        /* a bare LF leaves one NUL */
        {{"GET|/x|HTTP/1.1|Host| a||||", 2, {{"Host", "a"}}}, "the request line does"},
        {{"GET|/x|HTTP/1.1||Host| a|Y| b||||", 2, {{"Host", "a"}, {"Y", "b"}}}, "a field line"},
        {{"GET|/x|HTTP/1.1||Host| a|||", 2, {{"Host", "a"}}}, "the head"},
        /* ... also when what lies behind the head is a NUL by chance */
        {{"GET|/x|HTTP/1.1||Host| a|||!", 2, {{"Host", "a"}}}, "the head"},
        {{"GET|/x|HTTP/1.1||Host| a|||||", 2, {{"Host", "a"}}}, "the head"},
        /* a NUL within a value ends it early */
        {{"GET|/x|HTTP/1.1||Host| a|b||||", 2, {{"Host", "a"}}}, "a field line"},
        /* white space before the colon */
        {{"GET|/x|HTTP/1.1||Host | a||||", 2, {{"Host ", "a"}}}, "a field name"},
        {{"GET|/x|HTTP/1.1|| Host| a||||", 2, {{" Host", "a"}}}, "a field name"},
        {{"GET|/x|HTTP/1.1||| a||||", 2, {{"", "a"}}}, "a field name"},
        {{"GET|/x|HTTP/1.1||Host| a\x01z||||", 2, {{"Host", "a\x01z"}}}, "a field value"},
        {{"GET|/x|HTTP/1.1||Host| a\rz||||", 2, {{"Host", "a\rz"}}}, "a field value"},
        {{"GET|/x|HTTP/1.1||Host| a\x7f||||", 2, {{"Host", "a\x7f"}}}, "a field value"},
        /* a line that the library has skipped lies between two that it tells of */
        {{"GET|/x|HTTP/1.1||Host| a||nocolon||Y| b||||", 2, {{"Host", "a"}, {"Y", "b"}}},
         "a field line"},
    };
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        const char *flaw = flaw_of(&cases[i].head);
        if (flaw == NULL || strncmp(flaw, cases[i].flaw, strlen(cases[i].flaw)) != 0)
            print_error("%zu: %s\n", i, flaw == NULL ? "passed" : flaw);
        assert_non_null(flaw);
        assert_memory_equal(flaw, cases[i].flaw, strlen(cases[i].flaw));
    }
}

static void pieces_elsewhere_are_seen(void **state)
{
    (void)state;
    static const char text[] = "GET\0 /x\0HTTP/1.1\0\0Host\0 a\0\0\0";
    static const char glued[] = "GET\0/x\0HTTP/1.1\0\0X-A\0 1\0\0 two\0\0\0";
    struct gw_field field = {gw_str_from(text + 18, 4), gw_str_from(text + 24, 1)};
    struct gw_raw_head head = {text, text + 5, 2, text + 8, &field, 1, sizeof(text) - 1};

    assert_string_equal(gw_request_head_flaw(&head),
                        "the request line has other than single spaces");
    /* obs-fold: the library builds the joined line outside of its buffer */
    struct gw_field fold = {GW_STR("X-Atwo"), GW_STR("1")};
    struct gw_raw_head folded = {glued, glued + 4, 2, glued + 7, &fold, 1, sizeof(glued) - 1};
    assert_non_null(gw_request_head_flaw(&folded));
}

static void targets_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path, *query, *host; /* path NULL: refused */
        enum gw_method method;
    } cases[] = {
        {"/", "/", "", "", GW_METHOD_GET},
        {"/a/b?x=1", "/a/b", "x=1", "", GW_METHOD_GET},
        {"/a?x?y", "/a", "x?y", "", GW_METHOD_GET},
        {"/a?", "/a", "", "", GW_METHOD_GET},
        {"/%2f%00", "/%2f%00", "", "", GW_METHOD_GET},
        {"http://h:80/p?q", "/p", "q", "h:80", GW_METHOD_GET},
        {"HTTPS://h", "/", "", "h", GW_METHOD_GET},
        {"http://h?q", "/", "q", "h", GW_METHOD_GET},
        {"http://[::1]:8080/p", "/p", "", "[::1]:8080", GW_METHOD_GET},
        {"*", "*", "", "", GW_METHOD_OPTIONS},
        {"*", NULL, "", "", GW_METHOD_GET},
        {"", NULL, "", "", GW_METHOD_GET},
        {"a/b", NULL, "", "", GW_METHOD_GET},
        {"h:443", NULL, "", "", GW_METHOD_OTHER},
        {"http:///p", NULL, "", "", GW_METHOD_GET},
        {"http://user@h/p", NULL, "", "", GW_METHOD_GET},
        {"http://a\";for=evil/p", NULL, "", "", GW_METHOD_GET},
        {"http://a\\/p", NULL, "", "", GW_METHOD_GET},
        {"ftp://h/p", NULL, "", "", GW_METHOD_GET},
        {"/a#b", NULL, "", "", GW_METHOD_GET},
        {"/a b", NULL, "", "", GW_METHOD_GET},
        {"/a\x7f", NULL, "", "", GW_METHOD_GET},
        {"/\xc3\xa9", NULL, "", "", GW_METHOD_GET},
    };
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_request request = {.method = cases[i].method};
        const char *flaw = gw_request_target_flaw(&request, gw_str_of(cases[i].target));
        assert_int_equal(flaw == NULL, cases[i].path != NULL);
        if (flaw != NULL)
            continue;
        assert_true(gw_str_equal(request.path, gw_str_of(cases[i].path)));
        assert_true(gw_str_equal(request.query, gw_str_of(cases[i].query)));
        assert_true(gw_str_equal(request.host, gw_str_of(cases[i].host)));
    }
}

static void framing_is_one_thing(void **state)
{
    (void)state;
    static const struct {
        struct gw_field fields[3];
        size_t count;
        bool is_http_1_0, is_good;
        int64_t body_bytes;
    } cases[] = {
#define F(name, value) {GW_STR_INIT(name), GW_STR_INIT(value)}
        {{F("Host", "a")}, 1, false, true, 0},
        {{F("HOST", "a:80"), F("content-length", "12")}, 2, false, true, 12},
        {{F("Host", "a"), F("Content-Length", "9223372036854775807")}, 2, false, true, INT64_MAX},
        {{F("Host", "a"), F("Transfer-Encoding", "Chunked")}, 2, false, true, -1},
        {{F("Host", "")}, 1, false, true, 0},
        {{F("X", "y")}, 1, true, true, 0}, /* 1.0 needs no Host */
        {{F("X", "y")}, 1, false, false, 0},
        {{F("Host", "a"), F("host", "a")}, 2, false, false, 0},
        {{F("Host", "a"), F("Host", "b")}, 2, true, false, 0},
        {{F("Host", "a b")}, 1, false, false, 0},
        {{F("Host", "a/b")}, 1, false, false, 0},
        {{F("Host", "a\"")}, 1, false, false, 0},
        {{F("Host", "u@a")}, 1, false, false, 0},
        {{F("Host", "a"), F("Content-Length", "9223372036854775808")}, 2, false, false, 0},
        {{F("Host", "a"), F("Content-Length", "1, 1")}, 2, false, false, 0},
        {{F("Host", "a"), F("Content-Length", "+1")}, 2, false, false, 0},
        {{F("Host", "a"), F("Content-Length", "-1")}, 2, false, false, 0},
        {{F("Host", "a"), F("Content-Length", "0x1")}, 2, false, false, 0},
        {{F("Host", "a"), F("Content-Length", "")}, 2, false, false, 0},
        {{F("Host", "a"), F("Content-Length", "1"), F("Content-Length", "1")}, 3, false, false, 0},
        {{F("Host", "a"), F("Content-Length", "1"), F("Transfer-Encoding", "chunked")},
         3,
         false,
         false,
         0},
        {{F("Host", "a"), F("Transfer-Encoding", "xchunked")}, 2, false, false, 0},
        {{F("Host", "a"), F("Transfer-Encoding", "chunked, identity")}, 2, false, false, 0},
        {{F("Host", "a"), F("Transfer-Encoding", "gzip, chunked")}, 2, false, false, 0},
        {{F("Host", "a"), F("Transfer-Encoding", "chunked"), F("Transfer-Encoding", "chunked")},
         3,
         false,
         false,
         0},
        {{F("Host", "a"), F("Transfer-Encoding", "chunked")}, 2, true, false, 0},
        {{F("Host", "a"), F("Transfer-Encoding", "")}, 2, false, false, 0},
    };
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_request request = {.fields = (struct gw_field *)cases[i].fields,
                                     .field_count = cases[i].count};
        const char *flaw = gw_request_framing_flaw(&request, cases[i].is_http_1_0);
        if ((flaw == NULL) != cases[i].is_good)
            print_error("%zu: %s\n", i, flaw == NULL ? "passed" : flaw);
        assert_int_equal(flaw == NULL, cases[i].is_good);
        if (flaw == NULL)
            assert_true(request.body_bytes == cases[i].body_bytes);
    }
}

static void an_absolute_target_names_the_host(void **state)
{
    (void)state;
    struct gw_field host = F("Host", "other");
    struct gw_request request = {.fields = &host, .field_count = 1};

    assert_null(gw_request_target_flaw(&request, GW_STR("http://this/")));
    assert_null(gw_request_framing_flaw(&request, false));
    assert_true(gw_str_equal(request.host, GW_STR("this")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strict_heads_pass),
        cmocka_unit_test(each_flaw_is_seen),
        cmocka_unit_test(pieces_elsewhere_are_seen),
        cmocka_unit_test(targets_are_taken_apart),
        cmocka_unit_test(framing_is_one_thing),
        cmocka_unit_test(an_absolute_target_names_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
