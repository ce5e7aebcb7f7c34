#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/gateway/listen_socket.h"

static struct gw_config_address loopback(uint16_t port)
{
    struct gw_config_address at = {.text = GW_STR("127.0.0.1"),
                                   .address_len = sizeof(struct sockaddr_in)};
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memcpy(&at.address, &address, sizeof(address));
    return at;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port);
}

static void several_share_one_free_port(void **state)
{
    (void)state;
    struct gw_config_address at = loopback(0);
    struct gw_error error;
    char url[96], expected[96];
    int fds[3];

    assert_int_equal(gw_listen_sockets(&at, 3, fds, &error), 0);
    assert_int_not_equal(port_of(fds[0]), 0);
    assert_int_equal(port_of(fds[1]), port_of(fds[0]));
    assert_int_equal(port_of(fds[2]), port_of(fds[0]));
    gw_listen_url(fds[0], true, url, sizeof(url));
    snprintf(expected, sizeof(expected), "https://127.0.0.1:%u", port_of(fds[0]));
    assert_string_equal(url, expected);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

static void a_port_in_use_is_told(void **state)
{
    (void)state;
    struct gw_config_address at = loopback(0);
    struct gw_error error;
    int first;
    int fds[2] = {-1, -1};

    assert_int_equal(gw_listen_sockets(&at, 1, &first, &error), 0);
    at = loopback(port_of(first));
    assert_int_equal(gw_listen_sockets(&at, 2, fds, &error), -EADDRINUSE);
    assert_non_null(strstr(error.text, "127.0.0.1"));
    close(first);
}

static char folder[] = "/tmp/millgate-sock-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/admin", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void a_dead_socket_is_replaced_and_a_living_one_not(void **state)
{
    (void)state;
    struct gw_error error;
    struct stat status;

    int fd = gw_listen_unix(path, &error);
    assert_true(fd >= 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(gw_listen_unix(path, &error), -EADDRINUSE);
    close(fd);
    fd = gw_listen_unix(path, &error);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(unlink(path), 0);
}

static void another_file_is_left_alone(void **state)
{
    (void)state;
    struct gw_error error;
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs("precious", file);
    fclose(file);
    assert_int_equal(gw_listen_unix(path, &error), -EADDRINUSE);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 8);
    assert_int_equal(unlink(path), 0);
}

static void a_long_path_is_told(void **state)
{
    (void)state;
    struct gw_error error;
    char longest[200];

    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(gw_listen_unix(longest, &error), -ENAMETOOLONG);
    assert_true(gw_listen_unix("/no/such/folder/socket", &error) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_share_one_free_port),
        cmocka_unit_test(a_port_in_use_is_told),
        cmocka_unit_test(a_dead_socket_is_replaced_and_a_living_one_not),
        cmocka_unit_test(another_file_is_left_alone),
        cmocka_unit_test(a_long_path_is_told),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
