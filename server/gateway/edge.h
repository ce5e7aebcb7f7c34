/* The edge: signals computed at the plant, without Redis and whether or not the centre is there.
 *
 * One thread with its loop, and the database's own. Events are spooled, and forwarded when the line
 * is up (docs/edge.md). */
#pragma once

/* Runs until SIGTERM or SIGINT; SIGHUP reloads. Returns the process's exit code. */
int gw_edge_run(const char *config_path);
