/* The features and examples of the Serverless Workflow specification, read in place.
 *
 * Features run whole; what they call on the internet is answered here. Examples are loaded, or
 * refused with a reason. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/core/buf.h"
#include "server/crypto/base64.h"
#include "server/json/yaml.h"
#include "tests/unit/support/flow_rig.h"
#include "tests/unit/support/suite_files.h"

#define FOLDER "serverless-workflow"

static struct flow_rig rig;

/* --- the internet: a pet store and a door with a lock -------------------------------------------
 */

static struct gw_value read_value(struct gw_arena *arena, const char *format, const char *text)
{
    struct gw_json_error wrong;
    struct gw_value value;
    struct gw_str json = gw_arena_printf(arena, format, text, text);

    assert_non_null(json.ptr);
    assert_int_equal(gw_value_read(arena, json, NULL, &value, &wrong), 0);
    return value;
}

/* Pet `id`; false: there is none of that name. */
static bool find_pet(struct gw_arena *arena, struct gw_str id, struct gw_value *out_pet)
{
    uint64_t number;

    if (gw_str_to_u64(id, &number) != 0)
        return false;
    struct gw_str text = gw_arena_copy(arena, id);
    *out_pet = read_value(arena, "{\"id\": %s, \"name\": \"pet %s\", \"status\": \"available\"}",
                          text.ptr);
    return true;
}

static struct gw_value response_of(struct gw_arena *arena, struct gw_value content)
{
    struct gw_value_builder builder = {.arena = arena};
    int rc = gw_value_add_member(&builder, GW_STR("statusCode"), gw_value_number(GW_STR("200")));

    rc |=
        gw_value_add_member(&builder, GW_STR("headers"),
                            read_value(arena, "{\"content-type\": \"application/json%.0s\"}", ""));
    rc |= gw_value_add_member(&builder, GW_STR("content"), content);
    assert_int_equal(rc, 0);
    return gw_value_built_object(&builder);
}

static void answer(struct gw_connector_call *call, struct gw_value content)
{
    bool is_response =
        gw_str_equal(gw_value_member_text(&call->arguments, GW_STR("output")), GW_STR("response"));

    gw_connector_done(call, is_response ? response_of(call->arena, content) : content);
}

static void refuse(struct gw_connector_call *call, enum gw_connector_error error, int status)
{
    gw_connector_fail(call, &(struct gw_connector_failure){.error = error,
                                                           .backend_status = status,
                                                           .reason = GW_STR("so it says")});
}

/* /basic-auth/<user>/<password> opens to just these. */
static void open_door(struct gw_connector_call *call, struct gw_str rest)
{
    const struct gw_value *headers = gw_value_member(&call->arguments, GW_STR("headers"));
    struct gw_str user, given = gw_value_member_text(headers, GW_STR("authorization"));
    struct gw_buf wanted;

    assert_true(gw_str_split(&rest, '/', &user));
    struct gw_str pair = gw_arena_join(call->arena, (struct gw_str[]){user, GW_STR(":"), rest}, 3);
    gw_buf_init(&wanted, 1000);
    gw_buf_append_text(&wanted, "Basic ");
    gw_base64_append(&wanted, pair);
    bool is_right = gw_str_equal(given, gw_buf_str(&wanted));
    gw_buf_finish(&wanted);
    if (is_right)
        answer(call, gw_value_bool(true));
    else
        refuse(call, GW_CONNECTOR_DENIED, 401);
}

static void begin_request(void *self, struct gw_connector_call *call)
{
    static const struct gw_str door = GW_STR_INIT("/basic-auth/");
    struct gw_str path = gw_value_member_text(&call->arguments, GW_STR("path"));
    const struct gw_value *query = gw_value_member(&call->arguments, GW_STR("query"));
    struct gw_value *pet = gw_arena_alloc(call->arena, sizeof(*pet));

    (void)self;
    assert_non_null(pet);
    if (gw_str_has_prefix(path, door)) {
        open_door(call, gw_str_tail(path, door.len));
    } else if (gw_str_equal(path, GW_STR("/pet/findByStatus")) &&
               gw_value_member_text(query, GW_STR("status")).len > 0) {
        assert_true(find_pet(call->arena, GW_STR("7"), pet));
        answer(call, gw_value_array(pet, 1));
    } else if (gw_str_has_prefix(path, GW_STR("/pet/")) &&
               find_pet(call->arena, gw_str_tail(path, 5), pet)) {
        answer(call, *pet);
    } else {
        refuse(call, GW_CONNECTOR_NOT_FOUND, 404);
    }
}

