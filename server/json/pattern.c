/* Compiling and matching by PCRE2, within bounds. */
#include "server/json/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <time.h>

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/json/pattern_private.h"

#define MATCH_LIMIT 200000        /* about a millisecond of backtracking */
#define MAX_CHARACTERS (1u << 28) /* starts times length */
#define MIN_STARTS 1000
#define MAX_SPENT_NS UINT64_C(500000000) /* in one validation */
#define SHORT_BYTES 256
#define SAMPLE 64
#define DEPTH_LIMIT 50000
#define HEAP_LIMIT_KIB 4096
#define MAX_COMPILED_BYTES (256u << 10)

struct gw_pattern {
    pcre2_code *code;
    bool is_anchored; /* there is one place to start from, not each */
    bool has_jit;     /* without it: slower, same result */
};

/* ECMA-262: `$` is the very end, a group that took no part matches empty, [] and [^] are classes.
 */
#define OPTIONS                                                                               \
    (PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF | PCRE2_ALLOW_EMPTY_CLASS | \
     PCRE2_NEVER_BACKSLASH_C)

static pcre2_code *compile(struct gw_str translated, struct gw_error *error)
{
    int number = 0;
    PCRE2_SIZE offset = 0;

    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)translated.ptr, translated.len, OPTIONS, &number, &offset, NULL);
    if (code == NULL) {
        char why[160] = "";
        pcre2_get_error_message(number, (PCRE2_UCHAR *)why, sizeof(why));
        (void)gw_error_set(error, -EINVAL, "%s", why);
    }
    return code;
}

struct gw_pattern *gw_pattern_create(struct gw_str source, struct gw_error *error)
{
    struct gw_pattern *pattern = calloc(1, sizeof(*pattern));
    size_t bytes = 0;
    struct gw_buf translated;

    if (pattern == NULL) {
        (void)gw_error_set(error, -ENOMEM, "not enough memory for a pattern");
        return NULL;
    }
    gw_buf_init(&translated, PATTERN_MAX_BYTES);
    if (gw_pattern_translate(source, &translated, error) == 0)
        pattern->code = compile(gw_buf_str(&translated), error);
    gw_buf_finish(&translated);
    if (pattern->code == NULL)
        goto fail;
    pcre2_pattern_info(pattern->code, PCRE2_INFO_SIZE, &bytes);
    if (bytes > MAX_COMPILED_BYTES) {
        (void)gw_error_set(error, -EMSGSIZE, "the pattern is too large");
        goto fail;
    }
    uint32_t options = 0;
    pcre2_pattern_info(pattern->code, PCRE2_INFO_ALLOPTIONS, &options);
    pattern->is_anchored = (options & PCRE2_ANCHORED) != 0;
    pattern->has_jit = pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE) == 0;
    return pattern;

fail:
    gw_pattern_destroy(pattern);
    return NULL;
}

void gw_pattern_destroy(struct gw_pattern *pattern)
{
    if (pattern == NULL)
        return;
    pcre2_code_free(pattern->code);
    free(pattern);
}

bool gw_pattern_is_valid(struct gw_str source)
{
    struct gw_error error;
    struct gw_pattern *pattern = gw_pattern_create(source, &error);

    gw_pattern_destroy(pattern);
    return pattern != NULL;
}

/* PCRE2 takes what it needs for matching from the arena, which is bounded; nothing is given back
 * before the arena is. */
static void *take_from_arena(size_t bytes, void *arena)
{
    return gw_arena_alloc(arena, bytes);
}

static void leave_in_arena(void *ptr, void *arena)
{
    (void)ptr;
    (void)arena;
}

/* Match data for whether, not where: one pair of offsets will do. */
static int prepare(struct gw_pattern_scratch *scratch)
{
    if (scratch->match_data != NULL)
        return 0;
    pcre2_general_context *memory =
        pcre2_general_context_create(take_from_arena, leave_in_arena, scratch->arena);
    pcre2_match_context *bounds = memory == NULL ? NULL : pcre2_match_context_create(memory);
    if (bounds == NULL)
        return -ENOMEM;
    pcre2_set_depth_limit(bounds, DEPTH_LIMIT);
    pcre2_set_heap_limit(bounds, HEAP_LIMIT_KIB);
    scratch->bounds = bounds;
    scratch->match_data = pcre2_match_data_create(1, memory);
    return scratch->match_data == NULL ? -ENOMEM : 0;
}

/* PCRE2 counts a start as one step although it may run to the end of the text: on a long one fewer
 * are allowed, so that all starts together stay bounded. */
static uint32_t match_limit(const struct gw_pattern *pattern, size_t len)
{
    size_t starts = MAX_CHARACTERS / (len + 1);

    if (pattern->is_anchored || starts > MATCH_LIMIT)
        return MATCH_LIMIT;
    return starts < MIN_STARTS ? MIN_STARTS : (uint32_t)starts;
}

static uint64_t thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int run(const struct gw_pattern *pattern, struct gw_str text,
               struct gw_pattern_scratch *scratch)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)(text.len > 0 ? text.ptr : "");
    int rc = PCRE2_ERROR_JIT_STACKLIMIT;

    pcre2_set_match_limit(scratch->bounds, match_limit(pattern, text.len));
    if (pattern->has_jit)
        rc = pcre2_jit_match(pattern->code, subject, text.len, 0, PCRE2_NO_UTF_CHECK,
                             scratch->match_data, scratch->bounds);
    /* where the JIT's stack ends, the interpreter's heap is larger, and bounded, too */
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(pattern->code, subject, text.len, 0, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                         scratch->match_data, scratch->bounds);
    if (rc >= 0)
        return 1;
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    return rc == PCRE2_ERROR_NOMEMORY ? -ENOMEM : -EOVERFLOW;
}

/* A clock in pure code: PCRE2 does not say how many steps it took. Short texts are sampled. */
int gw_pattern_match(const struct gw_pattern *pattern, struct gw_str text,
                     struct gw_pattern_scratch *scratch)
{
    bool is_short = text.len <= SHORT_BYTES;
    int rc = prepare(scratch);

    if (rc != 0)
        return rc;
    if (scratch->spent_ns > MAX_SPENT_NS)
        return -EOVERFLOW;
    if (is_short && scratch->count++ % SAMPLE != SAMPLE - 1)
        return run(pattern, text, scratch);
    uint64_t start_ns = thread_ns();
    rc = run(pattern, text, scratch);
    scratch->spent_ns += (thread_ns() - start_ns) * (is_short ? SAMPLE : 1);
    return rc;
}
