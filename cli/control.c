/* control.c - see the header. */
#include "cli/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/path.h"
#include "cli/places.h"
#include "cli/supervisor.h"
#include "cli/trial.h"

#define MOST_REQUEST 65536

static weir_status failed(struct weir_error *error, const char *path, const char *what)
{
    return weir_error_set(error, WEIR_E_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

/* A socket's path may have 107 bytes and a home may lie deeper, so the folder is named by a descriptor. */
struct address {
    int folder;
    struct sockaddr_un un;
};

static weir_status address_of(const char *path, struct address *to, struct weir_error *error)
{
    char *folder = weir_path_dirname(path);
    *to = (struct address){.folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), .un = {.sun_family = AF_UNIX}};
    weir_status s = to->folder < 0 ? failed(error, folder, "cannot be opened") : WEIR_OK;
    weir_free(folder);
    if (s != WEIR_OK) return s;
    int n = snprintf(to->un.sun_path, sizeof to->un.sun_path, "/proc/self/fd/%d/%s", to->folder, weir_path_basename(path));
    if (n < (int)sizeof to->un.sun_path) return WEIR_OK;
    close(to->folder);
    return weir_error_set(error, WEIR_E_CONFIG, "%s: the name is too long for a socket; give the job a shorter one", path);
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static bool send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

bool weir_control_send(int fd, const json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    bool ok = text && send_all(fd, text, strlen(text)) && send_all(fd, "\n", 1);
    free(text);
    return ok;
}

/* The next line, without its end, of a stream; NULL: it ended, is too long, or `stop` (-1: none) became readable. */
static char *receive_line(int fd, int stop, struct weir_text *held, size_t most)
{
    for (;;) {
        char *end = held->n > 0 ? memchr(held->p, '\n', held->n) : NULL;
        if (end) {
            struct weir_text rest = {0};
            char *line = weir_strndup(held->p, (size_t)(end - held->p));
            weir_text_add_bytes(&rest, end + 1, held->n - (size_t)(end + 1 - held->p));
            weir_text_finish(held);
            *held = rest;
            return line;
        }
        struct pollfd fds[2] = {{fd, POLLIN, 0}, {stop, POLLIN, 0}};
        char bytes[4096];
        if (poll(fds, 2, -1) < 0 && errno != EINTR) return NULL;
        if (fds[1].revents || held->n > most) return NULL;
        if (!fds[0].revents) continue;
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return NULL;
        weir_text_add_bytes(held, bytes, (size_t)n);
    }
}

/* ---- the job's side ---------------------------------------------------------------------------------------------- */

struct weir_control {
    const struct weir_job_home *home;
    struct weir_job *job;
    json_t *about; /* how it was started; written once */
    char *path;
    pthread_t thread;
    int listener, stop[2]; /* a pipe: its end is closed to stop the threads */
    pthread_mutex_t lock;
    pthread_cond_t served;
    int connections; /* being served; behind the lock, as: */
    char *last;      /* the savepoint that the job is ended with */
};
struct connection {
    struct weir_control *control;
    int fd;
};

static json_t *refusal(const char *text)
{
    json_t *answer = json_pack("{s:b, s:s}", "ok", 0, "error", text);
    return answer ? answer : json_pack("{s:b, s:s}", "ok", 0, "error", "the error is not UTF-8");
}

static json_t *node_status(const struct weir_job_node_status *n)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f}", "id", n->id, "title", n->title,
                     "parallelism", (json_int_t)n->parallelism, "rows_in", (json_int_t)n->rows_in, "rows_out",
                     (json_int_t)n->rows_out, "late", (json_int_t)n->late, "rejected", (json_int_t)n->rejected,
                     "timers_fired", (json_int_t)n->timers_fired, "watermark", (json_int_t)n->watermark, "busy", n->busy,
                     "backpressured", n->backpressured);
}

static void add_storage(struct weir_job *job, json_t *answer)
{
    char *what;
    int64_t for_ms;
    bool told;
    if (!weir_job_storage_call(job, &what, &for_ms, &told)) return;
    json_object_set_new(answer, "storage", /* without it if a name is not UTF-8 */
                        json_pack("{s:s, s:I, s:b}", "call", what, "for_ms", (json_int_t)for_ms, "late", (int)told));
    weir_text_free(what);
}

