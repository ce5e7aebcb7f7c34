/* What one worker remembers of subjects: its leases, what Redis said last, its local shares.
 *
 * At most a fixed number is remembered; for one more, the one unseen for longest is forgotten, if
 * nothing points at it. All memory is taken at creation. One owner. */
#pragma once

#include "lease.h"
#include "server/core/list.h"
#include "share.h"

struct account {
    struct gw_list used;   /* of all, most recently seen first */
    struct gw_list leased; /* of those with leases, oldest first */
    struct gw_list owing;  /* of those with local shares that Redis does not know of */
    const struct plan_group *group;
    unsigned pins; /* calls under way and slots: it cannot be forgotten */
    uint64_t slots_held;
    struct lease lease;
    bool is_asking; /* for a lease */
    uint64_t refused_until_ns;
    uint64_t refused_weight;
    int refused_by;
    uint64_t told_ns;          /* when Redis said what is in `told` */
    struct limit_answer *told; /* one for each limit, as `shares` */
    struct share *shares;
    size_t key_len;
    char key[SUBJECT_KEY_BYTES];
};

struct ledger;

/* `max_limits`: of one group. NULL without memory. */
GW_MUST_CHECK
struct ledger *ledger_create(size_t max_accounts, size_t max_limits);
void ledger_destroy(struct ledger *ledger); /* NULL is safe */

/* The subject's account, or NULL if there is none. */
struct account *ledger_find(struct ledger *ledger, struct gw_str key);

/* The same, opened if need be; NULL if all are pinned. `forget` is called for one that has to make
 * room, while it is still whole. */
struct account *ledger_open(struct ledger *ledger, struct gw_str key,
                            const struct plan_group *group,
                            void (*forget)(void *self, struct account *account), void *self);

size_t ledger_get_count(const struct ledger *ledger);

static inline struct gw_str account_key(const struct account *account)
{
    return gw_str_from(account->key, account->key_len);
}
