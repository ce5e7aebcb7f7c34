#include "fingerprint.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "loading.h"
#include "server/core/scope.h"

/* The second key is the first one's image under a fixed change: SipHash's two results are then as
 * good as independent to whoever does not know the key. */
static struct gw_hash_key key_of(int which)
{
    struct gw_hash_key key = *gw_hash_process_key();

    if (which == 1) {
        key.k0 ^= UINT64_C(0x5bd1e9955bd1e995);
        key.k1 ^= UINT64_C(0xc2b2ae3d27d4eb4f);
    }
    return key;
}

void contract_fingerprint_init(struct contract_fingerprint *print,
                               const struct gw_contract_rules *rules)
{
    for (int i = 0; i < 2; i++) {
        struct gw_hash_key key = key_of(i);
        print->hash[i] = gw_contract_rules_hash(rules, &key);
    }
}

void contract_fingerprint_add(struct contract_fingerprint *print, struct gw_str text)
{
    for (int i = 0; i < 2; i++) {
        struct gw_hash_key key = key_of(i);
        key.k0 ^= print->hash[i]; /* what came before is part of the key */
        print->hash[i] = gw_hash(&key, text);
    }
}

static int add_file(struct contract_fingerprint *print, const char *path)
{
    struct stat status;

    /* Looked at before it is opened: a pipe would not open. */
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return -1;
    GW_SCOPED(gw_scope_fclose) FILE *file = fopen(path, "rbe");
    if (file == NULL || fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode) ||
        status.st_size > (off_t)GW_DOCUMENT_MAX_BYTES)
        return -1;
    size_t size = (size_t)status.st_size;
    GW_SCOPED(gw_scope_free) char *bytes = malloc(size + 1);
    /* One byte more is asked for, so that a file that grows meanwhile is noticed. */
    if (bytes == NULL || fread(bytes, 1, size + 1, file) != size)
        return -1;
    contract_fingerprint_add(print, gw_str_from(bytes, size));
    return 0;
}

bool gw_contract_is_current(const struct gw_contract *contract,
                            const struct gw_contract_rules *rules)
{
    struct contract_fingerprint print;

    contract_fingerprint_init(&print, rules);
    for (size_t i = 0; i < contract->file_count; i++) {
        if (add_file(&print, contract->files[i].ptr) != 0)
            return false;
    }
    return memcmp(print.hash, contract->fingerprint, sizeof(print.hash)) == 0;
}
