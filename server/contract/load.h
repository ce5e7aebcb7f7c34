/* Contracts: one OpenAPI document (3.0 or 3.1, YAML or JSON), checked and in the form that serves.
 *
 * The load tells all that is wrong with what the gateway uses of the document, each with its place.
 * A contract owns everything in it: one arena and one schema set. It is immutable, shared by
 * snapshots by reference count, and read by all threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/contract/operation.h"
#include "server/contract/rules.h"
#include "server/core/attr.h"
#include "server/core/diagnostic.h"

struct gw_contract;

/* Reads, checks and compiles. `path` is the document's; see rules.h for where its references may
 * go. Returns 0 and a contract with one reference, -EINVAL (the diagnostics have at least one more
 * error), another negative errno if it cannot be read, or -ENOMEM. Warnings do not refuse. */
GW_MUST_CHECK
int gw_contract_load(const char *path, const struct gw_contract_rules *rules,
                     struct gw_diagnostics *diagnostics, struct gw_contract **out_contract);

const struct gw_api *gw_contract_api(const struct gw_contract *contract);

/* Any thread. The last release frees; NULL is safe. */
struct gw_contract *gw_contract_hold(struct gw_contract *contract);
void gw_contract_release(struct gw_contract *contract);

/* Would a load with these rules give the same again? Reads all its files, and compares a 128-bit
 * keyed hash of their bytes and of the rules. False also when a file cannot be read. */
bool gw_contract_is_current(const struct gw_contract *contract,
                            const struct gw_contract_rules *rules);

/* Adds an error, at the later file, for each two APIs that have the same base. */
void gw_contract_check_bases(struct gw_contract *const *contracts, size_t count,
                             struct gw_diagnostics *diagnostics);

/* Calls `each` with the path of every file directly in `folder` (*.yaml, *.yml, *.json) that has
 * the key `openapi` at its root, in the order of names. Files that look like it but cannot be read
 * are told; others are passed over. 0, or a negative errno; a non-zero answer of `each` ends it and
 * is returned. */
GW_MUST_CHECK
int gw_contract_list(const char *folder, struct gw_diagnostics *diagnostics,
                     int (*each)(void *self, const char *path), void *self);
