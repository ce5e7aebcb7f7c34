/* A folder of contracts in a temporary place, for tests of the loader. */
#pragma once

#include "server/contract/load.h"

struct contract_folder {
    char path[64];
    struct gw_diagnostics diagnostics;
    char findings[16384]; /* of the last load, one line each, without the folder's path */
};

void contract_folder_create(struct contract_folder *folder);
void contract_folder_destroy(struct contract_folder *folder);

/* Writes a file; folders in its name are made. */
void contract_folder_write(const struct contract_folder *folder, const char *name,
                           const char *text);

/* Loads `name` and fills `findings`; NULL if it was refused. `rules` without a root. */
struct gw_contract *contract_folder_load(struct contract_folder *folder, const char *name,
                                         const struct gw_contract_rules *rules);
