/* Slots: a place among the requests that may be under way for a subject, held from the decision to
 * the response's last byte. While it is held, Redis is told so now and then; the slots of a gateway
 * that died are free when that stops. */
#pragma once

#include "limiter.h"

#define SLOT_KEY_BYTES (SUBJECT_KEY_BYTES + 2 * LIMIT_NAME_BYTES + 8)
#define SLOT_NAME_BYTES 40

struct slot {
    struct gw_list node; /* among the held or the free ones */
    struct limiter *limiter;
    struct account *account;
    uint64_t ttl_ns, renewed_ns;
    bool is_held;
    size_t key_len;
    char key[SLOT_KEY_BYTES];
    char name[SLOT_NAME_BYTES]; /* ends with NUL */
};

/* One with a new name, not yet held; NULL at the bound or without memory. */
GW_MUST_CHECK
struct slot *slot_create(struct limiter *limiter, struct account *account);

/* It was granted, by Redis or locally. */
void slot_hold(struct slot *slot);

/* It is not needed, or no more; Redis is told, unless nobody asked it. */
void slot_release(struct slot *slot, bool is_known);

/* Tells Redis of those that are held for a while. */
void slots_renew(struct limiter *limiter);
