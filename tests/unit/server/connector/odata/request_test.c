/* Arguments made into requests: query, key, filter, body. */
#include "server/connector/odata/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "server/core/arena.h"

struct row {
    const char *function, *arguments; /* JSON with ` for " */
    const char *v4, *v2;              /* "METHOD path?query body"; with "! " before it: the error */
};

static struct gw_arena arena;

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 16 * 1024, 16 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

static struct gw_value parse(const char *text)
{
    struct gw_str copy = gw_arena_copy(&arena, gw_str_of(text));
    struct gw_json_error error;
    struct gw_value value;

    for (size_t i = 0; i < copy.len; i++)
        if (copy.ptr[i] == '`')
            ((char *)(uintptr_t)copy.ptr)[i] = '"';
    if (gw_value_read(&arena, copy, NULL, &value, &error) != 0)
        fail_msg("%s: %s", text, error.text);
    return value;
}

static void build(const struct row *row, enum odata_version version, bool in_batch, char *out,
                  size_t room)
{
    const struct odata_settings settings = {.version = version, .exact_numbers = true};
    struct gw_value arguments = parse(row->arguments);
    struct gw_error error = {0};
    const struct odata_builder builder = {
        .arena = &arena,
        .settings = &settings,
        .arguments = &arguments,
        .in_batch = in_batch,
        .error = &error,
    };
    struct odata_request request;
    int rc = odata_request_build(&builder, gw_str_of(row->function), &request);

    if (rc != 0)
        snprintf(out, room, "! %s", error.text);
    else
        snprintf(out, room, "%s %.*s%s%.*s%s%.*s%s%.*s", request.method, GW_STR_ARG(request.path),
                 request.query.len > 0 ? "?" : "", GW_STR_ARG(request.query),
                 request.body.len > 0 ? " " : "", GW_STR_ARG(request.body),
                 request.etag.len > 0 ? " if " : "", GW_STR_ARG(request.etag));
}

static void check(const struct row *rows, size_t count)
{
    char got[4096];

    for (size_t i = 0; i < count; i++) {
        for (int version = ODATA_V2; version <= ODATA_V4; version++) {
            const char *wanted =
                version == ODATA_V4 || rows[i].v2 == NULL ? rows[i].v4 : rows[i].v2;
            build(&rows[i], (enum odata_version)version, false, got, sizeof(got));
            bool is_right = wanted[0] == '!' ? strncmp(got, wanted, strlen(wanted)) == 0
                                             : strcmp(got, wanted) == 0;
            if (!is_right)
                fail_msg("V%d %s\n got    %s\n wanted %s", version == ODATA_V4 ? 4 : 2,
                         rows[i].arguments, got, wanted);
        }
    }
}

static void keys_are_literals(void **state)
{
    static const struct row rows[] = {
        {"read", "{`entity`:`A`,`key`:`x`}", "GET /A('x')", NULL},
        {"read", "{`entity`:`A`,`key`:5}", "GET /A(5)", NULL},
        {"read", "{`entity`:`A`,`key`:`it's`}", "GET /A('it''s')", NULL},
        {"read", "{`entity`:`A`,`key`:`a/b?c#d&e+f %`}", "GET /A('a%2Fb%3Fc%23d%26e%2Bf%20%25')",
         NULL},
        {"read", "{`entity`:`A`,`key`:`\\u00e4`}", "GET /A('%C3%A4')", NULL},
        {"read", "{`entity`:`A`,`key`:{`M`:`x`,`P`:7}}", "GET /A(M='x',P=7)", NULL},
        {"read", "{`entity`:`A`,`key`:{`$guid`:`01234567-89ab-cdef-0123-456789abcdef`}}",
         "GET /A(01234567-89ab-cdef-0123-456789abcdef)",
         "GET /A(guid'01234567-89ab-cdef-0123-456789abcdef')"},
        {"read", "{`entity`:`A`,`key`:{`D`:{`$date`:`2026-11-23`},`B`:true}}",
         "GET /A(D=2026-11-23,B=true)", "GET /A(D=datetime'2026-11-23T00%3A00%3A00',B=true)"},
        {"read", "{`entity`:`A`,`key`:`x`,`navigation`:`to_B`,`select`:`X`}",
         "GET /A('x')/to_B?$select=X", NULL},
        {"read", "{`entity`:`A`}", "! the key is missing", NULL},
        {"read", "{`entity`:`A`,`key`:null}", "! the key is missing", NULL},
        {"read", "{`entity`:`A`,`key`:{}}", "! the key has no parts", NULL},
        {"read", "{`entity`:`A`,`key`:{`M`:null}}", "! a key must not be null", NULL},
        {"read", "{`entity`:`A`,`key`:{`M'`:1}}", "! \"M'\" is no name of a key", NULL},
        {"read", "{`entity`:`A`,`key`:{`$guid`:`no`}}", "! $guid must be a UUID", NULL},
        {"read", "{`entity`:`A`,`key`:[1]}", "! an array or an object is no value here", NULL},
        {"read", "{`entity`:`A`,`key`:`a\\u0000b`}", "! a text must not hold a NUL", NULL},
        {"read", "{`entity`:`A/B`,`key`:1}", "! \"A/B\" is no name of an entity set", NULL},
        {"read", "{`entity`:`$metadata`,`key`:1}", "! \"$metadata\" is no name", NULL},
        {"read", "{`entity`:`A`,`key`:1,`navigation`:`x/../y`}", "! \"x/../y\" is no name", NULL},
        {"read", "{`key`:1}", "! \"\" is no name of an entity set", NULL},
    };

    (void)state;
    check(rows, GW_COUNT_OF(rows));
}

