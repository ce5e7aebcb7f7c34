/* Errands: calls to Redis that no request waits for. Bounded: beyond the bound they are not run,
 * and what they would have told is forgotten after a while on the other side, too. */
#pragma once

#include "limiter.h"

struct slot;

/* Asks for a lease of the account's group. false if Redis cannot be asked. */
bool errand_ask_ahead(struct limiter *limiter, struct account *account);

/* What was debited at that time is not used. */
void errand_give_back(struct limiter *limiter, const struct plan_group *group, struct gw_str key,
                      uint64_t units, uint64_t debited_us);

/* Gives a lot of the account's lease back. */
void errand_give_back_lot(struct limiter *limiter, struct account *account, struct lease_lot lot);

/* Tells what the account has granted without Redis; the answer, or none, moves the breaker. false
 * if that is not possible, or on its way. */
bool errand_settle(struct limiter *limiter, struct account *account);

/* The slot is taken for another `ttl_us`; 0: it is free. */
void errand_slot(struct limiter *limiter, const struct slot *slot, uint64_t ttl_us);

/* Sends what is gathered, and forgets all that is under way. */
void errands_end(struct limiter *limiter);