static json_t *status(struct weir_job *job)
{
    struct weir_job_status s;
    weir_job_status(job, &s);
    json_t *nodes = json_array();
    for (uint32_t i = 0; i < s.n_nodes; i++) json_array_append_new(nodes, node_status(&s.nodes[i]));
    json_t *answer =
        json_pack("{s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "ok", 1, "job", weir_job_name(job), "elapsed_ms",
                  (json_int_t)s.elapsed_ms, "read", (json_int_t)s.rows_read, "written", (json_int_t)s.rows_written,
                  "rejected", (json_int_t)s.rows_rejected, "late", (json_int_t)s.rows_late, "nodes", nodes);
    weir_job_status_free(&s);
    add_storage(job, answer);
    return answer;
}

static json_t *explain(struct weir_job *job)
{
    struct weir_error_text error;
    char *text;
    if (weir_job_explain_time(job, false, &text, &error) != WEIR_OK) return refusal(error.text);
    json_t *answer = json_pack("{s:b, s:s}", "ok", 1, "text", text);
    weir_text_free(text);
    return answer;
}

static json_t *done(void)
{
    return json_pack("{s:b}", "ok", 1);
}

/* Who asked may be in another folder. */
static char *absolute(char *path)
{
    char *real = realpath(path, NULL), *copy = weir_strdup(real ? real : path);
    free(real);
    weir_text_free(path);
    return copy;
}

static weir_status take_savepoint(struct weir_control *c, const struct weir_savepoint_options *o, char **path,
                                  struct weir_error_text *error)
{
    struct weir_savepoint *savepoint;
    weir_status s = weir_savepoint_begin(c->job, o, &savepoint, error);
    if (s != WEIR_OK) return s;
    s = weir_savepoint_result(savepoint, path, error);
    weir_savepoint_free(savepoint);
    if (s != WEIR_OK) return s;
    *path = absolute(*path);
    pthread_mutex_lock(&c->lock);
    if (o->after != WEIR_AFTER_GO_ON && !c->last) c->last = weir_strdup(*path);
    pthread_mutex_unlock(&c->lock);
    return s;
}

static json_t *save(struct weir_control *c, const json_t *request, int connection)
{
    static const char *const afters[] = {"go_on", "suspend", "drain"};
    const char *after = json_string_value(json_object_get(request, "after"));
    struct weir_savepoint_options o = {.struct_size = sizeof o,
                                       .directory = json_string_value(json_object_get(request, "directory"))};
    struct weir_error_text error;
    char *path;
    for (; after && strcmp(after, afters[o.after]) != 0; o.after++) {
        if (o.after == WEIR_AFTER_DRAIN) return refusal("after: expected go_on, suspend or drain");
    }
    if (take_savepoint(c, &o, &path, &error) != WEIR_OK) return refusal(error.text);
    json_t *answer = json_pack("{s:b, s:s}", "ok", 1, "path", path);
    if (o.after != WEIR_AFTER_GO_ON) weir_supervised_keep(connection);
    weir_free(path);
    return answer;
}

/* The supervisor answers, once the new job has shown what it is worth. */
static json_t *upgrade(struct weir_control *c, const json_t *request, int connection)
{
    const struct weir_savepoint_options o = {.struct_size = sizeof o, .after = WEIR_AFTER_SUSPEND};
    const json_t *new = json_object_get(request, "job"), *old = c->about;
    struct weir_error_text error;
    struct weir_error in_home;
    char *path;
    if (!json_is_array(json_object_get(new, "options")) || !json_is_string(json_object_get(new, "manifest")))
        return refusal("job: expected options and a manifest");
    if (weir_supervised_on_trial())
        return refusal("an upgrade is under way; the job's first checkpoint is not complete yet");
    json_t *message =
        json_pack("{s:O, s:O, s:b}", "new", new, "old", old, "drop", json_is_true(json_object_get(request, "drop")));
    weir_status s = weir_trial_begin(c->home, message, &in_home);
    if (s != WEIR_OK) snprintf(error.text, sizeof error.text, "%s", in_home.text);
    if (s == WEIR_OK) s = take_savepoint(c, &o, &path, &error);
    if (s == WEIR_OK) {
        json_object_set_new(message, "savepoint", json_string(path));
        weir_free(path);
        if (weir_trial_note(c->home, message, "trial", &in_home) != WEIR_OK)
            weir_log(WEIR_WARN, "cli", "should the machine go down now, the next run goes back: %s", in_home.text);
    }
    bool heard = s == WEIR_OK && weir_supervised_replace(message, connection);
    if (!heard) weir_trial_forget(c->home);
    json_decref(message);
    if (s != WEIR_OK) return refusal(error.text);
    return heard ? NULL : refusal("it is suspended, but its supervisor does not answer");
}

