/* XML as values, values as XML, templates. */
#include "server/connector/soap/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/connector/soap/template.h"
#include "server/core/arena.h"
#include "server/core/buf.h"

static struct gw_arena arena;
static struct soap_names names;
static struct gw_error error;

static int set_up(void **state)
{
    (void)state;
    memset(&names, 0, sizeof(names));
    memset(&error, 0, sizeof(error));
    gw_arena_init(&arena, 16 * 1024, 64 << 20);
    assert_int_equal(soap_names_add(&names, GW_STR("m"), GW_STR("urn:m"), &error), 0);
    assert_int_equal(soap_names_add(&names, GW_STR(""), GW_STR("urn:d"), &error), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

static struct gw_value value_of(const char *json)
{
    struct gw_json_error flaw;
    struct gw_value value;

    assert_int_equal(gw_value_read(&arena, gw_str_of(json), NULL, &value, &flaw), 0);
    return value;
}

/* --- reading ---------------------------------------------------------------------------------- */

static const char *read_as(const char *xml, const char *charset, size_t len)
{
    static char text[8192];
    struct soap_reading reading = {.names = &names, .arrays = {GW_STR("item")}, .array_count = 1};
    struct soap_element *root = NULL;
    struct gw_value value;
    struct gw_buf buf;

    int rc = soap_xml_read(&arena, gw_str_from(xml, len), gw_str_of(charset), &root, &error);
    if (rc != 0)
        return error.text;
    assert_int_equal(soap_body_read(&arena, &reading, root, &value), 0);
    gw_buf_init(&buf, sizeof(text));
    gw_value_write(&buf, &value);
    snprintf(text, sizeof(text), "%.*s", GW_STR_ARG(gw_buf_str(&buf)));
    gw_buf_finish(&buf);
    return text;
}

static const char *read_xml(const char *xml)
{
    return read_as(xml, "", strlen(xml));
}

#define XSI " xmlns:xsi=\"" SOAP_XSI "\""

static void test_elements_become_values(void **state)
{
    (void)state;
    assert_string_equal(read_xml("<a>text</a>"), "\"text\"");
    assert_string_equal(read_xml("<a> 01.50 </a>"), "\" 01.50 \"");
    assert_string_equal(read_xml("<a/>"), "\"\"");
    assert_string_equal(read_xml("<a" XSI " xsi:nil=' 1 '/>"), "null");
    assert_string_equal(read_xml("<a" XSI " xsi:nil='false'/>"), "\"\"");
    assert_string_equal(read_xml("<a" XSI " xsi:type='d' x='1'>5</a>"),
                        "{\"@x\":\"1\",\"#text\":\"5\"}");
    assert_string_equal(read_xml("<a>\n <b>1</b>\n <c/>\n</a>"), "{\"b\":\"1\",\"c\":\"\"}");
    assert_string_equal(read_xml("<a>x<b/>y<b/></a>"), "{\"b\":[\"\",\"\"],\"#text\":\"xy\"}");
    assert_string_equal(read_xml("<a><z>1</z><b>2</b><z>3</z></a>"),
                        "{\"z\":[\"1\",\"3\"],\"b\":\"2\"}");
    assert_string_equal(read_xml("<a><item>1</item></a>"), "{\"item\":[\"1\"]}");
    assert_string_equal(read_xml("<a><![CDATA[<&]]>&lt;&#x20AC;<!--c--></a>"), "\"<&<€\"");
}

static void test_names_by_namespace(void **state)
{
    (void)state;
    assert_string_equal(read_xml("<a xmlns:q='urn:m' xmlns='urn:d'><q:b q:c='1'/><b/></a>"),
                        "{\"m:b\":{\"@m:c\":\"1\"},\"b\":\"\"}");
    assert_string_equal(read_xml("<a xmlns:x='urn:other'><x:b/></a>"), "{\"b\":\"\"}");
}

static void test_encodings(void **state)
{
    static const char utf16[] = "\xff\xfe<\0a\0>\0\xe4\0<\0/\0a\0>\0";

    (void)state;
    assert_string_equal(read_xml("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe4</a>"),
                        "\"ä\"");
    assert_string_equal(read_xml("<?xml version='1.0' encoding='Windows-1252'?><a>\x80\x9f</a>"),
                        "\"€Ÿ\"");
    assert_string_equal(read_as("<a>\xe4</a>", "iso-8859-1", 8), "\"ä\"");
    assert_string_equal(read_as(utf16, "", sizeof(utf16) - 1), "\"ä\"");
    assert_string_equal(read_as(utf16, "utf-8", sizeof(utf16) - 1), "\"ä\"");
    assert_non_null(strstr(read_xml("<a>\xe4</a>"), "not well-formed"));
    assert_non_null(strstr(read_as("<a/>", "x-none", 4), "unknown encoding"));
    assert_non_null(
        strstr(read_xml("<?xml version='1.0' encoding='windows-1252'?><a>\x81</a>"), "line 1"));
}

static void test_what_is_refused(void **state)
{
    static const char *const documents[] = {
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a SYSTEM 'http://127.0.0.1/x'><a/>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        "<!DOCTYPE a [<!ENTITY x 'yyyy'><!ENTITY z '&x;&x;'>]><a>&z;</a>",
    };
    static const char *const broken[] = {
        "",
        "x",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a x='1' x='2'/>",
        "<q:a/>",
        "<a>&x;</a>",
        "<a>&#0;</a>",
        "<a b=1/>",
        "<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>",
        "<a>\x01</a>",
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(documents); i++)
        assert_non_null(strstr(read_xml(documents[i]), "document type"));
    for (size_t i = 0; i < GW_COUNT_OF(broken); i++) {
        struct soap_element *root;
        assert_int_equal(soap_xml_read(&arena, gw_str_of(broken[i]), GW_STR(""), &root, &error),
                         -EINVAL);
    }
}

static int read_repeated(const char *before, const char *part, const char *after, size_t times)
{
    struct soap_element *root;
    struct gw_buf buf;

    gw_buf_init(&buf, 1 << 20);
    gw_buf_append_text(&buf, before);
    for (size_t i = 0; i < times; i++)
        gw_buf_printf(&buf, part, (int)i);
    gw_buf_append_text(&buf, after);
    int rc = soap_xml_read(&arena, gw_buf_str(&buf), GW_STR(""), &root, &error);
    gw_buf_finish(&buf);
    return rc;
}

static void test_bounds(void **state)
{
    (void)state;
    assert_int_equal(read_repeated("<a", " x%d=''", "/>", SOAP_XML_MAX_ATTRIBUTES), 0);
    assert_int_equal(read_repeated("<a", " x%d=''", "/>", SOAP_XML_MAX_ATTRIBUTES + 1), -EINVAL);
    assert_non_null(strstr(error.text, "too many attributes"));
    assert_int_equal(read_repeated("", "<a%d>", "", SOAP_XML_MAX_DEPTH + 1), -EINVAL);
    assert_non_null(strstr(error.text, "too deep"));
    assert_int_equal(read_repeated("<a>", "<b%d/>", "</a>", 1000), 0);
}

static void test_an_arena_that_is_full(void **state)
{
    struct soap_element *root;
    struct gw_arena small;

    (void)state;
    gw_arena_init(&small, 256, 512);
    assert_int_equal(soap_xml_read(&small,
                                   GW_STR("<a><b c='1'/><b c='1'/><b c='1'/><b c='1'/></a>"),
                                   GW_STR(""), &root, &error),
                     -ENOMEM);
    gw_arena_finish(&small);
}

/* --- writing ---------------------------------------------------------------------------------- */

static const char *write_json(const char *json)
{
    static char text[8192];
    struct gw_value value = value_of(json);
    struct gw_buf buf;

    gw_buf_init(&buf, sizeof(text) - 1);
    int rc = soap_body_write(&buf, &names, &value, &error);
    assert_false(buf.has_failed);
    snprintf(text, sizeof(text), "%.*s", GW_STR_ARG(gw_buf_str(&buf)));
    gw_buf_finish(&buf);
    return rc == 0 ? text : NULL;
}

static void test_values_become_elements(void **state)
{
    (void)state;
    assert_string_equal(write_json("{\"m:r\":{\"@id\":7,\"b\":[\"1\",2.50,true],\"a\":null,"
                                   "\"@m:x\":null,\"#text\":\"t\"}}"),
                        "<m:r id=\"7\"><b>1</b><b>2.50</b><b>true</b><a xsi:nil=\"true\"/>t</m:r>");
    assert_string_equal(write_json("{\"a\":{\"@q\":\"\\\"<\\n&'\"},\"b\":\"]]><c>\\r\"}"),
                        "<a q=\"&quot;&lt;&#10;&amp;&apos;\"></a><b>]]&gt;&lt;c&gt;&#13;</b>");
    assert_string_equal(write_json("{\"a\":[],\"b\":[{\"c\":1},{}]}"), "<b><c>1</c></b><b></b>");
    assert_string_equal(
        write_json("{\"#sequence\":[{\"a\":1},{\"b\":2},{\"a\":3}],\"c\":{\"@xsi:type\":\"d\"}}"),
        "<a>1</a><b>2</b><a>3</a><c xsi:type=\"d\"></c>");
    assert_string_equal(write_json("{\"a\":12345678901234567890.123456789}"),
                        "<a>12345678901234567890.123456789</a>");
}

static void test_what_cannot_be_written(void **state)
{
    static const char *const wrong[] = {
        "[]",
        "{\"a b\":1}",
        "{\"\":1}",
        "{\"1\":1}",
        "{\"a>\":1}",
        "{\"x:a\":1}",
        "{\"m:\":1}",
        "{\"m:a:b\":1}",
        "{\"@a\":1}",
        "{\"#text\":1}",
        "{\"a\":[[1]]}",
        "{\"a\":{\"@b\":{}}}",
        "{\"a\":{\"@xmlns\":\"u\"}}",
        "{\"a\":{\"@b=''\":1}}",
        "{\"a\":\"\\u0001\"}",
        "{\"a\":\"\\uffff\"}",
        "{\"a\":{\"#text\":[]}}",
        "{\"#sequence\":{}}",
        "{\"#sequence\":[1]}",
    };
    char deep[1024] = "";

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(wrong); i++)
        assert_null(write_json(wrong[i]));
    for (size_t i = 0; i < SOAP_BODY_MAX_DEPTH + 1; i++)
        memcpy(deep + 5 * i, "{\"a\":", 6);
    memset(deep + strlen(deep), '1', 1);
    memset(deep + strlen(deep), '}', SOAP_BODY_MAX_DEPTH + 1);
    assert_null(write_json(deep));
}

static void test_prefixes(void **state)
{
    static const char *const wrong[] = {"soap", "xsi", "wsse", "xml", "XMLx", "1", "a:b", "a b"};

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(wrong); i++)
        assert_int_equal(soap_names_add(&names, gw_str_of(wrong[i]), GW_STR("u"), &error), -EINVAL);
    assert_int_equal(soap_names_add(&names, GW_STR("p"), GW_STR(""), &error), -EINVAL);
    for (size_t i = 0; names.count < SOAP_MAX_PREFIXES; i++) {
        struct gw_str name = gw_arena_printf(&arena, "p%zu", i);
        assert_int_equal(soap_names_add(&names, name, GW_STR("u"), &error), 0);
    }
    assert_int_equal(soap_names_add(&names, GW_STR("more"), GW_STR("u"), &error), -EINVAL);
}

