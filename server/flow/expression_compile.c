/* Compiling at snapshot time: many sets in one program, as most of what a compilation costs is
 * libjq's own library; then, from what libjq says, which expression of which set it means. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/flow/expression_process.h"
#include "server/flow/expression_set.h"

#define GROUP_EXPRESSIONS                                                   \
    150 /* with fewer, libjq's own library costs; with more, a square of it \
         */
#define GROUP_DEFINITION_BYTES \
    (size_t)4096 /* likewise: each definition is bound through all that comes behind it */
#define MAX_MEMORY_BYTES (512u << 20)
#define MAX_TEXT_BYTES (64u << 20)
#define MAX_ANSWER_BYTES (1u << 20)
#define TIMEOUT_NS (120 * GW_NS_PER_SECOND)

typedef void refuse_fn(void *self, size_t set, uint32_t index, const char *why);

/* A set under way. */
struct entry {
    struct gw_jq_part part;
    bool *skip;   /* the part's: refused already */
    bool *blamed; /* to be skipped the next time */
    size_t position;
    bool is_blamed;  /* its definitions, likewise; */
    bool is_dropped; /* nothing else can be said then */
};

struct compilation {
    struct gw_jq_process process;
    struct gw_buf program, answer;
    uint64_t deadline_ns;
    refuse_fn *refuse;
    void *self;
    bool has_refused;
    struct gw_error error;
};

/* --- asking ----------------------------------------------------------------------------------- */

/* Waits until the helper can be written to or read from: 0, or -ETIMEDOUT. */
static int wait_for(const struct compilation *compilation, short events)
{
    struct pollfd watched = {.fd = compilation->process.fd, .events = events};
    uint64_t now_ns = gw_clock_monotonic_ns();

    if (now_ns >= compilation->deadline_ns)
        return -ETIMEDOUT;
    int left_ms = (int)((compilation->deadline_ns - now_ns) / GW_NS_PER_MS) + 1;
    int rc = poll(&watched, 1, left_ms);
    if (rc < 0 && errno != EINTR)
        return -errno;
    return rc == 0 ? -ETIMEDOUT : 0;
}

static int send_all(const struct compilation *compilation, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        int rc = wait_for(compilation, POLLOUT);
        if (rc != 0)
            return rc;
        ssize_t put = send(compilation->process.fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && errno != EAGAIN && errno != EINTR)
            return -EPIPE;
        at += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
    return 0;
}

