#include "contract_folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void demand(bool is_true, const char *what)
{
    if (is_true)
        return;
    perror(what);
    abort();
}

void contract_folder_create(struct contract_folder *folder)
{
    *folder = (struct contract_folder){.path = "/tmp/millgate-contract-XXXXXX"};
    demand(mkdtemp(folder->path) != NULL, "mkdtemp");
    gw_diagnostics_init(&folder->diagnostics);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

void contract_folder_destroy(struct contract_folder *folder)
{
    gw_diagnostics_finish(&folder->diagnostics);
    demand(nftw(folder->path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0, "nftw");
}

void contract_folder_write(const struct contract_folder *folder, const char *name, const char *text)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder->path, name);
    for (char *at = path + strlen(folder->path) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(path, 0700);
        *at = '/';
    }
    FILE *file = fopen(path, "w");
    demand(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, path);
}

static void print_findings(struct contract_folder *folder)
{
    size_t prefix = strlen(folder->path) + 1;
    size_t len = 0;

    folder->findings[0] = '\0';
    gw_diagnostics_sort(&folder->diagnostics);
    for (size_t i = 0; i < folder->diagnostics.count; i++) {
        const struct gw_finding *finding = &folder->diagnostics.findings[i];
        bool is_inside = strncmp(finding->file, folder->path, prefix - 1) == 0;
        int written =
            snprintf(folder->findings + len, sizeof(folder->findings) - len, "%s:%u:%u: %s%s\n",
                     finding->file + (is_inside ? prefix : 0), finding->line, finding->column,
                     finding->severity == GW_SEVERITY_WARNING ? "warning: " : "", finding->text);
        demand(written > 0 && (size_t)written < sizeof(folder->findings) - len, "findings");
        len += (size_t)written;
    }
}

struct gw_contract *contract_folder_load(struct contract_folder *folder, const char *name,
                                         const struct gw_contract_rules *rules)
{
    struct gw_contract *contract = NULL;
    char path[256];

    gw_diagnostics_finish(&folder->diagnostics);
    gw_diagnostics_init(&folder->diagnostics);
    snprintf(path, sizeof(path), "%s/%s", folder->path, name);
    int rc = gw_contract_load(path, rules, &folder->diagnostics, &contract);
    print_findings(folder);
    /* A refusal always has a reason, and a reason always refuses. */
    demand((rc != 0) == gw_diagnostics_has_errors(&folder->diagnostics), "refused without reason");
    return contract;
}
