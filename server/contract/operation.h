/* What an operation is, as its OpenAPI document says: the form in which a contract serves requests.
 *
 * Built by contract/load.c once per snapshot, immutable then, read by all workers. Names of
 * backends, security schemes and plans are resolved by whoever owns those things; here they are
 * checked names. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/contract/shape.h"
#include "server/core/str.h"
#include "server/http/exchange.h"

struct gw_rule;
struct gw_schema_set;

#define GW_NO_SCHEMA SIZE_MAX

enum gw_scheme_kind {
    GW_SCHEME_TOKEN,       /* a bearer token; the name is one of the section `issuers` */
    GW_SCHEME_API_KEY,     /* `api_keys` */
    GW_SCHEME_CERTIFICATE, /* `client_certificates` */
};

/* One security scheme that must hold (OpenAPI security requirement): its name in the operator's
 * configuration, and the scopes asked for. The names of all kinds are different ones, so a proved
 * credential (struct gw_identity) is told by the name alone. */
struct gw_security_scheme {
    enum gw_scheme_kind kind;
    struct gw_str name;
    const struct gw_str *scopes;
    size_t scope_count;
};

/* All its schemes must hold; of several alternatives one must. */
struct gw_security_alternative {
    const struct gw_security_scheme *schemes; /* none: anonymous */
    size_t scheme_count;
};

enum gw_parameter_place { GW_IN_PATH, GW_IN_QUERY, GW_IN_HEADER, GW_IN_COOKIE };

enum gw_parameter_style {
    GW_STYLE_SIMPLE,
    GW_STYLE_LABEL,
    GW_STYLE_MATRIX,
    GW_STYLE_FORM,
    GW_STYLE_SPACE_DELIMITED,
    GW_STYLE_PIPE_DELIMITED,
    GW_STYLE_DEEP_OBJECT,
};

struct gw_parameter {
    struct gw_str name;
    enum gw_parameter_place place;
    enum gw_parameter_style style;
    bool explode;
    bool is_required;
    bool allow_reserved;
    bool allow_empty;  /* of a query parameter: an empty value passes whatever the schema says */
    bool is_json;      /* `content: application/json`: the text is a JSON document */
    bool is_content;   /* `content`: one text, whatever the style */
    size_t path_index; /* of a path parameter: its place in ex->path_parameters */
    size_t schema;     /* entry in the API's schema set, or GW_NO_SCHEMA */
    struct gw_shape shape;
};

/* How one property of a form body is written (OpenAPI: "Encoding Object"). */
struct gw_field_encoding {
    struct gw_str name;
    const struct gw_str *media_types; /* contentType: ranges, lower case; none: not stated */
    size_t media_type_count;
    bool has_style; /* style, explode or allowReserved is stated: contentType does not count */
    enum gw_parameter_style style;
    bool explode;
};

struct gw_media_type {
    struct gw_str range;   /* "application/json"; "text/" and a star; two stars; lower case, bare */
    size_t schema;         /* entry in the API's schema set, or GW_NO_SCHEMA */
    struct gw_shape shape; /* of form bodies */
    const struct gw_field_encoding *encodings; /* of form bodies */
    size_t encoding_count;
};

/* One entry of `responses`. */
struct gw_response_rule {
    uint16_t first_status, last_status; /* 200 to 200, 200 to 299; `default`: 0 to 999 */
    const struct gw_parameter *headers; /* all of GW_IN_HEADER */
    size_t header_count;
    bool has_content;                        /* `content` is stated and not empty */
    const struct gw_media_type *media_types; /* of the body */
    size_t media_type_count;
};

/* A piece of a path that is built: literal text, or a parameter's value as it was received. */
struct gw_path_part {
    struct gw_str text; /* literal, already percent-encoded; empty for a parameter */
    size_t parameter;   /* its place in ex->path_parameters, or SIZE_MAX: literal */
};

/* Whether a request may or must carry an Idempotency-Key. */
enum gw_keying {
    GW_KEYING_UNSAID, /* as the policy has it for the method */
    GW_KEYING_OFF,
    GW_KEYING_OPTIONAL,
    GW_KEYING_REQUIRED,
};

/* A tag of kept answers: literal text and path parameters, put together. */
struct gw_cache_tag {
    const struct gw_path_part *parts;
    size_t part_count;
};

/* Answers may be kept (x-millgate: cache). */
struct gw_cache_rule {
    bool is_shared; /* what one consumer got may be given to another */
    int64_t ttl_s;  /* where the answer states no lifetime; 0: then it is not kept */
    int64_t stale_while_revalidate_s, stale_if_error_s; /* where the answer states none */
    const struct gw_cache_tag *tags;
    size_t tag_count;
    const struct gw_str *ignored; /* request fields that make no other answer */
    size_t ignored_count;
};

struct gw_operation {
    const struct gw_api *api;
    struct gw_str id;    /* operationId, or "get /path" */
    struct gw_str route; /* "/system/erp/v1/orders/{id}": for log and metrics */
    enum gw_method method;
    struct gw_str path;      /* the template within the document, "/orders/{id}" */
    struct gw_str flow;      /* that fulfils it, "namespace/name"; empty: a plain proxy does */
    struct gw_str builtin;   /* a function of the gateway that fulfils it; empty: none does */
    struct gw_str landscape; /* whose systems have a variant of the flow each; empty: none */
    struct gw_str backend;   /* of a plain proxy; empty with a flow or a builtin */
    struct gw_str
        backend_path; /* template on the backend; its parameters are among those of `path` */
    const struct gw_path_part *backend_parts; /* the same, ready to be put together */
    size_t backend_part_count;
    struct gw_str plan;
    uint32_t weight;                   /* how much of a limit one request uses up; 0: as 1 */
    const struct gw_cache_rule *cache; /* NULL: answers are not kept */
    const struct gw_security_alternative *security;
    size_t security_count;              /* 0: anonymous (the operator allowed it) */
    const struct gw_rule *const *rules; /* all must hold, see rule.h */
    size_t rule_count;
    const struct gw_parameter *parameters;
    size_t parameter_count;
    bool has_body; /* the contract knows a request body */
    bool is_body_required;
    const struct gw_media_type *media_types; /* of the request body */
    size_t media_type_count;
    enum gw_keying keying;                    /* x-millgate: idempotency */
    uint64_t max_body_bytes;                  /* 0: the policy's default */
    const struct gw_response_rule *responses; /* the most exact ones first */
    size_t response_count;
    bool is_deprecated;
    bool is_websocket; /* a GET that switches to WebSocket (RFC 6455), and answers nothing else */
    size_t number; /* its place in api->operations: a contract may be part of several snapshots */
};

/* The plan that counts for a caller whose own is `own` (empty: none); empty: none does. */
static inline struct gw_str gw_operation_plan(const struct gw_operation *operation,
                                              struct gw_str own)
{
    return own.len > 0 ? own : operation->plan;
}

/* One document: one API, one major version. */
struct gw_api {
    struct gw_str namespace; /* "/system/erp" */
    struct gw_str base;      /* "/system/erp/v1" */
    struct gw_str title, version;
    struct gw_str owner, contact, runbook, lifecycle, plan, backend, landscape;
    double availability;                 /* service level, 0 to 1; 0: not stated */
    uint64_t latency_p99_ns;             /* service level; 0: not stated */
    struct gw_str file;                  /* where it was read from */
    const struct gw_schema_set *schemas; /* NULL: the document has none */
    const struct gw_operation *operations;
    size_t operation_count;
    bool keeps_answers; /* of some operation */
};