static json_t *cancel(struct weir_control *c, int connection)
{
    weir_supervised_keep(connection);
    weir_job_cancel(c->job);
    return done();
}

static json_t *checkpoint(struct weir_job *job)
{
    struct weir_error_text error;
    int64_t number;
    char *path;
    if (weir_job_checkpoint(job, &number, &path, &error) != WEIR_OK) return refusal(error.text);
    path = absolute(path);
    json_t *answer = json_pack("{s:b, s:I, s:s}", "ok", 1, "number", (json_int_t)number, "path", path);
    weir_free(path);
    return answer;
}

static void add_swapped(void *arg, const struct weir_swapped *m)
{
    json_array_append_new(arg, json_pack("{s:s, s:I, s:b, s:I, s:f, s:f}", "node", m->node, "subtask",
                                         (json_int_t)m->subtask, "moved", (int)m->moved, "entries", (json_int_t)m->entries,
                                         "pause_ms", (double)m->pause_ns / 1e6, "copied_ms", (double)m->copied_ns / 1e6));
}

/* Later attempts, and the next run that goes on, find it there. */
static void note_place(struct weir_control *c, const struct weir_swap_options *o)
{
    struct weir_error error;
    pthread_mutex_lock(&c->lock);
    weir_status s = weir_places_note(c->home, c->job, o, &error);
    pthread_mutex_unlock(&c->lock);
    if (s != WEIR_OK) weir_log(WEIR_WARN, "cli", "the next run will not know where keyed state is now: %s", error.text);
}

static json_t *swap_state(struct weir_control *c, const json_t *request)
{
    const struct weir_swap_options o = {.struct_size = sizeof o,
                                        .node = json_string_value(json_object_get(request, "node")),
                                        .backend = json_string_value(json_object_get(request, "backend")),
                                        .cache = json_string_value(json_object_get(request, "cache")),
                                        .directory = json_string_value(json_object_get(request, "directory"))};
    struct weir_error_text error;
    json_t *moved = json_array();
    weir_status s = weir_job_swap_state(c->job, &o, add_swapped, moved, &error);
    if (s == WEIR_OK) note_place(c, &o);
    if (s == WEIR_OK) return json_pack("{s:b, s:o}", "ok", 1, "moved", moved);
    json_decref(moved);
    return refusal(error.text);
}

/* NULL: somebody else answers. */
static json_t *answer_to(struct weir_control *c, const json_t *request, int connection)
{
    struct weir_job *job = c->job;
    const char *what = json_string_value(json_object_get(request, "do"));
    if (!what) return refusal("expected an object with \"do\"");
    if (strcmp(what, "status") == 0) return status(job);
    if (strcmp(what, "time") == 0) return explain(job);
    if (strcmp(what, "stop") == 0) return weir_supervised_keep(connection), weir_job_stop(job), done();
    if (strcmp(what, "cancel") == 0) return cancel(c, connection);
    if (strcmp(what, "about") == 0) return json_deep_copy(c->about);
    if (strcmp(what, "upgrade") == 0) return upgrade(c, request, connection);
    if (strcmp(what, "state-backend") == 0) return swap_state(c, request);
    if (strcmp(what, "checkpoint") == 0) return checkpoint(job);
    return strcmp(what, "savepoint") == 0 ? save(c, request, connection)
                                          : refusal("\"do\": not known to this version of weir");
}

