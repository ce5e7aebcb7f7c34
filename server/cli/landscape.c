/* The command over landscapes: where keys are kept, and moving them from system to system. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/cli/admin_call.h"
#include "server/core/buf.h"

#define MAX_PATH_BYTES 2048
#define WAIT_ROUNDS 60
#define ROUND_NS 250000000L

struct landscape_options {
    struct gw_cli_admin admin;
    const char *to;
    bool is_forced, is_patient;
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static void print_move(const struct gw_cli *cli, const char *landscape, const json_t *move)
{
    fprintf(cli->out, "%s %s: %s, from %s to %s, writes under way: %lld, %s\n", landscape,
            text_of(move, "key"), text_of(move, "phase"), text_of(move, "from"),
            text_of(move, "to"), (long long)json_integer_value(json_object_get(move, "writes")),
            json_is_true(json_object_get(move, "is_confirmed")) ? "confirmed by all instances"
                                                                : "not confirmed by all instances");
}

static void print_landscape(const struct gw_cli *cli, const json_t *landscape)
{
    const char *rule;
    const json_t *system;
    size_t index;
    const json_t *move;

    json_object_foreach(json_object_get(landscape, "keys"), rule, system) fprintf(
        cli->out, "%s %s: %s\n", text_of(landscape, "name"), rule, json_string_value(system));
    json_array_foreach(json_object_get(landscape, "moves"), index, move)
        print_move(cli, text_of(landscape, "name"), move);
}

static int list(const struct gw_cli *cli, const struct landscape_options *options)
{
    json_t *answer = NULL;
    size_t index;
    const json_t *item;
    int code = gw_cli_admin_call(cli, &options->admin, "GET", "/landscapes", NULL, &answer);

    if (code != GW_EXIT_OK)
        return code;
    if (options->admin.is_json) {
        char *dumped = json_dumps(answer, JSON_INDENT(2));
        fprintf(cli->out, "%s\n", dumped != NULL ? dumped : "");
        free(dumped);
    } else {
        json_array_foreach(json_object_get(answer, "items"), index, item)
            print_landscape(cli, item);
    }
    json_decref(answer);
    return GW_EXIT_OK;
}

/* The move of the key in the answer to GET /landscapes; borrowed; NULL: there is none. */
static const json_t *find_move(const json_t *answer, const char *name, const char *key)
{
    size_t index, at;
    const json_t *item, *move;

    json_array_foreach(json_object_get(answer, "items"), index, item)
    {
        if (strcmp(text_of(item, "name"), name) != 0)
            continue;
        json_array_foreach(json_object_get(item, "moves"), at, move)
        {
            if (strcmp(text_of(move, "key"), key) == 0)
                return move;
        }
    }
    return NULL;
}

/* Until all instances act by it, and no write is under way where none may begin. */
static int wait_for(const struct gw_cli *cli, const struct landscape_options *options,
                    const char *name, const char *key)
{
    for (int round = 0; round < WAIT_ROUNDS; round++) {
        const struct timespec pause = {.tv_nsec = ROUND_NS};
        json_t *answer = NULL;
        nanosleep(&pause, NULL);
        int code = gw_cli_admin_call(cli, &options->admin, "GET", "/landscapes", NULL, &answer);
        if (code != GW_EXIT_OK)
            return code;
        const json_t *move = find_move(answer, name, key);
        bool is_drain = strcmp(text_of(move, "phase"), "drain") == 0;
        bool is_done = move == NULL ||
                       (json_is_true(json_object_get(move, "is_confirmed")) &&
                        !(is_drain && json_integer_value(json_object_get(move, "writes")) > 0));
        if (is_done && move != NULL)
            print_move(cli, name, move);
        json_decref(answer);
        if (is_done)
            return GW_EXIT_OK;
    }
    fprintf(cli->err, "millgate: not all instances have confirmed it yet, or writes are under way; "
                      "see millgate landscape list\n");
    return GW_EXIT_PROBLEM;
}

static int move(const struct gw_cli *cli, const struct landscape_options *options, char **words)
{
    struct gw_buf path;
    json_t *body = json_pack("{s:s,s:b}", "phase", words[0], "force", options->is_forced);
    json_t *answer = NULL;
    int code = GW_EXIT_PROBLEM;

    if (options->to != NULL)
        json_object_set_new(body, "to", json_string(options->to));
    gw_buf_init(&path, MAX_PATH_BYTES);
    gw_buf_append_text(&path, "/landscapes/");
    gw_cli_append_encoded(&path, words[1]);
    gw_buf_append_text(&path, "/keys/");
    gw_cli_append_encoded(&path, words[2]);
    gw_buf_append_byte(&path, '\0');
    if (path.has_failed)
        fprintf(cli->err, "millgate: the name is too long\n");
    else
        code = gw_cli_admin_call(cli, &options->admin, "POST", path.ptr, body, &answer);
    gw_buf_finish(&path);
    json_decref(body);
    if (code == GW_EXIT_OK && options->is_patient)
        code = wait_for(cli, options, words[1], words[2]);
    else if (code == GW_EXIT_OK)
        print_move(cli, words[1], answer);
    json_decref(answer);
    return code;
}

int gw_cli_landscape(const struct gw_cli *cli, int argc, char **argv)
{
    static const char *const acts[] = {"shadow", "drain", "switch", "abort"};
    struct landscape_options landscape = {0};
    const struct gw_cli_option options[] = {
        GW_CLI_ADMIN_OPTIONS(&landscape.admin),
        {.name = "to", .value = &landscape.to},
        {.name = "force", .flag = &landscape.is_forced},
        {.name = "wait", .flag = &landscape.is_patient},
        {0},
    };
    int count = 0;
    int code = gw_cli_options_parse(cli, argc, argv, options, &count);

    if (code != GW_EXIT_OK)
        return code;
    if (count == 0 || (count == 1 && strcmp(argv[1], "list") == 0))
        return list(cli, &landscape);
    for (size_t i = 0; count == 3 && i < GW_COUNT_OF(acts); i++) {
        if (strcmp(argv[1], acts[i]) == 0)
            return move(cli, &landscape, argv + 1);
    }
    return gw_cli_usage_error(cli, argv[0],
                              "list, or one of shadow, drain, switch and abort with LANDSCAPE KEY, "
                              "is wanted");
}
