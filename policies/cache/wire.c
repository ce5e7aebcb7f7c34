#include "policies/cache/wire.h"

#include <errno.h>

#include "policies/cache/store.h"
#include "server/core/clock.h"
#include "server/http/exchange.h"
#include "server/net/http_parser.h"

/* Another byte order or form has another one. */
#define MAGIC UINT32_C(0x3143474d)

enum { MUST_REVALIDATE = 1, NO_CACHE = 2 };

/* --- writing --- */

static void put_number(struct gw_buf *out, int64_t number)
{
    gw_buf_append(out, &number, sizeof(number));
}

static void put_text(struct gw_buf *out, struct gw_str text)
{
    put_number(out, (int64_t)text.len);
    gw_buf_append_str(out, text);
}

void cache_wire_write(const struct cache_entry *entry, int64_t now_ns, int64_t wall_ns,
                      struct gw_buf *out)
{
    const struct cache_terms *terms = &entry->terms;
    const uint32_t magic = MAGIC;

    gw_buf_append(out, &magic, sizeof(magic));
    gw_buf_append_str(out, cache_key_str(&entry->key));
    gw_buf_append_str(out, cache_key_str(&entry->variant));
    put_number(out, entry->status);
    put_number(out, wall_ns - (now_ns - entry->born_ns));
    put_number(out, terms->lifetime_s);
    put_number(out, terms->stale_while_revalidate_s);
    put_number(out, terms->stale_if_error_s);
    put_number(out,
               (terms->must_revalidate ? MUST_REVALIDATE : 0) | (terms->no_cache ? NO_CACHE : 0));
    put_number(out, (int64_t)entry->known);
    put_number(out, (int64_t)entry->tag_count);
    for (size_t i = 0; i < entry->tag_count; i++)
        put_number(out, entry->tags[i]);
    put_text(out, entry->vary);
    put_number(out, (int64_t)entry->field_count);
    for (size_t i = 0; i < entry->field_count; i++) {
        put_text(out, entry->fields[i].name);
        put_text(out, entry->fields[i].value);
    }
    put_text(out, entry->body);
}

/* --- reading: the first failure is kept --- */

struct input {
    struct gw_str rest;
    bool has_failed;
};

static struct gw_str take(struct input *input, size_t len)
{
    if (input->has_failed || len > input->rest.len) {
        input->has_failed = true;
        return GW_STR("");
    }
    struct gw_str bytes = gw_str_from(input->rest.ptr, len);
    input->rest = gw_str_tail(input->rest, len);
    return bytes;
}

static int64_t take_number(struct input *input, int64_t min, int64_t max)
{
    struct gw_str bytes = take(input, sizeof(int64_t));
    int64_t number;

    if (input->has_failed)
        return min;
    memcpy(&number, bytes.ptr, sizeof(number));
    if (number >= min && number <= max)
        return number;
    input->has_failed = true;
    return min;
}

static struct gw_str take_text(struct input *input)
{
    return take(input, (size_t)take_number(input, 0, (int64_t)input->rest.len));
}

static void take_key(struct input *input, struct cache_key *out_key)
{
    struct gw_str bytes = take(input, CACHE_KEY_BYTES);

    if (!input->has_failed)
        memcpy(out_key->bytes, bytes.ptr, CACHE_KEY_BYTES);
}

static bool is_value(struct gw_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.ptr[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

static int take_fields(struct input *input, struct gw_arena *arena, struct cache_draft *draft)
{
    size_t count = (size_t)take_number(input, 0, GW_MAX_RESPONSE_FIELDS);
    struct gw_field *fields = gw_arena_calloc(arena, count + 1, sizeof(*fields));

    if (fields == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count && !input->has_failed; i++) {
        fields[i].name = take_text(input);
        fields[i].value = take_text(input);
        if (!gw_http_is_token(fields[i].name) || !is_value(fields[i].value))
            input->has_failed = true;
    }
    draft->fields = fields;
    draft->field_count = count;
    return 0;
}

static void take_terms(struct input *input, int64_t wall_ns, struct cache_draft *draft)
{
    struct cache_terms *terms = &draft->terms;
    int64_t born_ns = take_number(input, 0, INT64_MAX);

    terms->age_s = wall_ns > born_ns ? (wall_ns - born_ns) / (int64_t)GW_NS_PER_SECOND : 0;
    terms->lifetime_s = take_number(input, 0, CACHE_MAX_DELTA_S);
    terms->stale_while_revalidate_s = take_number(input, 0, CACHE_MAX_DELTA_S);
    terms->stale_if_error_s = take_number(input, 0, CACHE_MAX_DELTA_S);
    int64_t flags = take_number(input, 0, MUST_REVALIDATE | NO_CACHE);
    terms->must_revalidate = (flags & MUST_REVALIDATE) != 0;
    terms->no_cache = (flags & NO_CACHE) != 0;
}

int cache_wire_read(struct gw_str bytes, int64_t now_ns, int64_t wall_ns, struct gw_arena *arena,
                    struct cache_draft *out_draft)
{
    struct cache_draft draft = {.came_ns = now_ns};
    struct input input = {.rest = bytes};
    const uint32_t magic = MAGIC;

    if (!gw_str_equal(take(&input, sizeof(magic)),
                      gw_str_from((const char *)&magic, sizeof(magic))))
        return -EINVAL;
    take_key(&input, &draft.key);
    take_key(&input, &draft.variant);
    draft.status = (int)take_number(&input, 200, 599);
    take_terms(&input, wall_ns, &draft);
    draft.known = (uint64_t)take_number(&input, 0, INT64_MAX);
    draft.tag_count = (size_t)take_number(&input, 0, CACHE_MAX_TAGS);
    for (size_t i = 0; i < draft.tag_count; i++)
        draft.tags[i] = (uint16_t)take_number(&input, 0, CACHE_TAG_SLOTS - 1);
    draft.vary = take_text(&input);
    int rc = take_fields(&input, arena, &draft);
    draft.body = take_text(&input);
    if (rc != 0)
        return rc;
    if (input.has_failed || input.rest.len > 0 || !cache_vary_is_usable(draft.vary))
        return -EINVAL;
    *out_draft = draft;
    return 0;
}
