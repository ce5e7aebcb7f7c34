/* What the parts of the loader share while one document is read. Internal to contract/. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/contract/fingerprint.h"
#include "server/contract/load.h"
#include "server/contract/resolve.h"
#include "server/contract/rule.h"
#include "server/core/arena.h"
#include "server/core/map.h"
#include "server/http/path_template.h"
#include "server/json/schema.h"

#define CONTRACT_MAX_OPERATIONS 20000
#define CONTRACT_MAX_PARAMETERS 200 /* of one operation */

struct gw_contract {
    struct gw_arena arena;
    struct gw_api api;
    struct gw_schema_set *schemas;
    const struct gw_str *files; /* all that were read, in order; the first is the document */
    size_t file_count;
    uint64_t fingerprint[2];
    int references; /* atomic */
};

struct contract_security {
    const struct gw_security_alternative *alternatives;
    size_t count;
    bool allows_anonymous; /* as written; not because an alternative was refused */
};

/* The parameters of a path item or of an operation, in the arena. */
struct contract_parameters {
    struct gw_parameter *items;
    size_t count;
};

/* One rule as it was read, in the contract's arena. */
struct contract_rule {
    struct gw_rule rule;
    size_t index; /* in the list as written */
    bool is_told; /* that it does not fit some operation */
};

/* The rules of one place. It does not move: its places point into it. */
struct contract_rules {
    struct gw_place extension, list;
    struct contract_rule *items;
    size_t count;
};

struct contract_loading {
    struct gw_contract *contract;
    struct gw_arena *arena;  /* the contract's */
    struct gw_arena scratch; /* until the load ends */
    struct gw_reference_resolver resolver;
    const struct gw_contract_rules *rules;
    struct gw_api *api;
    struct gw_place root;
    bool is_31;
    bool has_no_memory;                /* sticky */
    struct contract_security security; /* of the root */
    struct contract_rules floor;       /* the operator's */
    struct contract_rules api_rules;   /* of the root */
    struct gw_map schemes;             /* security schemes that were looked at */
    struct gw_map operation_ids;
    struct gw_map shapes;  /* path templates without their parameters' names */
    struct gw_map entries; /* schema entries by place */
    struct gw_schema_compiler *compiler;
    size_t entry_count;
};

/* --- loading.c -------------------------------------------------------------------------------- */

/* Zeroed memory of the contract; NULL sets has_no_memory. */
void *contract_alloc(struct contract_loading *loading, size_t count, size_t bytes);
struct gw_str contract_copy(struct contract_loading *loading, struct gw_str text);

/* The member's text, copied; empty if it is missing or not a string (said elsewhere). */
struct gw_str contract_text(struct contract_loading *loading, const struct gw_place *place,
                            const char *key);
bool contract_flag(const struct gw_place *place, const char *key, bool value_if_missing);

/* Adds an error at the place. */
#define contract_error(loading, place, ...) \
    gw_place_report(&(loading)->resolver, place, GW_SEVERITY_ERROR, __VA_ARGS__)
#define contract_warn(loading, place, ...) \
    gw_place_report(&(loading)->resolver, place, GW_SEVERITY_WARNING, __VA_ARGS__)

/* For "%s%.*s%s" at the end of a message. */
#define CONTRACT_DID_YOU_MEAN(near) \
    (near).ptr != NULL ? "; did you mean \"" : "", GW_STR_ARG(near), (near).ptr != NULL ? "\"?" : ""

/* For what a tool may look at, but a gateway must not serve. */
#define contract_error_unless_standalone(loading, place, ...)                                  \
    gw_place_report(&(loading)->resolver, place,                                               \
                    (loading)->rules->is_standalone ? GW_SEVERITY_WARNING : GW_SEVERITY_ERROR, \
                    __VA_ARGS__)

/* Checks that the name is known and granted; an empty one is passed over. */
void contract_check_name(struct contract_loading *loading, const struct gw_place *place,
                         enum gw_grant_kind kind, struct gw_str name);

/* --- structure.c: which members an object of OpenAPI has ---------------------------------------
 */

