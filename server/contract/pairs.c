#include "server/contract/pairs.h"

#include <errno.h>

#include "server/core/arena.h"
#include "server/json/reader.h"

static size_t count_pieces(struct gw_str text)
{
    size_t count = 1;

    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '&';
    return count;
}

static struct gw_pair split_pair(struct gw_str piece)
{
    size_t equals = gw_str_find(piece, '=');
    bool has_equals = equals < piece.len;

    return (struct gw_pair){
        .name = gw_str_from(piece.ptr, equals),
        .value = has_equals ? gw_str_tail(piece, equals + 1) : gw_str_from(piece.ptr + equals, 0),
        .has_equals = has_equals,
    };
}

int gw_pairs_read_query(struct gw_str text, struct gw_arena *arena, struct gw_pairs *out_pairs)
{
    struct gw_pairs pairs = {.form = GW_PERCENT_QUERY};
    struct gw_str rest = text;
    struct gw_str piece;

    if (text.len == 0) {
        *out_pairs = pairs;
        return 0;
    }
    size_t room = count_pieces(text);
    pairs.items =
        gw_arena_alloc(arena, (room < GW_PAIRS_MAX ? room : GW_PAIRS_MAX) * sizeof(*pairs.items));
    if (pairs.items == NULL)
        return -ENOMEM;
    while (gw_str_split(&rest, '&', &piece)) {
        if (piece.len == 0)
            continue;
        if (pairs.count == GW_PAIRS_MAX)
            return -E2BIG;
        struct gw_pair *pair = &pairs.items[pairs.count];
        *pair = split_pair(piece);
        int rc = gw_percent_decode(pair->name, GW_PERCENT_QUERY, arena, &pair->name);
        if (rc != 0)
            return rc;
        pair->hash = gw_json_name_hash(pair->name);
        pairs.count++;
    }
    *out_pairs = pairs;
    return 0;
}

int gw_pairs_add_cookies(struct gw_str text, struct gw_pairs *pairs)
{
    struct gw_str rest = text;
    struct gw_str piece;

    while (gw_str_split(&rest, ';', &piece)) {
        struct gw_pair pair = split_pair(gw_str_trim(piece));
        if (pair.name.len == 0 || !pair.has_equals)
            continue;
        if (pairs->count == GW_PAIRS_MAX)
            return -E2BIG;
        /* A value may stand in quotes, which are part of it for nobody (RFC 6265, 4.1.1). */
        if (pair.value.len >= 2 && pair.value.ptr[0] == '"' &&
            pair.value.ptr[pair.value.len - 1] == '"')
            pair.value = gw_str_from(pair.value.ptr + 1, pair.value.len - 2);
        pair.hash = gw_json_name_hash(pair.name);
        pairs->items[pairs->count++] = pair;
    }
    return 0;
}
