#include "server/store/private_redis.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/net/loop.h"
#include "server/store/redis_process.h"

#define FIRST_BACKOFF_NS (100 * GW_NS_PER_MS)
#define LAST_BACKOFF_NS (5 * GW_NS_PER_SECOND)
#define STEADY_NS (30 * GW_NS_PER_SECOND) /* lived so long: the next death is a new trouble */
#define PROBE_MS 500
#define PAUSE_US 10000

struct gw_private_redis {
    struct gw_loop *loop;
    struct gw_state_folder folder;
    char *program;
    uint64_t start_ns, stop_ns;
    pid_t pid; /* 0: does not run */
    int pid_fd;
    struct gw_poll *poll;
    struct gw_timer retry;
    uint64_t backoff_ns;
    uint64_t started_ns;
    unsigned restarts;
    bool is_adopted; /* not our child */
};

/* --- one process --- */

static void forget_process(struct gw_private_redis *own)
{
    gw_poll_destroy(own->poll);
    own->poll = NULL;
    if (own->pid_fd >= 0)
        close(own->pid_fd);
    own->pid_fd = -1;
    own->pid = 0;
}

static bool wait_for_end(const struct gw_private_redis *own, uint64_t limit_ns)
{
    struct pollfd end = {.fd = own->pid_fd, .events = POLLIN};
    uint64_t until_ns = gw_clock_monotonic_ns() + limit_ns;

    for (;;) {
        uint64_t now_ns = gw_clock_monotonic_ns();
        int left_ms = now_ns < until_ns ? (int)((until_ns - now_ns) / GW_NS_PER_MS) + 1 : 0;
        int count = poll(&end, 1, left_ms);
        if (count > 0)
            return true;
        if (left_ms == 0 || (count < 0 && errno != EINTR))
            return false;
    }
}

/* Reaps our child; of an adopted one there is nothing to reap. */
static void describe_end(const struct gw_private_redis *own, char *out, size_t capacity)
{
    siginfo_t end = {0};

    if (waitid(P_PID, (id_t)own->pid, &end, WEXITED | WNOHANG) != 0 || end.si_pid == 0)
        snprintf(out, capacity, "ended");
    else if (end.si_code == CLD_EXITED)
        snprintf(out, capacity, "ended with status %d", end.si_status);
    else
        snprintf(out, capacity, "was ended by signal %d", end.si_status);
}

static void on_end(void *self, int events);

static int watch(struct gw_private_redis *own, pid_t pid, struct gw_error *error)
{
    own->pid = pid;
    own->pid_fd = pidfd_open(pid, 0);
    if (own->pid_fd < 0) {
        int code = errno;
        forget_process(own);
        return gw_error_set(error, -code, "cannot watch redis-server: %s", strerror(code));
    }
    int rc = gw_poll_create(own->loop, own->pid_fd, on_end, own, &own->poll);
    if (rc != 0) {
        if (!own->is_adopted)
            kill(pid, SIGKILL);
        forget_process(own);
        return gw_error_set(error, rc, "cannot watch redis-server: %s", strerror(-rc));
    }
    gw_poll_set(own->poll, GW_POLL_READ);
    own->started_ns = gw_clock_monotonic_ns();
    return 0;
}

/* --- watching over it --- */

static void on_retry(struct gw_timer *timer);

static void retry_later(struct gw_private_redis *own)
{
    gw_timer_start(own->loop, &own->retry, own->backoff_ns, on_retry);
    own->backoff_ns *= 2;
    if (own->backoff_ns > LAST_BACKOFF_NS)
        own->backoff_ns = LAST_BACKOFF_NS;
}

static void on_retry(struct gw_timer *timer)
{
    struct gw_private_redis *own = GW_CONTAINER_OF(timer, struct gw_private_redis, retry);
    struct gw_error error;
    pid_t pid;
    int rc = gw_redis_process_spawn(&own->folder, own->program, &pid, &error);

    if (rc == 0) {
        own->is_adopted = false;
        rc = watch(own, pid, &error);
    }
    if (rc != 0) {
        gw_log_error("private Redis: %s", error.text);
        retry_later(own);
        return;
    }
    own->restarts++;
    gw_log_info("private Redis: started again as process %ld", (long)pid);
}

static void on_end(void *self, int events)
{
    struct gw_private_redis *own = self;
    char how[64];
    char tail[200];

    (void)events;
    if (gw_clock_monotonic_ns() - own->started_ns > STEADY_NS)
        own->backoff_ns = FIRST_BACKOFF_NS;
    describe_end(own, how, sizeof(how));
    gw_redis_process_log_tail(&own->folder, tail, sizeof(tail));
    gw_log_error("private Redis: process %ld %s; its log ends: %s", (long)own->pid, how, tail);
    forget_process(own);
    retry_later(own);
}

/* --- starting --- */

/* Somebody holds redis.lock: a Redis that a gateway left behind, or what is left of one. */
static int adopt(struct gw_private_redis *own, bool *out_is_found, struct gw_error *error)
{
    pid_t pid;
    enum gw_probe probe = gw_redis_process_probe(&own->folder, PROBE_MS, &pid);

    if ((probe != GW_PROBE_READY && probe != GW_PROBE_LOADING) || pid <= 0)
        return 0;
    own->is_adopted = true;
    int rc = watch(own, pid, error);
    if (rc != 0)
        return rc;
    *out_is_found = true;
    gw_log_info("private Redis: adopted process %ld", (long)pid);
    return 0;
}