static int receive_all(const struct compilation *compilation, char *bytes, size_t len)
{
    while (len > 0) {
        int rc = wait_for(compilation, POLLIN);
        if (rc != 0)
            return rc;
        ssize_t got = recv(compilation->process.fd, bytes, len, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return -EPIPE;
        bytes += got > 0 ? got : 0;
        len -= got > 0 ? (size_t)got : 0;
    }
    return 0;
}

static void stop(struct compilation *compilation)
{
    pid_t pid = compilation->process.pid;

    gw_jq_process_kill(&compilation->process);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    compilation->process = (struct gw_jq_process){0};
}

static int exchange(struct compilation *compilation)
{
    struct gw_jq_frame frame = {
        .kind = GW_JQ_LOAD,
        .len = (uint32_t)(sizeof(struct gw_jq_load) + compilation->program.len)};
    const struct gw_jq_load load = {.slot = 0};

    int rc = send_all(compilation, &frame, sizeof(frame));
    if (rc == 0)
        rc = send_all(compilation, &load, sizeof(load));
    if (rc == 0)
        rc = send_all(compilation, compilation->program.ptr, compilation->program.len);
    if (rc == 0)
        rc = receive_all(compilation, (char *)&frame, sizeof(frame));
    if (rc == 0 && frame.kind == GW_JQ_OUT_OF_MEMORY)
        return -E2BIG;
    if (rc != 0 || frame.kind != GW_JQ_LOADED || frame.len > MAX_ANSWER_BYTES)
        return rc != 0 ? rc : -EPIPE;
    gw_buf_clear(&compilation->answer);
    char *body = gw_buf_reserve(&compilation->answer, frame.len);
    if (body == NULL)
        return -ENOMEM;
    rc = receive_all(compilation, body, frame.len);
    compilation->answer.len = rc == 0 ? frame.len : 0;
    return rc;
}

/* One that ends without a word may have been ended from outside, and is asked once more. */
static int exchange_surely(struct compilation *compilation)
{
    int rc = -EPIPE;

    for (int tries = 0; tries < 2 && rc == -EPIPE; tries++) {
        rc = 0;
        if (compilation->process.pid == 0)
            rc = gw_jq_process_start(MAX_MEMORY_BYTES, &compilation->process, &compilation->error);
        if (rc != 0)
            return rc;
        rc = exchange(compilation);
        if (rc == -EPIPE || rc == -E2BIG)
            stop(compilation);
    }
    return rc;
}

/* Has the helper compile the entries: 0 (then `answer` is empty, or the messages) or a negative
 * errno. A helper that dies of a program is a message of its own. */
static int ask(struct compilation *compilation, const struct entry *entries, size_t count)
{
    gw_buf_clear(&compilation->program);
    for (size_t i = 0; i < count; i++) {
        if (!entries[i].is_dropped)
            gw_jq_write_part(&compilation->program, &entries[i].part, i);
    }
    for (size_t i = 0; i < count; i++) {
        if (!entries[i].is_dropped)
            gw_buf_printf(&compilation->program, "__gw_s%zu,", i);
    }
    gw_buf_append_text(&compilation->program, "empty");
    if (compilation->program.has_failed)
        return -ENOMEM;
    int rc = exchange_surely(compilation);
    if (rc == -EPIPE || rc == -E2BIG) {
        gw_buf_clear(&compilation->answer);
        gw_buf_append_text(&compilation->answer, "libjq needs too much memory for it\n");
        return 0;
    }
    return rc;
}

/* --- understanding ---------------------------------------------------------------------------- */

/* Takes `what` out of the text, or puts `with` in its place (no longer than `what`). */
static void replace(char *text, const char *what, const char *with)
{
    char *found = strstr(text, what);

    if (found == NULL)
        return;
    memmove(found, with, strlen(with));
    memmove(found + strlen(with), found + strlen(what), strlen(found + strlen(what)) + 1);
}

/* jq's words without what is about its command line, and without token names. */
static void make_readable(struct gw_str line, bool is_end, char *out, size_t capacity)
{
    snprintf(out, capacity, "%.*s", GW_STR_ARG(line));
    char *place = strstr(out, " at <top-level>");
    if (place != NULL)
        *place = '\0';
    replace(out, "jq: error: ", "");
    replace(out, "error: ", "");
    replace(out, " (Unix shell quoting issues?)", "");
    if (is_end)
        replace(out, "unexpected ')'", "it ends early");
    replace(out, "$end", "end");
    replace(out, "QQSTRING_START", "a text");
    replace(out, "INVALID_CHARACTER", "a character");
    replace(out, "LITERAL", "number");
    replace(out, "IDENT", "name");
    replace(out, "FIELD", "name");
}

/* The number behind "line ", from 0; SIZE_MAX: there is none. */
static size_t line_of(struct gw_str message)
{
    static const char before[] = "at <top-level>, line ";
    const char *found = memmem(message.ptr, message.len, before, sizeof(before) - 1);
    uint64_t line;

    if (found == NULL)
        return SIZE_MAX;
    struct gw_str rest = gw_str_tail(message, (size_t)(found - message.ptr) + sizeof(before) - 1);
    size_t digits = 0;
    while (digits < rest.len && rest.ptr[digits] >= '0' && rest.ptr[digits] <= '9')
        digits++;
    rest.len = digits;
    return gw_str_to_u64(rest, &line) != 0 || line == 0 ? SIZE_MAX : (size_t)line - 1;
}

/* Of one expression the first message counts. Takes effect on the text with settle(). */
static void refuse(struct compilation *compilation, struct entry *entry, uint32_t index,
                   const char *why)
{
    bool *is_blamed =
        index == GW_EXPRESSION_DEFINITIONS ? &entry->is_blamed : &entry->blamed[index];

    if (*is_blamed)
        return;
    *is_blamed = true;
    compilation->has_refused = true;
    compilation->refuse(compilation->self, entry->position, index, why);
}

static void settle(struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        entries[i].is_dropped |= entries[i].is_blamed;
        for (size_t j = 0; j < entries[i].part.set->count; j++)
            entries[i].skip[j] |= entries[i].blamed[j];
    }
}

/* Whether a message is about something that could be refused. */
static bool blame(struct compilation *compilation, struct entry *entries, size_t count,
                  struct gw_str message)
{
    size_t line = line_of(message), first = 0;
    char why[480];
    bool is_end;

    for (size_t i = 0; i < count && line != SIZE_MAX; i++) {
        size_t lines = entries[i].is_dropped ? 0 : gw_jq_count_lines(&entries[i].part);
        if (line >= first + lines) {
            first += lines;
            continue;
        }
        int64_t index = gw_jq_at_line(&entries[i].part, line - first, &is_end);
        if (index < 0)
            return false;
        make_readable(message, is_end, why, sizeof(why));
        refuse(compilation, &entries[i], (uint32_t)index, why);
        return true;
    }
    return false;
}

static bool blame_all(struct compilation *compilation, struct entry *entries, size_t count)
{
    struct gw_str rest = gw_buf_str(&compilation->answer), message;
    bool has_some = false;

    while (gw_str_split(&rest, '\n', &message))
        has_some |= message.len > 0 && blame(compilation, entries, count, message);
    settle(entries, count);
    return has_some;
}

