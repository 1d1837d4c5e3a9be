/* bucket - a checkpoint storage as one in an object store would be. Objects have flat keys, are put as a whole, and are
 * there once the put has returned; nothing is renamed, linked or appended to. What a listing tells is old, so nothing here
 * asks for it: the object `index` says what there is, and putting it anew is the moment at which a checkpoint comes or
 * goes.
 *
 * An object's name is in the index before it is put, so nothing is ever forgotten. The index is records of NUL-terminated
 * text: '+' (published) or '-' and the checkpoint; the object, or nothing for the checkpoint itself; its size.
 *
 * The store itself is a directory in which each file is an object, CHECKPOINT+OBJECT. For tests, call number `at` goes wrong
 * in the way that `goes` says: it fails; or it says that all is well, while what `finish` puts is cut by a byte, has a bit
 * flipped or is not there, or `read` gives a byte too few; or it hangs: it opens the file `gate`, which may be a pipe that
 * nobody has opened yet, and then does what it was asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/udf.h>

#define HALF ".half"

typedef struct bucket {
    const char *root, *only;
    int64_t at;
    int32_t goes; /* an index of ways */
    weir_ctx *cx;
    const weir_io *io;
    int64_t calls;
} bucket;

enum way { FAIL, CUT, FLIP, LOSE, SHORT, HANG };
static const char *const ways[] = {"fail", "cut", "flip", "lose", "short", "hang", NULL};

struct weir_stored {
    char *checkpoint, *object; /* object: that is being written; NULL: none */
    char *bytes;               /* its own */
    size_t n, capacity;
};

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void release(const bucket *me, void *p)
{
    me->cx->host->release(me->cx, p);
}

static char *text(const bucket *me, const char *a, const char *b, const char *c)
{
    size_t n = strlen(a) + strlen(b) + strlen(c) + 1;
    char *joined = me->cx->host->alloc(me->cx, n);
    if (!joined) abort(); /* a test's */
    snprintf(joined, n, "%s%s%s", a, b, c);
    return joined;
}

struct bytes {
    char *p;
    size_t n, capacity;
};

static void add(const bucket *me, struct bytes *to, const void *p, size_t n)
{
    while (to->n + n > to->capacity) {
        to->capacity = to->capacity ? to->capacity * 2 : 4096;
        to->p = me->cx->host->resize(me->cx, to->p, to->capacity);
        if (!to->p) abort();
    }
    if (n) memcpy(to->p + to->n, p, n);
    to->n += n;
}

/* ---- going wrong ------------------------------------------------------------------------------------------------- */

static void hang(const bucket *me)
{
    char *gate = text(me, me->root, "/", "gate");
    weir_file *file = NULL;
    weir_io_error ignored;
    if (me->io->open(me->cx, gate, WEIR_FILE_READ, &file, &ignored) == WEIR_OK) (void)me->io->close(me->cx, file, &ignored);
    release(me, gate);
}

static bool breaks(bucket *me, const char *call)
{
    bool counts = !*me->only || strcmp(me->only, call) == 0;
    if (!counts || ++me->calls != me->at) return false;
    me->cx->host->log(me->cx, WEIR_WARN, "call %lld goes wrong: %s", (long long)me->at, call);
    if (me->goes == HANG) hang(me);
    return true;
}

static weir_status fail(weir_io_error *error, weir_status status, const char *what, const char *name)
{
    *error = (weir_io_error){.status = status};
    snprintf(error->message, sizeof error->message, "%s: %s", name, what);
    return status;
}

/* The call is counted; `fail`: it does nothing but fail. */
static bool fails(bucket *me, const char *call, weir_io_error *error)
{
    if (!breaks(me, call) || me->goes != FAIL) return false;
    fail(error, WEIR_E_IO, "the store does not answer", call);
    return true;
}

/* ---- the store: put, get, delete --------------------------------------------------------------------------------- */

static char *file_of(const bucket *me, const char *key)
{
    return text(me, me->root, "/", key);
}

