/* Sets: what is refused when it is added, and what libjq refuses, by name. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/flow/expression_program.h"
#include "server/flow/expression_set.h"
#include "tests/unit/support/expression_rig.h"

#define MANY 300
#define KILLS 3

struct refusal {
    size_t set;
    uint32_t index;
    char why[200];
};

static struct refusal refusals[100];
static size_t refusal_count;

static void keep(void *self, size_t set, uint32_t index, const char *why)
{
    struct refusal *refusal = &refusals[refusal_count++];

    (void)self;
    assert_true(refusal_count < GW_COUNT_OF(refusals));
    refusal->set = set;
    refusal->index = index;
    snprintf(refusal->why, sizeof(refusal->why), "%s", why);
}

static int compile(struct gw_expressions *const *sets, size_t count)
{
    refusal_count = 0;
    return gw_expressions_compile(sets, count, keep, NULL);
}

/* In any order; `words` must be in the reason. */
static void expect_refusal(size_t set, uint32_t index, const char *words)
{
    for (size_t i = 0; i < refusal_count; i++) {
        if (refusals[i].set == set && refusals[i].index == index) {
            if (strstr(refusals[i].why, words) == NULL)
                fail_msg("set %zu, %u: %s, expected: %s", set, index, refusals[i].why, words);
            return;
        }
    }
    fail_msg("set %zu, expression %u is not refused", set, index);
}

static void add_to(struct gw_expressions *set, const char *text)
{
    struct gw_error error = {0};
    uint32_t index;

    if (gw_expressions_add(set, gw_str_of(text), &index, &error) != 0)
        fail_msg("%s: %s", text, error.text);
}

static void expect_not_added(const char *text, const char *words)
{
    struct gw_expressions *set = gw_expressions_create(GW_STR(""));
    struct gw_error error = {0};
    uint32_t index = 77;

    assert_non_null(set);
    assert_int_equal(gw_expressions_add(set, gw_str_of(text), &index, &error), -EINVAL);
    if (strstr(error.text, words) == NULL)
        fail_msg("%s: %s, expected: %s", text, error.text, words);
    assert_int_equal(index, 77);
    gw_expressions_release(set);
}

static void the_same_text_is_kept_once(void **state)
{
    struct gw_expressions *set = gw_expressions_create(GW_STR(""));
    struct gw_error error;
    uint32_t first, second, third;

    (void)state;
    assert_non_null(set);
    assert_int_equal(gw_expressions_add(set, GW_STR(".a"), &first, &error), 0);
    assert_int_equal(gw_expressions_add(set, GW_STR(".b"), &second, &error), 0);
    assert_int_equal(gw_expressions_add(set, GW_STR(".a"), &third, &error), 0);
    assert_int_equal(first, third);
    assert_int_not_equal(first, second);
    gw_expressions_release(set);
}

static void an_expression_stays_in_its_brackets(void **state)
{
    (void)state;
    expect_not_added("", "empty");
    expect_not_added(" # only a comment", "empty");
    expect_not_added("1); def other: (2", "closes nothing");
    expect_not_added("1; 2", "ends nothing");
    expect_not_added("(1; 2]", "closes nothing");
    expect_not_added("[1", "\"[\" is not closed");
    expect_not_added("\"text", "quotation mark");
    expect_not_added("\"a \\( 1", "not closed");
    expect_not_added("\"a \\( \"b)\"", "not closed");
    expect_not_added("def f: 1", "does not end with");
    expect_not_added("(def f: 1) | f", "does not end with");
    expect_not_added("1 \x01 2", "means nothing");
    expect_not_added("\"\xff\"", "UTF-8");
    expect_not_added("__gw_e0", "Millgate's own");
    expect_not_added("$__gw_v", "Millgate's own");
    expect_not_added("def _plus(a; b): 1; 2 + 3 | sqrt", "starts with a letter");
}

