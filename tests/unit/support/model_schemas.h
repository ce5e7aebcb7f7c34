/* The canonical models of openapi/schemas, compiled place by place, for tests of them. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#define MODEL_SCHEMAS "openapi/schemas"

/* Calls `fn` with each file of the folder, in the order of names, and its tree. Returns how many;
 * fails the test for one that cannot be read. */
int model_schemas_each(void (*fn)(const char *name, const json_t *root, void *self), void *self);

/* What is wrong with `value` by the schema at `pointer` of the file `name` (which lies beside the
 * folder if it ends in .yaml), formats asserted: NULL if nothing; else a text that is valid until
 * the next call: a line per violation, "place keyword: sentence". Fails the test for a schema that
 * cannot be compiled. */
const char *model_schemas_judge(const char *name, const char *pointer, const json_t *value);
