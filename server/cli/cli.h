/* The commands of the program `millgate`: one function each, in a file named after it.
 *
 * A command gets its own arguments (argv[0] is its name), writes results to cli->out and
 * complaints to cli->err, and returns the exit code. None of them ends the process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "server/core/attr.h"

struct gw_command;
struct gw_filter_type;

enum gw_exit {
    GW_EXIT_OK = 0,
    GW_EXIT_PROBLEM = 1, /* the command did its work and found something wrong, or failed */
    GW_EXIT_USAGE = 2,   /* it was called in a way that it does not understand */
};

/* What main gives to a command. */
struct gw_cli {
    const struct gw_filter_type *const *filters; /* all policies; ends with NULL */
    const struct gw_command *more; /* commands that policies bring; ends with name NULL */
    FILE *out, *err;
};

/* --- arguments ----------------------------------------------------------------------------------
 */

/* `--name VALUE`, `--name=VALUE`, `-n VALUE` or, with `flag`, `--name`. */
struct gw_cli_option {
    const char *name;   /* without dashes; NULL ends the table */
    char letter;        /* or '\0' */
    const char **value; /* where to put it: exactly one of these two */
    bool *flag;
};

/* Reads the options off argv and moves the other arguments to argv[1] ... argv[*out_count]; "--"
 * ends the options. Returns GW_EXIT_OK, or GW_EXIT_USAGE with a message on cli->err. An option
 * given twice is refused. */
GW_MUST_CHECK
int gw_cli_options_parse(const struct gw_cli *cli, int argc, char **argv,
                         const struct gw_cli_option *options, int *out_count);

/* For commands that take a configuration (-c FILE) and nothing else. As above. */
GW_MUST_CHECK
int gw_cli_config_path(const struct gw_cli *cli, int argc, char **argv, const char **out_path);

/* Says that an argument is wrong and where help is. Returns GW_EXIT_USAGE. */
GW_PRINTF(3, 4)
GW_COLD int gw_cli_usage_error(const struct gw_cli *cli, const char *command, const char *format,
                               ...);

/* --- commands -----------------------------------------------------------------------------------
 */

int gw_cli_serve(const struct gw_cli *cli, int argc, char **argv);
int gw_cli_edge(const struct gw_cli *cli, int argc, char **argv);
int gw_cli_check(const struct gw_cli *cli, int argc, char **argv);
int gw_cli_version(const struct gw_cli *cli, int argc, char **argv);
int gw_cli_audit(const struct gw_cli *cli, int argc, char **argv);
int gw_cli_key(const struct gw_cli *cli, int argc, char **argv);
int gw_cli_revoke(const struct gw_cli *cli, int argc, char **argv);
int gw_cli_revocations(const struct gw_cli *cli, int argc, char **argv);
int gw_cli_landscape(const struct gw_cli *cli, int argc, char **argv);
int gw_cli_consumer(const struct gw_cli *cli, int argc, char **argv);
int gw_cli_effects(const struct gw_cli *cli, int argc, char **argv);
int gw_cli_sparkplug(const struct gw_cli *cli, int argc, char **argv);
int gw_cli_signal(const struct gw_cli *cli, int argc, char **argv);
int gw_cli_config_reference(const struct gw_cli *cli, int argc, char **argv);
