/* The client over TCP and TLS, against a real Redis. */
#include "server/store/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/core/scope.h"
#include "server/net/resolver.h"
#include "server/net/tls.h"
#include "tests/unit/support/redis_rig.h"

static char folder[64];
static char cert_path[96], key_path[96];
static char port_text[2][8];
static uint16_t ports[2];

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static int group_setup(void **state)
{
    char command[512];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        ports[i] = free_port();
        snprintf(port_text[i], sizeof(port_text[i]), "%u", ports[i]);
    }
    snprintf(folder, sizeof(folder), "/tmp/millgate-tls-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", folder);
    snprintf(key_path, sizeof(key_path), "%s/key.pem", folder);
    snprintf(command, sizeof(command),
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
             "-subj /CN=redis -addext subjectAltName=IP:127.0.0.1 -keyout %s -out %s 2>/dev/null",
             key_path, cert_path);
    return system(command);
}

static int group_teardown(void **state)
{
    (void)state;
    unlink(cert_path);
    unlink(key_path);
    return rmdir(folder);
}

static void test_tcp(void **state)
{
    const char *options[] = {"--port", port_text[0], "--bind", "127.0.0.1", NULL};
    struct gw_redis_config config = {.host = GW_STR_INIT("localhost"), .port = ports[0]};
    struct redis_outcome outcome;
    struct redis_rig rig;

    (void)state;
    redis_rig_start(&rig, options);
    assert_int_equal(gw_resolver_create(rig.loop, &config.resolver), 0);
    redis_rig_connect(&rig, &config);
    redis_rig_wait_up(&rig);
    redis_rig_ask(&rig, "ECHO tcp", &outcome);
    assert_string_equal(outcome.text, "tcp");

    redis_server_kill(&rig.server);
    redis_server_restart(&rig.server);
    redis_rig_turn_for(&rig, 20);
    redis_rig_wait_up(&rig);
    redis_rig_ask(&rig, "ECHO again", &outcome);
    assert_string_equal(outcome.text, "again");
    gw_redis_destroy(rig.redis);
    rig.redis = NULL;
    gw_resolver_destroy(config.resolver);
    redis_rig_stop(&rig);
}

static void test_tls(void **state)
{
    const char *options[] = {"--tls-port",
                             port_text[1],
                             "--tls-cert-file",
                             cert_path,
                             "--tls-key-file",
                             key_path,
                             "--tls-auth-clients",
                             "no",
                             "--bind",
                             "127.0.0.1",
                             NULL};
    struct gw_redis_config config = {.host = GW_STR_INIT("127.0.0.1"), .port = ports[1]};
    struct gw_tls_config tls_config = {0};
    struct gw_tls *untrusting = NULL;
    struct gw_error error;
    struct redis_rig rig;
    char pem[4096];

    (void)state;
    redis_rig_start(&rig, options);

    /* Not in the system's store: no connection, and the reason says so. */
    assert_int_equal(gw_tls_create(&tls_config, &untrusting, &error), 0);
    config.tls = untrusting;
    redis_rig_connect(&rig, &config);
    for (int i = 0; i < 500 && gw_redis_get_reason(rig.redis)[0] == '\0'; i++)
        gw_loop_turn(rig.loop, 10);
    assert_false(gw_redis_is_up(rig.redis));
    assert_non_null(strstr(gw_redis_get_reason(rig.redis), "certificate"));

    GW_SCOPED(gw_scope_fclose) FILE *file = fopen(cert_path, "r");
    assert_non_null(file);
    tls_config.ca_pem = gw_str_from(pem, fread(pem, 1, sizeof(pem), file));
    assert_int_equal(gw_tls_create(&tls_config, &config.tls, &error), 0);
    redis_rig_connect(&rig, &config);
    redis_rig_wait_up(&rig);

    struct redis_outcome outcomes[1000];
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(redis_rig_send(&rig, "INCR n", &outcomes[i]), 0);
    for (size_t i = 0; i < 1000; i++) {
        redis_rig_await(&rig, &outcomes[i]);
        assert_int_equal(outcomes[i].integer, i + 1);
    }
    gw_redis_destroy(rig.redis);
    rig.redis = NULL;
    gw_tls_destroy(config.tls);
    gw_tls_destroy(untrusting);
    redis_rig_stop(&rig);
}

static void read_file(const char *path, char *out, size_t capacity, struct gw_str *out_text)
{
    GW_SCOPED(gw_scope_fclose) FILE *file = fopen(path, "r");

    assert_non_null(file);
    *out_text = gw_str_from(out, fread(out, 1, capacity, file));
}

/* A Redis that lets nobody in without a certificate of its own CA. */
static void test_client_certificate(void **state)
{
    const char *options[] = {"--tls-port",
                             port_text[1],
                             "--tls-cert-file",
                             cert_path,
                             "--tls-key-file",
                             key_path,
                             "--tls-auth-clients",
                             "yes",
                             "--tls-ca-cert-file",
                             cert_path,
                             "--bind",
                             "127.0.0.1",
                             NULL};
    struct gw_redis_config config = {.host = GW_STR_INIT("127.0.0.1"), .port = ports[1]};
    struct gw_tls_config tls_config = {0};
    struct gw_tls *nameless = NULL;
    struct redis_outcome outcome;
    struct gw_error error;
    struct redis_rig rig;
    char cert[4096], key[4096];
    struct gw_str key_pem;

    (void)state;
    redis_rig_start(&rig, options);
    read_file(cert_path, cert, sizeof(cert), &tls_config.ca_pem);
    read_file(key_path, key, sizeof(key), &key_pem);
    assert_int_equal(gw_tls_create(&tls_config, &nameless, &error), 0);
    config.tls = nameless;
    redis_rig_connect(&rig, &config);
    for (int i = 0; i < 500 && gw_redis_get_reason(rig.redis)[0] == '\0'; i++)
        gw_loop_turn(rig.loop, 10);
    assert_false(gw_redis_is_up(rig.redis));
    assert_true(gw_redis_get_reason(rig.redis)[0] != '\0');

    tls_config.client_cert_pem = tls_config.ca_pem;
    tls_config.client_key_pem = key_pem;
    assert_int_equal(gw_tls_create(&tls_config, &config.tls, &error), 0);
    redis_rig_connect(&rig, &config);
    redis_rig_wait_up(&rig);
    redis_rig_ask(&rig, "ECHO known", &outcome);
    assert_string_equal(outcome.text, "known");
    gw_redis_destroy(rig.redis);
    rig.redis = NULL;
    gw_tls_destroy(config.tls);
    gw_tls_destroy(nameless);
    redis_rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_client_certificate),
    };

    if (!redis_server_is_installed()) {
        printf("redis-server is not installed: skipped\n");
        return 77;
    }
    return cmocka_run_group_tests_name("redis_network", tests, group_setup, group_teardown);
}