static void filters_are_compiled(void **state)
{
#define LIST(filter) "{`entity`:`A`,`filter`:" filter "}"
    static const struct row rows[] = {
        {"list", LIST("{}"), "GET /A", NULL},
        {"list", LIST("`X eq 1`"), "GET /A?$filter=X%20eq%201", NULL},
        {"list", LIST("{`P`:`1020`}"), "GET /A?$filter=P%20eq%20'1020'", NULL},
        {"list", LIST("{`P`:`' or 1 eq 1 or '`}"),
         "GET /A?$filter=P%20eq%20'''%20or%201%20eq%201%20or%20'''", NULL},
        {"list", LIST("{`Q`:{`gt`:0,`le`:{`$decimal`:`1.50`}},`N`:null}"),
         "GET /A?$filter=Q%20gt%200%20and%20Q%20le%201.50%20and%20N%20eq%20null",
         "GET /A?$filter=Q%20gt%200%20and%20Q%20le%201.50M%20and%20N%20eq%20null"},
        {"list", LIST("{`Q`:1.5,`I`:12345678901,`D`:1e3}"),
         "GET /A?$filter=Q%20eq%201.5%20and%20I%20eq%2012345678901%20and%20D%20eq%201e3",
         "GET /A?$filter=Q%20eq%201.5M%20and%20I%20eq%2012345678901L%20and%20D%20eq%201e3d"},
        {"list", LIST("{`S`:{`in`:[`A`,`B`]},`B`:false}"),
         "GET /A?$filter=(S%20eq%20'A'%20or%20S%20eq%20'B')%20and%20B%20eq%20false", NULL},
        {"list", LIST("{`S`:{`in`:[]}}"), "GET /A?$filter=1%20eq%202", NULL},
        {"list", LIST("{`S`:{`contains`:`x,y')`}}"), "GET /A?$filter=contains(S,'x,y'')')",
         "GET /A?$filter=substringof('x,y'')',S)"},
        {"list", LIST("{`to_H/S`:{`startswith`:`a`,`endswith`:`b`}}"),
         "GET /A?$filter=startswith(to_H%2FS,'a')%20and%20endswith(to_H%2FS,'b')", NULL},
        {"list", LIST("{`$or`:[{`A`:1,`B`:2},{`C`:3}],`$not`:{`D`:4}}"),
         "GET /A?$filter=((A%20eq%201%20and%20B%20eq%202)%20or%20(C%20eq%203))%20and%20not%20("
         "D%20eq%204)",
         NULL},
        {"list", LIST("{`T`:{`ge`:{`$datetime`:`2026-11-23T10:00:00+01:00`}}}"),
         "GET /A?$filter=T%20ge%202026-11-23T10%3A00%3A00%2B01%3A00",
         "GET /A?$filter=T%20ge%20datetimeoffset'2026-11-23T10%3A00%3A00%2B01%3A00'"},
        {"list", LIST("{`T`:{`$time`:`10:30:00`}}"), "GET /A?$filter=T%20eq%2010%3A30%3A00",
         "GET /A?$filter=T%20eq%20time'PT10H30M00S'"},
        {"list", LIST("{`T`:{`$int64`:`9007199254740993`}}"),
         "GET /A?$filter=T%20eq%209007199254740993", "GET /A?$filter=T%20eq%209007199254740993L"},
        {"list", LIST("{`A eq 1 or B`:1}"), "! \"A eq 1 or B\" is no name of a property", NULL},
        {"list", LIST("{`A`:{`like`:1}}"), "! \"like\" is no operator", NULL},
        {"list", LIST("{`A`:{}}"), "! \"A\" lacks an operator", NULL},
        {"list", LIST("{`A`:[1]}"), "! an array or an object is no value here", NULL},
        {"list", LIST("{`A`:{`eq`:{`ne`:null}}}"), "! an array or an object is no value", NULL},
        {"list", LIST("{`A`:{`in`:[{`ne`:null}]}}"), "! an array or an object is no value", NULL},
        {"list", LIST("{`A`:{`in`:1}}"), "! \"in\" takes a list", NULL},
        {"list", LIST("{`$or`:[]}"), "! $and and $or take a list", NULL},
        {"list", LIST("{`$or`:[{}]}"), "! each part of $and, $or and $not is an object", NULL},
        {"list", LIST("{`A`:{`contains`:1}}"), "! \"contains\" compares with a text", NULL},
        {"list", LIST("{`A`:{`$date`:`tomorrow`}}"), "! $date must be a date", NULL},
        {"list", LIST("{`A`:{`$decimal`:`1e5`}}"), "! $decimal must be a decimal number", NULL},
        {"list", LIST("7"), "! filter must be a text or an object", NULL},
    };
#undef LIST

    (void)state;
    check(rows, GW_COUNT_OF(rows));
}