static void serve(struct weir_control *c, int fd)
{
    struct weir_text held = {0};
    bool open = true;
    for (char *line; open && (line = receive_line(fd, c->stop[0], &held, MOST_REQUEST)); weir_free(line)) {
        json_t *request = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        json_t *answer = request ? answer_to(c, request, fd) : refusal("expected a line with one JSON object");
        open = answer && weir_control_send(fd, answer);
        json_decref(answer);
        json_decref(request);
    }
    weir_text_finish(&held);
}

static void leave(struct weir_control *c)
{
    pthread_mutex_lock(&c->lock);
    c->connections--;
    pthread_cond_signal(&c->served);
    pthread_mutex_unlock(&c->lock);
}

static void *serve_one(void *arg)
{
    struct connection own = *(struct connection *)arg;
    weir_free(arg);
    serve(own.control, own.fd);
    close(own.fd);
    leave(own.control);
    return NULL;
}

static void begin_to_serve(struct weir_control *c, int fd)
{
    struct connection *connection = weir_alloc(sizeof *connection);
    pthread_t thread;
    *connection = (struct connection){c, fd};
    pthread_mutex_lock(&c->lock);
    c->connections++;
    pthread_mutex_unlock(&c->lock);
    if (pthread_create(&thread, NULL, serve_one, connection) == 0) {
        pthread_detach(thread);
        return;
    }
    weir_free(connection);
    close(fd);
    leave(c);
}

static void *run(void *arg)
{
    struct weir_control *c = arg;
    for (;;) {
        struct pollfd fds[2] = {{c->listener, POLLIN, 0}, {c->stop[0], POLLIN, 0}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR) return NULL;
        if (fds[1].revents) return NULL;
        int fd = fds[0].revents ? accept4(c->listener, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (fd >= 0) begin_to_serve(c, fd);
    }
}

static weir_status listen_at(const char *path, int *listener, struct weir_error *error)
{
    struct address at;
    char *folder = weir_path_dirname(path);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        weir_status s = failed(error, folder, "cannot be made");
        weir_free(folder);
        return s;
    }
    weir_free(folder);
    weir_status s = address_of(path, &at, error);
    if (s != WEIR_OK) return s;
    *listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(path);
    if (*listener < 0 || fchmod(*listener, 0600) != 0 || /* the file that bind makes has the socket's mode */
        bind(*listener, (struct sockaddr *)&at.un, sizeof at.un) != 0 || listen(*listener, 8) != 0)
        s = failed(error, path, "cannot be listened at");
    close(at.folder);
    return s;
}

static void add_guarantee(void *arg, const struct weir_sink_guarantee *g)
{
    json_object_set_new(arg, g->node, json_integer(g->level));
}

static json_t *describe(struct weir_job *job, const struct weir_job_args *args)
{
    json_t *guarantees = json_object();
    char *here = realpath(".", NULL), *manifest = realpath(args->manifest, NULL);
    if (weir_job_each_guarantee(job, add_guarantee, guarantees, NULL) != WEIR_OK) json_object_clear(guarantees);
    json_t *about = json_pack("{s:b, s:o, s:o, s:s*, s:s*}", "ok", 1, "options", weir_job_args_options(args), "guarantees",
                              guarantees, "directory", here, "manifest", manifest ? manifest : args->manifest);
    free(here);
    free(manifest);
    return about;
}

weir_status weir_control_start(const struct weir_job_home *home, struct weir_job *job, const struct weir_job_args *args,
                               struct weir_control **to, struct weir_error *error)
{
    struct weir_control *c = weir_alloc(sizeof *c);
    *c = (struct weir_control){.home = home,
                               .job = job,
                               .about = describe(job, args),
                               .path = weir_strdup(home->socket),
                               .listener = -1,
                               .stop = {-1, -1}};
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->served, NULL);
    *to = NULL;
    weir_status s = listen_at(c->path, &c->listener, error);
    if (s == WEIR_OK && pipe2(c->stop, O_CLOEXEC) != 0) s = failed(error, c->path, "cannot be served");
    int e = s == WEIR_OK ? pthread_create(&c->thread, NULL, run, c) : 0;
    if (e != 0) s = weir_error_set(error, WEIR_E_IO, "%s: cannot be served: %s", c->path, strerror(e));
    if (s == WEIR_OK) {
        *to = c;
        return s;
    }
    for (int i = 0; i < 2; i++) {
        if (c->stop[i] >= 0) close(c->stop[i]);
    }
    if (c->listener >= 0) close(c->listener);
    json_decref(c->about);
    weir_free(c->path);
    weir_free(c);
    return s;
}

