#include "broker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/support/leftovers.h"

#define START_ROUNDS 1000 /* of 10 ms */

bool broker_is_installed(void)
{
    return system("command -v mosquitto >/dev/null 2>&1") == 0;
}

static uint16_t find_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static bool is_listening(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

    close(fd);
    return is_there;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static void write_in(const struct broker *broker, const char *name, const char *text)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", broker->folder, name);
    write_file(path, text);
}

static void add_user(const struct broker *broker, const char *user, const char *password)
{
    char command[256];

    snprintf(command, sizeof(command), "mosquitto_passwd -b %s/users %s %s 2>/dev/null",
             broker->folder, user, password);
    assert_int_equal(system(command), 0);
}

static void make_certificates(struct broker *broker)
{
    static const char *const client_name[][2] = {{"CN", "mes"}, {NULL, NULL}};
    const struct ca_wish wish = {.subject = client_name, .usage = "clientAuth"};
    struct ca_party server, client;

    ca_issue(&broker->ca, NULL, NULL);
    ca_issue(&server, &broker->ca, "IP:127.0.0.1");
    ca_issue_as(&client, &broker->ca, &wish);
    snprintf(broker->ca_file, sizeof(broker->ca_file), "%s/ca.pem", broker->folder);
    snprintf(broker->certificate_file, sizeof(broker->certificate_file), "%s/client.pem",
             broker->folder);
    snprintf(broker->key_file, sizeof(broker->key_file), "%s/client.key", broker->folder);
    write_file(broker->ca_file, broker->ca.cert_pem);
    write_file(broker->certificate_file, client.cert_pem);
    write_file(broker->key_file, client.key_pem);
    write_in(broker, "server.pem", server.cert_pem);
    write_in(broker, "server.key", server.key_pem);
    ca_party_finish(&server);
    ca_party_finish(&client);
}

static void write_config(const struct broker *broker)
{
    char text[1500];
    const char *folder = broker->folder;

    snprintf(text, sizeof(text),
             "user root\nper_listener_settings true\npersistence true\npersistence_location %s/\n"
             "log_dest file %s/broker.log\nmax_queued_messages 100000\n"
             "listener %u 127.0.0.1\nallow_anonymous false\npassword_file %s/users\n"
             "listener %u 127.0.0.1\ncafile %s/ca.pem\ncertfile %s/server.pem\n"
             "keyfile %s/server.key\nrequire_certificate true\nuse_identity_as_username true\n",
             folder, folder, broker->port, folder, broker->tls_port, folder, folder, folder);
    write_in(broker, "mosquitto.conf", text);
}

void broker_restart(struct broker *broker)
{
    char path[128];

    assert_int_equal(broker->pid, 0);
    snprintf(path, sizeof(path), "%s/mosquitto.conf", broker->folder);
    broker->pid = fork();
    if (broker->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (freopen("/dev/null", "w", stderr) == NULL) /* what it says is in its log, too */
            _exit(127);
        execlp("mosquitto", "mosquitto", "-c", path, (char *)NULL);
        _exit(127);
    }
    assert_true(broker->pid > 0);
    bool is_up = false;
    for (int i = 0; i < START_ROUNDS && !is_up; i++) {
        usleep(10 * 1000);
        is_up = is_listening(broker->port) && is_listening(broker->tls_port);
    }
    assert_true(is_up);
}

void broker_start(struct broker *broker)
{
    *broker = (struct broker){0};
    snprintf(broker->folder, sizeof(broker->folder), "/tmp/millgate-test-XXXXXX");
    assert_non_null(mkdtemp(broker->folder));
    broker->port = find_port();
    broker->tls_port = find_port();
    write_in(broker, "users", "");
    add_user(broker, "mes", "pw1");
    add_user(broker, "edge", "pw2");
    make_certificates(broker);
    write_config(broker);
    broker_restart(broker);
}

void broker_kill(struct broker *broker, bool is_hard)
{
    if (is_hard) {
        leftovers_kill(&broker->pid);
        return;
    }
    kill(broker->pid, SIGTERM);
    assert_int_equal(waitpid(broker->pid, NULL, 0), broker->pid);
    broker->pid = 0;
}

void broker_stop(struct broker *broker)
{
    leftovers_kill(&broker->pid);
    leftovers_remove(broker->folder);
    ca_party_finish(&broker->ca);
}
