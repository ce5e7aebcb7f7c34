#include "server/observe/audit_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/core/scope.h"

struct verifier {
    struct gw_audit_report *report;
    struct gw_str key, head;
    struct gw_arena arena;
    const char *file;
    uint64_t line_number;
    bool is_last_file;
};

GW_PRINTF(2, 3) static bool fail(struct verifier *verifier, const char *format, ...)
{
    struct gw_audit_report *report = verifier->report;
    va_list args;

    report->file = verifier->file;
    report->line = verifier->line_number;
    va_start(args, format);
    vsnprintf(report->problem, sizeof(report->problem), format, args);
    va_end(args);
    return false;
}

static void keep(char *out, size_t room, struct gw_str text)
{
    snprintf(out, room, "%.*s", GW_STR_ARG(text));
}

static bool is_chained(struct verifier *verifier, const struct gw_audit_line *line)
{
    const struct gw_audit_report *report = verifier->report;

    if (report->lines == 0) {
        if (line->seq == 1 && !gw_str_equal(line->prev, gw_str_of(gw_audit_no_hash)))
            return fail(verifier, "it says that it is the first of all, and has one before it");
        return true;
    }
    if (!gw_str_equal(line->prev, gw_str_of(report->head)) || line->seq != report->last_seq + 1)
        return fail(verifier,
                    "line %llu does not follow line %llu: lines were removed, added or moved here",
                    (unsigned long long)line->seq, (unsigned long long)report->last_seq);
    return true;
}

static bool take_line(struct verifier *verifier, const struct gw_audit_line *line)
{
    struct gw_audit_report *report = verifier->report;

    if (!is_chained(verifier, line))
        return false;
    if (report->lines++ == 0) {
        report->first_seq = line->seq;
        keep(report->first_time, sizeof(report->first_time), line->time);
    }
    report->last_seq = line->seq;
    keep(report->last_time, sizeof(report->last_time), line->time);
    keep(report->head, sizeof(report->head), line->hash);
    report->has_head = report->has_head || gw_str_equal(line->hash, verifier->head);
    if (gw_str_equal(line->outcome, GW_STR("begun")))
        report->unfinished++;
    else if (line->begun >= report->first_seq && report->unfinished > 0)
        report->unfinished--;
    return true;
}

/* Does the line say that `torn` stands before it? */
static bool vouches(const struct gw_audit_line *line, struct gw_str torn)
{
    struct gw_buf what;

    gw_buf_init(&what, 1024);
    gw_audit_line_describe_torn(torn, &what);
    bool is_so = gw_str_equal(line->act, GW_STR(GW_AUDIT_RECOVER)) && !what.has_failed &&
                 gw_str_equal(line->what, gw_buf_str(&what));
    gw_buf_finish(&what);
    return is_so;
}

/* Behind what is no good line: the line that vouches for it, or text.len. */
static size_t find_recovery(struct verifier *verifier, struct gw_str text, size_t from)
{
    struct gw_audit_line line;
    size_t at = from;

    while (at < text.len) {
        struct gw_str rest = gw_str_tail(text, at);
        size_t len = gw_str_find(rest, '\n');
        bool is_good = at > from && gw_audit_line_read(&verifier->arena, gw_str_from(rest.ptr, len),
                                                       verifier->key, &line) == NULL;
        bool is_it = is_good && vouches(&line, gw_str_from(text.ptr + from, at - from));
        gw_arena_reset(&verifier->arena);
        if (is_it)
            return at;
        if (len == rest.len)
            break;
        at += len + 1;
    }
    return text.len;
}

static bool verify_text(struct verifier *verifier, struct gw_str text)
{
    size_t at = 0;

    verifier->line_number = 0;
    while (at < text.len) {
        struct gw_str rest = gw_str_tail(text, at);
        size_t len = gw_str_find(rest, '\n');
        struct gw_audit_line line;
        verifier->line_number++;
        gw_arena_reset(&verifier->arena);
        const char *wrong =
            gw_audit_line_read(&verifier->arena, gw_str_from(rest.ptr, len), verifier->key, &line);
        if (wrong != NULL && len == rest.len && verifier->is_last_file) {
            verifier->report->is_torn = true;
            return true;
        }
        if (wrong != NULL) {
            size_t behind = find_recovery(verifier, text, at);
            if (behind == text.len)
                return fail(verifier, "%s", wrong);
            for (size_t i = at; i + 1 < behind; i++)
                verifier->line_number += text.ptr[i] == '\n';
            verifier->report->recovered++;
            at = behind;
            continue;
        }
        if (!take_line(verifier, &line))
            return false;
        at += len < rest.len ? len + 1 : len;
    }
    return true;
}

static bool verify_file(struct verifier *verifier)
{
    struct stat status;
    GW_SCOPED(gw_scope_close) int fd = open(verifier->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    verifier->line_number = 0;
    if (fd < 0 || fstat(fd, &status) != 0)
        return fail(verifier, "cannot be read: %s", strerror(errno));
    if (!S_ISREG(status.st_mode))
        return fail(verifier, "is no file");
    if (status.st_size == 0)
        return true;
    size_t bytes = (size_t)status.st_size;
    char *text = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (text == MAP_FAILED)
        return fail(verifier, "cannot be read: %s", strerror(errno));
    bool is_good = verify_text(verifier, gw_str_from(text, bytes));
    munmap(text, bytes);
    return is_good;
}

bool gw_audit_verify(const char *const *paths, size_t count, struct gw_str key, struct gw_str head,
                     struct gw_audit_report *out_report)
{
    struct verifier verifier = {.report = out_report, .key = key, .head = head};
    bool is_good = true;

    *out_report = (struct gw_audit_report){0};
    memcpy(out_report->head, gw_audit_no_hash, sizeof(out_report->head));
    gw_arena_init(&verifier.arena, 64 * 1024, 4 * 1024 * 1024);
    for (size_t i = 0; i < count && is_good; i++) {
        verifier.file = paths[i];
        verifier.is_last_file = i + 1 == count;
        is_good = verify_file(&verifier);
    }
    if (is_good && head.len > 0 && !out_report->has_head) {
        verifier.line_number = 0;
        is_good = fail(&verifier, "no line has the hash %.*s: lines are missing at the end",
                       GW_STR_ARG(head));
    }
    gw_arena_finish(&verifier.arena);
    return is_good;
}
