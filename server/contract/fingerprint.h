/* The fingerprint of a contract: what it was made of, in 128 bits.
 *
 * Two SipHashes under keys of this process, so that nobody can prepare two texts that look alike.
 * It means nothing to another process. */
#pragma once

#include <stdint.h>

#include "server/contract/rules.h"
#include "server/core/str.h"

struct contract_fingerprint {
    uint64_t hash[2];
};

void contract_fingerprint_init(struct contract_fingerprint *print,
                               const struct gw_contract_rules *rules);

/* Adds one text; the order counts. */
void contract_fingerprint_add(struct contract_fingerprint *print, struct gw_str text);
