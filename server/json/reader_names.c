/* Duplicate names of one object: pairwise for a few, by a table for many, never quadratic in many.
 * Mostly there are none, and that the hashes of some hundred names all differ is seen at once. */
#include <errno.h>

#include "server/core/arena.h"
#include "server/core/hash.h"
#include "server/json/reader_private.h"

#define PAIRWISE_MAX 32
#define HASHES_MAX 512 /* of more, two are likely to be the same */

static uint32_t value_end(const struct gw_json_token *tokens, uint32_t at)
{
    return tokens[at].type >= GW_JSON_ARRAY ? tokens[at].inside.next : at + 1;
}

static bool is_same_name(const struct gw_json_token *a, const struct gw_json_token *b)
{
    return a->hash == b->hash && a->len == b->len && memcmp(a->ptr, b->ptr, a->len) == 0;
}

static bool has_pair(const struct gw_json_token *tokens, uint32_t first, uint32_t count)
{
    const struct gw_json_token *names[PAIRWISE_MAX];

    for (uint32_t i = 0, at = first; i < count; i++, at = value_end(tokens, at + 1)) {
        names[i] = &tokens[at];
        for (uint32_t j = 0; j < i; j++) {
            if (is_same_name(names[i], names[j]))
                return true;
        }
    }
    return false;
}

/* Whether two names have the same hash. */
static bool has_hash_pair(const struct gw_json_token *tokens, uint32_t first, uint32_t count)
{
    uint64_t seen[(UINT16_MAX + 1) / 64] = {0};

    for (uint32_t i = 0, at = first; i < count; i++, at = value_end(tokens, at + 1)) {
        uint64_t bit = UINT64_C(1) << (tokens[at].hash % 64);
        if ((seen[tokens[at].hash / 64] & bit) != 0)
            return true;
        seen[tokens[at].hash / 64] |= bit;
    }
    return false;
}

/* The names are an outsider's choice: the hash of the table is keyed. */
static int has_duplicate_by_table(struct gw_reader *reader, uint32_t first, uint32_t count)
{
    const struct gw_json_token *tokens = reader->tokens;
    const struct gw_hash_key *key = gw_hash_process_key();
    uint32_t size = 128;

    while (size < count * 2)
        size *= 2;
    uint32_t *table = gw_arena_calloc(reader->arena, size, sizeof(*table)); /* token index + 1 */
    if (table == NULL)
        return -ENOMEM;
    for (uint32_t i = 0, at = first; i < count; i++, at = value_end(tokens, at + 1)) {
        struct gw_str name = gw_str_from(tokens[at].ptr, tokens[at].len);
        uint32_t slot = (uint32_t)gw_hash(key, name) & (size - 1);
        for (; table[slot] != 0; slot = (slot + 1) & (size - 1)) {
            if (is_same_name(&tokens[at], &tokens[table[slot] - 1]))
                return 1;
        }
        table[slot] = at + 1;
    }
    return 0;
}

int gw_reader_has_duplicates(struct gw_reader *reader, uint32_t at)
{
    uint32_t count = reader->tokens[at].inside.count;

    if (count <= PAIRWISE_MAX)
        return has_pair(reader->tokens, at + 1, count);
    if (count <= HASHES_MAX && !has_hash_pair(reader->tokens, at + 1, count))
        return 0;
    return has_duplicate_by_table(reader, at + 1, count);
}
