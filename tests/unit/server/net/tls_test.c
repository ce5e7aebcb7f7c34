/* HTTP over TLS against OpenSSL's own server side, with a CA made for the test. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/net/tls.h"
#include "tests/unit/support/ca.h"
#include "tests/unit/support/http_caller.h"
#include "tests/unit/support/peer.h"

struct tls_script {
    SSL_CTX *server;
    const char *answer;
    bool cuts;    /* ends without close_notify */
    bool updates; /* asks for new keys before each answer */
    bool echoes;  /* sends BIG bytes after the head */
    bool was_resumed;
    char sni[64];
};

enum { BIG = 3 << 20 };

static bool tls_read_head(SSL *ssl)
{
    char head[8192];
    int len = 0;

    while (len < (int)sizeof(head) && SSL_read(ssl, head + len, 1) == 1) {
        len++;
        if (len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

static void send_big(SSL *ssl)
{
    char piece[16384];

    memset(piece, 'z', sizeof(piece));
    for (int sent = 0; sent < BIG; sent += (int)sizeof(piece)) {
        if (SSL_write(ssl, piece, sizeof(piece)) <= 0)
            return;
    }
}

static void play_tls(struct peer *peer, int fd, unsigned index)
{
    struct tls_script *script = peer->script;
    SSL *ssl = SSL_new(script->server);

    (void)index;
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

        snprintf(script->sni, sizeof(script->sni), "%s", name != NULL ? name : "");
        script->was_resumed = SSL_session_reused(ssl) == 1;
        while (tls_read_head(ssl)) {
            if (script->updates)
                SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
            if (SSL_write(ssl, script->answer, (int)strlen(script->answer)) <= 0)
                break;
            if (script->echoes)
                send_big(ssl);
            if (script->cuts || strstr(script->answer, "close") != NULL)
                break;
        }
        if (!script->cuts)
            SSL_shutdown(ssl);
    }
    SSL_free(ssl);
}

static struct ca_party ca, other_ca, leaf, address_leaf, client;

static int make_parties(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* OpenSSL's server side writes without MSG_NOSIGNAL */
    ca_issue(&ca, NULL, NULL);
    ca_issue(&other_ca, NULL, NULL);
    ca_issue(&leaf, &ca, "DNS:erp.test,DNS:*.wild.test");
    ca_issue(&address_leaf, &ca, "IP:127.0.0.1");
    ca_issue(&client, &ca, "DNS:gateway.test");
    return 0;
}

static int free_parties(void **state)
{
    (void)state;
    ca_party_finish(&ca);
    ca_party_finish(&other_ca);
    ca_party_finish(&leaf);
    ca_party_finish(&address_leaf);
    ca_party_finish(&client);
    return 0;
}

struct tls_rig {
    struct tls_script script;
    struct peer peer;
    struct bench bench;
};

static void rig_open(struct tls_rig *rig, const struct ca_party *server, const char *server_name,
                     const struct ca_party *trusted)
{
    memset(rig, 0, sizeof(*rig));
    rig->script.server = ca_server(server, NULL);
    rig->script.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    peer_start(&rig->peer, play_tls, &rig->script);
    bench_open(&rig->bench);
    bench_set_origin(&rig->bench,
                     &(struct gw_http_origin_config){.host = GW_STR("127.0.0.1"),
                                                     .port = rig->peer.port,
                                                     .is_tls = true,
                                                     .server_name = gw_str_of(server_name),
                                                     .ca_pem = gw_str_of(trusted->cert_pem)});
}

static void rig_close(struct tls_rig *rig)
{
    bench_close(&rig->bench);
    peer_stop(&rig->peer);
    SSL_CTX_free(rig->script.server);
}

static void test_verification(void **state)
{
    static const struct {
        const struct ca_party *server;
        const char *name;
        const struct ca_party *trusted;
        const char *detail; /* NULL: it is accepted */
    } cases[] = {
        {&leaf, "erp.test", &ca, NULL},
        {&leaf, "a.wild.test", &ca, NULL},
        {&leaf, "a.b.wild.test", &ca, "not for a.b.wild.test"},
        {&leaf, "other.test", &ca, "not for other.test"},
        {&leaf, "leaf", &ca, "not for leaf"}, /* the common name does not count */
        {&leaf, "", &ca, "not for 127.0.0.1"},
        {&address_leaf, "", &ca, NULL},
        {&leaf, "erp.test", &other_ca, "not trusted"},
    };

    (void)state;
    for (size_t at = 0; at < GW_COUNT_OF(cases); at++) {
        struct gw_http_request request = caller_get();
        struct tls_rig rig;
        struct caller caller;

        rig_open(&rig, cases[at].server, cases[at].name, cases[at].trusted);
        caller_run(&caller, &rig.bench, &request);
        if (cases[at].detail == NULL) {
            assert_answer(&caller, 200, "ok");
        } else {
            assert_failure(&caller, GW_HTTP_UNTRUSTED);
            if (strstr(caller.detail, cases[at].detail) == NULL)
                fail_msg("told \"%s\" instead of \"%s\"", caller.detail, cases[at].detail);
        }
        caller_finish(&caller);
        rig_close(&rig);
        if (cases[at].detail == NULL)
            assert_string_equal(rig.script.sni, cases[at].name);
    }
}

static void test_keep_alive_resumption_and_key_update(void **state)
{
    struct gw_http_request request = caller_get();
    struct tls_rig rig;
    struct caller caller;

    (void)state;
    rig_open(&rig, &leaf, "erp.test", &ca);
    rig.script.updates = true;
    for (int at = 0; at < 5; at++) {
        caller_run(&caller, &rig.bench, &request);
        assert_answer(&caller, 200, "ok");
        caller_finish(&caller);
    }
    assert_int_equal(rig.peer.accepted, 1);
    rig_close(&rig);

    rig_open(&rig, &leaf, "erp.test", &ca);
    rig.script.answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    for (int at = 0; at < 2; at++) {
        caller_run(&caller, &rig.bench, &request);
        assert_answer(&caller, 200, "ok");
        caller_finish(&caller);
    }
    assert_int_equal(rig.peer.accepted, 2);
    rig_close(&rig);
    assert_true(rig.script.was_resumed);
}

static void test_truncation_is_noticed(void **state)
{
    struct gw_http_request request = caller_get();

    (void)state;
    for (int cuts = 0; cuts < 2; cuts++) {
        struct tls_rig rig;
        struct caller caller;

        rig_open(&rig, &leaf, "erp.test", &ca);
        rig.script.answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nup to here";
        rig.script.cuts = cuts != 0;
        caller_run(&caller, &rig.bench, &request);
        if (cuts)
            assert_failure(&caller, GW_HTTP_DISCONNECTED);
        else
            assert_answer(&caller, 200, "up to here");
        caller_finish(&caller);
        rig_close(&rig);
    }
}

static void test_long_body(void **state)
{
    struct gw_http_request request = caller_get();
    struct tls_rig rig;
    struct caller caller;
    char answer[64];

    (void)state;
    rig_open(&rig, &leaf, "erp.test", &ca);
    snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BIG);
    rig.script.answer = answer;
    rig.script.echoes = true;
    for (int at = 0; at < 2; at++) {
        caller_run(&caller, &rig.bench, &request);
        assert_true(caller.has_ended);
        assert_int_equal(caller.body.len, BIG);
        for (size_t byte = 0; byte < BIG; byte++)
            assert_true(caller.body.ptr[byte] == 'z');
        caller_finish(&caller);
    }
    assert_int_equal(rig.peer.accepted, 1);
    rig_close(&rig);
}

static void test_client_certificate(void **state)
{
    struct gw_http_request request = caller_get();

    (void)state;
    for (int has_certificate = 0; has_certificate < 2; has_certificate++) {
        struct tls_script script = {.server = ca_server(&leaf, &ca),
                                    .answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
        struct gw_http_origin_config config = {.host = GW_STR("127.0.0.1"),
                                               .is_tls = true,
                                               .server_name = GW_STR("erp.test"),
                                               .ca_pem = gw_str_of(ca.cert_pem)};
        struct peer peer;
        struct bench bench;
        struct caller caller;

        if (has_certificate) {
            config.client_cert_pem = gw_str_of(client.cert_pem);
            config.client_key_pem = gw_str_of(client.key_pem);
        }
        peer_start(&peer, play_tls, &script);
        config.port = peer.port;
        bench_open(&bench);
        bench_set_origin(&bench, &config);
        caller_run(&caller, &bench, &request);
        if (has_certificate)
            assert_answer(&caller, 200, "ok");
        else
            assert_true(caller.has_failed);
        caller_finish(&caller);
        bench_close(&bench);
        peer_stop(&peer);
        SSL_CTX_free(script.server);
    }
}

static void test_configuration_is_checked(void **state)
{
    const struct {
        struct gw_tls_config config;
        const char *text;
    } cases[] = {
        {{.ca_pem = GW_STR("nonsense")}, "no certificate"},
        {{.ca_pem = GW_STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")},
         "not valid PEM"},
        {{.client_cert_pem = gw_str_of(client.cert_pem)}, "needs its key"},
        {{.client_cert_pem = gw_str_of(client.cert_pem), .client_key_pem = gw_str_of(leaf.key_pem)},
         "does not belong"},
        {{.client_cert_pem = gw_str_of(client.cert_pem), .client_key_pem = GW_STR("x")},
         "cannot be read"},
    };

    (void)state;
    for (size_t at = 0; at < GW_COUNT_OF(cases); at++) {
        struct gw_error error;
        struct gw_tls *tls;

        assert_int_equal(gw_tls_create(&cases[at].config, &tls, &error), -EINVAL);
        if (strstr(error.text, cases[at].text) == NULL)
            fail_msg("told \"%s\" instead of \"%s\"", error.text, cases[at].text);
    }
}

/* A server that speaks plainly, or says nothing, where TLS is expected. */
static void play_plain(struct peer *peer, int fd, unsigned index)
{
    (void)index;
    if (peer->script != NULL)
        peer_send_text(fd, peer->script);
    peer_drain(fd);
}

static void test_no_tls_there(void **state)
{
    static const char *const speeches[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", NULL};
    struct gw_http_request request = caller_get();

    (void)state;
    for (size_t at = 0; at < GW_COUNT_OF(speeches); at++) {
        struct peer peer;
        struct bench bench;
        struct caller caller;

        peer_start(&peer, play_plain, (void *)(uintptr_t)speeches[at]);
        bench_open(&bench);
        bench_set_origin(&bench, &(struct gw_http_origin_config){.host = GW_STR("127.0.0.1"),
                                                                 .port = peer.port,
                                                                 .is_tls = true,
                                                                 .connect_ns = 100 * GW_NS_PER_MS});
        caller_run(&caller, &bench, &request);
        assert_failure(&caller, speeches[at] != NULL ? GW_HTTP_UNTRUSTED : GW_HTTP_UNREACHABLE);
        caller_finish(&caller);
        bench_close(&bench);
        peer_stop(&peer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verification),
        cmocka_unit_test(test_keep_alive_resumption_and_key_update),
        cmocka_unit_test(test_truncation_is_noticed),
        cmocka_unit_test(test_long_body),
        cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_configuration_is_checked),
        cmocka_unit_test(test_no_tls_there),
    };

    return cmocka_run_group_tests(tests, make_parties, free_parties);
}
