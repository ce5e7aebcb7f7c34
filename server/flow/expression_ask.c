/* One question to a helper that compiles, from a thread that may wait. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "server/core/clock.h"
#include "server/flow/expression_check.h"

#define MAX_MEMORY_BYTES (512u << 20)
#define MAX_TEXT_BYTES (64u << 20)
#define MAX_ANSWER_BYTES (1u << 20)
#define MAX_KILLS 5 /* from outside, of one question, until it is given up */

void gw_jq_checker_init(struct gw_jq_checker *checker, uint64_t deadline_ns)
{
    *checker = (struct gw_jq_checker){.deadline_ns = deadline_ns};
    gw_buf_init(&checker->program, MAX_TEXT_BYTES);
    gw_buf_init(&checker->answer, MAX_ANSWER_BYTES);
}

/* Waits until the helper can be written to or read from: 0, or -ETIMEDOUT. */
static int wait_for(const struct gw_jq_checker *checker, short events)
{
    struct pollfd watched = {.fd = checker->process.fd, .events = events};
    uint64_t now_ns = gw_clock_monotonic_ns();

    if (now_ns >= checker->deadline_ns)
        return -ETIMEDOUT;
    int left_ms = (int)((checker->deadline_ns - now_ns) / GW_NS_PER_MS) + 1;
    int rc = poll(&watched, 1, left_ms);
    if (rc < 0 && errno != EINTR)
        return -errno;
    return rc == 0 ? -ETIMEDOUT : 0;
}

static int send_all(const struct gw_jq_checker *checker, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        int rc = wait_for(checker, POLLOUT);
        if (rc != 0)
            return rc;
        ssize_t put = send(checker->process.fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && errno != EAGAIN && errno != EINTR)
            return -EPIPE;
        at += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
    return 0;
}

static int receive_all(const struct gw_jq_checker *checker, char *bytes, size_t len)
{
    while (len > 0) {
        int rc = wait_for(checker, POLLIN);
        if (rc != 0)
            return rc;
        ssize_t got = recv(checker->process.fd, bytes, len, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return -EPIPE;
        bytes += got > 0 ? got : 0;
        len -= got > 0 ? (size_t)got : 0;
    }
    return 0;
}

/* The status of waitpid(). */
static int stop(struct gw_jq_checker *checker)
{
    pid_t pid = checker->process.pid;
    int status = 0;

    gw_jq_process_kill(&checker->process);
    if (pid > 0)
        waitpid(pid, &status, 0);
    checker->process = (struct gw_jq_process){0};
    return status;
}

/* Of one that has closed its socket, which it does only by ending: by whom is to be known, so it is
 * not killed. */
static bool was_killed(struct gw_jq_checker *checker)
{
    int status = 0;

    waitpid(checker->process.pid, &status, 0);
    gw_jq_process_forget(&checker->process);
    return WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM);
}

void gw_jq_checker_finish(struct gw_jq_checker *checker)
{
    stop(checker);
    gw_buf_finish(&checker->program);
    gw_buf_finish(&checker->answer);
}

/* -EPIPE: it has ended. -E2BIG: for a lack of memory. */
static int exchange(struct gw_jq_checker *checker)
{
    struct gw_jq_frame frame = {
        .kind = GW_JQ_LOAD, .len = (uint32_t)(sizeof(struct gw_jq_load) + checker->program.len)};
    const struct gw_jq_load load = {.slot = 0};

    int rc = send_all(checker, &frame, sizeof(frame));
    if (rc == 0)
        rc = send_all(checker, &load, sizeof(load));
    if (rc == 0)
        rc = send_all(checker, checker->program.ptr, checker->program.len);
    if (rc == 0)
        rc = receive_all(checker, (char *)&frame, sizeof(frame));
    if (rc == 0 && frame.kind == GW_JQ_OUT_OF_MEMORY)
        return -E2BIG;
    if (rc != 0 || frame.kind != GW_JQ_LOADED || frame.len > MAX_ANSWER_BYTES)
        return rc != 0 ? rc : -EPROTO;
    gw_buf_clear(&checker->answer);
    char *body = gw_buf_reserve(&checker->answer, frame.len);
    if (body == NULL)
        return -ENOMEM;
    rc = receive_all(checker, body, frame.len);
    checker->answer.len = rc == 0 ? frame.len : 0;
    return rc;
}

static int answer_by_itself(struct gw_jq_checker *checker)
{
    gw_buf_clear(&checker->answer);
    gw_buf_append_text(&checker->answer, "libjq needs too much memory for it\n");
    return checker->answer.has_failed ? -ENOMEM : 0;
}

/* What ends a helper by itself would end the next one, too. One that was killed from outside says
 * nothing of the program: another is asked. */
int gw_jq_ask(struct gw_jq_checker *checker)
{
    if (checker->program.has_failed)
        return -ENOMEM;
    for (int kills = 0; kills < MAX_KILLS; kills++) {
        int rc = 0;
        if (checker->process.pid == 0)
            rc = gw_jq_process_start(MAX_MEMORY_BYTES, &checker->process, &checker->error);
        if (rc != 0)
            return rc;
        rc = exchange(checker);
        if (rc == -EPIPE && was_killed(checker))
            continue;
        if (rc == -E2BIG)
            stop(checker);
        return rc == -EPIPE || rc == -E2BIG ? answer_by_itself(checker) : rc;
    }
    return -EAGAIN;
}
