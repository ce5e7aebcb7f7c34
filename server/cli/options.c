#include <stdarg.h>
#include <string.h>

#include "server/cli/cli.h"
#include "server/core/similar.h"

int gw_cli_usage_error(const struct gw_cli *cli, const char *command, const char *format, ...)
{
    va_list args;

    fprintf(cli->err, "millgate %s: ", command);
    va_start(args, format);
    vfprintf(cli->err, format, args);
    va_end(args);
    fprintf(cli->err, "\nTry \"millgate help %s\".\n", command);
    return GW_EXIT_USAGE;
}

/* The option of an argument such as "--name", "--name=value" or "-n", or NULL. */
static const struct gw_cli_option *find_option(const struct gw_cli_option *options,
                                               struct gw_str argument)
{
    bool is_long = gw_str_has_prefix(argument, GW_STR("--"));
    struct gw_str name = gw_str_tail(argument, is_long ? 2 : 1);

    name.len = is_long ? gw_str_find(name, '=') : name.len;
    for (; options->name != NULL; options++)
        if (is_long ? gw_str_equal(name, gw_str_of(options->name))
                    : name.len == 1 && name.ptr[0] == options->letter)
            return options;
    return NULL;
}

static int report_unknown(const struct gw_cli *cli, const char *command,
                          const struct gw_cli_option *options, struct gw_str argument)
{
    struct gw_similar similar;
    bool is_long = gw_str_has_prefix(argument, GW_STR("--"));
    struct gw_str name = gw_str_tail(argument, is_long ? 2 : 1);

    name.len = gw_str_find(name, '=');
    gw_similar_init(&similar, name);
    for (; is_long && options->name != NULL; options++)
        gw_similar_offer(&similar, gw_str_of(options->name));
    if (similar.best.ptr != NULL)
        return gw_cli_usage_error(cli, command, "unknown option %.*s; did you mean --%.*s?",
                                  GW_STR_ARG(argument), GW_STR_ARG(similar.best));
    return gw_cli_usage_error(cli, command, "unknown option %.*s", GW_STR_ARG(argument));
}

/* Takes one option at argv[*at] and moves *at to its last argument. */
static int take_option(const struct gw_cli *cli, char **argv, int *at,
                       const struct gw_cli_option *options)
{
    const char *argument = argv[*at];
    const char *inline_value = argument[1] == '-' ? strchr(argument, '=') : NULL;
    const struct gw_cli_option *option = find_option(options, gw_str_of(argument));

    if (option == NULL)
        return report_unknown(cli, argv[0], options, gw_str_of(argument));
    if (option->flag != NULL) {
        if (inline_value != NULL)
            return gw_cli_usage_error(cli, argv[0], "--%s takes no value", option->name);
        *option->flag = true;
        return GW_EXIT_OK;
    }
    if (*option->value != NULL)
        return gw_cli_usage_error(cli, argv[0], "--%s is given twice", option->name);
    if (inline_value == NULL && argv[*at + 1] == NULL)
        return gw_cli_usage_error(cli, argv[0], "--%s needs a value", option->name);
    *option->value = inline_value != NULL ? inline_value + 1 : argv[++*at];
    return GW_EXIT_OK;
}

int gw_cli_options_parse(const struct gw_cli *cli, int argc, char **argv,
                         const struct gw_cli_option *options, int *out_count)
{
    bool is_over = false; /* "--" was seen */
    int count = 0;

    for (int i = 1; i < argc; i++) {
        if (!is_over && strcmp(argv[i], "--") == 0) {
            is_over = true;
        } else if (!is_over && argv[i][0] == '-' && argv[i][1] != '\0') {
            int rc = take_option(cli, argv, &i, options);
            if (rc != GW_EXIT_OK)
                return rc;
        } else {
            argv[++count] = argv[i];
        }
    }
    *out_count = count;
    return GW_EXIT_OK;
}

int gw_cli_config_path(const struct gw_cli *cli, int argc, char **argv, const char **out_path)
{
    const char *path = NULL;
    const struct gw_cli_option options[] = {
        {.name = "config", .letter = 'c', .value = &path},
        {0},
    };
    int count = 0;
    int code = gw_cli_options_parse(cli, argc, argv, options, &count);

    if (code != GW_EXIT_OK)
        return code;
    if (count > 0)
        return gw_cli_usage_error(cli, argv[0], "unexpected argument \"%s\"", argv[1]);
    if (path == NULL)
        return gw_cli_usage_error(cli, argv[0], "the configuration is missing: -c FILE");
    *out_path = path;
    return GW_EXIT_OK;
}
