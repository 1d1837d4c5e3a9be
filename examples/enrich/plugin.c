/* customer - a lookup that takes its time, many at once: what kind of customer has placed the order. */
#include <stdio.h>
#include <weir/udf.h>

typedef struct customer {
    const char *table; /* option: a CSV file: customer,segment,city */
    char *bytes;       /* what is in it, ending with a newline */
    size_t n;
} customer;

typedef struct found { /* the answer to one lookup */
    char segment[16], city[24];
} found;

/* ---- the table: read once; a database's client would connect here ------------------------------------------------- */

static weir_status customer_open(customer *me, weir_ctx *cx)
{
    const weir_io *io = weir_io_of(cx);
    weir_file *file;
    weir_io_error e;
    int64_t size = 0;
    weir_status s = io->open(cx, me->table, WEIR_FILE_READ, &file, &e);
    if (s != WEIR_OK) return weir_fail(cx, s, "%s", e.message);
    s = io->size(cx, file, &size, &e);
    me->bytes = s == WEIR_OK ? cx->host->alloc(cx, (size_t)size + 1) : NULL;
    if (me->bytes) s = io->read(cx, file, 0, me->bytes, (size_t)size, &me->n, &e);
    weir_io_error ignored;
    (void)io->close(cx, file, &ignored);
    if (s != WEIR_OK) return weir_fail(cx, s, "%s", e.message);
    return me->bytes ? WEIR_OK : weir_fail(cx, WEIR_E_MEMORY, "no memory for '%s'", me->table);
}

static void customer_close(customer *me, weir_ctx *cx)
{
    cx->host->release(cx, me->bytes);
}

/* ---- one lookup: on a thread of the pool, several at a time -------------------------------------------------------- */

/* Copies the field that begins at p; returns where the next one begins. */
static const char *take_field(const char *p, const char *end, char *to, size_t room)
{
    size_t n = 0;
    for (; p < end && *p != ',' && *p != '\n'; p++) {
        if (n + 1 < room) to[n++] = *p;
    }
    return p < end && *p == ',' ? p + 1 : p;
}

/* Looks at every line: slow, as a remote table would be. */
static weir_status customer_fetch(const customer *me, weir_row in, found *to, char why[WEIR_WHY])
{
    weir_str name = weir_text(in, 0);
    const char *end = me->bytes + me->n;
    for (const char *line = me->bytes, *next; line < end; line = next) {
        next = memchr(line, '\n', (size_t)(end - line));
        next = next ? next + 1 : end;
        if ((size_t)(next - line) <= name.n || memcmp(line, name.p, name.n) != 0 || line[name.n] != ',') continue;
        take_field(take_field(line + name.n + 1, next, to->segment, sizeof to->segment), next, to->city, sizeof to->city);
        return WEIR_OK;
    }
    snprintf(why, WEIR_WHY, "the table has no customer '%.*s'", (int)(name.n < 60 ? name.n : 60), name.p);
    return WEIR_E_DATA;
}

/* ---- what is made of it: in the task, in the order that the node asks for ------------------------------------------ */

static weir_status customer_row(customer *me, weir_ctx *cx, weir_row in, const found *f)
{
    (void)me;
    weir_status s = weir_put_text(cx, 0, 0, (weir_str){f->segment, strlen(f->segment)});
    if (s == WEIR_OK) s = weir_put_text(cx, 0, 1, (weir_str){f->city, strlen(f->city)});
    return s == WEIR_OK ? weir_emit(cx, 0, weir_time(in)) : s;
}

static const weir_option options[] = {
    WEIR_OPTION(customer, table, .flags = WEIR_PATH, .doc = "CSV file with customer, segment, city")};
WEIR_RICH_ASYNC_LOOKUP(customer, found, .id = "customer", .doc = "adds segment and city of a customer",
                       .in = "customer:string", .out = "*, segment:string, city:string", WEIR_OPTIONS(options));
WEIR_PLUGIN("example.enrich", "1.0.0", &customer_component);
