/* The allow-list of an edge: what may be commanded and called there, by whom it is signed, until
 * when, and how often (docs/edge.md). Pure but for loading. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

struct gw_edge_allow;
struct gw_signal_local;

struct gw_edge_allow_source {
    struct gw_str text, signature, public_key; /* YAML or JSON; base64; PEM */
    struct gw_str edge;                        /* that it must be for */
};

/* -EBADMSG: the signature is not the key's; -EINVAL: the list says something else than it may. */
GW_MUST_CHECK
int gw_edge_allow_load(const struct gw_edge_allow_source *source, struct gw_edge_allow **out_allow,
                       struct gw_error *error);
void gw_edge_allow_destroy(struct gw_edge_allow *allow); /* NULL is safe */

/* NULL: it may be done; `device` is the device's name. Else why not. */
const char *gw_edge_allow_refusal(const struct gw_edge_allow *allow,
                                  const struct gw_signal_local *local, struct gw_str device,
                                  int64_t now_ms);
unsigned gw_edge_allow_per_minute(const struct gw_edge_allow *allow);