static void an_expression_sees_nothing_else(void **state)
{
    static const char *const words[] = {
        "env",
        "$ENV",
        "input",
        "inputs",
        "debug",
        "stderr",
        "halt",
        "1 | halt_error",
        "input_filename",
        "$__prog_args",
        "get_search_list",
        "modulemeta",
        "import \"a\" as a; 1",
        "include \"a\"; 1",
        "[1, input, 2]",
        "{a: input}",
        "input_line_number",
        "\"\\(env)\"",
        "map(env)",
        ". | env.HOME",
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(words); i++)
        expect_not_added(words[i], "");
    struct gw_expressions *set = gw_expressions_create(GW_STR(""));
    assert_non_null(set);
    add_to(set, "$input | keys");
    add_to(set, ".input | keys");
    add_to(set, "{input: 1} | keys");
    add_to(set, "{env} | keys");
    assert_int_equal(compile(&set, 1), 0);
    gw_expressions_release(set);
}

static void a_long_number_is_refused_where_libjq_would_round_it(void **state)
{
    (void)state;
    expect_not_added(".a | . % 9007199254740993", "more digits than jq calculates with");
    struct gw_expressions *set = expression_rig_set("", ".a == 12345678901234567890");
    assert_int_equal(compile(&set, 1), 0);
    gw_expressions_release(set);
}

static void what_is_wrong_is_named(void **state)
{
    struct gw_expressions *sets[4];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        sets[i] = gw_expressions_create(GW_STR(""));
        assert_non_null(sets[i]);
    }
    add_to(sets[0], "keys");
    add_to(sets[0], "foo(1)");
    add_to(sets[0], ".a |\n length |\n nothing");
    add_to(sets[1], "keys | sort");
    add_to(sets[2], "1 +");
    add_to(sets[2], "if . then 2");
    add_to(sets[2], "unknown");
    add_to(sets[2], ".a[] as [$x, {b: $y}] | $x + $y + $z");
    add_to(sets[3], ". as {a: $x} | $x | keys");
    assert_int_equal(compile(sets, 4), -EINVAL);
    expect_refusal(0, 1, "foo/1 is not defined");
    expect_refusal(0, 2, "nothing/0 is not defined");
    expect_refusal(2, 0, "syntax error, it ends early");
    expect_refusal(2, 1, "syntax error, it ends early");
    expect_refusal(2, 2, "unknown/0 is not defined");
    assert_int_equal(refusal_count, 5);
    for (size_t i = 0; i < 4; i++)
        gw_expressions_release(sets[i]);
}

static void definitions_are_a_sets_own(void **state)
{
    struct gw_expressions *sets[4];

    (void)state;
    sets[0] = expression_rig_set("def twice: . + .;\n# text\ndef four: twice | twice;", "four");
    sets[1] = expression_rig_set("", "four");
    sets[2] = expression_rig_set("def wrong: nowhere;", "wrong | keys");
    sets[3] = expression_rig_set("def a: 1; 2 + 3", "keys");
    assert_int_equal(compile(sets, 4), -EINVAL);
    expect_refusal(1, 0, "four/0 is not defined");
    expect_refusal(2, GW_EXPRESSION_DEFINITIONS, "nowhere/0 is not defined");
    expect_refusal(3, GW_EXPRESSION_DEFINITIONS, "which is none");
    assert_int_equal(refusal_count, 3);
    for (size_t i = 0; i < 4; i++)
        gw_expressions_release(sets[i]);
}

static void definitions_go_before_our_own_words(void **state)
{
    struct expression_rig rig;
    char out[100];

    (void)state;
    expression_rig_init(&rig, NULL);
    struct gw_expressions *set = expression_rig_set("def length: 42; def select(f): f;", "length");
    add_to(set, "select(1)");
    assert_int_equal(compile(&set, 1), 0);
    assert_int_equal(expression_rig_run(&rig, set, "[1]", out, sizeof(out)), 0);
    assert_string_equal(out, "42");
    gw_expressions_release(set);
    expression_rig_finish(&rig);
}