/* The put's own way of being atomic: the store has no such thing to offer. */
static weir_status put(const bucket *me, const char *key, const void *p, size_t n, weir_io_error *error)
{
    char *file = file_of(me, key), *incoming = file_of(me, "incoming");
    weir_file *f = NULL;
    weir_io_error ignored;
    weir_status s = me->io->open(me->cx, incoming, WEIR_FILE_CREATE, &f, error);
    if (s == WEIR_OK) s = me->io->write(me->cx, f, p, n, error);
    if (s == WEIR_OK) s = me->io->sync(me->cx, f, error);
    if (f) (void)me->io->close(me->cx, f, &ignored);
    if (s == WEIR_OK) s = me->io->rename(me->cx, incoming, file, error);
    if (s == WEIR_OK) s = me->io->sync_directory(me->cx, me->root, error);
    release(me, incoming);
    release(me, file);
    return s;
}

static weir_status get(const bucket *me, const char *key, uint64_t offset, void *to, size_t n, size_t *got,
                       weir_io_error *error)
{
    char *file = file_of(me, key);
    weir_file *f;
    weir_io_error ignored;
    weir_status s = me->io->open(me->cx, file, WEIR_FILE_READ, &f, error);
    if (s == WEIR_OK) {
        s = me->io->read(me->cx, f, (int64_t)offset, to, n, got, error);
        (void)me->io->close(me->cx, f, &ignored);
    }
    release(me, file);
    return s;
}

static weir_status size_of(const bucket *me, const char *key, int64_t *size, weir_io_error *error)
{
    char *file = file_of(me, key);
    weir_status s = me->io->exists(me->cx, file, size, error);
    release(me, file);
    return s;
}

static weir_status delete_object(const bucket *me, const char *key, weir_io_error *error)
{
    int64_t there;
    char *file = file_of(me, key);
    weir_status s = me->io->exists(me->cx, file, &there, error);
    if (s == WEIR_OK && there >= 0) s = me->io->remove(me->cx, file, error);
    release(me, file);
    return s;
}

/* ---- the index --------------------------------------------------------------------------------------------------- */

struct row {
    const char *checkpoint, *object, *size; /* checkpoint: with its sign */
    const char *next;
};

static bool next_row(const struct bytes *index, struct row *row)
{
    const char *p = row->next ? row->next : index->p;
    if (p == index->p + index->n) return false;
    row->checkpoint = p;
    row->object = p + strlen(p) + 1;
    row->size = row->object + strlen(row->object) + 1;
    row->next = row->size + strlen(row->size) + 1;
    return true;
}

static void add_row(const bucket *me, struct bytes *index, const char *checkpoint, const char *object, const char *size)
{
    add(me, index, checkpoint, strlen(checkpoint) + 1);
    add(me, index, object, strlen(object) + 1);
    add(me, index, size, strlen(size) + 1);
}

static weir_status read_index(const bucket *me, struct bytes *index, weir_io_error *error)
{
    int64_t size;
    size_t got = 0;
    weir_status s = size_of(me, "index", &size, error);
    *index = (struct bytes){0};
    add(me, index, "", 0);
    if (s != WEIR_OK || size < 0) return s;
    char block[512];
    do {
        s = get(me, "index", index->n, block, sizeof block, &got, error);
        if (s == WEIR_OK) add(me, index, block, got);
    } while (s == WEIR_OK && got > 0);
    return s;
}

/* All rows but those of a checkpoint, which get another sign, or 0: go. With object, another row of it at the end. */
static weir_status change_index(const bucket *me, const char *checkpoint, char sign, const char *object,
                                weir_io_error *error)
{
    struct bytes before, after = {0};
    struct row row = {0};
    weir_status s = read_index(me, &before, error);
    const char mark[] = {sign, 0};
    char *marked = text(me, mark, checkpoint, "");
    add(me, &after, "", 0);
    while (s == WEIR_OK && next_row(&before, &row)) {
        bool same = strcmp(row.checkpoint + 1, checkpoint) == 0;
        if (!same) add_row(me, &after, row.checkpoint, row.object, row.size);
        if (same && sign) add_row(me, &after, marked, row.object, row.size);
    }
    if (object) add_row(me, &after, marked, object, "");
    if (s == WEIR_OK) s = put(me, "index", after.p, after.n, error);
    release(me, marked);
    release(me, before.p);
    release(me, after.p);
    return s;
}

/* "chk-7" of one that is published, "chk-7.half" of one that is not. */
static bool is_called(const struct row *row, const char *name)
{
    size_t n = strlen(row->checkpoint + 1);
    if (strncmp(row->checkpoint + 1, name, n) != 0) return false;
    return strcmp(name + n, *row->checkpoint == '+' ? "" : HALF) == 0;
}

