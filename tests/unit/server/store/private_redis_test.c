#include "server/store/private_redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/net/loop.h"
#include "tests/unit/support/redis_rig.h"

#define ROUNDS 50

static char base[64];
static char state_path[512];
static struct gw_loop *loop;

static int setup(void **state)
{
    struct gw_error error;

    (void)state;
    snprintf(base, sizeof(base), "/tmp/millgate-state-XXXXXX");
    assert_non_null(mkdtemp(base));
    snprintf(state_path, sizeof(state_path), "%s/state", base);
    assert_int_equal(gw_loop_create(&loop, &error), 0);
    return 0;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    gw_loop_destroy(loop);
    snprintf(command, sizeof(command), "rm -rf '%s'", base);
    assert_int_equal(system(command), 0);
    return 0;
}

static struct gw_private_redis *start(void)
{
    const struct gw_private_redis_config config = {.state_folder = state_path};
    struct gw_private_redis *own = NULL;
    struct gw_error error;
    int rc = gw_private_redis_start(loop, &config, &own, &error);

    if (rc != 0)
        printf("%s\n", error.text);
    assert_int_equal(rc, 0);
    return own;
}

static int start_fails(struct gw_private_redis_config config, struct gw_error *error)
{
    struct gw_private_redis *own = NULL;
    int rc = gw_private_redis_start(loop, &config, &own, error);

    assert_null(own);
    return rc;
}

/* One command on a connection of its own. */
static void ask(const struct gw_private_redis *own, const char *line, struct redis_outcome *outcome)
{
    struct redis_rig rig = {.loop = loop};
    struct gw_redis_config config;

    gw_private_redis_get_config(own, &config);
    redis_rig_connect(&rig, &config);
    redis_rig_wait_up(&rig);
    redis_rig_ask(&rig, line, outcome);
    gw_redis_destroy(rig.redis);
}

static mode_t mode_of(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 0777;
}

static void test_start_use_stop(void **state)
{
    struct gw_private_redis *own = start();
    struct gw_redis_config config;
    struct redis_outcome outcome;
    char path[600], socket_path[128];

    (void)state;
    gw_private_redis_get_config(own, &config);
    snprintf(socket_path, sizeof(socket_path), "%.*s", GW_STR_ARG(config.unix_path));
    assert_true(gw_private_redis_get_pid(own) > 0);
    assert_false(gw_private_redis_is_adopted(own));
    ask(own, "SET a 1", &outcome);
    assert_string_equal(outcome.text, "OK");

    assert_int_equal(mode_of(state_path), 0700);
    snprintf(path, sizeof(path), "%s/password", state_path);
    assert_int_equal(mode_of(path), 0600);
    snprintf(path, sizeof(path), "%s/redis.conf", state_path);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(mode_of(socket_path), 0700);
    snprintf(path, sizeof(path), "%s/redis.lock", state_path);
    FILE *lock = fopen(path, "r");
    long noted = 0;
    assert_non_null(lock);
    assert_int_equal(fscanf(lock, "%ld", &noted), 1);
    assert_int_equal(noted, gw_private_redis_get_pid(own));
    fclose(lock);

    pid_t pid = gw_private_redis_get_pid(own);
    gw_private_redis_stop(own);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(access(socket_path, F_OK), -1);
    *strrchr(socket_path, '/') = '\0';
    assert_int_equal(access(socket_path, F_OK), -1);

    own = start();
    ask(own, "GET a", &outcome);
    assert_string_equal(outcome.text, "1");
    gw_private_redis_stop(own);
}

