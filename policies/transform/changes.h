/* A list of changes to fields or query parameters, in the order: rename, remove, set, add. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "policies/transform/template.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/json/option.h"

enum changes_kind {
    CHANGES_OF_REQUEST_FIELDS,
    CHANGES_OF_QUERY,
    CHANGES_OF_RESPONSE_FIELDS,
};

/* What may stand under `request`, `query` and `response`. */
extern const struct gw_option changes_options[];

struct change {
    struct gw_str name;
    struct gw_str new_name;    /* of a renaming */
    struct template *template; /* of setting and adding */
};

struct changes {
    enum changes_kind kind;
    struct change *renames, *removals, *settings, *additions;
    size_t rename_count, removal_count, setting_count, addition_count;
};

/* `config` has all options, or is NULL: no changes. It must outlive them. 0, -EINVAL with *error
 * (its `where` is within config), -ENOMEM; finish is safe in any case. */
GW_MUST_CHECK
int changes_init(struct changes *changes, enum changes_kind kind, const json_t *config,
                 struct gw_error *error);
void changes_finish(struct changes *changes);

/* Makes them. A template that names what is not there sets and adds nothing. 0; -EINVAL: a value
 * cannot stand there; -ENOMEM; -ENOSPC: too many fields. */
GW_MUST_CHECK
int changes_make(const struct changes *changes, struct gw_exchange *ex);
