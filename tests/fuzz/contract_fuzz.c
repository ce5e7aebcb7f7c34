/* The loader over a document from outside. References to files find an empty folder. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/contract/load.h"

#define MAX_BYTES 20000 /* larger ones only cost time */

static char folder[64];

static void remove_folder(void)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/a.yaml", folder);
    unlink(path);
    rmdir(folder);
}

static void write_document(const char *path, const uint8_t *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");

    if (file == NULL || fwrite(bytes, 1, len, file) != len || fclose(file) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct gw_str everywhere[] = {GW_STR_INIT("*")};
    static const struct gw_grant grants[] = {
        {GW_GRANT_BACKEND, GW_STR_INIT("erp"), everywhere, 1, 0},
        {GW_GRANT_ISSUER, GW_STR_INIT("corporate"), everywhere, 1, 0},
    };
    static struct gw_diagnostics diagnostics;
    struct gw_contract_rules rules = {.grants = grants, .grant_count = GW_COUNT_OF(grants)};
    struct gw_contract *contract = NULL;
    char path[128];

    if (len < 1 || len > MAX_BYTES)
        return 0;
    if (folder[0] == '\0') {
        snprintf(folder, sizeof(folder), "/tmp/millgate-fuzz-XXXXXX");
        if (mkdtemp(folder) == NULL || atexit(remove_folder) != 0)
            abort();
    }
    snprintf(path, sizeof(path), "%s/a.yaml", folder);
    write_document(path, bytes, len);
    rules.is_standalone = bytes[0] % 2 == 0;
    rules.namespace = GW_STR("/system/fuzz");
    rules.is_authentication_required = bytes[len - 1] % 2 == 0;
    gw_diagnostics_init(&diagnostics);
    int rc = gw_contract_load(path, &rules, &diagnostics, &contract);
    if ((rc == 0) == gw_diagnostics_has_errors(&diagnostics))
        abort();
    if (rc == 0 && !gw_contract_is_current(contract, &rules))
        abort();
    gw_contract_release(contract);
    gw_diagnostics_finish(&diagnostics);
    return 0;
}
