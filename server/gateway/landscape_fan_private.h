/* What the files of the fan share: landscape_fan.c (the parts and their runs), landscape_page.c
 * (the page that is made of them). Not for others. */
#pragma once

#include <stdbool.h>

#include "server/core/arena.h"
#include "server/gateway/landscape_cursor.h"
#include "server/gateway/landscape_fan.h"
#include "server/gateway/landscape_route.h"

/* One system's share. */
struct fan_part {
    struct gw_landscape_fan *fan;
    const struct gw_service *service;
    size_t system;
    struct gw_flow_run *run;             /* NULL: not begun, or over */
    struct gw_part_cursor cursor;        /* where its page begins */
    struct gw_value page;                /* an object with `items`; null: it failed */
    struct gw_str next;                  /* of the page; empty: it is the last */
    struct gw_value type, title, status; /* of the problem, if it failed */
    bool is_over;
};

/* A response that was set, kept for later. */
struct fan_kept {
    struct gw_response response;
    const char *problem;
    struct gw_str detail;
};

struct gw_landscape_fan {
    struct gw_arena arena;
    struct gw_exchange *ex;
    const struct gw_landscape_operation *operation;
    void (*done)(void *self);
    void *self;
    uint32_t limit;
    struct gw_str sort;
    struct fan_part parts[GW_MAX_LANDSCAPE_SYSTEMS];
    size_t count;
    size_t left; /* that have not answered */
    struct gw_str last_key;
    size_t last_system; /* of that key: items of one plant stand beside each other */
    struct fan_kept first_problem;
    bool has_problem;
};

static inline const struct gw_landscape *fan_landscape(const struct gw_landscape_fan *fan)
{
    return fan->operation->landscape;
}

/* The page of all parts, which are over. In the fan's arena; 0 or a negative errno: -EMSGSIZE where
 * the cursor would be too long. */
GW_MUST_CHECK
int fan_make_page(struct gw_landscape_fan *fan, struct gw_value *out_page);
