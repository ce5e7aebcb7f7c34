/* The table of commands, and the way from argv to one of them. */
#pragma once

#include "server/cli/cli.h"

struct gw_command {
    const char *name;
    const char *summary; /* one line for the overview */
    int (*run)(const struct gw_cli *cli, int argc, char **argv);
    const char *help; /* the arguments, and what there is to say; lines end in \n */
};

/* Runs the command that argv[1] names; also `help [command]`, --help and --version. Returns the
 * exit code. argv ends with NULL. */
GW_MUST_CHECK
int gw_command_run(const struct gw_cli *cli, int argc, char **argv);
