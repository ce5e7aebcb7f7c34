#include "policies/client_certificate/known.h"

#include <errno.h>
#include <stdlib.h>

#define PLACES 1024
#define ENTRY_BLOCK_BYTES 4096
#define ENTRY_MAX_BYTES (256 * 1024)

struct known_table {
    struct known places[PLACES];
};

struct known_table *known_create(void)
{
    return calloc(1, sizeof(struct known_table));
}

void known_destroy(struct known_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < PLACES; i++)
        gw_arena_finish(&table->places[i].arena);
    free(table);
}

int known_get(struct known_table *table, struct gw_str der, int64_t now_s, struct known **out_known)
{
    uint8_t thumbprint[GW_SHA256_BYTES];

    gw_x509_thumbprint(der, thumbprint);
    struct known *known = &table->places[(thumbprint[0] | thumbprint[1] << 8) % PLACES];
    if (known->until_s > now_s && known->until_s <= now_s + KNOWN_FOR_S &&
        memcmp(known->x509.thumbprint, thumbprint, sizeof(thumbprint)) == 0) {
        *out_known = known;
        return 0;
    }
    gw_arena_finish(&known->arena);
    memset(known, 0, sizeof(*known));
    gw_arena_init(&known->arena, ENTRY_BLOCK_BYTES, ENTRY_MAX_BYTES);
    int rc = gw_x509_read(&known->arena, der, &known->x509);
    if (rc != 0)
        return rc;
    known->until_s = now_s + KNOWN_FOR_S;
    *out_known = known;
    return 0;
}