/* Spawns one or adopts one. What holds the lock and does not answer for half of the time is ended:
 * every answer that it ever gave is on disk. */
static int get_process(struct gw_private_redis *own, uint64_t until_ns, struct gw_error *error)
{
    uint64_t kill_at_ns = gw_clock_monotonic_ns() + own->start_ns / 2;
    bool is_found = false;

    for (;;) {
        pid_t pid;
        int rc = gw_redis_process_spawn(&own->folder, own->program, &pid, error);
        if (rc == 0)
            return watch(own, pid, error);
        if (rc != -EAGAIN)
            return rc;
        rc = adopt(own, &is_found, error);
        if (rc != 0 || is_found)
            return rc;
        uint64_t now_ns = gw_clock_monotonic_ns();
        if (now_ns >= until_ns)
            return gw_error_set(error, -ETIMEDOUT,
                                "a Redis that does not answer holds the state folder");
        if (now_ns >= kill_at_ns && gw_redis_process_kill_holders(&own->folder) > 0)
            gw_log_warn("private Redis: the one left behind did not answer and was ended");
        usleep(PAUSE_US);
    }
}

static int await_answer(struct gw_private_redis *own, uint64_t until_ns, struct gw_error *error)
{
    char how[64];
    char tail[300];
    pid_t pid;

    for (;;) {
        enum gw_probe probe = gw_redis_process_probe(&own->folder, PROBE_MS, &pid);
        if (probe == GW_PROBE_READY)
            return 0;
        if (wait_for_end(own, 0)) {
            describe_end(own, how, sizeof(how));
            gw_redis_process_log_tail(&own->folder, tail, sizeof(tail));
            forget_process(own);
            return gw_error_set(error, -ECHILD, "redis-server %s; its log ends: %s", how, tail);
        }
        if (gw_clock_monotonic_ns() >= until_ns) {
            if (probe == GW_PROBE_LOADING) { /* alive and well, with much to read: clients wait */
                gw_log_warn("private Redis: still loading its data");
                return 0;
            }
            gw_redis_process_log_tail(&own->folder, tail, sizeof(tail));
            return gw_error_set(error, -ETIMEDOUT, "redis-server does not answer; its log ends: %s",
                                tail);
        }
        usleep(PAUSE_US);
    }
}

int gw_private_redis_start(struct gw_loop *loop, const struct gw_private_redis_config *config,
                           struct gw_private_redis **out_private, struct gw_error *error)
{
    struct gw_private_redis *own = calloc(1, sizeof(*own));
    int rc;

    if (own == NULL)
        return gw_error_set(error, -ENOMEM, "no memory for the private Redis");
    own->loop = loop;
    own->folder.fd = own->folder.lock_fd = own->pid_fd = -1;
    own->backoff_ns = FIRST_BACKOFF_NS;
    own->start_ns = config->start_ns > 0 ? config->start_ns : 10 * GW_NS_PER_SECOND;
    own->stop_ns = config->stop_ns > 0 ? config->stop_ns : 10 * GW_NS_PER_SECOND;
    own->program = strdup(config->program != NULL ? config->program : "redis-server");
    uint64_t until_ns = gw_clock_monotonic_ns() + own->start_ns;

    rc = own->program != NULL ? gw_redis_process_check(own->program, error)
                              : gw_error_set(error, -ENOMEM, "no memory for the private Redis");
    if (rc == 0)
        rc = gw_state_folder_open(&own->folder, config->state_folder, error);
    if (rc == 0)
        rc = get_process(own, until_ns, error);
    if (rc == 0)
        rc = await_answer(own, until_ns, error);
    if (rc != 0) {
        gw_private_redis_stop(own);
        return gw_error_prefix(error, rc, "the private Redis");
    }
    *out_private = own;
    return 0;
}

/* --- stopping --- */

void gw_private_redis_stop(struct gw_private_redis *own)
{
    char how[64];
    bool is_ended = true;

    if (own == NULL)
        return;
    gw_timer_stop(&own->retry);
    if (own->pid_fd >= 0) {
        pidfd_send_signal(own->pid_fd, SIGTERM, NULL, 0);
        if (!wait_for_end(own, own->stop_ns)) {
            gw_log_warn("private Redis: does not stop by itself and is ended");
            pidfd_send_signal(own->pid_fd, SIGKILL, NULL, 0);
            is_ended = wait_for_end(own, GW_NS_PER_SECOND);
        }
        describe_end(own, how, sizeof(how));
        forget_process(own);
    }
    gw_state_folder_close(&own->folder, is_ended);
    free(own->program);
    free(own);
}

void gw_private_redis_get_config(const struct gw_private_redis *own,
                                 struct gw_redis_config *out_config)
{
    *out_config = (struct gw_redis_config){
        .unix_path = gw_str_of(own->folder.socket_path),
        .user = GW_STR(GW_PRIVATE_REDIS_USER),
        .password = gw_str_of(own->folder.password),
    };
}

pid_t gw_private_redis_get_pid(const struct gw_private_redis *own)
{
    return own->pid;
}

bool gw_private_redis_is_adopted(const struct gw_private_redis *own)
{
    return own->is_adopted;
}

unsigned gw_private_redis_get_restarts(const struct gw_private_redis *own)
{
    return own->restarts;
}
