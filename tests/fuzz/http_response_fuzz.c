/* The answer parser and the chunk decoder: no crash, and the same result however the input is cut.
 * The first byte says where to cut, and whether the request was HEAD. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/support/http_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool cut(void *self, size_t at)
{
    uint32_t seed = *(const uint8_t *)self;

    return ((at + seed) * 2654435761U >> 24) % (1 + seed % 31) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return 0;
    /* A copy of the exact size, so that reading beyond it is noticed. */
    char *copy = malloc(len);
    if (copy == NULL)
        return 0;
    memcpy(copy, bytes, len);
    struct gw_str input = {copy + 1, len - 1};
    uint8_t seed = bytes[0];
    struct message whole = message_read(input, seed % 2 == 1, NULL, NULL);
    struct message pieces = message_read(input, seed % 2 == 1, cut, &seed);

    if (memcmp(&whole, &pieces, sizeof(whole)) != 0)
        abort();
    free(copy);
    return 0;
}
