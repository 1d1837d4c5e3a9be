/* counts.c - a library to be preloaded: counts, by thread, what a record must not cost.
 *
 * Allocations, locks, reads of a clock, and calls of the C library's wrappers of system calls. It sees what a program calls
 * by name; what the C library does inside (the memory that malloc gets, the waiting of a lock) comes with what is counted.
 * When the process ends, NAME.PID gets a line for each thread, NAME being $WEIR_COUNTS: its name, then the four numbers.
 * Threads that have not ended by then are called "-".
 */
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { ALLOCATIONS, LOCKS, CLOCKS, CALLS, KINDS };
#define MOST_THREADS 256

struct thread {
    char name[16];
    uint64_t n[KINDS];
};
static struct thread threads[MOST_THREADS];
static _Atomic unsigned n_threads;
static _Thread_local struct thread *mine __attribute__((tls_model("initial-exec")));
static pthread_key_t ending; /* its destructor runs when a thread ends, which has its name by then */

static void take_name(void *thread)
{
    struct thread *t = thread;
    pthread_getname_np(pthread_self(), t->name, sizeof t->name);
}

__attribute__((constructor)) static void begin(void)
{
    pthread_key_create(&ending, take_name);
}

static void count(int kind)
{
    if (!mine) {
        unsigned i = atomic_fetch_add_explicit(&n_threads, 1, memory_order_relaxed);
        if (i >= MOST_THREADS) abort();
        mine = &threads[i];
        pthread_setspecific(ending, mine);
    }
    mine->n[kind]++;
}

__attribute__((destructor)) static void report(void)
{
    const char *name = getenv("WEIR_COUNTS");
    char path[4096];
    unsigned n = atomic_load_explicit(&n_threads, memory_order_relaxed);
    if (!name) return;
    snprintf(path, sizeof path, "%s.%d", name, (int)getpid());
    FILE *f = fopen(path, "w");
    if (!f) abort();
    for (unsigned i = 0; i < n; i++) {
        const struct thread *t = &threads[i];
        fprintf(f, "%s", t->name[0] ? t->name : "-");
        for (int kind = 0; kind < KINDS; kind++) fprintf(f, " %" PRIu64, t->n[kind]);
        fprintf(f, "\n");
    }
    fclose(f);
}

/* ---- memory: glibc has the functions under second names, so that nothing needs to be looked up -------------------- */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t n)
{
    count(ALLOCATIONS);
    return __libc_malloc(n);
}
void *calloc(size_t n, size_t size)
{
    count(ALLOCATIONS);
    return __libc_calloc(n, size);
}
void *realloc(void *p, size_t n)
{
    count(ALLOCATIONS);
    return __libc_realloc(p, n);
}
void *aligned_alloc(size_t alignment, size_t n)
{
    count(ALLOCATIONS);
    return __libc_memalign(alignment, n);
}
int posix_memalign(void **p, size_t alignment, size_t n)
{
    count(ALLOCATIONS);
    *p = __libc_memalign(alignment, n);
    return *p ? 0 : ENOMEM;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

/* Defines a function that counts and goes on to the next of its name. */
#define COUNTED(kind, type, name, parameters, arguments)                         \
    type name parameters                                                         \
    {                                                                            \
        static type(*_Atomic next) parameters;                                   \
        type(*f) parameters = atomic_load_explicit(&next, memory_order_relaxed); \
        if (!f) {                                                                \
            *(void **)(&f) = dlsym(RTLD_NEXT, #name);                            \
            atomic_store_explicit(&next, f, memory_order_relaxed);               \
        }                                                                        \
        count(kind);                                                             \
        return f arguments;                                                      \
    }

COUNTED(LOCKS, int, pthread_mutex_lock, (pthread_mutex_t * m), (m))
COUNTED(LOCKS, int, pthread_mutex_trylock, (pthread_mutex_t * m), (m))
COUNTED(LOCKS, int, pthread_rwlock_rdlock, (pthread_rwlock_t * l), (l))
COUNTED(LOCKS, int, pthread_rwlock_wrlock, (pthread_rwlock_t * l), (l))
COUNTED(LOCKS, int, pthread_cond_wait, (pthread_cond_t * c, pthread_mutex_t *m), (c, m))

COUNTED(CLOCKS, int, clock_gettime, (clockid_t clock, struct timespec *t), (clock, t))
COUNTED(CLOCKS, int, gettimeofday, (struct timeval *restrict t, void *restrict zone), (t, zone))
COUNTED(CLOCKS, time_t, time, (time_t * t), (t))

COUNTED(CALLS, ssize_t, read, (int fd, void *p, size_t n), (fd, p, n))
COUNTED(CALLS, ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
COUNTED(CALLS, ssize_t, pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
COUNTED(CALLS, ssize_t, pread64, (int fd, void *p, size_t n, off64_t at), (fd, p, n, at))
COUNTED(CALLS, ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
COUNTED(CALLS, ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at))
COUNTED(CALLS, ssize_t, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags))
COUNTED(CALLS, ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
COUNTED(CALLS, int, close, (int fd), (fd))
COUNTED(CALLS, int, fsync, (int fd), (fd))
COUNTED(CALLS, int, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms))
COUNTED(CALLS, int, nanosleep, (const struct timespec *t, struct timespec *left), (t, left))
COUNTED(CALLS, int, sched_yield, (void), ())
COUNTED(CALLS, void *, mmap, (void *p, size_t n, int prot, int flags, int fd, off_t at), (p, n, prot, flags, fd, at))
COUNTED(CALLS, int, munmap, (void *p, size_t n), (p, n))
COUNTED(CALLS, int, madvise, (void *p, size_t n, int advice), (p, n, advice))

/* Six words are what any system call takes. */
long syscall(long number, ...)
{
    static long (*_Atomic next)(long, ...);
    long (*f)(long, ...) = atomic_load_explicit(&next, memory_order_relaxed), a[6];
    va_list args;
    if (!f) {
        *(void **)(&f) = dlsym(RTLD_NEXT, "syscall");
        atomic_store_explicit(&next, f, memory_order_relaxed);
    }
    va_start(args, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(args, long);
    va_end(args);
    count(CALLS);
    return f(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
