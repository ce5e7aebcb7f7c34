/* Our sparkplug.proto has the fields of the specification's own: number, kind, repeated or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/iot/sparkplug.pb-c.h"
#include "tests/unit/support/suite_files.h"

#define SUITE "sparkplug/sparkplug_b"

/* --- a compiled .proto (descriptor.proto of protocol buffers), as far as we need it --- */

struct message {
    struct gw_str name, bytes; /* name with its outer messages': "Payload.Metric" */
    char text[128];
};

static struct message messages[64];
static size_t message_count;

static uint64_t read_varint(struct gw_str *from)
{
    uint64_t value = 0;

    for (unsigned shift = 0;; shift += 7) {
        assert_true(from->len > 0 && shift < 64);
        uint8_t byte = (uint8_t)*from->ptr++;
        from->len--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
}

/* The next field; false at the end. */
static bool read_field(struct gw_str *from, unsigned *out_number, uint64_t *out_value,
                       struct gw_str *out_bytes)
{
    if (from->len == 0)
        return false;
    uint64_t tag = read_varint(from);
    *out_number = (unsigned)(tag >> 3);
    *out_bytes = (struct gw_str){0};
    *out_value = read_varint(from); /* the value, or a length */
    if ((tag & 7) == 0)
        return true;
    assert_int_equal(tag & 7, 2);
    assert_true(*out_value <= from->len);
    *out_bytes = gw_str_from(from->ptr, *out_value);
    *from = gw_str_tail(*from, *out_value);
    return true;
}

static struct gw_str find_bytes(struct gw_str from, unsigned wanted)
{
    struct gw_str bytes;
    uint64_t value;
    unsigned number;

    while (read_field(&from, &number, &value, &bytes)) {
        if (number == wanted)
            return bytes;
    }
    return (struct gw_str){0};
}

static uint64_t find_number(struct gw_str from, unsigned wanted)
{
    struct gw_str bytes;
    uint64_t value;
    unsigned number;

    while (read_field(&from, &number, &value, &bytes)) {
        if (number == wanted)
            return value;
    }
    return 0;
}

static void list_messages(struct gw_str from, unsigned field, const char *outer)
{
    struct gw_str bytes;
    uint64_t value;
    unsigned number;

    while (read_field(&from, &number, &value, &bytes)) {
        if (number != field)
            continue;
        assert_true(message_count < GW_COUNT_OF(messages));
        struct message *message = &messages[message_count++];
        struct gw_str name = find_bytes(bytes, 1);
        snprintf(message->text, sizeof(message->text), "%s.%.*s", outer, GW_STR_ARG(name));
        message->name = gw_str_of(message->text);
        message->bytes = bytes;
        list_messages(bytes, 3, message->text); /* nested */
    }
}

static const struct message *find_message(struct gw_str name)
{
    for (size_t i = 0; i < message_count; i++) {
        if (gw_str_has_suffix(name, messages[i].name))
            return &messages[i];
    }
    fail_msg("no message %.*s", GW_STR_ARG(name));
    return NULL;
}

/* --- comparing --- */

static const struct {
    unsigned theirs; /* FieldDescriptorProto.Type */
    ProtobufCType ours;
} kinds[] = {
    {1, PROTOBUF_C_TYPE_DOUBLE}, {2, PROTOBUF_C_TYPE_FLOAT},   {4, PROTOBUF_C_TYPE_UINT64},
    {8, PROTOBUF_C_TYPE_BOOL},   {9, PROTOBUF_C_TYPE_BYTES},   {11, PROTOBUF_C_TYPE_MESSAGE},
    {12, PROTOBUF_C_TYPE_BYTES}, {13, PROTOBUF_C_TYPE_UINT32},
};

static const ProtobufCMessageDescriptor *compared[32];
static size_t compared_count;

static void compare(const ProtobufCMessageDescriptor *ours, const struct message *theirs);

static void compare_field(const ProtobufCMessageDescriptor *message, struct gw_str theirs)
{
    struct gw_str name = find_bytes(theirs, 1);
    unsigned number = (unsigned)find_number(theirs, 3), kind = (unsigned)find_number(theirs, 5);
    const ProtobufCFieldDescriptor *ours = protobuf_c_message_descriptor_get_field(message, number);

    if (gw_str_equal(name, GW_STR("extension_value"))) {
        assert_null(ours);
        return;
    }
    if (ours == NULL)
        fail_msg("%s has no field %u (%.*s)", message->name, number, GW_STR_ARG(name));
    assert_true(gw_str_equal(gw_str_of(ours->name), name));
    assert_int_equal(ours->label == PROTOBUF_C_LABEL_REPEATED, find_number(theirs, 4) == 3);
    size_t at = 0;
    while (at < GW_COUNT_OF(kinds) && kinds[at].theirs != kind)
        at++;
    assert_true(at < GW_COUNT_OF(kinds));
    assert_int_equal(ours->type, kinds[at].ours);
    if (ours->type == PROTOBUF_C_TYPE_MESSAGE)
        compare(ours->descriptor, find_message(find_bytes(theirs, 6)));
}

static void compare(const ProtobufCMessageDescriptor *ours, const struct message *theirs)
{
    struct gw_str from = theirs->bytes, bytes;
    uint64_t value;
    unsigned number, fields = 0;

    for (size_t i = 0; i < compared_count; i++) {
        if (compared[i] == ours)
            return;
    }
    assert_true(compared_count < GW_COUNT_OF(compared));
    compared[compared_count++] = ours;
    while (read_field(&from, &number, &value, &bytes)) {
        if (number != 2)
            continue;
        compare_field(ours, bytes);
        fields += !gw_str_equal(find_bytes(bytes, 1), GW_STR("extension_value"));
    }
    assert_int_equal(fields, ours->n_fields);
}

static void test_fields_are_those_of_the_specification(void **state)
{
    char path[] = "/tmp/sparkplug-descriptor-XXXXXX", command[1024];
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    snprintf(command, sizeof(command), "protoc-c --descriptor_set_out=%s -I %s sparkplug_b.proto",
             path, suite_path(SUITE));
    assert_int_equal(system(command), 0);
    struct gw_str set = suite_read(path);
    unlink(path);
    assert_non_null(set.ptr);

    list_messages(find_bytes(set, 1), 4, "");
    compare(&sparkplug__payload__descriptor, find_message(GW_STR(".Payload")));
    assert_int_equal(compared_count, 11); /* all of ours */
    free((void *)(uintptr_t)set.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_are_those_of_the_specification),
    };

    suite_require(SUITE);
    if (system("command -v protoc-c >/dev/null") != 0) {
        puts("protoc-c is not installed: skipped");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
