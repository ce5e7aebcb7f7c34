/* Compiler attributes, spelled once. They document as much as they check. */
#pragma once

#define GW_MUST_CHECK __attribute__((warn_unused_result))
#define GW_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define GW_NONNULL __attribute__((nonnull))
#define GW_PURE __attribute__((pure))
#define GW_COLD __attribute__((cold))
#define GW_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define GW_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#define GW_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The struct that holds `member` at `pointer`. */
#define GW_CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
