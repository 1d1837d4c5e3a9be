/* The socket source against a scripted peer. */
#define weir_plugin_v1 weir_test_source_socket
#include "plugins/source_socket/plugin.c"
#undef weir_plugin_v1

#include "harness/mock_host.h"
#include "harness/suite.h"
#include "lines.h"

static const weir_component *const known[] = {&lines_component, NULL};

static struct mock_host *socket_host(const struct mock_peer_step *peer)
{
    struct mock_host *h =
        mock_host_create(&(struct mock_host_config){.component = &socket_source_component, .known = known, .batch_rows = 3});
    h->machine->peer = peer;
    mock_set(h, "port", "9999");
    mock_set(h, "format", "lines");
    return h;
}

static void check_rows(struct mock_host *h, const char *rows)
{
    CU_ASSERT_EQUAL(mock_run_source(h, 2), WEIR_DONE);
    CU_ASSERT_STRING_EQUAL(mock_rows(h), rows);
    CU_ASSERT_TRUE(h->splits[0].done);
}

static void reads_until_the_peer_closes(void)
{
    static const struct mock_peer_step peer[] = {{MOCK_DATA, "on"}, {MOCK_WAIT, ""}, {MOCK_DATA, "e\ntwo\nthree\nfour\nfi"},
                                                 {MOCK_WAKE, ""}, {MOCK_DATA, "ve\nlast"}, {MOCK_CLOSE, ""}};
    struct mock_host *h = socket_host(peer);
    check_rows(h, "one\ntwo\nthree\nfour\nfive\nlast\n");
    CU_ASSERT_STRING_EQUAL(h->splits[0].description, "localhost:9999");
    mock_host_destroy(h);
}

static void rows_leave_as_they_come(void)
{
    static const struct mock_peer_step peer[] = {{MOCK_DATA, "one\ntw"}, {MOCK_WAIT, ""}, {MOCK_END, ""}};
    struct mock_host *h = socket_host(peer);
    CU_ASSERT_EQUAL(mock_discover(h), WEIR_OK);
    CU_ASSERT_EQUAL(mock_open(h), WEIR_OK);
    CU_ASSERT_EQUAL(mock_add_split(h, 0, NULL, 0), WEIR_OK);
    CU_ASSERT_EQUAL(mock_poll(h, 100), WEIR_MADE);
    CU_ASSERT_EQUAL(mock_poll(h, 100), WEIR_MADE);
    CU_ASSERT_STRING_EQUAL(mock_rows(h), "one\n");
    CU_ASSERT_EQUAL(mock_poll(h, 100), WEIR_MADE); /* "tw" is no line */
    CU_ASSERT_EQUAL(mock_poll(h, 100), WEIR_NONE);
    mock_host_destroy(h);
}

static void a_refused_connection_fails_by_default(void)
{
    static const struct mock_peer_step peer[] = {{MOCK_REFUSE, ""}, {MOCK_DATA, "no\n"}, {MOCK_END, ""}};
    struct mock_host *h = socket_host(peer);
    CU_ASSERT_EQUAL(mock_run_source(h, 2), WEIR_FAILED);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure),
                         "cannot connect to 'localhost:9999': Connection refused (try 1; `retry`");
    mock_host_destroy(h);
}

static void tries_again_as_often_as_told(void)
{
    static const struct mock_peer_step peer[] = {
        {MOCK_REFUSE, ""}, {MOCK_WAKE, ""},      {MOCK_REFUSE, ""}, {MOCK_DATA, "one\ncut in tw"},
        {MOCK_BREAK, ""},  {MOCK_DATA, "two\n"}, {MOCK_CLOSE, ""}};
    struct mock_host *h = socket_host(peer);
    mock_set(h, "retry", "3");
    check_rows(h, "one\ntwo\n");
    CU_ASSERT_TRUE(h->machine->monotonic_ns >= INT64_C(3000000000)); /* three waits of one second */
    CU_ASSERT_STRING_EQUAL(weir_text_get(&h->rejects),
                           "localhost:9999:4: the connection broke in the middle of this record [cut in tw]\n");
    mock_host_destroy(h);
    h = socket_host(peer);
    mock_set(h, "retry", "2");
    CU_ASSERT_EQUAL(mock_run_source(h, 2), WEIR_FAILED);
    mock_host_destroy(h);
}

static void a_record_without_an_end_is_an_error(void)
{
    static char text[200001];
    memset(text, 'x', sizeof text - 1);
    const struct mock_peer_step peer[] = {{MOCK_DATA, text}, {MOCK_END, ""}};
    struct mock_host *h = socket_host(peer);
    mock_set(h, "max_record", "64KiB");
    CU_ASSERT_EQUAL(mock_run_source(h, 2), WEIR_FAILED);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), "longer than max_record, 65536 bytes");
    mock_host_destroy(h);
    h = socket_host(peer);
    CU_ASSERT_EQUAL(mock_run_source(h, 2), WEIR_DONE);
    CU_ASSERT_EQUAL(h->n_rows, 1);
    mock_host_destroy(h);
}

WEIR_SUITE(source_socket) = {
    {"reads until the peer closes", reads_until_the_peer_closes},
    {"rows leave as they come", rows_leave_as_they_come},
    {"a refused connection fails by default", a_refused_connection_fails_by_default},
    {"tries again as often as told", tries_again_as_often_as_told},
    {"a record without an end is an error", a_record_without_an_end_is_an_error},
    {NULL, NULL},
};