static void one_wrong_among_many_is_found(void **state)
{
    static struct gw_expressions *sets[MANY];
    char text[64];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), i == 217 ? ".a[%d] | nobody" : ".a[%d] | keys", i);
        sets[i] = expression_rig_set("", text);
        snprintf(text, sizeof(text), "[.b[] | .c%d | ascii_downcase]", i);
        add_to(sets[i], text);
    }
    assert_int_equal(compile(sets, MANY), -EINVAL);
    assert_int_equal(refusal_count, 1);
    expect_refusal(217, 0, "nobody/0 is not defined");
    for (int i = 0; i < MANY; i++)
        gw_expressions_release(sets[i]);
}

/* --- programs --- */

static void sets_with_the_same_definitions_share_a_program(void **state)
{
    struct gw_expressions *sets[5];

    (void)state;
    sets[0] = expression_rig_set("def twice: . + .;", "twice");
    sets[1] = expression_rig_set("def twice: . + .;", "[.[] | twice]");
    sets[2] = expression_rig_set("def twice: 2 * .;", "twice");
    sets[3] = expression_rig_set("def twice: . + .;", "twice");
    sets[4] = expression_rig_set("", ".a");
    add_to(sets[3], "twice | keys");
    assert_int_equal(compile(sets, 5), 0);
    assert_ptr_equal(sets[0]->program, sets[1]->program);
    assert_ptr_equal(sets[0]->program, sets[3]->program);
    assert_ptr_not_equal(sets[0]->program, sets[2]->program);
    assert_null(sets[4]->program); /* libjq has nothing to do with it */
    assert_int_equal(sets[0]->program->count, 3);
    assert_int_equal(sets[3]->cases[0], sets[0]->cases[0]);
    for (size_t i = 0; i < 5; i++)
        gw_expressions_release(sets[i]);
}

/* As with a reload: what has a program keeps it, and what is new joins where nothing is missing. */
static void programs_are_kept_and_joined(void **state)
{
    struct gw_expressions *sets[3];

    (void)state;
    sets[0] = expression_rig_set("", "keys");
    add_to(sets[0], "keys | sort");
    assert_int_equal(compile(sets, 1), 0);
    const struct gw_jq_program *program = sets[0]->program;
    sets[1] = expression_rig_set("", "keys | sort");
    sets[2] = expression_rig_set("", "keys | reverse");
    assert_int_equal(compile(sets, 3), 0);
    assert_ptr_equal(sets[0]->program, program);
    assert_ptr_equal(sets[1]->program, program);
    assert_ptr_not_equal(sets[2]->program, program);
    assert_int_equal(program->count, 2);
    for (size_t i = 0; i < 3; i++)
        gw_expressions_release(sets[i]);
}

/* Each of its own document and place; who shares the program is not refused, and can be compiled
 * without the other. */
static void a_shared_program_names_the_document_that_is_wrong(void **state)
{
    static const char definitions[] = "def unit: {kg: \"KGM\"}[.];\n# and\n";
    struct gw_expressions *sets[3];
    struct expression_rig rig;
    char out[100];

    (void)state;
    sets[0] = expression_rig_set(definitions, "unit | keys");
    sets[1] = expression_rig_set(definitions, "unit");
    add_to(sets[1], ".a |\n unti");
    sets[2] = expression_rig_set(definitions, "unit | ascii_downcase");
    add_to(sets[2], "1 +");
    assert_int_equal(compile(sets, 3), -EINVAL);
    assert_int_equal(refusal_count, 2);
    expect_refusal(1, 1, "unti/0 is not defined");
    expect_refusal(2, 1, "it ends early");
    assert_int_equal(compile(sets, 1), 0);
    expression_rig_init(&rig, NULL);
    assert_int_not_equal(expression_rig_run(&rig, sets[0], "\"kg\"", out, sizeof(out)), 0);
    assert_non_null(strstr(out, "KGM"));
    expression_rig_finish(&rig);
    for (size_t i = 0; i < 3; i++)
        gw_expressions_release(sets[i]);
}