/* --- searching -------------------------------------------------------------------------------- */

static int check(struct compilation *compilation, struct entry *entries, size_t count);

/* One expression at a time, the others set aside: nothing said which it is. */
static int check_singly(struct compilation *compilation, struct entry *entry)
{
    size_t count = entry->part.set->count;
    bool *aside = calloc(count + 1, sizeof(*aside));
    char why[480];
    int rc = aside == NULL ? -ENOMEM : 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        if (entry->blamed[i] || !gw_jq_is_foreign(&entry->part.set->items[i]))
            continue;
        memset(aside, true, count);
        aside[i] = false;
        struct entry alone = *entry;
        alone.part.skip = aside;
        rc = ask(compilation, &alone, 1);
        struct gw_str answer = gw_buf_str(&compilation->answer);
        answer.len = gw_str_find(answer, '\n');
        if (rc == 0 && answer.len > 0) {
            make_readable(answer, false, why, sizeof(why));
            refuse(compilation, entry, (uint32_t)i, why);
        }
    }
    free(aside);
    return rc;
}

/* By halves. */
static int search(struct compilation *compilation, struct entry *entries, size_t count)
{
    if (count == 1)
        return check_singly(compilation, entries);
    int rc = check(compilation, entries, count / 2);
    return rc != 0 ? rc : check(compilation, entries + count / 2, count - count / 2);
}

/* Some mistakes hide others: what is left is looked at again until nothing is wrong. */
static int check(struct compilation *compilation, struct entry *entries, size_t count)
{
    for (;;) {
        int rc = ask(compilation, entries, count);
        if (rc != 0 || compilation->answer.len == 0)
            return rc;
        if (!blame_all(compilation, entries, count))
            return search(compilation, entries, count);
    }
}

/* --- all sets --------------------------------------------------------------------------------- */

static size_t count_foreign(const struct gw_expressions *set)
{
    size_t count = 0;

    for (size_t i = 0; i < set->count; i++)
        count += gw_jq_is_foreign(&set->items[i]);
    return count;
}

/* What was wrong before libjq had to be asked. */
static bool refuse_definitions(struct compilation *compilation, const struct gw_expressions *set,
                               size_t position)
{
    if (set->definition_error.text[0] == '\0')
        return false;
    compilation->has_refused = true;
    compilation->refuse(compilation->self, position, GW_EXPRESSION_DEFINITIONS,
                        set->definition_error.text);
    return true;
}

static int make_entry(struct entry *entry, const struct gw_expressions *set, size_t position)
{
    bool *both = calloc(2 * set->count + 1, sizeof(*both));

    if (both == NULL)
        return -ENOMEM;
    *entry = (struct entry){.part = {.set = set, .skip = both},
                            .skip = both,
                            .blamed = both + set->count,
                            .position = position};
    return 0;
}

static int check_group(struct compilation *compilation, struct entry *entries, size_t count)
{
    int rc = count == 0 ? 0 : check(compilation, entries, count);

    for (size_t i = 0; i < count; i++)
        free(entries[i].skip);
    return rc;
}

static int check_sets(struct compilation *compilation, struct gw_expressions *const *sets,
                      size_t set_count)
{
    struct entry entries[GROUP_EXPRESSIONS];
    size_t count = 0, expressions = 0, bytes = 0;
    int rc = 0;

    for (size_t i = 0; i < set_count && rc == 0; i++) {
        size_t foreign = count_foreign(sets[i]);
        bool has_definitions = sets[i]->definition_tokens.items != NULL;
        if (refuse_definitions(compilation, sets[i], i) || (foreign == 0 && !has_definitions))
            continue;
        bytes += sets[i]->definitions.len;
        if (count == GROUP_EXPRESSIONS || expressions + foreign > GROUP_EXPRESSIONS ||
            (count > 0 && bytes > GROUP_DEFINITION_BYTES)) {
            rc = check_group(compilation, entries, count);
            count = expressions = 0;
            bytes = sets[i]->definitions.len;
        }
        if (rc == 0)
            rc = make_entry(&entries[count], sets[i], i);
        count += rc == 0;
        expressions += foreign;
    }
    int last = check_group(compilation, entries, count);
    return rc != 0 ? rc : last;
}

int gw_expressions_compile(struct gw_expressions *const *sets, size_t count, refuse_fn *tell,
                           void *self)
{
    struct compilation compilation = {
        .deadline_ns = gw_clock_monotonic_ns() + TIMEOUT_NS, .refuse = tell, .self = self};

    gw_buf_init(&compilation.program, MAX_TEXT_BYTES);
    gw_buf_init(&compilation.answer, MAX_ANSWER_BYTES);
    int rc = check_sets(&compilation, sets, count);
    stop(&compilation);
    gw_buf_finish(&compilation.program);
    gw_buf_finish(&compilation.answer);
    return rc == 0 && compilation.has_refused ? -EINVAL : rc;
}
