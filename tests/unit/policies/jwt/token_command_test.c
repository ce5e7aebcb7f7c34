/* `millgate token` and `millgate token verify`, end to end, in a folder of the test's own. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "policies/jwt/token_command.h"
#include "server/core/attr.h"
#include "tests/unit/support/forge.h"

#define MAX_ARGUMENTS 16

static char folder[64], keys[128], jwks[160];

/* Runs the command in a process of its own, since it writes to standard output. */
static int run(char *out, size_t size, const char *input, const char *const *arguments)
{
    char *argv[MAX_ARGUMENTS + 2] = {"token"};
    int argc = 1, to[2], from[2], status;

    for (; arguments[argc - 1] != NULL; argc++)
        argv[argc] = (char *)arguments[argc - 1];
    assert_int_equal(pipe(to) | pipe(from), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        close(to[1]);
        close(from[0]);
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(99);
        _exit(token_command(argc, argv));
    }
    close(to[0]);
    close(from[1]);
    size_t input_len = strlen(input);
    assert_int_equal(write(to[1], input, input_len), input_len);
    close(to[1]);
    size_t len = 0;
    for (ssize_t got; (got = read(from[0], out + len, size - 1 - len)) > 0;)
        len += (size_t)got;
    close(from[0]);
    out[len] = '\0';
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define RUN(out, ...) run(out, sizeof(out), "", (const char *const[]){__VA_ARGS__, NULL})

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);

    if (value == NULL)
        fail_msg("no JSON: %s", text);
    return value;
}

static void make_token(char *out, size_t size, const char *alg)
{
    assert_int_equal(
        run(out, size, "",
            (const char *const[]){"--subject", "line-7", "--scope", "a b", "--audience", "millgate",
                                  "--ttl", "1h", "--key-dir", keys, "--alg", alg, NULL}),
        0);
    out[strcspn(out, "\n")] = '\0';
}

static void test_make_and_verify(void **state)
{
    static const char *const algs[] = {"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"};
    char token[4096], verdict[8192];

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(algs); i++) {
        make_token(token, sizeof(token), algs[i]);
        if (RUN(verdict, "verify", "--jwks", jwks, "--audience", "millgate", "--issuer",
                "millgate-dev", "--alg", algs[i], token) != 0)
            fail_msg("%s: %s", algs[i], verdict);
        json_t *document = parse(verdict);
        json_t *payload = json_object_get(document, "payload");
        assert_true(json_is_true(json_object_get(document, "valid")));
        assert_string_equal(json_string_value(json_object_get(payload, "sub")), "line-7");
        assert_string_equal(json_string_value(json_object_get(payload, "scope")), "a b");
        assert_int_equal(json_integer_value(json_object_get(payload, "exp")) -
                             json_integer_value(json_object_get(payload, "iat")),
                         3600);
        json_decref(document);
    }
}

static void test_files(void **state)
{
    char token[4096], again[4096], path[256];
    struct stat status;

    (void)state;
    make_token(token, sizeof(token), "RS256");
    assert_int_equal(stat(keys, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    snprintf(path, sizeof(path), "%s/rs256.pem", keys);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    unsigned long inode = status.st_ino;
    make_token(again, sizeof(again), "RS256"); /* by the same key */
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_ino, inode);
    assert_memory_equal(token, again, strcspn(token, "."));
}

static void assert_reason(int code, const char *verdict, const char *needle)
{
    json_t *document = parse(verdict);

    assert_int_equal(code, 1);
    assert_true(json_is_false(json_object_get(document, "valid")));
    assert_non_null(strstr(json_string_value(json_object_get(document, "reason")), needle));
    json_decref(document);
}

static void test_refused(void **state)
{
    char token[4096], verdict[8192], long_token[66000];

    (void)state;
    make_token(token, sizeof(token), "ES256");
    int code = RUN(verdict, "verify", "--jwks", jwks, "--audience", "other", token);
    assert_reason(code, verdict, "another audience");
    code = RUN(verdict, "verify", "--jwks", jwks, "--issuer", "other", token);
    assert_reason(code, verdict, "issuer");
    code = RUN(verdict, "verify", "--jwks", jwks, "--alg", "RS256", token);
    assert_reason(code, verdict, "algorithm");
    char *changed = token + strlen(token) - 5;
    *changed = *changed == 'A' ? 'B' : 'A';
    code = RUN(verdict, "verify", "--jwks", jwks, token);
    assert_reason(code, verdict, "signature");
    code = RUN(verdict, "verify", "--jwks", jwks, "");
    assert_reason(code, verdict, "well-formed");
    memset(long_token, 'A', sizeof(long_token));
    long_token[sizeof(long_token) - 1] = '\0';
    code = RUN(verdict, "verify", "--jwks", jwks, long_token);
    assert_reason(code, verdict, "too long");
}

static void test_signature_only(void **state)
{
    char path[256], verdict[8192], input[4096];
    struct forge forge;

    (void)state;
    forge_init(&forge, GW_EDDSA);
    snprintf(path, sizeof(path), "%s/other.json", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(forge.jwks, file);
    fclose(file);
    char *token = forge_token(&forge, NULL, "no JSON");
    snprintf(input, sizeof(input), "%s\n", token);

    assert_int_equal(
        run(verdict, sizeof(verdict), input,
            (const char *const[]){"verify", "--signature-only", "--jwks", path, "-", NULL}),
        0);
    json_t *document = parse(verdict);
    assert_string_equal(json_string_value(json_object_get(document, "payload")), "no JSON");
    assert_string_equal(json_string_value(json_object_get(document, "kid")), forge.kid);
    json_decref(document);
    int code = RUN(verdict, "verify", "--jwks", path, token);
    assert_reason(code, verdict, "claims");
    free(token);
    forge_finish(&forge);
}

static void test_usage(void **state)
{
    char out[4096];

    (void)state;
    assert_int_equal(RUN(out, "--scope", "a"), 2);
    assert_int_equal(RUN(out, "--subject", "a", "--ttl", "soon"), 2);
    assert_int_equal(RUN(out, "--subject", "a", "--ttl", "99999999999999999d"), 2);
    assert_int_equal(RUN(out, "--subject", "a", "--alg", "none"), 2);
    assert_int_equal(RUN(out, "--subject", "a", "--alg", "HS256"), 2);
    assert_int_equal(RUN(out, "--subject", "a", "extra"), 2);
    assert_int_equal(RUN(out, "--nonsense"), 2);
    assert_int_equal(RUN(out, "verify", "a.b.c"), 2);
    assert_int_equal(RUN(out, "verify", "--jwks", "/nonexistent", "a.b.c"), 2);
    assert_int_equal(RUN(out, "verify", "--jwks", jwks), 2);
    assert_string_equal(out, "");
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/millgate-token-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(keys, sizeof(keys), "%s/state/dev-issuer", folder);
    snprintf(jwks, sizeof(jwks), "%s/jwks.json", keys);
    return 0;
}

static int teardown(void **state)
{
    static const char *const files[] = {
        "rs256.pem", "rs384.pem", "rs512.pem", "es256.pem", "es384.pem", "es512.pem", "jwks.json",
    };
    char path[256];

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", keys, files[i]);
        (void)unlink(path);
    }
    snprintf(path, sizeof(path), "%s/other.json", folder);
    (void)unlink(path);
    (void)rmdir(keys);
    snprintf(path, sizeof(path), "%s/state", folder);
    (void)rmdir(path);
    return rmdir(folder); /* fails if the command left anything else behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make_and_verify), cmocka_unit_test(test_files),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_signature_only),
        cmocka_unit_test(test_usage),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
