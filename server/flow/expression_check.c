/* From what libjq says of a program, which of its expressions it means. */
#include "server/flow/expression_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A program under way. */
struct checking {
    struct gw_jq_checker *checker;
    struct gw_jq_check *check;
    bool *skip;    /* by number: refused, or set aside */
    bool *refused; /* by number */
    bool has_refused_definitions;
};

/* --- words ------------------------------------------------------------------------------------ */

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

/* --- blaming ---------------------------------------------------------------------------------- */

/* Of one expression the first message counts. */
static int refuse(struct checking *checking, uint32_t number, struct gw_str message, bool is_end)
{
    struct gw_jq_check *check = checking->check;
    bool *is_refused = number == GW_EXPRESSION_DEFINITIONS ? &checking->has_refused_definitions
                                                           : &checking->refused[number];

    if (*is_refused)
        return 0;
    struct gw_jq_refusal *refusals =
        realloc(check->refusals, (check->refusal_count + 1) * sizeof(*refusals));
    if (refusals == NULL)
        return -ENOMEM;
    check->refusals = refusals;
    struct gw_jq_refusal *refusal = &refusals[check->refusal_count++];
    refusal->number = number;
    make_readable(message, is_end, refusal->why, sizeof(refusal->why));
    *is_refused = true;
    return 0;
}

/* 1: some message was about something that could be refused. 0: none. Or -ENOMEM. */
static int blame(struct checking *checking)
{
    const struct gw_jq_program *program = checking->check->program;
    struct gw_str rest = gw_buf_str(&checking->checker->answer), message;
    size_t before = checking->check->refusal_count;
    int rc = 0;

    while (rc == 0 && gw_str_split(&rest, '\n', &message)) {
        bool is_end;
        size_t line = line_of(message);
        int64_t number =
            line == SIZE_MAX ? -1 : gw_jq_program_at_line(program, checking->skip, line, &is_end);
        if (number >= 0)
            rc = refuse(checking, (uint32_t)number, message, is_end);
    }
    for (uint32_t i = 0; i < program->count; i++)
        checking->skip[i] |= checking->refused[i];
    return rc != 0 ? rc : checking->check->refusal_count > before;
}

/* --- searching -------------------------------------------------------------------------------- */

static int ask(struct checking *checking)
{
    gw_buf_clear(&checking->checker->program);
    gw_jq_program_write(&checking->checker->program, checking->check->program, checking->skip);
    return gw_jq_ask(checking->checker);
}

/* Where the cases from `first` to `end` (and none other) are asked for: 1: they are right, or what
 * is wrong was blamed. 0: something is wrong that has no line; the messages are there. */
static int ask_range(struct checking *checking, uint32_t first, uint32_t end)
{
    for (uint32_t i = 0; i < checking->check->program->count; i++)
        checking->skip[i] = i < first || i >= end || checking->refused[i];
    /* Some mistakes hide others: what is left is looked at again until nothing is wrong. */
    for (;;) {
        int rc = ask(checking);
        if (rc != 0)
            return rc;
        if (checking->checker->answer.len == 0)
            return 1;
        rc = blame(checking);
        if (rc <= 0)
            return rc;
        if (checking->has_refused_definitions)
            return 1; /* nothing else can be said then */
    }
}

/* By halves, where nothing says which it is. */
static int search(struct checking *checking, uint32_t first, uint32_t end)
{
    int rc = ask_range(checking, first, end);

    if (rc != 0)
        return rc < 0 ? rc : 0;
    struct gw_str message = gw_buf_str(&checking->checker->answer);
    message.len = gw_str_find(message, '\n');
    if (first >= end)
        return refuse(checking, GW_EXPRESSION_DEFINITIONS, message, false);
    if (end - first == 1)
        return refuse(checking, first, message, false);
    uint32_t middle = first + (end - first) / 2;
    rc = search(checking, first, middle);
    return rc != 0 || checking->has_refused_definitions ? rc : search(checking, middle, end);
}

int gw_jq_check(struct gw_jq_checker *checker, struct gw_jq_check *check)
{
    uint32_t count = check->program->count;
    bool *both = calloc(2 * (size_t)count + 1, sizeof(*both));

    if (both == NULL)
        return -ENOMEM;
    struct checking checking = {
        .checker = checker, .check = check, .skip = both, .refused = both + count};
    int rc = ask_range(&checking, 0, count);
    if (rc == 0) /* the definitions alone, then all */
        rc = search(&checking, 0, 0);
    if (rc == 0 && !checking.has_refused_definitions)
        rc = search(&checking, 0, count);
    free(both);
    return rc < 0 ? rc : 0;
}