static const struct gw_option parameters[] = {{.name = "method", .type = GW_STRING},
                                              {.name = "path", .type = GW_STRING},
                                              {.name = "query", .type = GW_ANY},
                                              {.name = "headers", .type = GW_ANY},
                                              {.name = "body", .type = GW_ANY},
                                              {.name = "output", .type = GW_STRING},
                                              {0}};
static const struct gw_connector_function functions[] = {
    {.name = "request", .parameters = parameters, .is_write = true, .begin = begin_request}, {0}};
static const struct gw_connector_type http = {.name = "http", .functions = functions};
static const struct gw_connector_type *const connectors[] = {&http, NULL};

static int find_connector(void *self, const struct gw_exchange *cause, struct gw_str backend,
                          const struct gw_connector_type *type, void **out_instance,
                          const struct gw_backend **out_backend)
{
    (void)cause;
    (void)backend;
    (void)type;
    *out_instance = self;
    *out_backend = NULL;
    return 0;
}

/* "https://host/v2", or "https://host" where it is no pet store, is a backend. */
static struct gw_str find_backend(void *self, struct gw_str url, size_t *out_path_at)
{
    static const struct gw_str store = GW_STR_INIT("https://petstore.swagger.io/v2");
    size_t at = 8;

    (void)self;
    if (gw_str_has_prefix(url, store)) {
        *out_path_at = store.len;
        return GW_STR("store");
    }
    if (!gw_str_has_prefix(url, GW_STR("https://")))
        return (struct gw_str){NULL, 0};
    while (at < url.len && url.ptr[at] != '/')
        at++;
    *out_path_at = at;
    return GW_STR("other");
}

static void call_operation(void *self, struct gw_flow_operation_call *call)
{
    const struct gw_value *id = gw_value_member(&call->parameters, GW_STR("petId"));
    struct gw_value *pet = gw_arena_alloc(call->arena, sizeof(*pet));
    struct gw_value_builder builder = {.arena = call->arena};

    (void)self;
    assert_non_null(pet);
    assert_true(find_pet(call->arena, id != NULL ? id->text : GW_STR("1"), pet));
    bool is_list = gw_str_equal(call->operation_id, GW_STR("findPetsByStatus"));
    int rc = gw_value_add_member(&builder, GW_STR("status"), gw_value_number(GW_STR("200")));
    rc |= gw_value_add_member(&builder, GW_STR("headers"), gw_value_object(NULL, 0));
    rc |= gw_value_add_member(&builder, GW_STR("body"), is_list ? gw_value_array(pet, 1) : *pet);
    rc |= gw_value_add_member(
        &builder, GW_STR("request"),
        read_value(call->arena, "{\"method\": \"GET\", \"uri\": \"/pet%.0s\", \"headers\": {}}",
                   ""));
    assert_int_equal(rc, 0);
    call->answer = gw_value_built_object(&builder);
    call->done(call, NULL);
}

/* --- features -----------------------------------------------------------------------------------
 */

struct tally {
    int passed, failed, unsupported, loaded, refused;
};

struct scenario {
    char name[200];
    char *definition, *input, *expected; /* JSON but for the definition, which is YAML */
    bool should_fail, is_wrong, is_begun;
    char first[200], last[200]; /* the names of the tasks that ran first and last */
    char why[2000];
};

static struct scenario scenario;

static void committed(void *self, struct gw_str task, const struct gw_value *output,
                      const struct gw_value *context)
{
    const char *name = task.len > 0 ? strrchr(task.ptr, '/') : NULL;

    (void)self;
    (void)output;
    (void)context;
    if (name == NULL)
        return;
    if (scenario.first[0] == '\0')
        snprintf(scenario.first, sizeof(scenario.first), "%s", name + 1);
    snprintf(scenario.last, sizeof(scenario.last), "%s", name + 1);
}

static void complain(const char *format, const char *detail)
{
    scenario.is_wrong = true;
    snprintf(scenario.why, sizeof(scenario.why), format, detail);
}

