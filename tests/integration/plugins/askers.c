/* Lookups at a server on this machine, for the tests of async operators as whole jobs. */
#include <stdio.h>
#include <weir/udf.h>

typedef struct asker {
    int64_t port;
    weir_ctx *cx;
} asker;
typedef struct line {
    char text[64];
} line;

static weir_status asker_open(asker *me, weir_ctx *cx)
{
    me->cx = cx;
    return WEIR_OK;
}
static void asker_close(asker *me, weir_ctx *cx)
{
    (void)me;
    (void)cx;
}

/* Connects and waits for what the server says, for ever if need be. */
static weir_status asker_fetch(const asker *me, weir_row in, line *to, char why[WEIR_WHY])
{
    const weir_io *io = weir_io_of(me->cx);
    weir_socket *socket = NULL;
    weir_io_error e, ignored;
    size_t got = 0;
    (void)in;
    weir_status s = io->connect(me->cx, "127.0.0.1", (uint16_t)me->port, -1, &socket, &e);
    if (s == WEIR_OK) s = io->receive(me->cx, socket, to->text, sizeof to->text - 1, -1, &got, &e);
    if (socket) (void)io->close_socket(me->cx, socket, &ignored);
    if (s != WEIR_OK) snprintf(why, WEIR_WHY, "%s", e.message);
    return s;
}
static weir_status asker_row(asker *me, weir_ctx *cx, weir_row in, const line *found)
{
    (void)me;
    weir_status s = weir_put_text(cx, 0, 0, (weir_str){found->text, strcspn(found->text, "\n")});
    return s == WEIR_OK ? weir_emit(cx, 0, weir_time(in)) : s;
}
static const weir_option options[] = {WEIR_OPTION(asker, port, .doc = "of the server")};
WEIR_RICH_ASYNC_LOOKUP(asker, line, .id = "asker", .doc = "what a server says to each record", .in = "value:i64",
                       .out = "*, said:string", WEIR_OPTIONS(options));
WEIR_PLUGIN("weir.test.askers", "1.0.0", &asker_component);
