/* A worker's helper: starting and ending it, and frames to and from it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/flow/expression_evaluator.h"

#define READ_BYTES 65536
#define REAP_NS (20 * GW_NS_PER_MS)

/* --- the process ------------------------------------------------------------------------------ */

/* Waits for those that were killed; a large one takes a moment to go. */
bool gw_evaluator_reap(struct gw_evaluator *evaluator, int flags)
{
    bool is_all = true;

    for (size_t i = 0; i < GW_JQ_MAX_ENDED; i++) {
        if (evaluator->ended[i] != 0 && waitpid(evaluator->ended[i], NULL, flags) != 0)
            evaluator->ended[i] = 0;
        is_all &= evaluator->ended[i] == 0;
    }
    return is_all;
}

static void on_reaper(struct gw_timer *timer)
{
    struct gw_evaluator *evaluator = GW_CONTAINER_OF(timer, struct gw_evaluator, reaper);

    if (!gw_evaluator_reap(evaluator, WNOHANG))
        gw_timer_start(evaluator->loop, timer, REAP_NS, on_reaper);
}

static void keep_ended(struct gw_evaluator *evaluator, pid_t pid)
{
    size_t place = 0;

    while (place < GW_JQ_MAX_ENDED && evaluator->ended[place] != 0)
        place++;
    if (place == GW_JQ_MAX_ENDED) {
        gw_evaluator_reap(evaluator, 0);
        place = 0;
    }
    evaluator->ended[place] = pid;
    on_reaper(&evaluator->reaper);
}

void gw_jq_helper_stop(struct gw_jq_helper *helper)
{
    gw_poll_destroy(helper->poll);
    helper->poll = NULL;
    for (size_t i = 0; i < GW_JQ_SLOTS; i++)
        gw_jq_program_release(helper->slots[i].program);
    memset(helper->slots, 0, sizeof(helper->slots));
    gw_buf_clear(&helper->in);
    if (helper->process.pid == 0)
        return;
    gw_jq_process_kill(&helper->process);
    keep_ended(helper->evaluator, helper->process.pid);
    helper->process = (struct gw_jq_process){0};
}

static void on_socket(void *self, int events);

int gw_jq_helper_start(struct gw_jq_helper *helper, struct gw_error *error)
{
    if (helper->process.pid != 0)
        return 0;
    int rc =
        gw_jq_process_start(helper->evaluator->limits.max_memory_bytes, &helper->process, error);
    if (rc != 0)
        return rc;
    fcntl(helper->process.fd, F_SETFL, O_NONBLOCK);
    rc = gw_poll_create(helper->evaluator->loop, helper->process.fd, on_socket, helper,
                        &helper->poll);
    if (rc != 0) {
        gw_jq_helper_stop(helper);
        return gw_error_set(error, rc, "cannot watch the helper for expressions");
    }
    gw_poll_set(helper->poll, GW_POLL_READ);
    return 0;
}

/* --- the socket ------------------------------------------------------------------------------- */

/* A whole frame in `in`: it is taken off, then told. */
static void take_frame(struct gw_jq_helper *helper)
{
    struct gw_jq_frame frame;
    struct gw_buf taken;

    if (helper->in.len < sizeof(frame))
        return;
    memcpy(&frame, helper->in.ptr, sizeof(frame));
    if (helper->in.len - sizeof(frame) < frame.len)
        return;
    /* One question, one answer: there is nothing behind it. */
    taken = helper->in;
    gw_buf_init(&helper->in, taken.max_bytes);
    gw_jq_helper_on_frame(helper, frame.kind, gw_str_from(taken.ptr + sizeof(frame), frame.len));
    if (helper->in.ptr == NULL && taken.capacity <= GW_JQ_SPARE_BYTES) {
        gw_buf_clear(&taken);
        helper->in = taken;
    } else {
        gw_buf_finish(&taken);
    }
}

static void on_readable(struct gw_jq_helper *helper)
{
    char *room = gw_buf_reserve(&helper->in, READ_BYTES);

    if (room == NULL) {
        gw_jq_helper_on_death(helper, "its results are larger than what is allowed");
        return;
    }
    ssize_t got = recv(helper->process.fd, room, READ_BYTES, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        gw_jq_helper_on_death(helper, "the helper ended, most likely for a lack of memory");
        return;
    }
    helper->in.len += (size_t)got;
    take_frame(helper);
}

void gw_jq_helper_flush(struct gw_jq_helper *helper)
{
    while (helper->sent < helper->out.len) {
        ssize_t put = send(helper->process.fd, helper->out.ptr + helper->sent,
                           helper->out.len - helper->sent, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            break; /* the reader is told why */
        helper->sent += (size_t)put;
    }
    bool is_all = helper->sent == helper->out.len;
    gw_poll_set(helper->poll, is_all ? GW_POLL_READ : GW_POLL_READ | GW_POLL_WRITE);
}

static void on_socket(void *self, int events)
{
    struct gw_jq_helper *helper = self;

    if ((events & GW_POLL_WRITE) != 0)
        gw_jq_helper_flush(helper);
    if ((events & GW_POLL_READ) != 0)
        on_readable(helper);
}
