/* Third-party suites for tests: found by MILLGATE_SUITES, else at ../shared/suites. */
#pragma once

#include <stdbool.h>

#include "server/core/str.h"

/* Skips the whole program (exit 77) with a word when the folder is absent. */
void suite_require(const char *folder);

/* The path of `name` in the suites; valid until the next call but three. */
const char *suite_path(const char *name);

/* The file's bytes, in exactly that much memory; ptr is NULL if it cannot be read. Free ptr. */
struct gw_str suite_read(const char *path);

/* Calls fn for each file below the suite's `folder` whose name ends so, in no order. Returns how
 * many. */
int suite_each(const char *folder, const char *suffix,
               void (*fn)(const char *path, const char *name, void *self), void *self);
