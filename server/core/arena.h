/* Arena: memory with one lifetime, and the clean-up that goes with it.
 *
 * Every exchange has one; snapshots and parsers use it too. Allocation is a pointer
 * bump; everything is given back at once by reset or finish. Not for values that are
 * freed one by one. An arena has one owner: its calls are not thread-safe. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_arena_block;
struct gw_arena_defer;

struct gw_arena {
    char *next;                    /* first free byte of the newest block */
    char *end;                     /* one behind its last */
    struct gw_arena_block *blocks; /* newest first; one is kept over a reset */
    struct gw_arena_defer *defers; /* newest first */
    size_t block_bytes;            /* size of an ordinary block */
    size_t used_bytes;             /* of all blocks together */
    size_t max_bytes;              /* the ceiling on used_bytes */
};

/* The first block is taken on first use. `max_bytes` bounds the sum of all blocks. */
void gw_arena_init(struct gw_arena *arena, size_t block_bytes, size_t max_bytes);

/* Runs the deferred calls, newest first, then frees all. Safe on a zeroed arena. */
void gw_arena_finish(struct gw_arena *arena);

/* Like finish, but keeps a block of ordinary size for the next use. */
void gw_arena_reset(struct gw_arena *arena);

/* Memory aligned for any type, not zeroed; NULL at the ceiling or without memory. */
GW_MUST_CHECK
void *gw_arena_alloc(struct gw_arena *arena, size_t bytes);

/* `count` times `bytes`, zeroed, checked for overflow; NULL as above. */
GW_MUST_CHECK
void *gw_arena_calloc(struct gw_arena *arena, size_t count, size_t bytes);

/* A copy that ends in NUL (not counted in len); ptr is NULL on failure. */
GW_MUST_CHECK
struct gw_str gw_arena_copy(struct gw_arena *arena, struct gw_str text);

/* Parts one behind the other, followed by a NUL. Unlike %.*s it does not end at a NUL within, so
 * that no two of them become the same text. ptr NULL on failure. */
struct gw_str gw_arena_join(struct gw_arena *arena, const struct gw_str *parts, size_t count);

/* A printed string that ends in NUL; ptr is NULL on failure. */
GW_MUST_CHECK GW_PRINTF(2, 3) struct gw_str
    gw_arena_printf(struct gw_arena *arena, const char *format, ...);
GW_MUST_CHECK
struct gw_str gw_arena_vprintf(struct gw_arena *arena, const char *format, va_list args);

/* Calls fn(ptr) when the arena is reset or finished. Returns 0, or -ENOMEM: then fn
 * was not kept, and the caller still owns ptr. */
GW_MUST_CHECK
int gw_arena_defer(struct gw_arena *arena, void (*fn)(void *ptr), void *ptr);

/* Moves all that lies in `other`, and its deferred calls, into `arena`: pointers stay right, and
 * `other` is empty. 0, or -ENOMEM beyond the ceiling: then nothing was moved. */
GW_MUST_CHECK
int gw_arena_adopt(struct gw_arena *arena, struct gw_arena *other);
