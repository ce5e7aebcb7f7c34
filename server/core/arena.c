#include "server/core/arena.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONED 1
#endif
#endif

#ifdef ARENA_POISONED
#include <sanitizer/asan_interface.h>
#define POISON(ptr, bytes) ASAN_POISON_MEMORY_REGION(ptr, bytes)
#define UNPOISON(ptr, bytes) ASAN_UNPOISON_MEMORY_REGION(ptr, bytes)
#define RED_ZONE 16 /* between allocations, so that one running over is seen */
#else
#define POISON(ptr, bytes) ((void)(ptr), (void)(bytes))
#define UNPOISON(ptr, bytes) ((void)(ptr), (void)(bytes))
#define RED_ZONE 0
#endif

#define ALIGNMENT _Alignof(max_align_t)

struct gw_arena_block {
    struct gw_arena_block *older;
    size_t bytes; /* of payload */
    _Alignas(max_align_t) char payload[];
};

struct gw_arena_defer {
    struct gw_arena_defer *older;
    void (*fn)(void *ptr);
    void *ptr;
};

void gw_arena_init(struct gw_arena *arena, size_t block_bytes, size_t max_bytes)
{
    *arena = (struct gw_arena){.block_bytes = block_bytes, .max_bytes = max_bytes};
}

static void run_defers(struct gw_arena *arena)
{
    while (arena->defers != NULL) {
        struct gw_arena_defer *defer = arena->defers;
        arena->defers = defer->older;
        defer->fn(defer->ptr);
    }
}

static void free_block(struct gw_arena_block *block)
{
    UNPOISON(block->payload, block->bytes);
    free(block);
}

/* Frees all blocks but one of ordinary size, if there is one and it is to be kept. */
static struct gw_arena_block *free_blocks(struct gw_arena *arena, bool keeps_one)
{
    struct gw_arena_block *kept = NULL;
    struct gw_arena_block *older;

    for (struct gw_arena_block *block = arena->blocks; block != NULL; block = older) {
        older = block->older;
        if (keeps_one && kept == NULL && block->bytes == arena->block_bytes)
            kept = block;
        else
            free_block(block);
    }
    return kept;
}

void gw_arena_finish(struct gw_arena *arena)
{
    run_defers(arena);
    free_blocks(arena, false);
    gw_arena_init(arena, arena->block_bytes, arena->max_bytes);
}

void gw_arena_reset(struct gw_arena *arena)
{
    run_defers(arena);
    struct gw_arena_block *kept = free_blocks(arena, true);
    gw_arena_init(arena, arena->block_bytes, arena->max_bytes);
    if (kept == NULL)
        return;
    kept->older = NULL;
    arena->blocks = kept;
    arena->next = kept->payload;
    arena->end = kept->payload + kept->bytes;
    arena->used_bytes = kept->bytes;
    POISON(kept->payload, kept->bytes);
}

/* A new block of at least `bytes`. One that is larger than ordinary is put *behind* the newest, so
 * that what is left of that one stays in use. Returns where the caller's bytes start. */
static char *add_block(struct gw_arena *arena, size_t bytes)
{
    bool is_large = bytes > arena->block_bytes;
    size_t block_bytes = is_large ? bytes : arena->block_bytes;

    if (block_bytes > arena->max_bytes - arena->used_bytes)
        return NULL;
    struct gw_arena_block *block = malloc(sizeof(*block) + block_bytes);
    if (block == NULL)
        return NULL;
    block->bytes = block_bytes;
    arena->used_bytes += block_bytes;

    if (is_large && arena->blocks != NULL) {
        block->older = arena->blocks->older;
        arena->blocks->older = block;
        return block->payload;
    }
    block->older = arena->blocks;
    arena->blocks = block;
    arena->next = block->payload + bytes;
    arena->end = block->payload + block_bytes;
    POISON(arena->next, (size_t)(arena->end - arena->next));
    return block->payload;
}

void *gw_arena_alloc(struct gw_arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX - ALIGNMENT - RED_ZONE)
        return NULL;

    size_t rounded = (bytes + RED_ZONE + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    char *result = arena->next;
    if (result != NULL && rounded <= (size_t)(arena->end - result))
        arena->next += rounded;
    else
        result = add_block(arena, rounded);
    if (result != NULL) {
        POISON(result, rounded);
        UNPOISON(result, bytes);
    }
    return result;
}

void *gw_arena_calloc(struct gw_arena *arena, size_t count, size_t bytes)
{
    if (bytes != 0 && count > SIZE_MAX / bytes)
        return NULL;

    void *result = gw_arena_alloc(arena, count * bytes);
    if (result != NULL)
        memset(result, 0, count * bytes);
    return result;
}

struct gw_str gw_arena_copy(struct gw_arena *arena, struct gw_str text)
{
    char *copy = text.len == SIZE_MAX ? NULL : gw_arena_alloc(arena, text.len + 1);

    if (copy == NULL)
        return (struct gw_str){NULL, 0};
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return gw_str_from(copy, text.len);
}

struct gw_str gw_arena_join(struct gw_arena *arena, const struct gw_str *parts, size_t count)
{
    size_t len = 0, at = 0;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    char *text = gw_arena_alloc(arena, len + 1);
    if (text == NULL)
        return gw_str_from(NULL, 0);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(text + at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    text[len] = '\0';
    return gw_str_from(text, len);
}

struct gw_str gw_arena_vprintf(struct gw_arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    char *text = len < 0 ? NULL : gw_arena_alloc(arena, (size_t)len + 1);

    if (text != NULL)
        vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return gw_str_from(text, text == NULL ? 0 : (size_t)len);
}

struct gw_str gw_arena_printf(struct gw_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct gw_str text = gw_arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

int gw_arena_defer(struct gw_arena *arena, void (*fn)(void *ptr), void *ptr)
{
    struct gw_arena_defer *defer = gw_arena_alloc(arena, sizeof(*defer));

    if (defer == NULL)
        return -ENOMEM;
    *defer = (struct gw_arena_defer){.older = arena->defers, .fn = fn, .ptr = ptr};
    arena->defers = defer;
    return 0;
}

static void adopt_defers(struct gw_arena *arena, struct gw_arena *other)
{
    struct gw_arena_defer **last = &other->defers;

    while (*last != NULL)
        last = &(*last)->older;
    *last = arena->defers;
    arena->defers = other->defers;
}

/* Behind the newest block, as with large ones: what is left of that one stays in use. */
int gw_arena_adopt(struct gw_arena *arena, struct gw_arena *other)
{
    struct gw_arena_block **last = &other->blocks;

    if (other->used_bytes > arena->max_bytes - arena->used_bytes)
        return -ENOMEM;
    while (*last != NULL)
        last = &(*last)->older;
    if (arena->blocks == NULL) {
        arena->next = other->next;
        arena->end = other->end;
        arena->blocks = other->blocks;
    } else {
        *last = arena->blocks->older;
        arena->blocks->older = other->blocks;
    }
    adopt_defers(arena, other);
    arena->used_bytes += other->used_bytes;
    gw_arena_init(other, other->block_bytes, other->max_bytes);
    return 0;
}
