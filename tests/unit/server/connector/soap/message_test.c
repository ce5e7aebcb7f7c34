/* Messages, the user name token, and what answers mean. */
#include "server/connector/soap/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/connector/soap/lookup.h"
#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/upstream/backend.h"
#include "server/upstream/call.h"

#define ENVELOPE_1_1 "http://schemas.xmlsoap.org/soap/envelope/"
#define ENVELOPE_1_2 "http://www.w3.org/2003/05/soap-envelope"
#define AT_NS (UINT64_C(1795417200) * GW_NS_PER_SECOND + 250 * GW_NS_PER_MS)

static struct gw_arena arena;
static struct gw_error error;
static struct soap_settings settings;
static struct soap_request request;
static struct gw_connector_failure failure;
static json_t *config;

static int set_up(void **state)
{
    (void)state;
    memset(&error, 0, sizeof(error));
    memset(&settings, 0, sizeof(settings));
    memset(&request, 0, sizeof(request));
    gw_arena_init(&arena, 16 * 1024, 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    json_decref(config);
    config = NULL;
    return 0;
}

static struct gw_value value_of(const char *json)
{
    struct gw_json_error flaw;
    struct gw_value value;

    assert_int_equal(gw_value_read(&arena, gw_str_of(json), NULL, &value, &flaw), 0);
    return value;
}

static int configure_for(const char *options, const char *host, bool is_tls)
{
    struct gw_target_config target = {.origin = {.host = gw_str_of(host), .is_tls = is_tls}};
    const struct gw_backend_config backend = {.targets = &target, .target_count = 1};

    json_decref(config);
    config = NULL;
    assert_int_equal(gw_option_parse(options, soap_options, &config, &error), 0);
    return soap_settings_read(config, &backend, &settings, &error);
}

static int make(const char *arguments)
{
    struct soap_stamp stamp = {.now_ns = AT_NS};
    const struct gw_value value = value_of(arguments);

    for (uint8_t i = 0; i < SOAP_NONCE_BYTES; i++)
        stamp.nonce[i] = i;
    return soap_request_make(&arena, &settings, &value, NULL, &stamp, &request, &error);
}

static bool body_has(const char *part)
{
    return strstr(request.body.ptr, part) != NULL;
}

/* --- messages --------------------------------------------------------------------------------- */

static void test_messages_of_both_versions(void **state)
{
    (void)state;
    assert_int_equal(configure_for("{namespace: 'urn:d', namespaces: {m: 'urn:m'}}", "h", false),
                     0);
    assert_int_equal(make("{\"operation\":\"urn:a\",\"body\":{\"m:r\":{\"x\":1}},"
                          "\"headers\":{\"m:h\":\"v\"}}"),
                     0);
    assert_string_equal(
        request.body.ptr,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"" ENVELOPE_1_1
        "\" xmlns:xsi=\"" SOAP_XSI "\" xmlns:xsd=\"" SOAP_XSD
        "\" xmlns=\"urn:d\" xmlns:m=\"urn:m\"><soap:Header><m:h>v</m:h></soap:Header>"
        "<soap:Body><m:r><x>1</x></m:r></soap:Body></soap:Envelope>");
    assert_string_equal(request.path.ptr, "/");
    assert_string_equal(request.fields[0].value.ptr, "text/xml; charset=utf-8");
    assert_string_equal(request.fields[1].name.ptr, "SOAPAction");
    assert_string_equal(request.fields[1].value.ptr, "\"urn:a\"");
    assert_int_equal(make("{\"operation\":\"urn:a\",\"version\":1.2,\"path\":\"/s?x=1\"}"), 0);
    assert_true(body_has(ENVELOPE_1_2));
    assert_true(gw_str_equal(request.path, GW_STR("/s?x=1")));
    assert_string_equal(request.fields[0].value.ptr,
                        "application/soap+xml; charset=utf-8; action=\"urn:a\"");
}

static void test_arguments_that_cannot_be_meant(void **state)
{
    static const char *const wrong[] = {
        "{\"operation\":\"a\\\"b\"}",
        "{\"operation\":\"a\\r\\nX: y\"}",
        "{\"operation\":\"ä\"}",
        "{\"operation\":1}",
        "{\"operation\":\"\",\"version\":\"1.3\"}",
        "{\"operation\":\"\",\"path\":\"x\"}",
        "{\"operation\":\"\",\"path\":\"/a b\"}",
        "{\"operation\":\"\",\"body\":[]}",
        "{\"operation\":\"\",\"body\":{},\"template\":\"\"}",
        "{\"operation\":\"\",\"template\":\"<a>\"}",
        "{\"operation\":\"\",\"template\":\"</soap:Body><soap:Body>\"}",
        "{\"operation\":\"\",\"template\":\"</soap:Body><x/><soap:Body>\"}",
        "{\"operation\":\"\",\"template\":\"<!DOCTYPE a><a/>\"}",
        "{\"operation\":\"\",\"namespaces\":{\"soap\":\"u\"}}",
        "{\"operation\":\"\",\"arrays\":[1]}",
        "{\"operation\":\"\",\"expect\":\"q:a\"}",
    };

    (void)state;
    assert_int_equal(configure_for("{}", "h", false), 0);
    for (size_t i = 0; i < GW_COUNT_OF(wrong); i++)
        assert_int_equal(make(wrong[i]), -EINVAL);
}

/* Digest and time were computed by another program. */
static void test_the_user_name_token(void **state)
{
    (void)state;
    assert_int_equal(configure_for("{username: 'u<', password: 'p&<\"w', timestamp: true}",
                                   "mes.example", false),
                     0);
    assert_int_equal(make("{\"operation\":\"\"}"), 0);
    assert_true(body_has("#PasswordDigest\">0GnvPuPoTk8t54hZ3UzAUkyHnc8=</wsse:Password>"));
    assert_true(body_has("#Base64Binary\">AAECAwQFBgcICQoLDA0ODw==</wsse:Nonce>"));
    assert_true(body_has("<wsu:Created>2026-11-23T07:00:00.250Z</wsu:Created></wsse:Username"));
    assert_true(body_has("<wsu:Expires>2026-11-23T07:05:00.250Z</wsu:Expires>"));
    assert_true(body_has("<wsse:Username>u&lt;</wsse:Username>"));
    assert_true(body_has("soap:mustUnderstand=\"1\""));
    assert_false(body_has("p&amp;"));
}

static void test_a_password_as_text_wants_tls(void **state)
{
    static const char options[] = "{username: u, password: 'p&', password_type: text}";

    (void)state;
    assert_int_equal(configure_for(options, "192.0.2.1", false), -EINVAL);
    assert_non_null(strstr(error.text, "TLS"));
    assert_int_equal(configure_for(options, "127.0.0.1.example", false), -EINVAL);
    assert_int_equal(configure_for(options, "2001:db8::1", false), -EINVAL);
    assert_int_equal(configure_for(options, "127.9.0.1", false), 0);
    assert_int_equal(configure_for(options, "::1", false), 0);
    assert_int_equal(configure_for(options, "localhost", false), 0);
    assert_int_equal(configure_for(options, "mes.example", true), 0);
    assert_int_equal(make("{\"operation\":\"\"}"), 0);
    assert_true(body_has("#PasswordText\">p&amp;</wsse:Password>"));
}

static void test_settings_that_are_wrong(void **state)
{
    static const char *const wrong[] = {
        "{username: u}",     "{password: p}",           "{version: 1.3}",       "{version: '1'}",
        "{path: x}",         "{namespaces: {soap: u}}", "{faults: {X: wrong}}", "{faults: {X: ok}}",
        "{faults: {X: ''}}", "{namespaces: {p: ''}}",
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(wrong); i++)
        assert_int_equal(configure_for(wrong[i], "h", true), -EINVAL);
    assert_int_equal(configure_for("{version: '1.2'}", "h", true), 0);
    assert_int_equal(settings.version, SOAP_1_2);
}

/* --- answers ---------------------------------------------------------------------------------- */

static char result_text[4096];

static enum gw_connector_error read_answer(int status, const char *type, const char *body,
                                           bool is_write)
{
    const struct gw_field field = {GW_STR("content-type"), gw_str_of(type)};
    const struct gw_call_answer answer = {
        .status = status,
        .backend_status = status,
        .was_sent = true,
        .fields = &field,
        .field_count = 1,
        .body = gw_str_of(body),
    };
    struct gw_value result;
    struct gw_buf buf;

    failure = (struct gw_connector_failure){0};
    request.reading.names = &request.names;
    enum gw_connector_error outcome =
        soap_answer_read(&arena, &settings, &request, &answer, is_write, &result, &failure);
    assert_int_equal(failure.error, outcome);
    if (outcome != GW_CONNECTOR_OK)
        return outcome;
    gw_buf_init(&buf, sizeof(result_text) - 1);
    gw_value_write(&buf, &result);
    snprintf(result_text, sizeof(result_text), "%.*s", GW_STR_ARG(gw_buf_str(&buf)));
    gw_buf_finish(&buf);
    return outcome;
}

#define BODY_1_1(body) \
    "<s:Envelope xmlns:s='" ENVELOPE_1_1 "'><s:Body>" body "</s:Body></s:Envelope>"
#define BODY_1_2(body) \
    "<s:Envelope xmlns:s='" ENVELOPE_1_2 "'><s:Body>" body "</s:Body></s:Envelope>"
#define FAULT_1_1(code, detail)                                                                \
    BODY_1_1("<s:Fault><faultcode>" code "</faultcode><faultstring> why </faultstring>" detail \
             "</s:Fault>")
#define FAULT_1_2(code, sub)                                                                    \
    BODY_1_2("<s:Fault><s:Code><s:Value>" code "</s:Value><s:Subcode><s:Value>q:mid</s:Value>"  \
             "<s:Subcode><s:Value>" sub "</s:Value></s:Subcode></s:Subcode></s:Code><s:Reason>" \
             "<s:Text xml:lang='de'>darum</s:Text><s:Text xml:lang='en-GB'>why</s:Text>"        \
             "</s:Reason></s:Fault>")

static void test_results(void **state)
{
    (void)state;
    assert_int_equal(read_answer(200, "text/xml", BODY_1_1("<r><a>1</a></r>"), true),
                     GW_CONNECTOR_OK);
    assert_string_equal(result_text, "{\"r\":{\"a\":\"1\"}}");
    assert_int_equal(read_answer(202, "", "", true), GW_CONNECTOR_OK);
    assert_string_equal(result_text, "null");
    request.expect = GW_STR("r");
    assert_int_equal(read_answer(200, "application/soap+xml; charset=\"utf-8\"",
                                 BODY_1_2("<other/><r><a>1</a></r>"), false),
                     GW_CONNECTOR_OK);
    assert_string_equal(result_text, "{\"a\":\"1\"}");
    assert_int_equal(read_answer(200, "text/xml", BODY_1_1("<x/>"), false), GW_CONNECTOR_RUBBISH);
    assert_int_equal(read_answer(200, "text/xml", BODY_1_1("<x/>"), true), GW_CONNECTOR_IN_DOUBT);
    assert_int_equal(read_answer(202, "", "", false), GW_CONNECTOR_RUBBISH);
}

static void test_what_is_no_answer(void **state)
{
    static const struct {
        int status;
        const char *type, *body;
        enum gw_connector_error of_read, of_write;
    } cases[] = {
        {200, "text/html", "<p>", GW_CONNECTOR_RUBBISH, GW_CONNECTOR_IN_DOUBT},
        {200, "text/xml", "<p>", GW_CONNECTOR_RUBBISH, GW_CONNECTOR_IN_DOUBT},
        {200, "text/xml", "<p/>", GW_CONNECTOR_RUBBISH, GW_CONNECTOR_IN_DOUBT},
        {302, "", "", GW_CONNECTOR_RUBBISH, GW_CONNECTOR_IN_DOUBT},
        {404, "text/html", "<p>", GW_CONNECTOR_NOT_FOUND, GW_CONNECTOR_NOT_FOUND},
        {401, "text/xml", "", GW_CONNECTOR_DENIED, GW_CONNECTOR_DENIED},
        {500, "text/html", "<p>", GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_IN_DOUBT},
        {503, "text/xml", "<p/>", GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_UNAVAILABLE},
        {502, "text/html", "<p>", GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_IN_DOUBT},
        {504, "text/html", "<p>", GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_IN_DOUBT},
        {504, "", "", GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_IN_DOUBT},
        {429, "text/xml", "", GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_UNAVAILABLE},
        {200, "text/xml",
         BODY_1_1("<a><i:Include xmlns:i='http://www.w3.org/2004/08/xop/include'/></a>"),
         GW_CONNECTOR_RUBBISH, GW_CONNECTOR_IN_DOUBT},
        {200, "Multipart/Related; boundary=b", "--b", GW_CONNECTOR_RUBBISH, GW_CONNECTOR_IN_DOUBT},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        assert_int_equal(read_answer(cases[i].status, cases[i].type, cases[i].body, false),
                         cases[i].of_read);
        assert_int_equal(read_answer(cases[i].status, cases[i].type, cases[i].body, true),
                         cases[i].of_write);
    }
    assert_non_null(strstr(failure.reason.ptr, "MTOM"));
}

static void test_faults(void **state)
{
    static const struct {
        int status;
        const char *body, *code;
        enum gw_connector_error of_write;
    } cases[] = {
        {500, FAULT_1_1("s:Client", ""), "Client", GW_CONNECTOR_REFUSED},
        {200, FAULT_1_1("Client.Order.Open", ""), "Client.Order.Open", GW_CONNECTOR_REFUSED},
        {500, FAULT_1_1("s:Server", ""), "Server", GW_CONNECTOR_IN_DOUBT},
        {200, FAULT_1_1("s:Server", ""), "Server", GW_CONNECTOR_IN_DOUBT},
        {503, FAULT_1_1("s:Server", ""), "Server", GW_CONNECTOR_UNAVAILABLE},
        {500, FAULT_1_1("s:Server", "<detail><q:Locked xmlns:q='u'/></detail>"), "Locked",
         GW_CONNECTOR_CONFLICT},
        {500, FAULT_1_1("e:Gone4711", ""), "Gone4711", GW_CONNECTOR_GONE},
        {500, FAULT_1_1("wsse:InvalidSecurity", ""), "InvalidSecurity", GW_CONNECTOR_DENIED},
        {500, FAULT_1_1("s:MustUnderstand", ""), "MustUnderstand", GW_CONNECTOR_WRONG},
        {400, FAULT_1_2("s:Sender", "q:deep"), "deep", GW_CONNECTOR_REFUSED},
        {500, FAULT_1_2("s:Receiver", "q:deep"), "deep", GW_CONNECTOR_IN_DOUBT},
        {400, FAULT_1_2("s:Sender", "w:FailedAuthentication"), "FailedAuthentication",
         GW_CONNECTOR_DENIED},
    };

    (void)state;
    assert_int_equal(configure_for("{faults: {Locked: conflict, Gone4711: gone}}", "h", true), 0);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        assert_int_equal(read_answer(cases[i].status, "text/xml", cases[i].body, true),
                         cases[i].of_write);
        assert_string_equal(failure.code.ptr, cases[i].code);
        assert_string_equal(failure.reason.ptr, "why");
    }
    assert_int_equal(read_answer(500, "text/xml", FAULT_1_1("s:Server", ""), false),
                     GW_CONNECTOR_UNAVAILABLE);
}

