#include "policies/jwt/denied.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "server/core/hash.h"

#define WAYS 4 /* places that an address may have */
#define SETS (DENIED_MAX_SOURCES / WAYS)

struct denied_token {
    struct token_key token;
    uint64_t key_set;
    uint64_t until_ns; /* 0: no token */
};

struct source {
    uint64_t id;         /* 0: nobody */
    uint64_t seen_ns;    /* when the last bad token came */
    uint64_t full_at_ns; /* when the budget will be full again; in the past if it is */
    uint64_t calm_at_ns; /* likewise, of refusals */
    unsigned next;       /* the oldest token */
    struct denied_token tokens[DENIED_TOKENS_PER_SOURCE];
};

struct denied_table {
    struct source sources[SETS][WAYS];
};

struct denied_table *denied_table_create(void)
{
    return calloc(1, sizeof(struct denied_table));
}

void denied_table_destroy(struct denied_table *table)
{
    free(table);
}

uint64_t denied_source_of(struct gw_str peer)
{
    unsigned char address[16];
    char text[INET6_ADDRSTRLEN];

    if (peer.len > 0 && peer.len < sizeof(text)) {
        memcpy(text, peer.ptr, peer.len);
        text[peer.len] = '\0';
        if (inet_pton(AF_INET6, text, address) == 1)
            peer = gw_str_from((const char *)address, 8);
    }
    uint64_t id = gw_hash(gw_hash_process_key(), peer);
    return id == 0 ? 1 : id;
}

static const struct source *find(const struct denied_table *table, uint64_t id)
{
    const struct source *set = table->sources[id % SETS];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].id == id)
            return &set[i];
    }
    return NULL;
}

bool denied_table_has(const struct denied_table *table, uint64_t id, const struct token_key *token,
                      uint64_t key_set, uint64_t now_ns)
{
    const struct source *source = find(table, id);

    for (size_t i = 0; source != NULL && i < DENIED_TOKENS_PER_SOURCE; i++) {
        const struct denied_token *here = &source->tokens[i];
        if (here->until_ns > now_ns && here->key_set == key_set &&
            token_key_is_equal(&here->token, token))
            return true;
    }
    return false;
}

uint64_t denied_table_wait_ns(const struct denied_table *table, uint64_t id,
                              const struct denied_rules *rules, uint64_t now_ns)
{
    const struct source *source = rules->regain_ns == 0 ? NULL : find(table, id);

    if (source == NULL || source->full_at_ns <= now_ns)
        return 0;
    uint64_t debt_ns = source->full_at_ns - now_ns + rules->regain_ns;
    uint64_t room_ns = rules->burst * rules->regain_ns;
    return debt_ns > room_ns ? debt_ns - room_ns : 0;
}

/* Its place, or that of who has been quiet for longest. */
static struct source *take_place(struct denied_table *table, uint64_t id)
{
    struct source *set = table->sources[id % SETS];
    struct source *place = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].id == id)
            return &set[i];
        if (set[i].seen_ns < place->seen_ns)
            place = &set[i];
    }
    memset(place, 0, sizeof(*place));
    place->id = id;
    return place;
}

void denied_table_add(struct denied_table *table, uint64_t id, const struct token_key *token,
                      uint64_t key_set, const struct denied_rules *rules, uint64_t now_ns)
{
    if (rules->memory_ns == 0)
        return;
    struct source *source = take_place(table, id);
    source->seen_ns = now_ns;
    source->tokens[source->next] =
        (struct denied_token){*token, key_set, now_ns + rules->memory_ns};
    source->next = (source->next + 1) % DENIED_TOKENS_PER_SOURCE;
}

void denied_table_charge(struct denied_table *table, uint64_t id, unsigned count,
                         const struct denied_rules *rules, uint64_t now_ns)
{
    if (rules->regain_ns == 0 || count == 0)
        return;
    struct source *source = take_place(table, id);
    uint64_t from_ns = source->full_at_ns > now_ns ? source->full_at_ns : now_ns;
    source->seen_ns = now_ns;
    source->full_at_ns = from_ns + count * rules->regain_ns;
}

uint64_t denied_table_delay_ns(struct denied_table *table, uint64_t id,
                               const struct denied_rules *rules, uint64_t now_ns)
{
    if (rules->regain_ns == 0)
        return 0;
    struct source *source = take_place(table, id);
    uint64_t room_ns = rules->burst * rules->regain_ns;
    uint64_t from_ns = source->calm_at_ns > now_ns ? source->calm_at_ns : now_ns;
    bool is_over = from_ns - now_ns + rules->regain_ns > room_ns;
    source->seen_ns = now_ns;
    if (!is_over)
        source->calm_at_ns = from_ns + rules->regain_ns;
    return is_over ? DENIED_DELAY_NS : 0;
}