enum contract_object {
    CONTRACT_ROOT,
    CONTRACT_INFO,
    CONTRACT_SERVER,
    CONTRACT_COMPONENTS,
    CONTRACT_PATH_ITEM,
    CONTRACT_OPERATION,
    CONTRACT_PARAMETER,
    CONTRACT_REQUEST_BODY,
    CONTRACT_MEDIA_TYPE,
    CONTRACT_RESPONSE,
    CONTRACT_HEADER,
    CONTRACT_ENCODING,
    CONTRACT_SECURITY_SCHEME,
    CONTRACT_MILLGATE,
    CONTRACT_MILLGATE_PATH,
    CONTRACT_MILLGATE_OPERATION,
    CONTRACT_RULE,
    CONTRACT_CACHE,
    CONTRACT_SERVICE_LEVEL,
};

/* Types of all members, missing and unknown ones. False if it is not an object at all; other
 * findings do not stop the reader. */
bool contract_check_object(struct contract_loading *loading, const struct gw_place *place,
                           enum contract_object type);

/* Is it that type? If not, an error says so; an absent value is an error, too. */
bool contract_expect_object(struct contract_loading *loading, const struct gw_place *place);
bool contract_expect_list(struct contract_loading *loading, const struct gw_place *place);
bool contract_expect_string(struct contract_loading *loading, const struct gw_place *place);

/* --- the parts ----------------------------------------------------------------------------------
 */

void contract_read_info(struct contract_loading *loading);      /* info.c */
void contract_read_extension(struct contract_loading *loading); /* extension.c */
void contract_read_operation_extension(struct contract_loading *loading,
                                       const struct gw_place *place,
                                       const struct gw_path_template *path,
                                       struct gw_operation *operation);
/* x-millgate: idempotency; the operation's own extension first. */
void contract_read_keying(struct contract_loading *loading, const struct gw_place *extensions,
                          size_t count, struct gw_operation *operation);

/* cache.c: the nearest of x-millgate: cache at the operation's `place`, its path item, the root. */
void contract_read_cache(struct contract_loading *loading, const struct gw_place *place,
                         const struct gw_place *path_extension, const struct gw_path_template *path,
                         struct gw_operation *operation);

/* security.c: `place` is the list; what it gives is checked against the rules. */
struct contract_security contract_read_security(struct contract_loading *loading,
                                                const struct gw_place *place);

/* authorize.c: the rules in x-millgate of `object`, which outlives *out_rules; and those of the
 * floor that are for this API. */
void contract_read_rules(struct contract_loading *loading, const struct gw_place *object,
                         enum gw_rule_owner owner, struct contract_rules *out_rules);
void contract_read_floor(struct contract_loading *loading);

/* Gives the operation, which is at `place`, the rules of all lists; each must fit it. */
void contract_apply_rules(struct contract_loading *loading, const struct gw_place *place,
                          struct contract_rules *const *lists, size_t list_count,
                          struct gw_operation *operation);

/* parameters.c. Those of the path item come first; an operation's own replace them. */
struct contract_parameters contract_read_parameters(struct contract_loading *loading,
                                                    const struct gw_place *list,
                                                    const struct gw_path_template *path);
struct contract_parameters contract_merge_parameters(struct contract_loading *loading,
                                                     struct contract_parameters item,
                                                     struct contract_parameters own);

void contract_read_body(struct contract_loading *loading, const struct gw_place *place,
                        struct gw_operation *operation); /* body.c */
void contract_read_responses(struct contract_loading *loading, const struct gw_place *place,
                             struct gw_operation *operation); /* responses.c */

/* content.c: the media types of a `content` object. */
const struct gw_media_type *contract_read_media_types(struct contract_loading *loading,
                                                      const struct gw_place *content,
                                                      size_t *out_count);

/* Sets style and explode from the object at `place`, which stands in `in`. */
void contract_read_style(struct contract_loading *loading, const struct gw_place *place,
                         enum gw_parameter_place in, enum gw_parameter_style *out_style,
                         bool *out_explode);

/* parameters.c: `schema` or `content` of a parameter or of a response header. */
void contract_read_parameter_schema(struct contract_loading *loading, const struct gw_place *place,
                                    struct gw_parameter *parameter);

/* shape.c */
struct gw_shape contract_read_shape(struct contract_loading *loading,
                                    const struct gw_place *schema);

void contract_read_paths(struct contract_loading *loading); /* paths.c */

/* schemas.c: an entry for the schema at that place, or GW_NO_SCHEMA if it is absent or wrong. */
size_t contract_add_schema(struct contract_loading *loading, const struct gw_place *schema);
bool contract_start_schemas(struct contract_loading *loading);
void contract_finish_schemas(struct contract_loading *loading);