static void test_what_the_user_may_not(void **state)
{
    static const char *const forbidden[] = {
        "CONFIG GET dir", "FLUSHALL",      "FLUSHDB",   "SHUTDOWN NOSAVE", "DEBUG SLEEP 0",
        "MODULE LIST",    "ACL SETUSER x", "KEYS *",    "MONITOR",         "REPLICAOF NO ONE",
        "SAVE",           "CLIENT LIST",   "SWAPDB 0 1"};
    struct gw_private_redis *own = start();
    struct redis_rig rig = {.loop = loop};
    struct gw_redis_config config;
    struct redis_outcome outcome;

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(forbidden); i++) {
        ask(own, forbidden[i], &outcome);
        assert_int_equal(outcome.type, GW_REPLY_ERROR);
        assert_true(strncmp(outcome.text, "NOPERM", 6) == 0 ||
                    strncmp(outcome.text, "ERR unknown command", 19) == 0);
    }
    ask(own, "INFO persistence", &outcome);
    assert_int_equal(outcome.type, GW_REPLY_STRING);

    gw_private_redis_get_config(own, &config); /* without the password */
    config.user = config.password = GW_STR("");
    redis_rig_connect(&rig, &config);
    redis_rig_turn_for(&rig, 50);
    assert_false(gw_redis_is_up(rig.redis));
    assert_true(strncmp(gw_redis_get_reason(rig.redis), "NOAUTH", 6) == 0);
    gw_redis_destroy(rig.redis);
    gw_private_redis_stop(own);
}

static void test_a_long_state_path(void **state)
{
    struct gw_private_redis *own;
    struct redis_outcome outcome;
    size_t len = strlen(base);

    (void)state;
    memcpy(state_path, base, len);
    while (len < 220) {
        len += (size_t)snprintf(state_path + len, sizeof(state_path) - len, "/a long \"name\" %zu",
                                len);
    }
    own = start();
    ask(own, "SET a 1", &outcome);
    assert_string_equal(outcome.text, "OK");
    gw_private_redis_stop(own);
    own = start();
    ask(own, "GET a", &outcome);
    assert_string_equal(outcome.text, "1");
    gw_private_redis_stop(own);
}

static void test_a_second_gateway_is_refused(void **state)
{
    struct gw_private_redis *own = start();
    struct gw_error error;
    char expected[600];

    (void)state;
    assert_int_equal(
        start_fails((struct gw_private_redis_config){.state_folder = state_path}, &error), -EBUSY);
    snprintf(expected, sizeof(expected), "state folder %s is in use by process %ld", state_path,
             (long)getpid());
    assert_non_null(strstr(error.text, expected));
    gw_private_redis_stop(own);
}

