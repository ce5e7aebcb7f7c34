#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/cli/command.h"
#include "server/filter/filter.h"
#include "server/gateway/config.h"

static int picky_create(const json_t *config, void **out_self, struct gw_error *error)
{
    (void)out_self;
    if (json_object_get(config, "word") == NULL)
        return gw_error_set_at(error, -1, "/word", "needs a word");
    return 0;
}

static const struct gw_option picky_options[] = {{.name = "word", .type = GW_STRING}, {0}};
static const struct gw_filter_type picky = {
    .name = "picky", .options = picky_options, .create = picky_create};
static const struct gw_filter_type *const filters[] = {&picky, NULL};

struct outcome {
    int code;
    char *out, *err;
    size_t out_size, err_size;
};

static struct outcome run(const char *command_line)
{
    struct outcome outcome = {0};
    char words[256];
    char *argv[16] = {NULL};
    int argc = 0;

    snprintf(words, sizeof(words), "%s", command_line);
    for (char *word = words, *rest; word != NULL && argc < 15; word = rest) {
        rest = strchr(word, ' ');
        if (rest != NULL)
            *rest++ = '\0';
        argv[argc++] = word;
    }
    struct gw_cli cli = {filters, NULL, open_memstream(&outcome.out, &outcome.out_size),
                         open_memstream(&outcome.err, &outcome.err_size)};
    outcome.code = gw_command_run(&cli, argc, argv);
    fclose(cli.out);
    fclose(cli.err);
    return outcome;
}

static void commands_are_found(void **state)
{
    static const struct {
        const char *line;
        int code;
        const char *out, *err; /* a part of each */
    } rows[] = {
        {"millgate", GW_EXIT_USAGE, "", "Usage: millgate COMMAND"},
        {"millgate --help", GW_EXIT_OK, "Commands:\n", ""},
        {"millgate help", GW_EXIT_OK, "config-reference", ""},
        {"millgate help version", GW_EXIT_OK, "Usage: millgate version", ""},
        {"millgate help validate", GW_EXIT_OK, "millgate validate --schema FILE", ""},
        {"millgate version --help", GW_EXIT_OK, "Usage: millgate version", ""},
        {"millgate version", GW_EXIT_OK, "millgate " MILLGATE_VERSION "\n", ""},
        {"millgate --version", GW_EXIT_OK, "millgate " MILLGATE_VERSION "\n", ""},
        {"millgate version x", GW_EXIT_USAGE, "", "takes no arguments"},
        {"millgate verison", GW_EXIT_USAGE, "", "did you mean \"version\"?"},
        {"millgate xyzzy", GW_EXIT_USAGE, "", "unknown command \"xyzzy\"\n"},
        {"millgate help xyzzy", GW_EXIT_USAGE, "", "unknown command \"xyzzy\"\n"},
        {"millgate config-reference", GW_EXIT_OK, "## Policy `picky`", ""},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        struct outcome outcome = run(rows[i].line);
        if (outcome.code != rows[i].code || strstr(outcome.out, rows[i].out) == NULL ||
            strstr(outcome.err, rows[i].err) == NULL)
            fail_msg("%s: %d\n%s\n%s", rows[i].line, outcome.code, outcome.out, outcome.err);
        if (rows[i].out[0] == '\0')
            assert_int_equal(outcome.out_size, 0);
        if (rows[i].err[0] == '\0')
            assert_int_equal(outcome.err_size, 0);
        free(outcome.out);
        free(outcome.err);
    }
}

/* "c=<config> v=<verbose> <arguments>", or the complaint. To be freed. */
static char *parse(const char *const *arguments)
{
    const char *config = NULL;
    bool verbose = false;
    const struct gw_cli_option options[] = {
        {.name = "config", .letter = 'c', .value = &config},
        {.name = "verbose", .letter = 'v', .flag = &verbose},
        {0},
    };
    char *argv[8] = {NULL};
    char *text = NULL;
    size_t size = 0;
    int argc = 0;
    int count = 0;

    for (; arguments[argc] != NULL; argc++)
        argv[argc] = (char *)arguments[argc];
    FILE *out = open_memstream(&text, &size);
    struct gw_cli cli = {filters, NULL, out, out};
    if (gw_cli_options_parse(&cli, argc, argv, options, &count) == GW_EXIT_OK) {
        fprintf(out, "c=%s v=%d", config != NULL ? config : "", verbose);
        for (int i = 1; i <= count; i++)
            fprintf(out, " %s", argv[i]);
    }
    fclose(out);
    return text;
}

static void options_are_read(void **state)
{
    static const struct {
        const char *arguments[7];
        const char *expected; /* a part */
    } rows[] = {
        {{"x"}, "c= v=0"},
        {{"x", "-c", "f", "a", "--verbose", "b"}, "c=f v=1 a b"},
        {{"x", "--config=f=g"}, "c=f=g v=0"},
        {{"x", "--config", "f", "--", "-v"}, "c=f v=0 -v"},
        {{"x", "-"}, "c= v=0 -"},
        {{"x", "--conifg", "f"}, "millgate x: unknown option --conifg; did you mean --config?"},
        {{"x", "-z"}, "unknown option -z\n"},
        {{"x", "-c"}, "--config needs a value"},
        {{"x", "-c", "a", "-c", "b"}, "--config is given twice"},
        {{"x", "--verbose=1"}, "--verbose takes no value"},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        char *text = parse(rows[i].arguments);
        if (strstr(text, rows[i].expected) == NULL)
            fail_msg("row %zu gives %s", i, text);
        free(text);
    }
}

/* `check` of a configuration: what it says on standard error. To be freed. */
static char *check(const char *configuration, int expected_code)
{
    char path[] = "/tmp/millgate-check-XXXXXX";
    char line[64];
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");

    fputs(configuration, file);
    fclose(file);
    snprintf(line, sizeof(line), "millgate check -c %s", path);
    struct outcome outcome = run(line);
    unlink(path);
    if (outcome.code != expected_code)
        fail_msg("%d: %s%s", outcome.code, outcome.out, outcome.err);
    free(outcome.out);
    return outcome.err;
}

static void check_creates_the_policies(void **state)
{
    char *said =
        check("listeners: [{address: 127.0.0.1:0}]\npolicies:\n- picky:\n", GW_EXIT_PROBLEM);

    (void)state;
    assert_non_null(strstr(said, ":3:"));
    assert_non_null(strstr(said, "error: picky: needs a word\n"));
    free(said);
    said =
        check("listeners: [{address: 127.0.0.1:0}]\npolicies:\n- picky: {word: yes}\n", GW_EXIT_OK);
    assert_string_equal(said, "");
    free(said);
}

static void check_tells_all_at_once(void **state)
{
    char *said = check(
        "surprise: 1\nlisteners: [{address: 127.0.0.1:0}]\nlog_level: loud\npolicies:\n- picky:\n",
        GW_EXIT_PROBLEM);

    (void)state;
    assert_non_null(strstr(said, ":1:"));
    assert_non_null(strstr(said, "surprise"));
    assert_non_null(strstr(said, "log_level"));
    assert_non_null(strstr(said, "picky: needs a word"));
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_found),
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(check_creates_the_policies),
        cmocka_unit_test(check_tells_all_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