/* --- templates -------------------------------------------------------------------------------- */

static const char *fill(const char *template, const char *json)
{
    static char text[4096];
    struct gw_value values = value_of(json);
    struct gw_buf buf;

    gw_buf_init(&buf, sizeof(text) - 1);
    int rc = soap_template_fill(&buf, gw_str_of(template), &values, &error);
    snprintf(text, sizeof(text), "%.*s", GW_STR_ARG(gw_buf_str(&buf)));
    gw_buf_finish(&buf);
    return rc == 0 ? text : NULL;
}

static void test_templates(void **state)
{
    static const char values[] = "{\"a\":{\"b\":[\"<x>\",2.50]},\"n\":null,\"q\":\"'\\\"{{n}}\"}";

    (void)state;
    assert_string_equal(fill("<r>{{a.b.0}}|{{ a.b.1 }}|{{n}}</r>", values),
                        "<r>&lt;x&gt;|2.50|</r>");
    assert_string_equal(fill("<r a='{{q}}' b=\"{{q}}>\">}} { {</r>", values),
                        "<r a='&apos;&quot;{{n}}' b=\"&apos;&quot;{{n}}>\">}} { {</r>");
    assert_string_equal(fill("<!-- ' --><a/>{{n}}<![CDATA[<]]>{{n}}<?p > ?>{{n}}", values),
                        "<!-- ' --><a/><![CDATA[<]]><?p > ?>");
    static const char *const wrong[] = {
        "<{{q}}/>",
        "<r {{q}}/>",
        "<r a={{q}}/>",
        "<!--{{q}}-->",
        "<![CDATA[{{q}}]]>",
        "<?p {{q}}?>",
        "<r>{{missing}}</r>",
        "<r>{{a}}</r>",
        "<r>{{a.b.2}}</r>",
        "<r>{{a.b.x}}</r>",
        "<r>{{q",
        "<r>{{}}</r>",
        "<r>{{q}</r>",
    };
    for (size_t i = 0; i < GW_COUNT_OF(wrong); i++)
        assert_null(fill(wrong[i], values));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_elements_become_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_by_namespace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_encodings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_arena_that_is_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values_become_elements, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_prefixes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_templates, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