static void write_script(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void test_what_is_wrong_is_said(void **state)
{
    struct gw_private_redis_config config = {.state_folder = state_path};
    struct gw_error error;
    char path[128];

    (void)state;
    config.program = "redis-server-that-is-not-there";
    assert_int_equal(start_fails(config, &error), -ENOENT);
    assert_non_null(strstr(error.text, "is not installed"));

    snprintf(path, sizeof(path), "%s/fake", base);
    config.program = path;
    write_script(path, "#!/bin/sh\necho 'Redis server v=5.0.14 sha=0'\n");
    assert_int_equal(start_fails(config, &error), -ENOTSUP);
    assert_non_null(strstr(error.text, "version 5.0.14; 6 or later"));

    write_script(path, "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Redis server v=7.0.15' && exit\n"
                       "echo 'the disk is on fire'\nexit 3\n");
    assert_int_equal(start_fails(config, &error), -ECHILD);
    assert_non_null(strstr(error.text, "ended with status 3"));
    assert_non_null(strstr(error.text, "the disk is on fire"));

    write_script(path, "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Redis server v=7.0.15' && exit\n"
                       "echo 'thinking'\nexec sleep 60\n");
    config.start_ns = 300 * GW_NS_PER_MS;
    assert_int_equal(start_fails(config, &error), -ETIMEDOUT);
    assert_non_null(strstr(error.text, "thinking"));
}

static void test_it_is_started_again(void **state)
{
    struct gw_private_redis *own = start();
    struct redis_rig rig = {.loop = loop};
    struct gw_redis_config config;
    struct redis_outcome outcome;

    (void)state;
    gw_private_redis_get_config(own, &config);
    redis_rig_connect(&rig, &config);
    for (unsigned i = 1; i <= 3; i++) {
        redis_rig_wait_up(&rig);
        redis_rig_ask(&rig, "INCR n", &outcome);
        assert_int_equal(outcome.integer, i);
        kill(gw_private_redis_get_pid(own), SIGKILL);
        for (int j = 0; j < 1000 && gw_private_redis_get_restarts(own) < i; j++)
            gw_loop_turn(loop, 10);
        assert_int_equal(gw_private_redis_get_restarts(own), i);
    }
    redis_rig_wait_up(&rig);
    redis_rig_ask(&rig, "INCR n", &outcome);
    assert_int_equal(outcome.integer, 4);
    gw_redis_destroy(rig.redis);
    gw_private_redis_stop(own);
}

static void test_stop_has_a_deadline(void **state)
{
    const struct gw_private_redis_config config = {.state_folder = state_path,
                                                   .start_ns = 30 * GW_NS_PER_SECOND,
                                                   .stop_ns = 100 * GW_NS_PER_MS};
    struct gw_private_redis *own;
    struct gw_error error;

    (void)state;
    assert_int_equal(gw_private_redis_start(loop, &config, &own, &error), 0);
    pid_t pid = gw_private_redis_get_pid(own);
    kill(pid, SIGSTOP);
    gw_private_redis_stop(own);
    assert_int_equal(kill(pid, 0), -1);
}

/* --- gateways that are killed --- */

struct note {
    int64_t value; /* answered by Redis */
    pid_t redis_pid;
    bool is_adopted;
};

/* A gateway that counts, and notes each number once Redis has answered it, until it is killed. */
static void run_gateway(int note_fd)
{
    struct gw_private_redis *own = start();
    struct redis_rig rig = {.loop = loop};
    struct gw_redis_config config;
    struct redis_outcome outcome;

    gw_private_redis_get_config(own, &config);
    redis_rig_connect(&rig, &config);
    redis_rig_wait_up(&rig);
    for (;;) {
        redis_rig_ask(&rig, "INCR n", &outcome);
        struct note note = {outcome.integer, gw_private_redis_get_pid(own),
                            gw_private_redis_is_adopted(own)};
        if (outcome.rc == 0 && write(note_fd, &note, sizeof(note)) != sizeof(note))
            _exit(1);
    }
}

/* Returns the first number noted; *last is the last one. */
static int64_t kill_one_gateway(unsigned round, struct note *last)
{
    int64_t first = 0;
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_gateway(fds[1]);
        _exit(1);
    }
    close(fds[1]);
    for (unsigned i = 0; i < 3 + round % 5; i++) {
        assert_int_equal(read(fds[0], last, sizeof(*last)), sizeof(*last));
        if (i == 0)
            first = last->value;
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    struct note note;
    while (read(fds[0], &note, sizeof(note)) == sizeof(note))
        *last = note;
    close(fds[0]);
    return first;
}

static void test_fifty_killed_gateways_lose_nothing(void **state)
{
    struct note last = {0};
    unsigned adoptions = 0;
    unsigned rivals = 0;

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        int64_t before = last.value;
        pid_t redis_before = last.redis_pid;
        int64_t first = kill_one_gateway(round, &last);

        /* Nothing answered is lost; at most the one that was under way was counted unseen. */
        assert_true(first > before);
        assert_true(first <= before + 2);
        adoptions += last.is_adopted;
        rivals += last.is_adopted && last.redis_pid != redis_before;
        if (round % 5 == 1) {
            kill(last.redis_pid, SIGKILL); /* both are gone */
            last.redis_pid = 0;
        } else if (round == 3) {
            kill(last.redis_pid, SIGSTOP); /* it lives, and answers no more: it is ended */
        }
    }
    assert_true(adoptions >= ROUNDS / 2);
    assert_int_equal(rivals, 0);

    struct gw_private_redis *own = start();
    struct redis_outcome outcome;
    ask(own, "GET n", &outcome);
    assert_true(strtoll(outcome.text, NULL, 10) >= last.value);
    gw_private_redis_stop(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_start_use_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_the_user_may_not, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_long_state_path, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_second_gateway_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_is_started_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_has_a_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifty_killed_gateways_lose_nothing, setup, teardown),
    };

    if (!redis_server_is_installed()) {
        printf("redis-server is not installed: skipped\n");
        return 77;
    }
    return cmocka_run_group_tests_name("private_redis", tests, NULL, NULL);
}
