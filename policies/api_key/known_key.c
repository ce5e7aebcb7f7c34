#include "policies/api_key/known_key.h"

#include "server/crypto/api_key.h"
#include "server/crypto/random.h"
#include "server/json/reader.h"

#define PREFIX "key:"

/* Empty if it is not there. */
static struct gw_str text_of(const struct gw_json_tape *tape, const char *name)
{
    uint32_t at = gw_json_get(tape, 0, gw_str_of(name));

    if (at == GW_JSON_NONE || gw_json_type(tape, at) != GW_JSON_STRING)
        return GW_STR("");
    return gw_json_string(tape, at);
}

/* 0 if it is not there; 1, long over, if it is no time. */
static uint64_t time_of(const struct gw_json_tape *tape, const char *name)
{
    uint32_t at = gw_json_get(tape, 0, gw_str_of(name));
    uint64_t time_s;

    if (at == GW_JSON_NONE)
        return 0;
    if (gw_json_type(tape, at) != GW_JSON_NUMBER ||
        gw_str_to_u64(gw_json_number(tape, at), &time_s) != 0 || time_s == 0)
        return 1;
    return time_s;
}

const char *known_key_find(const struct gw_record_set *records, struct gw_arena *arena,
                           struct gw_str scheme, struct gw_str key, uint64_t now_s,
                           struct known_key *out_known)
{
    char id_text[sizeof(PREFIX) + GW_API_KEY_ID_LEN] = PREFIX;
    char digest[GW_API_KEY_DIGEST_LEN + 1];
    const struct gw_record *record;
    struct gw_json_error why;
    struct gw_json_tape tape;
    struct gw_str id;

    if (!gw_api_key_read(key, &id))
        return "api_key: it is no key of ours, or mistyped";
    memcpy(id_text + sizeof(PREFIX) - 1, id.ptr, id.len);
    record = gw_record_set_find(records, gw_str_of(id_text));
    if (record == NULL)
        return "api_key: there is no such key (any more)";
    /* Copied: the exchange may outlive the record. */
    struct gw_str value = gw_arena_copy(arena, gw_record_value(record));
    if (value.ptr == NULL || gw_json_read(arena, value, NULL, &tape, &why) != 0 ||
        gw_json_type(&tape, 0) != GW_JSON_OBJECT)
        return "api_key: its record cannot be read";
    gw_api_key_digest(key, digest);
    if (!gw_secret_equal(gw_str_of(digest), text_of(&tape, "hash")))
        return "api_key: the secret is wrong";
    if (!gw_str_equal(scheme, text_of(&tape, "scheme")))
        return "api_key: it is of another scheme";
    struct known_key known = {
        .consumer = text_of(&tape, "consumer"),
        .scopes = text_of(&tape, "scopes"),
        .plan = text_of(&tape, "plan"),
        .not_after_s = time_of(&tape, "not_after"),
    };
    if (known.not_after_s != 0 && now_s >= known.not_after_s)
        return "api_key: it has expired";
    if (known.consumer.len == 0)
        return "api_key: its record names no consumer";
    *out_known = known;
    return NULL;
}
