/* Asking a Redis who it is, blocking: at start, before there is a loop to wait in. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/core/buf.h"
#include "server/core/scope.h"
#include "server/store/redis_process.h"
#include "server/store/reply.h"
#include "server/store/resp.h"

#define MAX_REPLY_BYTES (256 * 1024)
#define QUESTIONS 2

static int connect_to(const char *path, unsigned limit_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {limit_ms / 1000, (suseconds_t)(limit_ms % 1000) * 1000};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int code = errno;
    close(fd);
    return -code;
}

static enum gw_probe judge(const struct gw_reply *reply, unsigned number, pid_t *out_pid)
{
    if (reply->type == GW_REPLY_ERROR)
        return gw_str_has_prefix(reply->text, GW_STR("LOADING")) ? GW_PROBE_LOADING
                                                                 : GW_PROBE_REFUSED;
    if (number < QUESTIONS - 1 || reply->type != GW_REPLY_STRING)
        return GW_PROBE_READY;

    const char *pid = strstr(reply->text.ptr, "process_id:");
    *out_pid = pid != NULL ? (pid_t)strtol(pid + strlen("process_id:"), NULL, 10) : 0;
    return strstr(reply->text.ptr, "\nloading:1") != NULL ? GW_PROBE_LOADING : GW_PROBE_READY;
}

static enum gw_probe read_answers(int fd, pid_t *out_pid)
{
    struct gw_reply_reader reader;
    const struct gw_reply *reply;
    struct gw_error error;
    enum gw_probe probe = GW_PROBE_READY;
    unsigned number = 0;
    char bytes[4096];

    if (gw_reply_reader_init(&reader, MAX_REPLY_BYTES) != 0)
        return GW_PROBE_SILENT;
    while (number < QUESTIONS && probe == GW_PROBE_READY) {
        int rc = gw_reply_reader_next(&reader, &reply, &error);
        if (rc == 0 && reply != NULL) {
            probe = judge(reply, number++, out_pid);
            continue;
        }
        ssize_t len = rc == 0 ? recv(fd, bytes, sizeof(bytes), 0) : -1;
        if (rc != 0)
            probe = GW_PROBE_REFUSED;
        else if (len <= 0 || gw_reply_reader_feed(&reader, bytes, (size_t)len) != 0)
            probe = GW_PROBE_SILENT;
    }
    gw_reply_reader_finish(&reader);
    return probe;
}

enum gw_probe gw_redis_process_probe(const struct gw_state_folder *folder, unsigned limit_ms,
                                     pid_t *out_pid)
{
    const struct gw_str auth[] = {GW_STR("AUTH"), GW_STR(GW_PRIVATE_REDIS_USER),
                                  gw_str_of(folder->password)};
    const struct gw_str info[] = {GW_STR("INFO")};
    struct gw_buf buf;
    GW_SCOPED(gw_scope_close) int fd = connect_to(folder->socket_path, limit_ms);

    *out_pid = 0;
    if (fd < 0)
        return GW_PROBE_SILENT;
    gw_buf_init(&buf, 4096);
    gw_resp_append_command(&buf, auth, 3);
    gw_resp_append_command(&buf, info, 1);
    bool is_sent = !buf.has_failed && send(fd, buf.ptr, buf.len, MSG_NOSIGNAL) == (ssize_t)buf.len;
    gw_buf_finish(&buf);
    return is_sent ? read_answers(fd, out_pid) : GW_PROBE_SILENT;
}
