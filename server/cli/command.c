#include "server/cli/command.h"

#include <string.h>

#include "server/cli/admin_call.h"
#include "server/cli/validate.h"
#include "server/core/similar.h"

static int run_help(const struct gw_cli *cli, int argc, char **argv);

static int run_validate(const struct gw_cli *cli, int argc, char **argv);

static const struct gw_command commands[] = {
    {"serve", "run the gateway", gw_cli_serve,
     "Usage: millgate serve -c FILE\n\n"
     "Runs until SIGTERM or SIGINT: then it drains (a second one stops it at once). SIGHUP "
     "reloads\n"
     "the configuration and its contracts, and opens the access log anew; a configuration with\n"
     "problems changes nothing.\n"},
    {"edge", "run an edge: signals at the plant, spooled and forwarded", gw_cli_edge,
     "Usage: millgate edge [-c FILE] [--check]\n"
     "       millgate edge --reference\n\n"
     "Takes telemetry in at the plant, computes its signals, keeps their events in a file and\n"
     "forwards them to the centre when the line is up (docs/edge.md). FILE is edge.yaml if it is\n"
     "not given. Runs until SIGTERM or SIGINT; SIGHUP reloads. --check only checks the file;\n"
     "--reference prints what it may say.\n"},
    {"check", "check a configuration and its contracts", gw_cli_check,
     "Usage: millgate check -c FILE\n\n"
     "Tells all problems at once, one a line, as file:line:column. Exit code 1 if there are "
     "any.\n"},
    {"validate", "check JSON files against a schema", run_validate, gw_cli_validate_usage},
    {"key", "make, list and revoke API keys", gw_cli_key,
     "Usage: millgate key create --consumer NAME [--scheme NAME] [--scopes \"A B\"] [--plan NAME]\n"
     "                           [--expires 90d|TIME] [--note TEXT]\n"
     "       millgate key list [--consumer NAME] [--scheme NAME]\n"
     "       millgate key show ID\n"
     "       millgate key revoke ID\n\n"
     "create prints the new key, once: what is kept of it cannot be turned back into it. --scheme\n"
     "is a name of the configuration's section api_keys, and needed if there are "
     "several.\n" GW_CLI_ADMIN_HELP},
    {"revoke", "refuse tokens that were issued", gw_cli_revoke,
     "Usage: millgate revoke --issuer NAME --jti ID [--expires 90d|TIME] [--reason TEXT]\n"
     "       millgate revoke --issuer NAME --subject NAME [--issued-before TIME] ...\n"
     "       millgate revoke --issuer NAME --all [--issued-before TIME] ...\n\n"
     "Refuses one token, a subject's, or all of an issuer (a name of the section issuers), within\n"
     "two seconds on every gateway. Of the latter two, those issued up to now or the time given.\n"
     "The revocation is kept for 90 days if --expires does not say otherwise: let it outlive the\n"
     "tokens. Prints its id.\n" GW_CLI_ADMIN_HELP},
    {"revocations", "list what is revoked, or take it back", gw_cli_revocations,
     "Usage: millgate revocations [list]\n"
     "       millgate revocations show ID\n"
     "       millgate revocations remove ID\n" GW_CLI_ADMIN_HELP},
    {"consumer", "set what holds for a consumer", gw_cli_consumer,
     "Usage: millgate consumer list\n"
     "       millgate consumer show NAME\n"
     "       millgate consumer set NAME [--plan NAME] [--disable] [--note TEXT]\n"
     "       millgate consumer remove NAME\n\n"
     "NAME is what limits and logs use, <scheme>:<subject>. set replaces all that was set "
     "before.\n" GW_CLI_ADMIN_HELP},
    {"landscape", "see where keys are kept, and move them", gw_cli_landscape,
     "Usage: millgate landscape [list]\n"
     "       millgate landscape shadow LANDSCAPE KEY --to SYSTEM\n"
     "       millgate landscape drain LANDSCAPE KEY [--to SYSTEM]\n"
     "       millgate landscape switch LANDSCAPE KEY [--force]\n"
     "       millgate landscape abort LANDSCAPE KEY\n\n"
     "Moves a key, a plant say, from the system that keeps it to another, in steps: shadow makes\n"
     "reads there, too, and compares; drain lets no write begin; switch makes it the key's "
     "system,\n"
     "on all instances and for good. abort takes shadow and drain back. With --wait, it waits up "
     "to\n"
     "15 s until all instances act by it, and after drain until no write is under "
     "way.\n" GW_CLI_ADMIN_HELP},
    {"effects", "list the effects in doubt at backends, or settle one", gw_cli_effects,
     "Usage: millgate effects list [--backend NAME]\n"
     "       millgate effects resolve --backend NAME --key KEY --outcome executed [--result JSON]\n"
     "       millgate effects resolve --backend NAME --key KEY --outcome not-executed\n\n"
     "Look in the backend what came of the write. executed: it is not sent again, and the flow\n"
     "goes on with --result, what the function would have returned (an id, say). not-executed: it\n"
     "is sent when the caller asks again with its key.\n" GW_CLI_ADMIN_HELP},
    {"audit", "verify the record of administrative acts", gw_cli_audit,
     "Usage: millgate audit verify -c FILE [--head HASH] [--json]\n"
     "       millgate audit verify [--key-file FILE] [--head HASH] [--json] FILE...\n\n"
     "Holds each line against its hash and the line before it; several files in the order in "
     "which\n"
     "they were written. Exit code 1 names the line that was changed, removed, added or moved. "
     "That\n"
     "lines are missing at the end only shows against a hash that was kept elsewhere: --head must\n"
     "be that of one of the lines.\n"},
    {"signal", "check signals, and compute them over recorded samples", gw_cli_signal,
     "Usage: millgate signal FILE... --registry FILE... [--samples FILE] [--until TIME]\n\n"
     "Checks the documents against the device types of the registry. With --samples (- is "
     "standard\n"
     "input) it prints the events as CloudEvents, one a line. A sample is a line of JSON:\n"
     "{\"group\", \"edgeNode\", \"device\", \"metric\", \"time\", \"value\", \"quality\"}; time "
     "in\n"
     "milliseconds since 1970 or as RFC 3339; metric by the device's name for its own numbers, or "
     "by\n"
     "ours for canonical ones. {..., \"online\": false, \"time\"} says that a device died, "
     "{\"suppress\":\n"
     "EQUIPMENT, \"plant\", \"from\", \"until\"} that it is in maintenance (without a plant: in "
     "each).\n"
     "With --until, all that ends by then is told at the end. Nothing is asked: of a signal with\n"
     "`enrich`, events are as computed.\n"},
    {"sparkplug", "show recorded Sparkplug or JSON messages as samples", gw_cli_sparkplug,
     "Usage: millgate sparkplug --registry FILE... FILE\n\n"
     "Reads messages as mosquitto_sub -t 'spBv1.0/#' -F '%U %x %t' prints them (- is standard\n"
     "input), puts them in order, and prints the samples of registered metrics and the states of\n"
     "devices, a line of JSON each, as `millgate signal --samples` reads them. What is put aside,\n"
     "and why a node's rebirth would be asked for, goes to standard error. Messages of other\n"
     "topics are read by the registry's mappings, if it has any.\n"},
    {"config-reference", "print the manual of the configuration (Markdown)",
     gw_cli_config_reference,
     "Usage: millgate config-reference\n\n"
     "Prints every key of millgate.yaml with its type, bounds and default, from the tables that\n"
     "the configuration is checked by.\n"},
    {"help", "explain a command", run_help, "Usage: millgate help [COMMAND]\n"},
    {"version", "print the version", gw_cli_version, "Usage: millgate version\n"},
};