static char *json_of_yaml(const char *yaml)
{
    struct gw_diagnostics diagnostics;
    struct gw_document *document = NULL;

    gw_diagnostics_init(&diagnostics);
    assert_int_equal(gw_document_load(gw_str_of(yaml), "feature", &diagnostics, &document), 0);
    gw_diagnostics_finish(&diagnostics);
    char *json = json_dumps(document->root, JSON_ENCODE_ANY);
    gw_document_destroy(document);
    assert_non_null(json);
    return json;
}

static void run_scenario(void)
{
    if (flow_rig_load(&rig, scenario.definition) != 0) {
        complain("%s", rig.findings);
        return;
    }
    scenario.first[0] = scenario.last[0] = '\0';
    flow_rig_run(&rig, scenario.input != NULL ? scenario.input : "{}");
}

/* 'a.b' of the output. */
static bool has_property(struct gw_str path)
{
    struct gw_json_error wrong;
    struct gw_arena arena;
    struct gw_value value;
    struct gw_str name;

    gw_arena_init(&arena, 4096, 1 << 20);
    assert_int_equal(gw_value_read(&arena, gw_str_of(rig.output), NULL, &value, &wrong), 0);
    const struct gw_value *at = &value;
    while (gw_str_split(&path, '.', &name))
        at = gw_value_member(at, name);
    gw_arena_finish(&arena);
    return at != NULL;
}

static void check_properties(const char *line)
{
    for (const char *at = strchr(line, '\''); at != NULL;) {
        const char *end = strchr(at + 1, '\'');
        assert_non_null(end);
        if (!has_property(gw_str_from(at + 1, (size_t)(end - at - 1))))
            complain("the output lacks properties: %s", rig.output);
        at = strchr(end + 1, '\'');
    }
}

/* "switchColor should run first" */
static void check_order(const char *line, const char *ran)
{
    struct gw_str name = gw_str_from(line, gw_str_find(gw_str_of(line), ' '));

    if (!gw_str_equal(name, gw_str_of(ran)))
        complain("runs at that place: %s", ran);
}

static void check_fault(void)
{
    static const char *const members[] = {"type", "status", "title", "detail"};
    json_t *wanted = scenario.expected != NULL ? json_loads(scenario.expected, 0, NULL) : NULL;
    const char *const texts[] = {rig.type, NULL, rig.title, rig.detail};

    if (!rig.has_failed)
        complain("it should fail, but gives %s", rig.output);
    for (size_t i = 0; wanted != NULL && i < GW_COUNT_OF(members); i++) {
        const json_t *value = json_object_get(wanted, members[i]);
        if (json_is_string(value) && texts[i] != NULL &&
            strcmp(json_string_value(value), texts[i]) != 0)
            complain("the error is another one: %s", texts[i]);
        if (json_is_integer(value) && json_integer_value(value) != rig.error.status)
            complain("the error has another %s", members[i]);
    }
    json_decref(wanted);
}

static void check_output(void)
{
    if (rig.has_failed)
        complain("it fails: %s", rig.reason);
    else if (scenario.expected != NULL && !flow_rig_equal(rig.output, scenario.expected))
        complain("the output is %s", rig.output);
}

static void end_scenario(struct tally *tally)
{
    if (!scenario.is_begun)
        return;
    bool is_unsupported = scenario.is_wrong && strstr(scenario.why, "not supported") != NULL;
    if (!scenario.is_wrong)
        tally->passed++;
    else if (is_unsupported)
        tally->unsupported++;
    else
        tally->failed++;
    if (scenario.is_wrong)
        printf("%s: %s: %s\n", is_unsupported ? "unsupported" : "FAILED", scenario.name,
               scenario.why);
    free(scenario.definition);
    free(scenario.input);
    free(scenario.expected);
    scenario = (struct scenario){.is_begun = false};
}

