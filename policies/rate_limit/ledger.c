#include "ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/map.h"

#define MAX_SEARCH 64 /* for an account that is not pinned */

struct ledger {
    struct gw_map map;
    struct gw_list used;
    size_t count, max_count;
    size_t max_limits;
    struct account *accounts;
    struct limit_answer *told;
    struct share *shares;
};

struct ledger *ledger_create(size_t max_accounts, size_t max_limits)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));

    if (ledger == NULL)
        return NULL;
    ledger->accounts = calloc(max_accounts, sizeof(*ledger->accounts));
    ledger->told = calloc(max_accounts * max_limits, sizeof(*ledger->told));
    ledger->shares = calloc(max_accounts * max_limits, sizeof(*ledger->shares));
    if (ledger->accounts == NULL || ledger->told == NULL || ledger->shares == NULL) {
        ledger_destroy(ledger);
        return NULL;
    }
    gw_map_init(&ledger->map, max_accounts);
    gw_list_init(&ledger->used);
    ledger->max_count = max_accounts;
    ledger->max_limits = max_limits;
    return ledger;
}

void ledger_destroy(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    gw_map_finish(&ledger->map);
    free(ledger->accounts);
    free(ledger->told);
    free(ledger->shares);
    free(ledger);
}

struct account *ledger_find(struct ledger *ledger, struct gw_str key)
{
    struct account *account = gw_map_get(&ledger->map, key);

    if (account != NULL && ledger->used.next != &account->used) {
        gw_list_remove(&account->used);
        gw_list_prepend(&ledger->used, &account->used);
    }
    return account;
}

static struct account *take_new(struct ledger *ledger)
{
    size_t place = ledger->count++;
    struct account *account = &ledger->accounts[place];

    account->told = &ledger->told[place * ledger->max_limits];
    account->shares = &ledger->shares[place * ledger->max_limits];
    return account;
}

static struct account *find_oldest_free(struct ledger *ledger)
{
    struct gw_list *node = ledger->used.previous;

    for (unsigned i = 0; i < MAX_SEARCH && node != &ledger->used; i++, node = node->previous) {
        struct account *account = GW_LIST_ITEM(node, struct account, used);
        if (account->pins == 0)
            return account;
    }
    return NULL;
}

struct account *ledger_open(struct ledger *ledger, struct gw_str key,
                            const struct plan_group *group,
                            void (*forget)(void *self, struct account *account), void *self)
{
    struct account *account = ledger_find(ledger, key);

    if (account != NULL)
        return account;
    if (ledger->count < ledger->max_count) {
        account = take_new(ledger);
    } else {
        account = find_oldest_free(ledger);
        if (account == NULL)
            return NULL;
        forget(self, account);
        gw_list_remove(&account->used);
        gw_list_remove(&account->leased);
        gw_list_remove(&account->owing);
        gw_map_remove(&ledger->map, account_key(account));
        memset(account->shares, 0, ledger->max_limits * sizeof(*account->shares));
    }
    assert(key.len <= sizeof(account->key) && group->limit_count <= ledger->max_limits);
    *account = (struct account){
        .group = group, .told = account->told, .shares = account->shares, .key_len = key.len};
    memcpy(account->key, key.ptr, key.len);
    int rc = gw_map_add(&ledger->map, account_key(account), account);
    (void)rc; /* without memory for the table it is only not found again */
    gw_list_prepend(&ledger->used, &account->used);
    return account;
}

size_t ledger_get_count(const struct ledger *ledger)
{
    return ledger->count;
}