/* --- lookups ---------------------------------------------------------------------------------- */

static size_t find(const char *lookup, const char *answer)
{
    const struct gw_value how = value_of(lookup), what = value_of(answer);
    struct gw_value found;

    assert_int_equal(soap_lookup_check(&how, &error), 0);
    assert_int_equal(soap_lookup_read(&arena, &how, &what, &found, &error), 0);
    assert_int_equal(found.type, GW_JSON_ARRAY);
    if (found.count > 0)
        assert_true(gw_str_equal(gw_value_member_text(&found.items[0], GW_STR("n")), GW_STR("7")));
    return found.count;
}

static void test_lookups(void **state)
{
    static const char plain[] = "{\"list\":\"a.b\"}";
    static const char named[] = "{\"list\":\"a.b\",\"result\":{\"n\":\"x.id\"}}";
    const struct gw_value lookup = value_of(named), other = value_of("{\"a\":{\"b\":{\"x\":{}}}}");
    struct gw_value found;

    (void)state;
    assert_int_equal(find(plain, "{\"a\":\"\"}"), 0);
    assert_int_equal(find(plain, "{\"a\":{\"b\":\"\"}}"), 0);
    assert_int_equal(find(plain, "{\"a\":{\"b\":null}}"), 0);
    assert_int_equal(find(plain, "{\"a\":{\"b\":{\"n\":\"7\"}}}"), 1);
    assert_int_equal(find(named, "{\"a\":{\"b\":[{\"x\":{\"id\":\"7\"}},{\"x\":{\"id\":\"8\"}}]}}"),
                     2);
    assert_int_equal(soap_lookup_read(&arena, &lookup, &other, &found, &error), -EINVAL);
    static const char *const wrong[] = {"[]", "{}", "{\"list\":1}",
                                        "{\"list\":\"a\",\"result\":[]}",
                                        "{\"list\":\"a\",\"result\":{\"n\":1}}"};
    for (size_t i = 0; i < GW_COUNT_OF(wrong); i++) {
        const struct gw_value value = value_of(wrong[i]);
        assert_int_equal(soap_lookup_check(&value, &error), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_messages_of_both_versions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_arguments_that_cannot_be_meant, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_user_name_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_password_as_text_wants_tls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_settings_that_are_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_results, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_faults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lookups, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
