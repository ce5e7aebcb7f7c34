#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/filter/filter.h"
#include "server/gateway/config.h"
#include "server/store/redis.h"

/* --- two policies that share a section ------------------------------------------------------- */

static const struct gw_option issuer_fields[] = {
    {.name = "url", .type = GW_STRING, .flags = GW_OPTION_REQUIRED},
    {.name = "key", .type = GW_SECRET},
    {0},
};

static const struct gw_option gate_options[] = {
    {.name = "leeway", .type = GW_DURATION, .value = "5s"},
    {.name = "pepper", .type = GW_SECRET},
    {.name = "issuers",
     .type = GW_SECTION,
     .fields = issuer_fields,
     .flags = GW_OPTION_REQUIRED,
     .help = "Who signs."},
    {0},
};

static const struct gw_option scribe_options[] = {
    {.name = "issuers", .type = GW_SECTION, .fields = issuer_fields},
    {.name = "plans", .type = GW_SECTION, .fields = issuer_fields, .value = "{basic: {url: x}}"},
    {0},
};

static const struct gw_filter_type gate = {.name = "gate", .options = gate_options};
static const struct gw_filter_type scribe = {.name = "scribe", .options = scribe_options};
/* It reads a section that another one describes, and one that nobody does. */
static const struct gw_option reader_options[] = {
    {.name = "plans", .type = GW_SECTION},
    {.name = "tides", .type = GW_SECTION},
    {0},
};

static const struct gw_filter_type reader = {.name = "reader", .options = reader_options};
static const struct gw_filter_type headers = {.name = "headers"};
static const struct gw_filter_type *const filters[] = {&reader, &gate, &scribe, &headers, NULL};

/* --- files ------------------------------------------------------------------------------------ */

static char folder[] = "/tmp/millgate-config-XXXXXX";
static char path[128];

static int write_file(const char *name, const char *text)
{
    char full[128];

    snprintf(full, sizeof(full), "%s/%s", folder, name);
    FILE *file = fopen(full, "w");
    if (file == NULL)
        return -1;
    fputs(text, file);
    return fclose(file);
}

static int make_files(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/millgate.yaml", folder);
    return write_file("cert.pem", "CERTIFICATE\n") || write_file("key.pem", "KEY\n") ||
           write_file("api.yaml", "openapi: 3.1.0\n") || setenv("CONFIG_TEST_KEY", "hush", 1);
}

static int remove_files(void **state)
{
    static const char *const names[] = {"cert.pem", "key.pem", "api.yaml", "millgate.yaml"};

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(names); i++) {
        char full[128];
        snprintf(full, sizeof(full), "%s/%s", folder, names[i]);
        unlink(full);
    }
    return rmdir(folder);
}

static struct gw_config *load(const char *text, char **out_findings)
{
    struct gw_diagnostics diagnostics;
    struct gw_config *config = NULL;
    size_t size = 0;

    gw_diagnostics_init(&diagnostics);
    assert_int_equal(write_file("millgate.yaml", text), 0);
    int rc = gw_config_load(path, filters, &diagnostics, &config);
    assert_int_equal(rc == 0, diagnostics.error_count == 0);
    assert_int_equal(rc == 0, config != NULL);
    FILE *out = open_memstream(out_findings, &size);
    gw_diagnostics_print(&diagnostics, out);
    fclose(out);
    gw_diagnostics_finish(&diagnostics);
    return config;
}

static struct gw_config *load_good(const char *text)
{
    char *findings = NULL;
    struct gw_config *config = load(text, &findings);

    if (config == NULL)
        fail_msg("%s", findings);
    free(findings);
    return config;
}

