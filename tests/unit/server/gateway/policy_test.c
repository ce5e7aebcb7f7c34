/* Sets of policies over reloads: who is taken over, who is made anew, and who is destroyed when. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/gateway/policy.h"

static int alive;

static int create(const json_t *config, void **out_self, struct gw_error *error)
{
    json_int_t number = json_integer_value(json_object_get(config, "number"));

    if (number == 13)
        return gw_error_set_at(error, -EINVAL, "/number", "13 brings bad luck");
    int *self = malloc(sizeof(*self));
    *self = (int)number;
    *out_self = self;
    alive++;
    return 0;
}

static void destroy(void *self)
{
    alive--;
    free(self);
}

static const struct gw_option options[] = {
    {.name = "number", .type = GW_INT, .min = 0, .max = 100, .value = "1", .help = "A number."},
    {0},
};
static const struct gw_filter_type first_type = {
    .name = "first", .options = options, .create = create, .destroy = destroy};
static const struct gw_filter_type second_type = {
    .name = "second", .options = options, .create = create, .destroy = destroy};
static const struct gw_filter_type *const filters[] = {&first_type, &second_type, NULL};

static struct gw_diagnostics diagnostics;

static struct gw_config *load(const char *policies)
{
    char path[] = "/tmp/millgate-policy-XXXXXX";
    struct gw_config *config = NULL;
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");

    assert_non_null(file);
    fprintf(file, "listeners: [{address: \"127.0.0.1:0\"}]\nstate_dir: /tmp\npolicies: %s\n",
            policies);
    fclose(file);
    gw_diagnostics_init(&diagnostics);
    int rc = gw_config_load(path, filters, &diagnostics, &config);
    if (rc != 0)
        gw_diagnostics_print(&diagnostics, stderr);
    unlink(path);
    assert_int_equal(rc, 0);
    gw_diagnostics_finish(&diagnostics);
    return config;
}

static void equal_ones_are_taken_over(void **state)
{
    (void)state;
    struct gw_policy_set old, set;
    struct gw_config *before = load("[{first: {number: 1}}, {second: {number: 2}}]");
    struct gw_config *after = load("[{second: {number: 2}}, {first: {number: 3}}]");

    gw_diagnostics_init(&diagnostics);
    assert_int_equal(gw_policy_set_make(before, NULL, &old, &diagnostics), 0);
    assert_int_equal(old.count, 2);
    assert_int_equal(alive, 2);
    gw_config_destroy(before); /* instances keep their options */
    assert_int_equal(gw_policy_set_make(after, &old, &set, &diagnostics), 0);
    assert_ptr_equal(set.policies[0], old.policies[1]);
    assert_ptr_not_equal(set.policies[1], old.policies[0]);
    assert_int_equal(*(int *)set.policies[1]->self, 3);
    assert_int_equal(alive, 3);
    struct gw_policy_set view = gw_policy_set_retain(&set);
    gw_policy_set_release(&old);
    assert_int_equal(alive, 2);
    gw_policy_set_release(&old); /* now empty */
    gw_policy_set_release(&set);
    assert_int_equal(alive, 2);
    gw_policy_set_release(&view);
    assert_int_equal(alive, 0);
    gw_config_destroy(after);
    gw_diagnostics_finish(&diagnostics);
}

static void a_failure_keeps_the_old_ones(void **state)
{
    (void)state;
    struct gw_policy_set old;
    struct gw_policy_set set = {.count = 77};
    struct gw_config *before = load("[{first: {number: 1}}]");
    struct gw_config *after = load("[{first: {number: 1}}, {second: {number: 13}}]");

    gw_diagnostics_init(&diagnostics);
    assert_int_equal(gw_policy_set_make(before, NULL, &old, &diagnostics), 0);
    assert_int_equal(gw_policy_set_make(after, &old, &set, &diagnostics), -EINVAL);
    assert_int_equal(set.count, 77); /* untouched */
    assert_int_equal(diagnostics.error_count, 1);
    assert_non_null(strstr(diagnostics.findings[0].text, "bad luck"));
    assert_int_equal(alive, 1);
    assert_int_equal(atomic_load(&old.policies[0]->references), 1);
    gw_policy_set_release(&old);
    assert_int_equal(alive, 0);
    gw_config_destroy(before);
    gw_config_destroy(after);
    gw_diagnostics_finish(&diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_ones_are_taken_over),
        cmocka_unit_test(a_failure_keeps_the_old_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
