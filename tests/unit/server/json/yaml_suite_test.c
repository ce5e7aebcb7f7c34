/* The YAML test suite against the document reader: what is valid has the value that the suite says,
 * what is not is refused. Expectations that differ by our own rules are worked out from the suite's
 * event tree. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/buf.h"
#include "server/json/yaml.h"

#define SKIPPED 77

static char suite_folder[4096];

/* --- the suite's notation -----------------------------------------------------------------------
 */

struct substitution {
    struct gw_str sign;
    struct gw_str text;
};

/* Invisible characters are drawn in the suite's files. */
static void undraw(struct gw_str drawn, struct gw_buf *out)
{
    static const struct substitution substitutions[] = {
        {GW_STR_INIT("␣"), GW_STR_INIT(" ")},  {GW_STR_INIT("—"), GW_STR_INIT("")},
        {GW_STR_INIT("»"), GW_STR_INIT("\t")}, {GW_STR_INIT("↵"), GW_STR_INIT("")},
        {GW_STR_INIT("←"), GW_STR_INIT("\r")}, {GW_STR_INIT("⇔"), GW_STR_INIT("\xEF\xBB\xBF")},
        {GW_STR_INIT("∎\n"), GW_STR_INIT("")},
    };

    gw_buf_init(out, 1u << 20);
    while (drawn.len > 0) {
        struct gw_str text = gw_str_from(drawn.ptr, 1);
        size_t used = 1;
        for (size_t i = 0; i < GW_COUNT_OF(substitutions); i++)
            if (gw_str_has_prefix(drawn, substitutions[i].sign)) {
                text = substitutions[i].text;
                used = substitutions[i].sign.len;
            }
        gw_buf_append_str(out, text);
        drawn = gw_str_tail(drawn, used);
    }
}

/* --- one case --------------------------------------------------------------------------------- */

struct expectation {
    bool must_fail;
    json_t *value; /* NULL: only that it does not crash */
};

static size_t count_text(const char *text, const char *needle)
{
    size_t count = 0;

    for (; (text = strstr(text, needle)) != NULL; text += strlen(needle))
        count++;
    return count;
}

/* Tags in an event tree are <...>, before the value's own sign. */
static bool has_foreign_tag(const char *tree)
{
    for (const char *at = strchr(tree, '<'); at != NULL; at = strchr(at + 1, '<')) {
        static const char *const core[] = {"<tag:yaml.org,2002:str>",   "<tag:yaml.org,2002:int>",
                                           "<tag:yaml.org,2002:float>", "<tag:yaml.org,2002:bool>",
                                           "<tag:yaml.org,2002:null>",  "<tag:yaml.org,2002:seq>",
                                           "<tag:yaml.org,2002:map>",   "<!>"};
        bool is_core = at[1] != 't' && at[1] != '!';
        for (size_t i = 0; i < GW_COUNT_OF(core); i++)
            is_core = is_core || strncmp(at, core[i], strlen(core[i])) == 0;
        if (!is_core)
            return true;
    }
    return false;
}

static struct expectation expect_of(const json_t *test)
{
    struct expectation expectation = {0};
    const char *tree = json_string_value(json_object_get(test, "tree"));
    const char *text = json_string_value(json_object_get(test, "json"));

    if (tree == NULL)
        tree = "";
    if (json_is_true(json_object_get(test, "fail"))) {
        expectation.must_fail = true;
        return expectation;
    }
    expectation.must_fail = count_text(tree, "+DOC") != 1 || has_foreign_tag(tree);
    if (!expectation.must_fail && text != NULL)
        expectation.value = json_loads(text, JSON_DECODE_ANY, NULL);
    return expectation;
}

static bool run_case(const char *id, const json_t *test)
{
    struct gw_diagnostics diagnostics;
    struct gw_document *document = NULL;
    struct expectation expectation = expect_of(test);
    const json_t *drawn = json_object_get(test, "yaml");
    struct gw_buf text;

    undraw(gw_str_from(json_string_value(drawn), json_string_length(drawn)), &text);
    gw_diagnostics_init(&diagnostics);
    int rc = gw_document_load(gw_buf_str(&text), "case", &diagnostics, &document);
    bool is_right = expectation.must_fail ? rc == -EINVAL && diagnostics.error_count > 0
                    : expectation.value != NULL
                        ? rc == 0 && json_equal(document->root, expectation.value)
                        : true;
    if (!is_right) {
        printf("%s: %s; expected %s\n", id, rc == 0 ? "accepted" : "refused",
               expectation.must_fail ? "a refusal" : "its value");
        gw_diagnostics_print(&diagnostics, stdout);
    }
    gw_diagnostics_finish(&diagnostics);
    gw_document_destroy(document);
    json_decref(expectation.value);
    gw_buf_finish(&text);
    return is_right;
}

/* A file holds variants of one case; what a variant leaves out it takes from the one before. */
static void run_file(const char *name, size_t *count, size_t *wrong_count)
{
    struct gw_diagnostics diagnostics;
    struct gw_document *document;
    char path[8192];
    size_t index;
    json_t *given;

    snprintf(path, sizeof(path), "%s/%s", suite_folder, name);
    gw_diagnostics_init(&diagnostics);
    if (gw_document_load_file(path, &diagnostics, &document) != 0) {
        gw_diagnostics_print(&diagnostics, stdout);
        fail();
    }
    json_t *test = json_object();
    json_array_foreach(document->root, index, given)
    {
        char id[16];
        snprintf(id, sizeof(id), index == 0 ? "%.4s" : "%.4s/%zu", name, index);
        json_object_del(test, "fail");
        assert_int_equal(json_object_update(test, given), 0);
        if (json_is_true(json_object_get(test, "skip")))
            continue;
        ++*count;
        *wrong_count += run_case(id, test) ? 0 : 1;
    }
    json_decref(test);
    gw_document_destroy(document);
    gw_diagnostics_finish(&diagnostics);
}

static void agrees_with_the_suite(void **state)
{
    size_t count = 0;
    size_t wrong_count = 0;

    (void)state;
    DIR *folder = opendir(suite_folder);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        if (gw_str_has_suffix(gw_str_of(entry->d_name), GW_STR(".yaml")))
            run_file(entry->d_name, &count, &wrong_count);
    closedir(folder);
    printf("%zu cases, %zu wrong\n", count, wrong_count);
    assert_true(count > 300);
    assert_int_equal(wrong_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_the_suite)};
    const char *suites = getenv("MILLGATE_SUITES");

    snprintf(suite_folder, sizeof(suite_folder), "%s/yaml/src",
             suites != NULL ? suites : "../shared/suites");
    DIR *folder = opendir(suite_folder);
    if (folder == NULL) {
        printf("skipped: no folder %s\n", suite_folder);
        return SKIPPED;
    }
    closedir(folder);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
