/* Opening a database's file: what is damaged is set aside. For database.c alone. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

#include "server/event/database.h"

GW_MUST_CHECK
int gw_database_file_open(const struct gw_database_config *config, sqlite3 **out_handle,
                          bool *out_was_damaged, struct gw_error *error);
/* What SQLite's code means; 0 of none. */
int gw_database_file_errno(sqlite3 *handle, int code);
