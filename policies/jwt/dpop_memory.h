/* Proofs that were seen, for as long as they could be used again: a bounded set of digests.
 *
 * Full of ones that still count, it takes no more: whoever asks must refuse then. Pure; times are
 * CLOCK_MONOTONIC nanoseconds. One worker's; not thread-safe. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/crypto/digest.h"

struct dpop_memory;

/* `max_entries` from 1 to 2^24; 48 bytes each, taken now. NULL without memory. */
GW_MUST_CHECK
struct dpop_memory *dpop_memory_create(uint32_t max_entries);
void dpop_memory_destroy(struct dpop_memory *memory); /* NULL is safe */

enum dpop_seen { DPOP_NEW, DPOP_SEEN, DPOP_FULL };

/* Remembers `digest` for `for_ns` at least: its place is free again when all before it are, too. */
enum dpop_seen dpop_memory_add(struct dpop_memory *memory, const uint8_t digest[GW_SHA256_BYTES],
                               uint64_t for_ns, uint64_t now_ns);