static void options_are_named(void **state)
{
    static const struct row rows[] = {
        {"list",
         "{`entity`:`A`,`select`:[`X`,`to_B/Y`],`expand`:[`to_B`,`to_C/to_D`],`orderby`:`X desc, "
         "Y`,`top`:5,`skip`:10,`count`:true}",
         "GET /A?$select=X,to_B%2FY&$expand=to_B,to_C($expand=to_D)&$orderby=X%20desc,Y&$top=5&"
         "$skip=10&$count=true",
         "GET /A?$select=X,to_B%2FY&$expand=to_B,to_C%2Fto_D&$orderby=X%20desc,Y&$top=5&$skip=10&"
         "$inlinecount=allpages"},
        {"list", "{`entity`:`A`,`expand`:`to_B($select=X)`,`count`:false,`select`:``}",
         "GET /A?$expand=to_B($select=X)", NULL},
        {"list", "{`entity`:`A`,`next`:`$skiptoken=7%20x`}", "GET /A?$skiptoken=7%20x", NULL},
        {"list", "{`entity`:`A`,`next`:`a b`}", "! next is no query", NULL},
        {"list", "{`entity`:`A`,`next`:`a\\r\\nX: y`}", "! next is no query", NULL},
        {"list", "{`entity`:`A`,`select`:[`X;Y`]}", "! select: \"X;Y\" is no name", NULL},
        {"list", "{`entity`:`A`,`orderby`:`X up`}", "! orderby: \"up\" is neither asc nor desc",
         NULL},
        {"list", "{`entity`:`A`,`orderby`:[1]}", "! orderby must be a list of texts", NULL},
        {"list", "{`entity`:`A`,`top`:-1}", "! top must be an integer", NULL},
        {"list", "{`entity`:`A`,`top`:1.5}", "! top must be an integer", NULL},
        {"list", "{`entity`:`A`,`count`:`yes`}", "! count must be true or false", NULL},
    };

    (void)state;
    check(rows, GW_COUNT_OF(rows));
}

static void bodies_keep_what_they_say(void **state)
{
    static const struct row rows[] = {
        {"create",
         "{`entity`:`A`,`body`:{`Q`:1234567890123456789012.345,`T`:`x\\n`,`L`:[{`Z`:1}]}}",
         "POST /A {\"Q\":1234567890123456789012.345,\"T\":\"x\\n\",\"L\":[{\"Z\":1}]}", NULL},
        {"create",
         "{`entity`:`A`,`body`:{`D`:{`$date`:`2026-11-23`},`T`:{`$datetime`:`2026-11-23T10:00:00Z`}"
         ","
         "`Q`:{`$decimal`:`1.50`},`@etag`:`x`,`B@odata.bind`:`C(1)`}}",
         "POST /A {\"D\":\"2026-11-23\",\"T\":\"2026-11-23T10:00:00Z\",\"Q\":\"1.50\","
         "\"B@odata.bind\":\"C(1)\"}",
         "POST /A {\"D\":\"/Date(1795392000000)/\",\"T\":\"/Date(1795428000000+0000)/\",\"Q\":"
         "\"1.50\",\"B@odata.bind\":\"C(1)\"}"},
        {"create", "{`entity`:`A`,`key`:`1`,`navigation`:`to_B`,`body`:{}}", "POST /A('1')/to_B {}",
         NULL},
        {"create", "{`entity`:`A`}", "! body must be an object", NULL},
        {"create", "{`entity`:`A`,`body`:[1]}", "! body must be an object", NULL},
        {"create", "{`entity`:`A`,`body`:{`D`:{`$date`:7}}}", "! $date must be a date", NULL},
        {"update", "{`entity`:`A`,`key`:1,`etag`:`W/\\`x\\``,`body`:{`Q`:2}}",
         "PATCH /A(1) {\"Q\":2} if W/\"x\"", "MERGE /A(1) {\"Q\":2} if W/\"x\""},
        {"update", "{`entity`:`A`,`key`:1,`etag`:`a\\r\\nb`,`body`:{}}", "! etag is no entity tag",
         NULL},
        {"update", "{`entity`:`A`,`key`:1,`etag`:null,`body`:{}}", "! etag is empty", NULL},
        {"delete", "{`entity`:`A`,`key`:1,`etag`:``}", "! etag is empty", NULL},
        {"delete", "{`entity`:`A`,`key`:1,`etag`:`*`}", "DELETE /A(1) if *", NULL},
    };

    (void)state;
    check(rows, GW_COUNT_OF(rows));
}

