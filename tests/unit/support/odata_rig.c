#include "odata_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "server/connector/odata/odata.h"
#include "tests/unit/support/leftovers.h"

#define FOLDER "tests/rigs/odata"
#define START_MS 60000

/* --- the server ------------------------------------------------------------------------------- */

static void run_server(int out)
{
    setenv("PORT", "0", 1);
    setenv("SEED", "none", 1);
    setenv("CSRF", "1", 1);
    setenv("CDS_QUERY_LIMIT_MAX", ODATA_SERVER_PAGE, 1);
    setenv("RIG_FAULTS", "1", 1);
    unsetenv("WORK_DIR");
    dup2(out, STDOUT_FILENO);
    if (freopen("/dev/null", "w", stderr) ==
        NULL) /* it tells each refusal, which is what we ask for */
        _exit(127);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies leaves nothing behind */
    execl("script/node", "node", FOLDER "/server.js", (char *)NULL);
    _exit(127);
}

static uint16_t read_port(int in)
{
    static const char words[] = "listening on http://127.0.0.1:";
    char text[512];
    size_t len = 0;

    while (len < sizeof(text) - 1) {
        struct pollfd ready = {.fd = in, .events = POLLIN};
        ssize_t got =
            poll(&ready, 1, START_MS) > 0 ? read(in, text + len, sizeof(text) - 1 - len) : 0;
        if (got <= 0)
            return 0;
        len += (size_t)got;
        text[len] = '\0';
        const char *found = strstr(text, words);
        if (found != NULL && strchr(found, '\n') != NULL)
            return (uint16_t)strtoul(found + sizeof(words) - 1, NULL, 10);
    }
    return 0;
}

bool odata_server_start(struct odata_server *server)
{
    int ends[2];

    if (access(FOLDER "/node_modules/@sap/cds", F_OK) != 0)
        return false;
    assert_int_equal(pipe(ends), 0);
    server->pid = fork();
    if (server->pid == 0)
        run_server(ends[1]);
    assert_true(server->pid > 0);
    close(ends[1]);
    server->port = read_port(ends[0]);
    close(ends[0]);
    assert_true(server->port > 0);
    return true;
}

void odata_server_stop(struct odata_server *server)
{
    leftovers_kill(&server->pid);
}

/* --- what it is told -------------------------------------------------------------------------- */

static void tell(const struct odata_server *server, const char *request, char *out, size_t room)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(server->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct timeval limit = {10, 0};
    size_t len = 0;
    ssize_t got;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    while (len < room - 1 && (got = read(fd, out + len, room - 1 - len)) > 0)
        len += (size_t)got;
    out[len] = '\0';
    close(fd);
    assert_true(strncmp(out, "HTTP/1.1 20", 11) == 0);
}

void odata_server_spoil(const struct odata_server *server, const char *kind, const char *match,
                        unsigned times)
{
    char body[256], request[512], answer[1024];

    snprintf(body, sizeof(body), "{\"kind\":\"%s\",\"match\":\"%s\",\"times\":%u}", kind, match,
             times);
    snprintf(request, sizeof(request),
             "POST /rig/faults HTTP/1.1\r\nHost: rig\r\nConnection: close\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    tell(server, request, answer, sizeof(answer));
}

void odata_server_forget(const struct odata_server *server)
{
    char answer[1024];

    tell(server, "DELETE /rig/sessions HTTP/1.1\r\nHost: rig\r\nConnection: close\r\n\r\n", answer,
         sizeof(answer));
}

unsigned odata_server_seen(const struct odata_server *server)
{
    char answer[1024];

    tell(server, "GET /rig/faults HTTP/1.1\r\nHost: rig\r\nConnection: close\r\n\r\n", answer,
         sizeof(answer));
    const char *seen = strstr(answer, "\"seen\":");
    assert_non_null(seen);
    unsigned count = (unsigned)strtoul(seen + 7, NULL, 10);
    tell(server, "DELETE /rig/faults HTTP/1.1\r\nHost: rig\r\nConnection: close\r\n\r\n", answer,
         sizeof(answer));
    return count;
}

/* --- the connector ---------------------------------------------------------------------------- */

void odata_rig_open(struct connector_rig *rig, const struct odata_server *server,
                    const char *version, const char *service, const char *options)
{
    static const struct gw_field fields[] = {
        {GW_STR_INIT("Authorization"), GW_STR_INIT("Basic ZXJwY2xpZW50OnB3MQ==")},
    };
    static char base_path[64];
    char yaml[256];

    snprintf(base_path, sizeof(base_path), "/odata/%s/%s", version, service);
    snprintf(yaml, sizeof(yaml), "{version: %s, %s}", version, options);
    connector_rig_open(rig, &gw_odata_connector);
    backend_rig_add_target(&rig->backend, server->port);
    rig->backend.targets[0].base_path = gw_str_of(base_path);
    rig->backend.config.fields = fields;
    rig->backend.config.field_count = 1;
    backend_rig_adopt(&rig->backend);
    connector_rig_create(rig, yaml);
}

/* --- what came of a call ---------------------------------------------------------------------- */

void outcome_expect(const struct connector_outcome *outcome, const char *part)
{
    if (outcome->error != GW_CONNECTOR_OK)
        fail_msg("error %d (%d): %s [%s]", (int)outcome->error, outcome->backend_status,
                 outcome->reason, outcome->code);
    if (strstr(outcome->result, part) == NULL)
        fail_msg("no %s in %s", part, outcome->result);
}

void outcome_expect_error(const struct connector_outcome *outcome, enum gw_connector_error error,
                          const char *reason)
{
    if (outcome->error != error)
        fail_msg("error %d (%d): %s %s", (int)outcome->error, outcome->backend_status,
                 outcome->reason, outcome->result);
    if (strstr(outcome->reason, reason) == NULL)
        fail_msg("no \"%s\" in \"%s\"", reason, outcome->reason);
}

void outcome_member(const struct connector_outcome *outcome, const char *name, char *value,
                    size_t room)
{
    char wanted[64];
    size_t len = 0;

    snprintf(wanted, sizeof(wanted), "\"%s\":\"", name);
    const char *at = strstr(outcome->result, wanted);
    if (at == NULL)
        fail_msg("no %s in %s", name, outcome->result);
    at += strlen(wanted);
    while (len < room - 1 && *at != '\0' && !(*at == '"' && at[-1] != '\\')) {
        value[len++] = *at;
        at++;
    }
    value[len] = '\0';
}
