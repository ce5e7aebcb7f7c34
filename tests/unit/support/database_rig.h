/* A database in a folder of its own, on a loop of its own. */
#pragma once

#include "server/event/database.h"
#include "server/net/loop.h"

struct database_rig {
    struct gw_loop *loop;
    struct gw_database *database;
    char folder[64];
    char path[96];
};

/* Fails the test. `schemas` as of gw_database_config. */
void database_rig_init(struct database_rig *rig, const char *const *schemas);
void database_rig_finish(struct database_rig *rig);
/* Closes it, and opens it again: as after a restart. */
void database_rig_reopen(struct database_rig *rig, const char *const *schemas);
/* Turns the loop until *counter is `wanted`. */
void database_rig_await(struct database_rig *rig, const unsigned *counter, unsigned wanted);
