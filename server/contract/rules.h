/* What the operator allows a contract: the names it may use, and the floor it cannot lower.
 *
 * A document only names backends, security schemes and plans; each must be granted to the
 * document's namespace here. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/hash.h"
#include "server/core/str.h"

enum gw_grant_kind {
    GW_GRANT_BACKEND,
    GW_GRANT_ISSUER,
    GW_GRANT_API_KEY,
    GW_GRANT_CERTIFICATE,
    GW_GRANT_PLAN,
};

struct gw_grant {
    enum gw_grant_kind kind;
    struct gw_str name; /* empty: any name, where it is not known which ones there are */
    const struct gw_str *namespaces; /* patterns, see gw_namespace_matches() */
    size_t namespace_count;
    uint64_t most; /* of a plan: what one request may weigh, or it never passes; 0: no bound */
};

/* A rule (see rule.h) of the operator for the documents of some namespaces. */
struct gw_floor_rule {
    struct gw_str when, say;
    const struct gw_str *namespaces; /* as in a grant */
    size_t namespace_count;
};

struct gw_contract_rules {
    struct gw_str root; /* folder that no file $ref leaves; empty: the document's own */
    const struct gw_grant *grants;
    size_t grant_count;
    bool is_authentication_required; /* operations need security, but for: */
    const struct gw_str *anonymous;  /* namespaces (as in a grant) that may go without */
    size_t anonymous_count;
    const struct gw_floor_rule *floor; /* beside the contracts' own rules */
    size_t floor_count;
    struct gw_str default_plan; /* of documents that name none; empty: none */
    bool asserts_formats;       /* `format` in schemas refuses; otherwise it is an annotation */

    /* For tools that look at any document: x-millgate may be missing, names and grants are not
     * looked up, and security that the gateway cannot check is only a warning. What is loaded so
     * must not be served. */
    bool is_standalone;
    struct gw_str namespace; /* with is_standalone: of documents that state none */

    size_t max_files; /* of one document with all that it refers to; 0: 64 */
    size_t max_bytes; /* of their texts together; 0: 32 MiB */
};

/* Is `namespace` meant by `pattern`: the same text, a layer ("/system/" and a star), or a star? */
bool gw_namespace_matches(struct gw_str namespace, struct gw_str pattern);

bool gw_namespace_matches_any(struct gw_str namespace, const struct gw_str *patterns, size_t count);

enum gw_grant_verdict { GW_GRANTED, GW_GRANT_UNKNOWN, GW_GRANT_DENIED };

/* May a document of `namespace` use that name? With GW_GRANT_UNKNOWN, *out_near is the nearest
 * known name, or empty. */
enum gw_grant_verdict gw_contract_rules_ask(const struct gw_contract_rules *rules,
                                            enum gw_grant_kind kind, struct gw_str name,
                                            struct gw_str namespace, struct gw_str *out_near);

/* What a request may weigh under that plan; 0: no bound, or none is known. */
uint64_t gw_contract_rules_most(const struct gw_contract_rules *rules, struct gw_str plan);

bool gw_contract_rules_allow_anonymous(const struct gw_contract_rules *rules,
                                       struct gw_str namespace);

/* A hash of everything in the rules. */
uint64_t gw_contract_rules_hash(const struct gw_contract_rules *rules,
                                const struct gw_hash_key *key);