/* One step with the text that stands below it, if any. */
static void step(struct tally *tally, const char *line, char *text)
{
    if (strncmp(line, "Scenario:", 9) == 0) {
        end_scenario(tally);
        scenario.is_begun = true;
        snprintf(scenario.name, sizeof(scenario.name), "%.190s", line + 10);
    } else if (strstr(line, "workflow with definition") != NULL) {
        scenario.definition = text;
        return;
    } else if (strstr(line, "workflow input is") != NULL) {
        scenario.input = json_of_yaml(text);
    } else if (strncmp(line, "When ", 5) == 0) {
        run_scenario();
    } else if (scenario.is_wrong || !scenario.is_begun) {
        ; /* refused already, or prose */
    } else if (strstr(line, "should complete") != NULL || strstr(line, "should fault") != NULL) {
        scenario.expected = text != NULL ? json_of_yaml(text) : NULL;
        if (strstr(line, "should fault") != NULL)
            check_fault();
        else
            check_output();
    } else if (strstr(line, "should have properties") != NULL) {
        check_properties(line);
    } else if (strstr(line, " should run first") != NULL) {
        check_order(line + 4, scenario.first);
    } else if (strstr(line, " should run last") != NULL) {
        check_order(line + 4, scenario.last);
    } else {
        complain("nobody knows how to check: %s", line);
    }
    free(text);
}

/* Takes a line off *rest; without white space at its ends when `is_step`. */
static bool take_line(struct gw_str *rest, bool is_step, char *out, size_t room)
{
    struct gw_str line;

    if (!gw_str_split(rest, '\n', &line))
        return false;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    line = is_step ? gw_str_trim(line) : line;
    snprintf(out, room, "%.*s", GW_STR_ARG(line));
    return true;
}

/* What stands between two lines of """; NULL: nothing does. */
static char *take_text(struct gw_str *rest)
{
    struct gw_str ahead = *rest;
    char line[1000];
    struct gw_buf buf;

    if (!take_line(&ahead, true, line, sizeof(line)) || strncmp(line, "\"\"\"", 3) != 0)
        return NULL;
    gw_buf_init(&buf, 1 << 20);
    while (take_line(&ahead, false, line, sizeof(line)) && strstr(line, "\"\"\"") == NULL)
        gw_buf_printf(&buf, "%s\n", line);
    *rest = ahead;
    char *text = gw_str_duplicate(gw_buf_str(&buf));
    gw_buf_finish(&buf);
    assert_non_null(text);
    return text;
}

static void run_feature(const char *path, const char *name, void *self)
{
    struct tally *tally = self, before = *tally;
    struct gw_str text = suite_read(path), rest = text;
    char line[1000];

    assert_non_null(text.ptr);
    while (take_line(&rest, true, line, sizeof(line)))
        if (line[0] != '\0' && line[0] != '#')
            step(tally, line, take_text(&rest));
    end_scenario(tally);
    printf("%s: %d passed, %d failed, %d unsupported\n", name, tally->passed - before.passed,
           tally->failed - before.failed, tally->unsupported - before.unsupported);
    free((char *)text.ptr);
}

static void features_pass(void **state)
{
    struct tally tally = {0};

    (void)state;
    assert_true(suite_each(FOLDER "/ctk", ".feature", run_feature, &tally) > 0);
    printf("features: %d passed, %d failed, %d unsupported\n", tally.passed, tally.failed,
           tally.unsupported);
    assert_int_equal(tally.failed, 0);
    assert_true(tally.passed > 0);
}

/* --- examples -----------------------------------------------------------------------------------
 */

static void load_example(const char *path, const char *name, void *self)
{
    struct tally *tally = self;
    struct gw_str text = suite_read(path);
    char *copy = gw_str_duplicate(text);

    assert_non_null(copy);
    if (flow_rig_load(&rig, copy) == 0) {
        tally->loaded++;
    } else {
        tally->refused++;
        printf("%s is refused: %s", name, rig.findings);
        assert_non_null(strstr(rig.findings, "a.flow.yaml:"));
        assert_null(strstr(rig.findings, "yaml:0"));
    }
    free(copy);
    free((char *)text.ptr);
}

static void examples_load_or_are_refused(void **state)
{
    struct tally tally = {0};

    (void)state;
    assert_true(suite_each(FOLDER "/examples", ".yaml", load_example, &tally) > 0);
    printf("examples: %d loaded, %d refused\n", tally.loaded, tally.refused);
    assert_true(tally.loaded > 0);
}

static int open_rig(void **state)
{
    (void)state;
    flow_rig_open(&rig);
    rig.names = (struct gw_flow_names){.connectors = connectors, .find_backend = find_backend};
    rig.host.connector = find_connector;
    rig.host.call_operation = call_operation;
    rig.host.committed = committed;
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    flow_rig_close(&rig);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(features_pass, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(examples_load_or_are_refused, open_rig, close_rig),
    };

    suite_require(FOLDER);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
