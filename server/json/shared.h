/* JSON values that several threads hold: parts of a configuration, which never change.
 *
 * jansson counts references atomically, but looks at the count before without, and orders nothing
 * for who deletes. Whoever holds a part of a configuration takes and releases it here, and so is
 * the whole released. */
#pragma once

#include <jansson.h>

/* The value itself. */
json_t *gw_json_shared_hold(const json_t *value);
void gw_json_shared_release(const json_t *value); /* NULL is safe */