static int run_validate(const struct gw_cli *cli, int argc, char **argv)
{
    (void)cli; /* a tool for pipes and the Bowtie harness: it has the process's own streams */
    return gw_cli_validate(argc, argv);
}

/* The own commands, then those that policies bring; NULL at the end. */
static const struct gw_command *command_at(const struct gw_cli *cli, size_t index)
{
    if (index < GW_COUNT_OF(commands))
        return &commands[index];
    const struct gw_command *more =
        cli->more == NULL ? NULL : &cli->more[index - GW_COUNT_OF(commands)];
    return more == NULL || more->name == NULL ? NULL : more;
}

static const struct gw_command *find_command(const struct gw_cli *cli, const char *name)
{
    const struct gw_command *command;

    for (size_t i = 0; (command = command_at(cli, i)) != NULL; i++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

static int report_unknown(const struct gw_cli *cli, const char *name)
{
    struct gw_similar similar;

    const struct gw_command *command;

    gw_similar_init(&similar, gw_str_of(name));
    for (size_t i = 0; (command = command_at(cli, i)) != NULL; i++)
        gw_similar_offer(&similar, gw_str_of(command->name));
    fprintf(cli->err, "millgate: unknown command \"%s\"", name);
    if (similar.best.ptr != NULL)
        fprintf(cli->err, "; did you mean \"%.*s\"?", GW_STR_ARG(similar.best));
    fprintf(cli->err, "\nTry \"millgate help\".\n");
    return GW_EXIT_USAGE;
}

static void print_overview(const struct gw_cli *cli, FILE *out)
{
    const struct gw_command *command;

    fprintf(out, "Usage: millgate COMMAND [ARGUMENT]...\n\n"
                 "An HTTP API gateway and integration server for manufacturers.\n\nCommands:\n");
    for (size_t i = 0; (command = command_at(cli, i)) != NULL; i++)
        fprintf(out, "  %-18s %s\n", command->name, command->summary);
    fprintf(out, "\nExit codes: 0 all is well, 1 a problem was found, 2 wrong usage.\n");
}

static int run_help(const struct gw_cli *cli, int argc, char **argv)
{
    if (argc < 2) {
        print_overview(cli, cli->out);
        return GW_EXIT_OK;
    }

    const struct gw_command *command = find_command(cli, argv[1]);
    if (command == NULL)
        return report_unknown(cli, argv[1]);
    fprintf(cli->out, "millgate %s: %s\n\n%s", command->name, command->summary, command->help);
    return GW_EXIT_OK;
}

/* `millgate COMMAND --help` anywhere before a "--" means its help. */
static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int gw_command_run(const struct gw_cli *cli, int argc, char **argv)
{
    char help[] = "help";

    if (argc < 2) {
        print_overview(cli, cli->err);
        return GW_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return run_help(cli, 1, argv);
    if (strcmp(argv[1], "--version") == 0) {
        char *version[] = {argv[1], NULL};
        return gw_cli_version(cli, 1, version);
    }

    const struct gw_command *command = find_command(cli, argv[1]);
    if (command == NULL)
        return report_unknown(cli, argv[1]);
    if (asks_for_help(argc - 1, argv + 1)) {
        char *about[] = {help, argv[1], NULL};
        return run_help(cli, 2, about);
    }
    return command->run(cli, argc - 1, argv + 1);
}
