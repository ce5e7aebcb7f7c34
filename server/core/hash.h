/* SipHash-1-3 under a key: for tables whose keys an outsider chooses. Pure. */
#pragma once

#include <stdint.h>

#include "server/core/str.h"

struct gw_hash_key {
    uint64_t k0, k1;
};

uint64_t gw_hash(const struct gw_hash_key *key, struct gw_str text);

/* The process's own key, drawn from the kernel on first use. Any thread. */
const struct gw_hash_key *gw_hash_process_key(void);