static void operations_are_addressed(void **state)
{
    static const struct row rows[] = {
        {"action", "{`name`:`Post`,`parameters`:{`Q`:{`$decimal`:`2.5`},`T`:`a&b`}}",
         "POST /Post {\"Q\":\"2.5\",\"T\":\"a&b\"}", "POST /Post?Q=2.5M&T='a%26b'"},
        {"action", "{`name`:`S.Release`,`entity`:`A`,`key`:`1`,`etag`:`*`}",
         "POST /A('1')/S.Release {} if *", "! OData V2 binds nothing"},
        {"action", "{`name`:`x/y`}", "! \"x/y\" is no name of an action", NULL},
        {"action", "{`name`:`A`,`parameters`:{`a b`:1}}", NULL, "! \"a b\" is no name"},
        {"function", "{`name`:`F`,`parameters`:{`a`:1,`b`:`x`}}", "GET /F(a=1,b='x')",
         "GET /F?a=1&b='x'"},
        {"function", "{`name`:`F`}", "GET /F()", "GET /F"},
        {"nothing", "{}", "! ", NULL},
    };
    char got[512];

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++)
        if (rows[i].v4 != NULL)
            check(&rows[i], 1);
    build(&rows[3], ODATA_V2, false, got, sizeof(got));
    assert_memory_equal(got, rows[3].v2, strlen(rows[3].v2));
}

static void references_stand_in_batches_only(void **state)
{
    static const struct row row = {"create", "{`entity`:`$order`,`navigation`:`to_Item`,`body`:{}}",
                                   NULL, NULL};
    char got[512];

    (void)state;
    build(&row, ODATA_V4, true, got, sizeof(got));
    assert_string_equal(got, "POST /$order/to_Item {}");
    build(&row, ODATA_V4, false, got, sizeof(got));
    assert_memory_equal(got, "! ", 2);
}

static void lengths_are_bounded(void **state)
{
    static char arguments[40000];
    const struct row row = {"list", arguments, NULL, NULL};
    char got[512];
    size_t len;

    (void)state;
    len = (size_t)snprintf(arguments, sizeof(arguments), "{`entity`:`A`,`filter`:{`X`:`");
    memset(arguments + len, 'x', 20000);
    snprintf(arguments + len + 20000, 10, "`}}");
    build(&row, ODATA_V4, false, got, sizeof(got));
    assert_memory_equal(got, "! ", 2);

    len = (size_t)snprintf(arguments, sizeof(arguments), "{`entity`:`A`,`filter`:{`X`:{`in`:[1");
    for (int i = 0; i < 600; i++)
        len += (size_t)snprintf(arguments + len, sizeof(arguments) - len, ",2");
    snprintf(arguments + len, 10, "]}}}");
    build(&row, ODATA_V4, false, got, sizeof(got));
    assert_string_equal(got, "! a filter has at most 500 comparisons");

    len = (size_t)snprintf(arguments, sizeof(arguments), "{`entity`:`A`,`filter`:");
    for (int i = 0; i < 100; i++)
        len += (size_t)snprintf(arguments + len, sizeof(arguments) - len, "{`$not`:");
    len += (size_t)snprintf(arguments + len, sizeof(arguments) - len, "{`A`:1}");
    for (int i = 0; i < 101; i++)
        arguments[len++] = '}';
    arguments[len] = '\0';
    build(&row, ODATA_V4, false, got, sizeof(got));
    assert_string_equal(got, "! a filter is at most 64 deep");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_are_literals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(filters_are_compiled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(options_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bodies_keep_what_they_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(operations_are_addressed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(references_stand_in_batches_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lengths_are_bounded, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
