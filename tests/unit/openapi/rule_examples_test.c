/* The conditions of the business rules, by jq itself: each holds for the facts that its declaration
 * says it holds for, and not for the others. */
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/core/buf.h"
#include "server/core/diagnostic.h"
#include "server/core/str.h"
#include "server/json/yaml.h"

#define FUNCTIONS "apis/system/rules.jq"
#define MAX_PROGRAM_BYTES ((size_t)120 << 10) /* it is an argument: Linux takes 128 KiB */

static const char *const apis[] = {"erp-inventory",
                                   "erp-production",
                                   "erp-purchasing",
                                   "erp-partners",
                                   "erp-quality",
                                   "erp-costing",
                                   "mes",
                                   "wms",
                                   "maintenance",
                                   "logistics",
                                   "field-service"};

static void append_file(struct gw_buf *buf, const char *path)
{
    char chunk[4096];
    size_t len;
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    while ((len = fread(chunk, 1, sizeof(chunk), file)) > 0)
        gw_buf_append(buf, chunk, len);
    fclose(file);
}

static void append_member(struct gw_buf *program, const char *api, const char *name,
                          const json_t *rule, const char *example)
{
    const json_t *facts = json_object_get(json_object_get(rule, "examples"), example);
    char *text = json_dumps(facts, JSON_ENCODE_ANY);

    assert_non_null(text);
    gw_buf_printf(program, "\"%s/%s %s\": [%s | %s],\n", api, name, example, text,
                  json_string_value(json_object_get(rule, "holds")));
    free(text);
}

/* One program for all: {"erp-production/order-planned holds": [true], ...}. */
static void write_program(struct gw_buf *program)
{
    struct gw_diagnostics diagnostics;

    gw_diagnostics_init(&diagnostics);
    append_file(program, FUNCTIONS);
    gw_buf_append_text(program, "{\n");
    for (size_t i = 0; i < GW_COUNT_OF(apis); i++) {
        struct gw_document *document;
        char path[256];
        const char *name;
        json_t *rule;
        snprintf(path, sizeof(path), "apis/system/%s/rules.yaml", apis[i]);
        assert_int_equal(gw_document_load_file(path, &diagnostics, &document), 0);
        json_object_foreach(json_object_get(document->root, "rules"), name, rule)
        {
            append_member(program, apis[i], name, rule, "holds");
            append_member(program, apis[i], name, rule, "broken");
        }
        gw_document_destroy(document);
    }
    gw_buf_append_text(program, "\"end\": []}\n");
    gw_buf_append_byte(program, '\0');
    assert_false(program->has_failed);
    gw_diagnostics_finish(&diagnostics);
}

/* Starts jq with its output in *out_fd; its pid, or -1 where there is none. */
static pid_t start_jq(const char *program, int *out_fd)
{
    char *const arguments[] = {"jq", "-n", "-c", (char *)(uintptr_t)program, NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t pid = -1;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    if (posix_spawnp(&pid, "jq", &actions, NULL, arguments, environ) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *out_fd = ends[0];
    return pid;
}

static json_t *run_jq(const char *program)
{
    json_error_t error;
    int fd, status = 0;
    pid_t pid = start_jq(program, &fd);

    if (pid < 0) {
        print_message("skipped: jq is not installed: run script/bootstrap\n");
        exit(77);
    }
    json_t *answers = json_loadfd(fd, 0, &error);
    close(fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (answers == NULL || status != 0)
        fail_msg("jq takes a condition for wrong: see above");
    return answers;
}

static void conditions_tell_their_examples_apart(void **state)
{
    (void)state;
    struct gw_buf program;
    const char *name;
    json_t *results;
    size_t count = 0;

    gw_buf_init(&program, MAX_PROGRAM_BYTES);
    write_program(&program);
    json_t *answers = run_jq(program.ptr);
    gw_buf_finish(&program);
    json_object_foreach(answers, name, results)
    {
        bool is_end = strcmp(name, "end") == 0;
        bool should_hold = gw_str_has_suffix(gw_str_of(name), GW_STR(" holds"));
        bool holds = json_array_size(results) == 1 && json_is_true(json_array_get(results, 0));
        if (!is_end && holds != should_hold)
            fail_msg("%s: it %s", name, holds ? "holds" : "does not hold");
        count++;
    }
    print_message("%zu examples\n", count - 1);
    assert_true(count > 150);
    json_decref(answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_tell_their_examples_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