char *weir_control_stop(struct weir_control *c)
{
    close(c->stop[1]);
    pthread_join(c->thread, NULL);
    pthread_mutex_lock(&c->lock);
    while (c->connections > 0) pthread_cond_wait(&c->served, &c->lock);
    pthread_mutex_unlock(&c->lock);
    pthread_cond_destroy(&c->served);
    pthread_mutex_destroy(&c->lock);
    close(c->stop[0]);
    close(c->listener);
    unlink(c->path);
    char *last = c->last;
    json_decref(c->about);
    weir_free(c->path);
    weir_free(c);
    return last;
}

/* ---- the other side ---------------------------------------------------------------------------------------------- */

static weir_status not_running(const struct weir_job_home *home, struct weir_error *error)
{
    if (!weir_job_home_exists(home)) return weir_job_home_missing(home, error);
    return weir_error_set(error, WEIR_E_CONFIG, "job '%s' is not running; `weir list` says what became of it", home->name);
}

static weir_status connect_to(const struct weir_job_home *home, int *fd, struct weir_error *error)
{
    struct address at;
    if (address_of(home->socket, &at, error) != WEIR_OK) return not_running(home, error);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    weir_status s = WEIR_OK;
    if (*fd < 0 || connect(*fd, (struct sockaddr *)&at.un, sizeof at.un) != 0) {
        s = errno == ENOENT || errno == ECONNREFUSED ? not_running(home, error)
                                                     : failed(error, home->socket, "cannot be connected to");
        if (*fd >= 0) close(*fd);
    }
    close(at.folder);
    return s;
}

weir_status weir_control_begin(const struct weir_job_home *home, json_t *request, struct weir_control_call *call,
                               struct weir_error *error)
{
    *call = (struct weir_control_call){.home = home, .connection = -1};
    weir_status s = connect_to(home, &call->connection, error);
    if (s == WEIR_OK && !weir_control_send(call->connection, request))
        s = weir_error_set(error, WEIR_E_IO, "job '%s' ended before it was asked", home->name);
    return s;
}

weir_status weir_control_next(struct weir_control_call *call, json_t **answer, struct weir_error *error)
{
    char *line = receive_line(call->connection, -1, &call->held, SIZE_MAX);
    *answer = line ? json_loads(line, JSON_REJECT_DUPLICATES, NULL) : NULL;
    weir_free(line);
    if (!*answer) return weir_error_set(error, WEIR_E_IO, "job '%s' ended before it answered", call->home->name);
    if (json_is_true(json_object_get(*answer, "ok"))) return WEIR_OK;
    const char *text = json_string_value(json_object_get(*answer, "error"));
    weir_error_set(error, WEIR_E_IO, "job '%s': %s", call->home->name, text ? text : "an answer without words");
    json_decref(*answer);
    *answer = NULL;
    return WEIR_E_IO;
}

void weir_control_hang_up(struct weir_control_call *call)
{
    if (call->connection >= 0) close(call->connection);
    weir_text_finish(&call->held);
}

static weir_status ask(const struct weir_job_home *home, json_t *request, bool to_end, json_t **answer,
                       struct weir_error *error)
{
    struct weir_control_call call;
    *answer = NULL;
    weir_status s = weir_control_begin(home, request, &call, error);
    if (s == WEIR_OK) s = weir_control_next(&call, answer, error);
    if (s == WEIR_OK && to_end) weir_free(receive_line(call.connection, -1, &call.held, SIZE_MAX)); /* there is none */
    weir_control_hang_up(&call);
    return s;
}

weir_status weir_control_ask(const struct weir_job_home *home, json_t *request, json_t **answer, struct weir_error *error)
{
    return ask(home, request, false, answer, error);
}

weir_status weir_control_ask_to_end(const struct weir_job_home *home, json_t *request, json_t **answer,
                                    struct weir_error *error)
{
    return ask(home, request, true, answer, error);
}
