/* millgate validate on real files, and the Bowtie protocol over real streams. */
#include "server/cli/validate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/cli/bowtie.h"

static char folder[64];

static const char *write_file(const char *name, const char *text)
{
    static char paths[8][128];
    static unsigned turn;
    char *path = paths[turn++ % 8];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

/* Runs the command with what it writes to `fd` in `out`. */
static int run(int fd, const char *const *words, char *out, size_t size)
{
    char *argv[16];
    int argc = 0;

    for (; words[argc] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc];
    argv[argc] = NULL;
    fflush(stdout);
    int saved = dup(fd);
    FILE *file = tmpfile();
    assert_non_null(file);
    dup2(fileno(file), fd);
    int code = gw_cli_validate(argc, argv);
    fflush(stdout);
    dup2(saved, fd);
    close(saved);
    rewind(file);
    size_t len = fread(out, 1, size - 1, file);
    out[len] = '\0';
    fclose(file);
    return code;
}

#define WORDS(...) ((const char *const[]){"validate", __VA_ARGS__, NULL})
#define RUN(out, ...) run(STDOUT_FILENO, WORDS(__VA_ARGS__), out, sizeof(out))
#define RUN_WRONG(out, ...) run(STDERR_FILENO, WORDS(__VA_ARGS__), out, sizeof(out))

static void test_files(void **state)
{
    (void)state;
    char out[4096];
    const char *schema = write_file(
        "s.json", "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"t.json#/x\"}}}");
    write_file("t.json", "{\"x\":{\"minimum\":3,\"format\":\"date\"}}");
    const char *good = write_file("good.json", "{\"a\":3}");
    const char *bad = write_file("bad.json", "{\"a\":2}");
    const char *broken = write_file("broken.json", "{\"a\":}");
    const char *dated = write_file("dated.json", "{\"a\":\"x\"}");

    assert_int_equal(RUN(out, "--schema", schema, good), 0);
    assert_non_null(strstr(out, "good.json: valid\n"));
    assert_int_equal(RUN(out, "--schema", schema, good, bad), 1);
    assert_non_null(strstr(out, "/a: must be at least 3, but is 2"));
    assert_int_equal(RUN(out, "--schema", schema, "--json", bad), 1);
    assert_non_null(strstr(out, "\"valid\":false,\"violations\":[{\"instance\":\"/a\","));
    assert_non_null(strstr(out, "\"keyword\":\"minimum\""));
    assert_int_equal(RUN(out, "--schema", schema, broken, good), 2);
    assert_int_equal(RUN(out, "--schema", schema, dated), 0);
    assert_int_equal(RUN(out, "--schema", schema, "--format", dated), 1);
    assert_int_equal(RUN(out, "--schema", "/nonexistent/schema.json", good), 2);
    assert_int_equal(RUN(out, "--schema", broken, good), 2);
    assert_int_equal(RUN(out, "--schema", schema), 2);
    assert_int_equal(RUN(out, "--schema", schema, "--dialect", "draft-4", good), 2);
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;

    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

/* All that is wrong with the schemas is told, each with its place, also those of other files. */
static void test_wrong_schemas(void **state)
{
    (void)state;
    char out[16384], many[8192] = "{\"properties\":{\"x\":{}";
    const char *good = write_file("good.json", "{\"a\":3}");
    const char *schema = write_file(
        "s.json",
        "{\"properties\":{\"a\":{\"type\":\"strin\"},\"b\":{\"items\":{\"minimum\":\"x\"}},"
        "\"c\":{\"$ref\":\"t.json#/x\"},\"d\":{\"$ref\":\"#/nowhere\"}}}");
    write_file("t.json", "{\"x\":{\"pattern\":\"(\"}}");

    assert_int_equal(RUN_WRONG(out, "--schema", schema, good), 2);
    assert_int_equal(count_lines(out), 4);
    for (size_t i = 0; i < 4; i++) {
        static const char *const places[] = {
            "s.json: /properties/a/type: ", "s.json: /properties/b/items/minimum: ",
            "t.json: /x/pattern: ", "s.json: /properties/d/$ref: "};
        if (strstr(out, places[i]) == NULL)
            fail_msg("\"%s\" is not in:\n%s", places[i], out);
    }
    assert_int_equal(RUN_WRONG(out, "--schema", schema, "--pointer", "/none", good), 2);
    assert_int_equal(count_lines(out), 1);
    assert_int_equal(RUN_WRONG(out, "--schema", write_file("broken.json", "{\"a\":}"), good), 2);
    assert_int_equal(count_lines(out), 1);

    size_t len = strlen(many);
    for (int i = 0; i < 150; i++)
        len += (size_t)snprintf(many + len, sizeof(many) - len, ",\"p%d\":{\"type\":7}", i);
    snprintf(many + len, sizeof(many) - len, "}}");
    assert_int_equal(RUN_WRONG(out, "--schema", write_file("s.json", many), good), 2);
    assert_int_equal(count_lines(out), 101);
    assert_non_null(strstr(out, "s.json: there may be more\n"));
}

static void test_remotes(void **state)
{
    (void)state;
    char out[4096];
    const char *schema = write_file("s.json", "{\"$ref\":\"http://schemas.example/t.json#/x\"}");
    const char *outside =
        write_file("api.json", "{\"$ref\":\"http://schemas.example/%2e%2e/../t.json\"}");
    const char *good = write_file("good.json", "3");
    const char *bad = write_file("bad.json", "2");
    write_file("t.json", "{\"x\":{\"minimum\":3}}");

    assert_int_equal(RUN(out, "--schema", schema, "--remotes", folder, good), 0);
    assert_int_equal(RUN(out, "--schema", schema, "--remotes", folder, bad), 1);
    assert_int_equal(RUN(out, "--schema", schema, good), 2); /* never from the network */
    assert_int_equal(RUN(out, "--schema", schema, "--remotes", "/nonexistent", good), 2);
    assert_int_equal(RUN(out, "--schema", outside, "--remotes", "/nonexistent/below", good), 2);
}

static void test_dialects(void **state)
{
    (void)state;
    char out[4096];
    const char *document =
        write_file("api.json", "{\"openapi\":\"3.0.3\",\"components\":{\"schemas\":{"
                               "\"A\":{\"type\":\"string\",\"nullable\":true}}}}");
    const char *value = write_file("null.json", "null");

    assert_int_equal(RUN(out, "--schema", document, "--pointer", "/components/schemas/A",
                         "--dialect", "openapi-3.0", value),
                     0);
    assert_int_equal(RUN(out, "--schema", document, "--pointer", "/components/schemas/A",
                         "--dialect", "openapi-3.1", value),
                     1);
}

static void test_bowtie(void **state)
{
    (void)state;
    static const char input[] =
        "{\"cmd\":\"start\",\"version\":1}\n"
        "{\"cmd\":\"dialect\",\"dialect\":\"https://json-schema.org/draft/2020-12/schema\"}\n"
        "{\"cmd\":\"run\",\"seq\":7,\"case\":{\"description\":\"d\",\"schema\":{\"$ref\":\"http://"
        "x/y\"},"
        "\"registry\":{\"http://x/y\":{\"type\":\"integer\"}},\"tests\":[{\"description\":\"a\","
        "\"instance\":1e0},{\"description\":\"b\",\"instance\":\"1\"}]}}\n"
        "{\"cmd\":\"run\",\"seq\":8,\"case\":{\"description\":\"d\",\"schema\":{\"type\":7},"
        "\"tests\":[{\"description\":\"a\",\"instance\":1}]}}\n"
        "{\"cmd\":\"stop\"}\n{\"cmd\":\"start\"}\n";
    char text[4096];
    FILE *in = tmpfile(), *out = tmpfile();

    assert_non_null(in);
    assert_non_null(out);
    fputs(input, in);
    rewind(in);
    assert_int_equal(gw_cli_bowtie(in, out), 0);
    rewind(out);
    assert_non_null(fgets(text, sizeof(text), out));
    assert_non_null(strstr(text, "\"version\":1,\"implementation\":{\"language\":\"c\""));
    assert_non_null(fgets(text, sizeof(text), out));
    assert_string_equal(text, "{\"ok\":true}\n");
    assert_non_null(fgets(text, sizeof(text), out));
    assert_string_equal(text, "{\"seq\":7,\"results\":[{\"valid\":true},{\"valid\":false}]}\n");
    assert_non_null(fgets(text, sizeof(text), out));
    assert_non_null(strstr(text, "{\"seq\":8,\"errored\":true,"));
    assert_null(fgets(text, sizeof(text), out));
    fclose(in);
    fclose(out);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/millgate-validate-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"s.json",      "t.json",     "good.json", "bad.json",
                                        "broken.json", "dated.json", "api.json",  "null.json"};
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),   cmocka_unit_test(test_wrong_schemas),
        cmocka_unit_test(test_remotes), cmocka_unit_test(test_dialects),
        cmocka_unit_test(test_bowtie),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
