#include "slot.h"

#include <stdio.h>

#include "errand.h"

#define MAX_SLOTS 65536
#define SLOTS_PER_BLOCK 32
#define RENEWALS 3 /* in the life of a slot */

static struct slot *take_free(struct limiter *limiter)
{
    if (gw_list_is_empty(&limiter->free_slots) && limiter->slot_count < MAX_SLOTS) {
        struct slot *block = gw_arena_calloc(&limiter->memory, SLOTS_PER_BLOCK, sizeof(*block));
        for (size_t i = 0; block != NULL && i < SLOTS_PER_BLOCK; i++)
            gw_list_append(&limiter->free_slots, &block[i].node);
        limiter->slot_count += block != NULL ? SLOTS_PER_BLOCK : 0;
    }
    struct gw_list *node = gw_list_take(&limiter->free_slots);
    return node != NULL ? GW_LIST_ITEM(node, struct slot, node) : NULL;
}

struct slot *slot_create(struct limiter *limiter, struct account *account)
{
    const struct limit *limit = account->group->slots;
    struct slot *slot = take_free(limiter);

    if (slot == NULL)
        return NULL;
    slot->limiter = limiter;
    slot->account = account;
    slot->ttl_ns = limit->slot_ttl_ns;
    slot->renewed_ns = limiter_now_ns(limiter);
    slot->is_held = false;
    slot->key_len = (size_t)snprintf(slot->key, sizeof(slot->key), "%.*s:%.*s",
                                     GW_STR_ARG(account_key(account)), GW_STR_ARG(limit->name));
    snprintf(slot->name, sizeof(slot->name), "%s.%llx", limiter->holder,
             (unsigned long long)++limiter->slot_serial);
    account->pins++;
    return slot;
}

void slot_hold(struct slot *slot)
{
    slot->is_held = true;
    slot->account->slots_held++;
    gw_list_append(&slot->limiter->slots, &slot->node);
}

void slot_release(struct slot *slot, bool is_known)
{
    if (is_known)
        errand_slot(slot->limiter, slot, 0);
    if (slot->is_held)
        slot->account->slots_held--;
    slot->account->pins--;
    gw_list_remove(&slot->node);
    gw_list_prepend(&slot->limiter->free_slots, &slot->node);
}

void slots_renew(struct limiter *limiter)
{
    uint64_t now_ns = limiter_now_ns(limiter);

    for (struct gw_list *node = limiter->slots.next; node != &limiter->slots; node = node->next) {
        struct slot *slot = GW_LIST_ITEM(node, struct slot, node);
        if (now_ns - slot->renewed_ns < slot->ttl_ns / RENEWALS)
            continue;
        slot->renewed_ns = now_ns;
        errand_slot(limiter, slot, slot->ttl_ns / 1000);
    }
}