static void assert_str(struct gw_str given, const char *expected)
{
    if (!gw_str_equal(given, gw_str_of(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", GW_STR_ARG(given), expected);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void the_least_has_defaults(void **state)
{
    struct gw_config *config = load_good("listeners: [{address: 127.0.0.1:0}]\n"
                                         "issuers: {a: {url: x}}\n");

    (void)state;
    assert_int_equal(config->listener_count, 1);
    assert_int_equal(config->listeners[0].head_timeout_ns, UINT64_C(10000000000));
    assert_int_equal(config->listeners[0].pool_bytes, 16384);
    assert_int_equal(config->listeners[0].body_min_rate_bytes, 240);
    assert_false(config->listeners[0].tls.is_on);
    assert_true(config->admin.is_on);
    assert_true(config->admin.at.is_loopback);
    assert_str(config->admin.at.text, "127.0.0.1:9901");
    assert_true(config->workers >= 1);
    assert_true(config->state_dir.len > 1);
    assert_int_equal(config->redis.kind, GW_REDIS_PRIVATE);
    assert_str(config->access_log, "-");
    assert_true(config->floor.authentication);
    assert_int_equal(config->policy_count, 4); /* all that there are */
    assert_ptr_equal(config->policies[1].type, &gate);
    assert_ptr_equal(config->policies[3].type, &headers);
    assert_non_null(config->policies[3].options);
    gw_config_destroy(config);
    gw_config_destroy(NULL);
}

static const char full_text[] =
    "listeners:\n"
    "  - {address: '*:8443', tls: {certificate_file: cert.pem, key_file: key.pem}}\n"
    "  - {address: '[::1]:8080', idle_timeout: 5s, max_connections: 7}\n"
    "admin:\n"
    "  address: 0.0.0.0:9901\n"
    "  tls: {certificate_file: cert.pem, key_file: key.pem}\n"
    "  socket: admin.sock\n"
    "  hosts: [ops.example]\n"
    "  token: {issuers: [dev]}\n"
    "workers: 3\n"
    "state_dir: /var/tmp/state\n"
    "log_level: debug\n"
    "access_log: log/access.json\n"
    "redis: {url: 'rediss://redis.example:6380/2', username: u, password: "
    "'${env:CONFIG_TEST_KEY}'}\n"
    "contracts: [api.yaml, .]\n"
    "backends:\n"
    "  erp:\n"
    "    url: https://erp.example:8443/odata/v4/\n"
    "    grants: [/system/erp, /process/*]\n"
    "    tls: {ca_file: cert.pem, server_name: inner.example}\n"
    "    headers: {X-Api-Key: '${env:CONFIG_TEST_KEY}'}\n"
    "    send_bearer: true\n"
    "    total_timeout: 0s\n"
    "    probe: {path: /health}\n"
    "    effects: {class: A, key_header: Repeatability-Request-ID, bare_key: true}\n"
    "  plain: {url: 'http://[::1]'}\n"
    "floor: {anonymous: [/experience/*], default_plan: basic}\n"
    "issuers: {dev: {url: 'https://issuer.example', key: hush}}\n"
    "policies:\n"
    "  - gate: {leeway: 1s, pepper: hush}\n"
    "  - scribe\n"
    "  - headers:\n"
    "  - reader\n";

static void all_keys_are_taken(void **state)
{
    struct gw_config *config = load_good(full_text);
    const struct sockaddr_in6 *any = (const void *)&config->listeners[0].at.address;
    char expected[256];

    (void)state;
    assert_true(config->listeners[0].at.is_any_family);
    assert_int_equal(any->sin6_family, AF_INET6);
    assert_int_equal(ntohs(any->sin6_port), 8443);
    assert_str(config->listeners[0].tls.settings.pairs[0].certificate_pem, "CERTIFICATE\n");
    assert_true(config->listeners[1].at.is_loopback);
    assert_int_equal(config->listeners[1].max_connections, 7);
    assert_false(config->admin.at.is_loopback);
    assert_str(config->admin.issuers[0], "dev");
    assert_str(config->admin.scope, "millgate:admin");
    snprintf(expected, sizeof(expected), "%s/admin.sock", folder);
    assert_str(config->admin.socket, expected);
    snprintf(expected, sizeof(expected), "%s/api.yaml", folder);
    assert_str(config->contracts[0], expected);
    assert_int_equal(config->contract_count, 2);
    assert_int_equal(config->workers, 3);
    assert_int_equal(config->log_level, GW_LOG_DEBUG);
    assert_int_equal(config->redis.kind, GW_REDIS_TLS);
    assert_str(config->redis.host, "redis.example");
    assert_int_equal(config->redis.port, 6380);
    assert_int_equal(config->redis.database, 2);
    assert_str(config->redis.password, "hush");

    const struct gw_config_backend *erp = gw_config_backend_find(config, GW_STR("erp"));
    assert_non_null(erp);
    assert_true(erp->targets[0].is_tls);
    assert_str(erp->targets[0].host, "erp.example");
    assert_int_equal(erp->targets[0].port, 8443);
    assert_str(erp->targets[0].authority, "erp.example:8443");
    assert_str(erp->targets[0].base_path, "/odata/v4");
    assert_str(erp->tls.server_name, "inner.example");
    assert_str(erp->headers[0].name, "X-Api-Key");
    assert_str(erp->headers[0].value, "hush");
    assert_true(erp->send_bearer);
    assert_int_equal(erp->total_timeout_ns, 0);
    assert_str(erp->resilience.probe.path, "/health");
    assert_int_equal(erp->resilience.effect.class, GW_EFFECT_KEYED);
    assert_str(erp->resilience.effect.key_field, "Repeatability-Request-ID");
    assert_true(erp->resilience.effect.is_key_bare);
    assert_true(gw_grant_matches_any(erp->grants, erp->grant_count, GW_STR("/process/x")));
    assert_false(gw_grant_matches_any(erp->grants, erp->grant_count, GW_STR("/system/mes")));
    const struct gw_config_backend *plain = gw_config_backend_find(config, GW_STR("plain"));
    assert_str(plain->targets[0].host, "::1");
    assert_int_equal(plain->targets[0].port, 80);
    assert_str(plain->targets[0].base_path, "");
    assert_int_equal(plain->resilience.effect.class, GW_EFFECT_UNKNOWN);
    assert_null(gw_config_backend_find(config, GW_STR("none")));
    gw_config_destroy(config);
}

static void policies_get_their_sections(void **state)
{
    struct gw_config *config = load_good(full_text);

    (void)state;
    assert_int_equal(config->policy_count, 4);
    assert_ptr_equal(config->policies[0].type, &gate);
    const json_t *options = config->policies[0].options;
    assert_int_equal(json_integer_value(json_object_get(options, "leeway")), 1000000000);
    assert_ptr_equal(json_object_get(options, "issuers"), gw_config_section(config, "issuers"));
    assert_non_null(json_object_get(gw_config_section(config, "issuers"), "dev"));
    assert_non_null(
        json_object_get(json_object_get(config->policies[1].options, "plans"), "basic"));
    const json_t *read = config->policies[3].options;
    assert_ptr_equal(json_object_get(read, "plans"), gw_config_section(config, "plans"));
    assert_null(json_object_get(read, "tides"));
    gw_config_destroy(config);
}

static void a_policy_s_reason_gets_its_line(void **state)
{
    struct gw_config *config = load_good(full_text);
    struct gw_diagnostics diagnostics;
    struct gw_error error = {.text = "is wrong"};

    (void)state;
    gw_diagnostics_init(&diagnostics);
    snprintf(error.where, sizeof(error.where), "/leeway");
    gw_config_report_policy(config, &config->policies[0], &error, &diagnostics);
    snprintf(error.where, sizeof(error.where), "/issuers/dev/key");
    gw_config_report_policy(config, &config->policies[0], &error, &diagnostics);
    assert_int_equal(diagnostics.findings[0].line, 30);
    assert_int_equal(diagnostics.findings[1].line, 28);
    assert_string_equal(diagnostics.findings[1].text, "gate: is wrong");
    gw_diagnostics_finish(&diagnostics);
    gw_config_destroy(config);
}

static void redis_kinds(void **state)
{
    struct gw_config *config =
        load_good("listeners: [{address: 127.0.0.1:0}]\nissuers: {a: {url: x}}\n"
                  "redis: {sentinels: ['s1.example:26379', '[::1]:26380'], "
                  "master: mill, sentinel_password: shh, database: 3}\n");

    (void)state;
    assert_int_equal(config->redis.kind, GW_REDIS_SENTINEL);
    assert_int_equal(config->redis.node_count, 2);
    assert_str(config->redis.nodes[0].host, "s1.example");
    assert_str(config->redis.nodes[1].host, "::1");
    assert_int_equal(config->redis.nodes[1].port, 26380);
    assert_str(config->redis.primary_name, "mill");
    assert_str(config->redis.sentinel_password, "shh");
    assert_int_equal(config->redis.database, 3);
    assert_false(config->redis.is_tls);
    gw_config_destroy(config);

    config = load_good("listeners: [{address: 127.0.0.1:0}]\nissuers: {a: {url: x}}\n"
                       "redis: {cluster: ['127.0.0.1:7000'], tls: true, min_replicas: 1}\n");
    assert_int_equal(config->redis.kind, GW_REDIS_CLUSTER);
    assert_int_equal(config->redis.node_count, 1);
    assert_int_equal(config->redis.nodes[0].port, 7000);
    assert_true(config->redis.is_tls);
    assert_null(config->redis.primary_name.ptr);
    gw_config_destroy(config);
}

static void secrets_are_masked(void **state)
{
    struct gw_config *config = load_good(full_text);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_int_equal(gw_config_print_masked(config, out), 0);
    fclose(out);
    assert_null(strstr(text, "hush"));
    assert_null(strstr(text, "CERTIFICATE"));
    assert_null(strstr(text, "KEY\\n"));
    assert_non_null(strstr(text, "\"X-Api-Key\": \"***\""));
    assert_non_null(strstr(text, "\"pepper\": \"***\""));
    assert_non_null(strstr(text, "\"url\": \"https://issuer.example\""));
    /* The configuration itself is as it was. */
    assert_str(config->backends[0].headers[0].value, "hush");
    free(text);
    gw_config_destroy(config);
}

#define GOOD "listeners: [{address: 127.0.0.1:0}]\n"

static void mistakes_are_told(void **state)
{
    static const struct {
        const char *yaml;
        const char *finding;
    } rows[] = {
        {"{}", "millgate.yaml:1:1: error: the configuration lacks the key \"listeners\""},
        {"listeners: []", "listeners must have at least 1 entry"},
        {GOOD "lisenters: 1\n",
         "2:1: error: unknown key \"lisenters\"; did you mean \"listeners\"?"},
        {GOOD "isuers: {}\n", "did you mean \"issuers\"?"},
        {GOOD "polices: []\n", "did you mean \"policies\"?"},
        {"listeners: [{address: localhost:80}]", "1:23: error: address must be an IP literal"},
        {"listeners: [{address: '127.0.0.1'}]", "address must be an IP literal"},
        {"listeners: [{address: '::1:80'}]", "address must be an IP literal"},
        {"listeners: [{address: '[127.0.0.1]:80'}]", "address must be an IP literal"},
        {"listeners: [{address: '127.0.0.1:65536'}]", "address must be an IP literal"},
        {"listeners: [{address: '127.0.0.1:9901'}]", "is that of listeners/0 already"},
        {GOOD "admin: {address: 0.0.0.0:9901}",
         "2:18: error: an admin address that is not loopback"},
        {GOOD "admin: {token: {issuers: [who]}}", "\"who\" is not in the section \"issuers\""},
        {GOOD "redis: {url: 'http://h'}", "url must begin with redis://"},
        {GOOD "redis: {url: 'redis://u:p@h'}", "must not hold a user or a password"},
        {GOOD "redis: {url: 'redis://h/x'}", "may only have a database's number"},
        {GOOD "redis: {url: 'redis://h', ca_file: cert.pem}", "ca_file has no use"},
        {GOOD "redis: {}", "needs one of url, sentinels and cluster"},
        {GOOD "redis: {url: 'redis://h', sentinels: ['h:1'], master: m}", "needs one of url"},
        {GOOD "redis: {cluster: ['h:1'], database: 1}", "a cluster has database 0 only"},
        {GOOD "redis: {cluster: ['h:1'], master: m}", "master has no use"},
        {GOOD "redis: {cluster: ['h:1'], ca_file: cert.pem}", "ca_file has no use without TLS"},
        {GOOD "redis: {cluster: ['h:0']}", "must be host:port"},
        {GOOD "redis: {sentinels: ['h:1']}", "sentinels need master"},
        {GOOD "redis: {sentinels: ['h'], master: m}", "must be host:port"},
        {GOOD "redis: {sentinels: ['::1:5'], master: m}", "must be host:port"},
        {GOOD "redis: {url: 'redis://h', username: u}", "a username needs a password"},
        {GOOD "contracts: [none.yaml]", "2:13: error: cannot read"},
        {GOOD "backends: {a: {url: 'ftp://h'}}", "url must begin with http://"},
        {GOOD "backends: {a: {url: 'http://h', effects: {class: E}}}", "One of: A B C D"},
        {GOOD "backends: {a: {url: 'http://h', effects: {key_header: 'a b'}}}",
         "\"a b\" is no name of a field"},
        {GOOD "backends: {a: {url: 'http://h:0'}}", "has no valid host and port"},
        {GOOD "backends: {a: {url: 'http://'}}", "has no valid host and port"},
        {GOOD "backends: {a: {url: 'http://h/?q'}}", "has a path with a byte"},
        {GOOD "backends: {a: {url: 'http://h', tls: {}}}", "tls has no use with an http:// url"},
        {GOOD "backends: {a: {url: 'https://h', tls: {client_key_file: key.pem}}}",
         "need each other"},
        {GOOD "backends: {a: {url: 'http://h', headers: {Host: x}}}",
         "the field Host is the gateway's own"},
        {GOOD "backends: {a: {url: 'http://h', headers: {'A B': x}}}", "is no name of a field"},
        {GOOD "backends: {a: {url: 'http://h', headers: {A: \"x\\ny\"}}}",
         "holds a control character"},
        {GOOD "backends: {a: {url: 'http://h', grants: [system]}}",
         "2:42: error: must be /layer/name, /layer/* or *"},
        {GOOD "backends: {a: {url: 'http://h', probe: {path: x}}}", "path must begin with"},
        {GOOD "backends: {'a/b': {url: 'http://h'}}", "a backend's name has"},
        {GOOD "floor: {default_plan: gold}", "\"gold\" is not in the section \"plans\""},
        {GOOD "floor: {anonymous: [/a/b/c]}", "must be /layer/name"},
        {GOOD "policies: [gaet]", "2:12: error: unknown policy \"gaet\"; did you mean \"gate\"?"},
        {GOOD "policies: [headers, headers]", "is in the chain already"},
        {GOOD "policies: [{headers: {}, gate: {}}]", "must be the name of a policy"},
        {GOOD "policies: {}", "policies must be a list"},
        {GOOD "policies: [{gate: {leway: 1s}}]\nissuers: {}", "did you mean \"leeway\"?"},
        {GOOD "policies: [gate]", "2:12: error: the policy gate needs the top-level section"},
        {GOOD "issuers: {dev: {}}", "2:16: error: dev lacks the key \"url\""},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        char *findings = NULL;
        struct gw_config *config = load(rows[i].yaml, &findings);
        if (config != NULL || strstr(findings, rows[i].finding) == NULL)
            fail_msg("%s\ngives\n%swithout %s", rows[i].yaml, findings, rows[i].finding);
        free(findings);
    }
}

static void all_mistakes_are_told_at_once(void **state)
{
    static const char *const expected[] = {
        ":1:13: error: unknown key \"adress\"",  ":1:13: error: 0 lacks the key \"address\"",
        ":2:10: error: workers must be",         ":3:21: error: url must begin with http://",
        ":4:12: error: unknown policy \"nope\"",
    };
    char *findings = NULL;
    struct gw_config *config = load("listeners: [{adress: 127.0.0.1:0}]\n"
                                    "workers: 1000\n"
                                    "backends: {a: {url: 'ftp://h'}}\n"
                                    "policies: [nope]\n",
                                    &findings);

    (void)state;
    assert_null(config);
    for (size_t i = 0; i < GW_COUNT_OF(expected); i++)
        if (strstr(findings, strchr(expected[i], ' ')) == NULL)
            fail_msg("%swithout %s", findings, expected[i]);
    free(findings);
}

static void grants_match_by_segment(void **state)
{
    static const struct {
        const char *pattern, *namespace;
        bool matches;
    } rows[] = {
        {"*", "/system/erp", true},           {"/system/erp", "/system/erp", true},
        {"/system/erp", "/system/er", false}, {"/system/erp", "/system/erp2", false},
        {"/system/*", "/system/erp", true},   {"/system/*", "/system/", false},
        {"/system/*", "/system", false},      {"/system/*", "/systems/x", false},
        {"/system/*", "/system/a/b", false},  {"/system/*", "/process/erp", false},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++)
        assert_int_equal(gw_grant_matches(gw_str_of(rows[i].pattern), gw_str_of(rows[i].namespace)),
                         rows[i].matches);
}

static void the_manual_has_all_parts(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    gw_config_reference_print(out, filters);
    fclose(out);
    assert_non_null(strstr(text, "| `listeners[].address` | text |"));
    assert_non_null(strstr(text, "## Section `issuers`\n\nWho signs.\n"));
    assert_non_null(strstr(text, "| `issuers.*.url` | text |"));
    assert_non_null(strstr(text, "## Policy `gate`"));
    assert_non_null(strstr(text, "## Policy `headers`\n\nIt has no options."));
    const char *first = strstr(text, "## Section `issuers`");
    assert_null(strstr(first + 1, "## Section `issuers`"));
    assert_null(strstr(text, "## Section `tides`"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_has_defaults),
        cmocka_unit_test(all_keys_are_taken),
        cmocka_unit_test(policies_get_their_sections),
        cmocka_unit_test(a_policy_s_reason_gets_its_line),
        cmocka_unit_test(redis_kinds),
        cmocka_unit_test(secrets_are_masked),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(all_mistakes_are_told_at_once),
        cmocka_unit_test(grants_match_by_segment),
        cmocka_unit_test(the_manual_has_all_parts),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
