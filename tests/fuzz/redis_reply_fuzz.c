/* What Redis, or whoever sits in its place, may answer: read whole and in pieces, with the same
 * outcome. The first byte is the size of the pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "server/core/hash.h"
#include "server/store/reply.h"

#define MAX_REPLY_BYTES 4096

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Touches all that a reply points to. */
static uint64_t digest(const struct gw_reply *reply)
{
    const struct gw_hash_key key = {1, (uint64_t)reply->type};
    uint64_t sum = gw_hash(&key, reply->text) + (uint64_t)reply->integer;

    for (size_t i = 0; i < reply->count; i++)
        sum = sum * 31 + digest(&reply->items[i]);
    return sum;
}

static uint64_t read_all(const uint8_t *bytes, size_t len, size_t piece)
{
    struct gw_reply_reader reader;
    const struct gw_reply *reply;
    struct gw_error error;
    uint64_t sum = 0;

    if (gw_reply_reader_init(&reader, MAX_REPLY_BYTES) != 0)
        return 0;
    for (size_t at = 0; at < len; at += piece) {
        size_t here = len - at < piece ? len - at : piece;
        int rc = gw_reply_reader_feed(&reader, (const char *)bytes + at, here);
        while (rc == 0 && (rc = gw_reply_reader_next(&reader, &reply, &error)) == 0 &&
               reply != NULL)
            sum = sum * 31 + digest(reply);
        if (rc != 0)
            break;
    }
    gw_reply_reader_finish(&reader);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 2 || len > MAX_REPLY_BYTES)
        return 0;
    if (read_all(bytes + 1, len - 1, len) != read_all(bytes + 1, len - 1, (size_t)bytes[0] + 1))
        abort();
    return 0;
}
