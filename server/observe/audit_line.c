#include "server/observe/audit_line.h"

#include <errno.h>

#include "server/crypto/mac.h"
#include "server/crypto/random.h"
#include "server/json/reader.h"

#define HASH_HEAD ",\"hash\":\""
#define HASH_TAIL "\"}"
#define HASH_BYTES (sizeof(HASH_HEAD) - 1 + GW_AUDIT_HASH_LEN + sizeof(HASH_TAIL) - 1)
#define MAX_WHO_BYTES 512
#define MAX_WHAT_BYTES 2048 /* six times that at most, when all is escaped */

const char gw_audit_no_hash[GW_AUDIT_HASH_LEN + 1] =
    "0000000000000000000000000000000000000000000000000000000000000000";

static int hash(struct gw_str text, struct gw_str key, char out[GW_AUDIT_HASH_LEN + 1])
{
    uint8_t digest[GW_SHA256_BYTES];

    if (key.len == 0)
        gw_digest_compute(GW_SHA256, text, digest);
    else if (gw_mac_compute(GW_SHA256, key, text, digest) != 0)
        return -ENOMEM;
    gw_hex_encode(digest, sizeof(digest), out);
    return 0;
}

static void append(struct gw_buf *out, const char *name, struct gw_str value, size_t max_bytes)
{
    if (value.len > max_bytes)
        value.len = max_bytes;
    gw_buf_printf(out, ",\"%s\":\"", name);
    gw_buf_append_json(out, value);
    gw_buf_append_byte(out, '"');
}

int gw_audit_line_print(const struct gw_audit_line *line, struct gw_str key, struct gw_buf *out,
                        char out_hash[GW_AUDIT_HASH_LEN + 1])
{
    size_t from = out->len;

    gw_buf_printf(out, "{\"seq\":%llu", (unsigned long long)line->seq);
    append(out, "time", line->time, 64);
    append(out, "instance", line->instance, 128);
    append(out, "act", line->act, 64);
    append(out, "who", line->who, MAX_WHO_BYTES);
    append(out, "what", line->what, MAX_WHAT_BYTES);
    append(out, "outcome", line->outcome, 64);
    if (line->begun != 0)
        gw_buf_printf(out, ",\"begun\":%llu", (unsigned long long)line->begun);
    append(out, "prev", line->prev, GW_AUDIT_HASH_LEN);
    if (out->has_failed)
        return -ENOMEM;
    int rc = hash(gw_str_from(out->ptr + from, out->len - from), key, out_hash);
    if (rc != 0)
        return rc;
    gw_buf_printf(out, HASH_HEAD "%s" HASH_TAIL "\n", out_hash);
    return out->has_failed ? -ENOMEM : 0;
}

static bool take_text(const struct gw_json_tape *tape, const char *name, struct gw_str *out_text)
{
    uint32_t at = gw_json_get(tape, 0, gw_str_of(name));

    if (at == GW_JSON_NONE || gw_json_type(tape, at) != GW_JSON_STRING)
        return false;
    *out_text = gw_json_string(tape, at);
    return true;
}

static bool take_number(const struct gw_json_tape *tape, const char *name, uint64_t *out_number)
{
    uint32_t at = gw_json_get(tape, 0, gw_str_of(name));

    return at != GW_JSON_NONE && gw_json_type(tape, at) == GW_JSON_NUMBER &&
           gw_str_to_u64(gw_json_number(tape, at), out_number) == 0;
}

static bool take_members(const struct gw_json_tape *tape, struct gw_audit_line *line)
{
    if (gw_json_get(tape, 0, GW_STR("begun")) != GW_JSON_NONE &&
        !take_number(tape, "begun", &line->begun))
        return false;
    return take_number(tape, "seq", &line->seq) && take_text(tape, "time", &line->time) &&
           take_text(tape, "instance", &line->instance) && take_text(tape, "act", &line->act) &&
           take_text(tape, "who", &line->who) && take_text(tape, "what", &line->what) &&
           take_text(tape, "outcome", &line->outcome) && take_text(tape, "prev", &line->prev) &&
           take_text(tape, "hash", &line->hash);
}

const char *gw_audit_line_read(struct gw_arena *arena, struct gw_str text, struct gw_str key,
                               struct gw_audit_line *out_line)
{
    struct gw_audit_line line = {0};
    struct gw_json_error why;
    struct gw_json_tape tape;
    char wanted[GW_AUDIT_HASH_LEN + 1];

    if (text.len > GW_AUDIT_MAX_LINE_BYTES || text.len < HASH_BYTES ||
        gw_json_read(arena, text, NULL, &tape, &why) != 0 ||
        gw_json_type(&tape, 0) != GW_JSON_OBJECT || tape.has_duplicates)
        return "it is no line of an audit";
    if (!gw_str_has_prefix(gw_str_tail(text, text.len - HASH_BYTES), GW_STR(HASH_HEAD)) ||
        !take_members(&tape, &line))
        return "it is no line of an audit: a member is missing or not as it must be";
    if (hash(gw_str_from(text.ptr, text.len - HASH_BYTES), key, wanted) != 0)
        return "out of memory";
    if (!gw_secret_equal(gw_str_of(wanted), line.hash))
        return "it was changed: its hash does not fit its text (or the key is another)";
    *out_line = line;
    return NULL;
}

void gw_audit_line_describe_torn(struct gw_str torn, struct gw_buf *out)
{
    char digest[GW_AUDIT_HASH_LEN + 1];

    gw_digest_hex(GW_SHA256, torn, digest);
    gw_buf_printf(out, "%zu bytes of a torn line stand before this one, sha256 %s", torn.len,
                  digest);
}