static void a_full_program_is_followed_by_another(void **state)
{
    static struct gw_expressions *sets[MANY];
    char text[64], expected[64], out[100];
    struct expression_rig rig;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), "[range(%d)] | length", i);
        sets[i] = expression_rig_set("", text);
    }
    assert_int_equal(compile(sets, MANY), 0);
    expression_rig_init(&rig, NULL);
    for (int i = 0; i < MANY; i++) {
        assert_in_range(sets[i]->program->count, 1, GW_JQ_PROGRAM_CASES);
        snprintf(expected, sizeof(expected), "%d", i);
        assert_int_equal(expression_rig_run(&rig, sets[i], "null", out, sizeof(out)), 0);
        assert_string_equal(out, expected);
    }
    assert_ptr_not_equal(sets[0]->program, sets[MANY - 1]->program);
    expression_rig_finish(&rig);
    for (int i = 0; i < MANY; i++)
        gw_expressions_release(sets[i]);
}

/* --- ended from outside --- */

struct killer {
    atomic_bool must_stop;
    atomic_uint killed;
};

/* The parent of that process, if it is a helper; else 0. */
static long helper_parent(const char *pid)
{
    char path[300], line[512] = "";
    long parent = 0;

    snprintf(path, sizeof(path), "/proc/%.200s/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    if (fgets(line, sizeof(line), file) != NULL) {
        const char *found = strstr(line, "(millgate-jq) ");
        char state = 'Z'; /* a dead one that nobody has fetched does not count */
        if (found == NULL || sscanf(found, "(millgate-jq) %c %ld", &state, &parent) != 2 ||
            state == 'Z')
            parent = 0;
    }
    fclose(file);
    return parent;
}

/* Kills helpers that compile, one after the other. */
static void *kill_one(void *self)
{
    struct killer *killer = self;
    const struct timespec pause = {.tv_nsec = 1000000};

    while (!atomic_load(&killer->must_stop) && atomic_load(&killer->killed) < KILLS) {
        DIR *processes = opendir("/proc");
        const struct dirent *entry;
        while (processes != NULL && (entry = readdir(processes)) != NULL) {
            if (helper_parent(entry->d_name) == (long)getpid() &&
                kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL) == 0) {
                atomic_fetch_add(&killer->killed, 1);
                break;
            }
        }
        if (processes != NULL)
            closedir(processes);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void a_helper_killed_from_outside_blames_nobody(void **state)
{
    struct gw_expressions *set = expression_rig_set("", "[.[] | ascii_downcase]");
    struct killer killer = {.killed = 0};
    pthread_t thread;
    char text[64];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), "[.b[] | .c%d | ascii_downcase]", i);
        add_to(set, text);
    }
    assert_int_equal(pthread_create(&thread, NULL, kill_one, &killer), 0);
    for (int i = 0; i < 20 && atomic_load(&killer.killed) < KILLS; i++)
        assert_int_equal(compile(&set, 1), 0);
    atomic_store(&killer.must_stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&killer.killed), KILLS);
    gw_expressions_release(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_text_is_kept_once),
        cmocka_unit_test(an_expression_stays_in_its_brackets),
        cmocka_unit_test(an_expression_sees_nothing_else),
        cmocka_unit_test(a_long_number_is_refused_where_libjq_would_round_it),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(definitions_are_a_sets_own),
        cmocka_unit_test(definitions_go_before_our_own_words),
        cmocka_unit_test(one_wrong_among_many_is_found),
        cmocka_unit_test(sets_with_the_same_definitions_share_a_program),
        cmocka_unit_test(programs_are_kept_and_joined),
        cmocka_unit_test(a_shared_program_names_the_document_that_is_wrong),
        cmocka_unit_test(a_full_program_is_followed_by_another),
        cmocka_unit_test(a_helper_killed_from_outside_blames_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