static char *plain_name(const bucket *me, const char *name)
{
    char *plain = text(me, name, "", ""), *half = strstr(plain, HALF);
    if (half) *half = 0;
    return plain;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static weir_status open_bucket(void *self, weir_ctx *cx, const char *directory, weir_io_error *error)
{
    bucket *me = self;
    me->cx = cx;
    me->io = weir_io_of(cx);
    (void)directory;
    return me->io->make_directory(cx, me->root, error);
}

static void close_bucket(void *self)
{
    (void)self;
}

/* ---- removing ---------------------------------------------------------------------------------------------------- */

static weir_status delete_objects(const bucket *me, const char *checkpoint, weir_io_error *error)
{
    struct bytes index;
    struct row row = {0};
    weir_status s = read_index(me, &index, error);
    while (s == WEIR_OK && next_row(&index, &row)) {
        if (!*row.object || strcmp(row.checkpoint + 1, checkpoint) != 0) continue;
        char *key = text(me, checkpoint, "+", row.object);
        s = delete_object(me, key, error);
        release(me, key);
    }
    release(me, index.p);
    return s;
}

static weir_status remove_all(const bucket *me, const char *checkpoint, weir_io_error *error)
{
    weir_status s = change_index(me, checkpoint, '-', NULL, error);
    if (s == WEIR_OK) s = delete_objects(me, checkpoint, error);
    return s == WEIR_OK ? change_index(me, checkpoint, 0, NULL, error) : s;
}

static weir_status remove_checkpoint(void *self, const char *name, weir_io_error *error)
{
    bucket *me = self;
    if (fails(me, "remove", error)) return error->status;
    char *plain = plain_name(me, name);
    weir_status s = remove_all(me, plain, error);
    release(me, plain);
    return s;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void forget(const bucket *me, weir_stored *w)
{
    release(me, w->checkpoint);
    release(me, w->object);
    release(me, w->bytes);
    release(me, w);
}

static weir_status begin(void *self, const char *checkpoint, weir_stored **to, weir_io_error *error)
{
    bucket *me = self;
    if (fails(me, "begin", error)) return error->status;
    weir_status s = remove_all(me, checkpoint, error);
    if (s == WEIR_OK) s = change_index(me, checkpoint, '-', "", error);
    if (s != WEIR_OK) return s;
    *to = me->cx->host->alloc(me->cx, sizeof **to);
    if (!*to) return fail(error, WEIR_E_MEMORY, "no memory", checkpoint);
    **to = (weir_stored){.checkpoint = text(me, checkpoint, "", "")};
    return WEIR_OK;
}

static weir_status create(void *self, weir_stored *w, const char *object, weir_io_error *error)
{
    bucket *me = self;
    if (fails(me, "create", error)) return error->status;
    w->object = text(me, object, "", "");
    w->n = 0;
    return change_index(me, w->checkpoint, '-', object, error);
}

static weir_status write_bytes(void *self, weir_stored *w, const void *p, size_t n, weir_io_error *error)
{
    bucket *me = self;
    struct bytes to = {w->bytes, w->n, w->capacity};
    if (fails(me, "write", error)) return error->status;
    add(me, &to, p, n);
    w->bytes = to.p;
    w->n = to.n;
    w->capacity = to.capacity;
    return WEIR_OK;
}

/* What the store takes, and says that it has it. */
static weir_status put_wrongly(const bucket *me, const char *key, weir_stored *w, weir_io_error *error)
{
    if (me->goes == LOSE) return WEIR_OK;
    if (me->goes == CUT && w->n > 0) w->n--;
    if (me->goes == FLIP && w->n > 0) w->bytes[w->n / 2] ^= 16;
    return put(me, key, w->bytes, w->n, error);
}

static weir_status finish(void *self, weir_stored *w, weir_io_error *error)
{
    bucket *me = self;
    bool wrong = breaks(me, "finish");
    if (wrong && me->goes == FAIL) return fail(error, WEIR_E_IO, "the store does not answer", w->object);
    char *key = text(me, w->checkpoint, "+", w->object);
    weir_status s = wrong ? put_wrongly(me, key, w, error) : put(me, key, w->bytes, w->n, error);
    release(me, key);
    release(me, w->object);
    w->object = NULL;
    return s;
}

static void abandon(void *self, weir_stored *w)
{
    bucket *me = self;
    weir_io_error ignored; /* the host sweeps what stays */
    (void)remove_all(me, w->checkpoint, &ignored);
    forget(me, w);
}

static weir_status publish(void *self, weir_stored *w, weir_io_error *error)
{
    bucket *me = self;
    weir_status s = fails(me, "publish", error) ? error->status : change_index(me, w->checkpoint, '+', NULL, error);
    if (s != WEIR_OK)
        abandon(self, w);
    else
        forget(me, w);
    return s;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static weir_status list(void *self, weir_storage_visit *visit, void *to, weir_io_error *error)
{
    bucket *me = self;
    struct bytes index;
    struct row row = {0};
    if (fails(me, "list", error)) return error->status;
    weir_status s = read_index(me, &index, error);
    while (s == WEIR_OK && next_row(&index, &row)) {
        if (*row.object) continue;
        bool published = *row.checkpoint == '+';
        char *name = text(me, row.checkpoint + 1, published ? "" : HALF, "");
        s = visit(to, name, published);
        release(me, name);
    }
    release(me, index.p);
    return s;
}

static weir_status tell_object(const bucket *me, const struct row *row, weir_storage_object *visit, void *to,
                               weir_io_error *error)
{
    int64_t size;
    char *key = text(me, row->checkpoint + 1, "+", row->object);
    weir_status s = size_of(me, key, &size, error);
    if (s == WEIR_OK && size >= 0) s = visit(to, row->object, (uint64_t)size);
    release(me, key);
    return s;
}

static weir_status objects(void *self, const char *name, weir_storage_object *visit, void *to, weir_io_error *error)
{
    bucket *me = self;
    struct bytes index;
    struct row row = {0};
    bool found = false;
    if (fails(me, "objects", error)) return error->status;
    weir_status s = read_index(me, &index, error);
    while (s == WEIR_OK && next_row(&index, &row)) {
        if (!is_called(&row, name)) continue;
        found = true;
        if (*row.object) s = tell_object(me, &row, visit, to, error);
    }
    release(me, index.p);
    return s == WEIR_OK && !found ? fail(error, WEIR_E_IO, "there is no such checkpoint in the bucket", name) : s;
}

static weir_status read_object(void *self, const char *checkpoint, const char *object, uint64_t offset, void *to, size_t n,
                               size_t *got, weir_io_error *error)
{
    bucket *me = self;
    bool wrong = breaks(me, "read");
    if (wrong && me->goes == FAIL) return fail(error, WEIR_E_IO, "the store does not answer", object);
    char *plain = plain_name(me, checkpoint), *key = text(me, plain, "+", object);
    weir_status s = get(me, key, offset, to, n, got, error);
    if (wrong && me->goes == SHORT && s == WEIR_OK && *got > 0) --*got;
    release(me, key);
    release(me, plain);
    return s;
}

static const weir_option options[] = {
    WEIR_OPTION(bucket, root, .flags = WEIR_PATH, .doc = "the directory that stands for the store"),
    WEIR_OPTION(bucket, at, .def = "0", .min = "0", .doc = "the call that goes wrong, counted from 1 on; 0: none"),
    WEIR_OPTION(bucket, only, .def = "", .doc = "the calls to count, such as finish; empty: all"),
    WEIR_OPTION_OF(bucket, goes, WEIR_OPT_ENUM, .def = "fail", .choices = ways, .doc = "what becomes of it"),
};
static const weir_checkpoint_storage vtable = {.struct_size = sizeof vtable,
                                               .open = open_bucket,
                                               .close = close_bucket,
                                               .begin = begin,
                                               .create = create,
                                               .write = write_bytes,
                                               .finish = finish,
                                               .publish = publish,
                                               .abandon = abandon,
                                               .list = list,
                                               .objects = objects,
                                               .read = read_object,
                                               .remove = remove_checkpoint};

WEIR_COMPONENT(bucket, WEIR_CHECKPOINT_STORAGE, vtable, .id = "bucket",
               .doc = "checkpoints as objects with flat keys, as in an object store", WEIR_OPTIONS(options));
WEIR_PLUGIN("tests.bucket", "1.0.0", &bucket_component);
