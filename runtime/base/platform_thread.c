/* platform_thread.c - threads, and parkers on futexes.
 *
 * A parker is EMPTY, NOTIFIED or SLEEPING:
 *   EMPTY -> SLEEPING [park]   SLEEPING -> NOTIFIED [unpark, wakes the sleeper]   NOTIFIED -> EMPTY [park returns]
 *   EMPTY -> NOTIFIED [unpark, no system call]   SLEEPING -> EMPTY [park, the deadline passed]
 * Whatever was written before unpark is seen after the park that it ended (release, acquire on the state).
 */
#include "base/platform_internal.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/process.h"

#define CRASH_STACK 65536 /* beyond what the kernel itself puts there; a backtrace needs some */

struct weir_thread {
    pthread_t id;
    void (*run)(void *arg);
    void *arg;
    char name[16]; /* the kernel keeps 15 bytes */
};

/* A thread whose stack is full needs another one for the handler that tells which component filled it: handlers that want
 * it (SA_ONSTACK) run there. Sanitizers bring one along. */
static void *give_crash_stack(void)
{
    stack_t before;
    if (sigaltstack(NULL, &before) != 0 || !(before.ss_flags & SS_DISABLE)) return NULL;
    long least = sysconf(_SC_MINSIGSTKSZ);
    stack_t stack = {.ss_size = (least > 0 ? (size_t)least : 0) + CRASH_STACK};
    stack.ss_sp = weir_alloc(stack.ss_size);
    sigaltstack(&stack, NULL);
    return stack.ss_sp;
}

static void take_crash_stack(void *stack)
{
    const stack_t none = {.ss_flags = SS_DISABLE};
    if (stack) sigaltstack(&none, NULL);
    weir_free(stack);
}

static void *start(void *thread)
{
    struct weir_thread *t = thread;
    void *stack = give_crash_stack();
    pthread_setname_np(pthread_self(), t->name); /* another thread's name would go through a file in /proc */
    t->run(t->arg);
    take_crash_stack(stack);
    return NULL;
}

weir_status weir__os_start_thread(void *self, const char *name, void (*run)(void *arg), void *arg,
                                  struct weir_thread **thread, struct weir_error *error)
{
    struct weir_thread *t = weir_alloc(sizeof *t);
    char words[128];
    (void)self;
    *t = (struct weir_thread){.run = run, .arg = arg};
    snprintf(t->name, sizeof t->name, "%s", name);
    *thread = NULL;
    int why = pthread_create(&t->id, NULL, start, t);
    if (why) {
        weir_free(t);
        return weir_error_set(error, WEIR_E_IO,
                              "cannot start the thread '%s': %s; the limit of threads may be reached (ulimit -u)", name,
                              weir__os_why(why, words, sizeof words));
    }
    *thread = t;
    return WEIR_OK;
}

void weir__os_join_thread(void *self, struct weir_thread *thread)
{
    (void)self;
    if (!thread) return;
    pthread_join(thread->id, NULL);
    weir_free(thread);
}

void weir_thread_abort(struct weir_thread *thread)
{
    pthread_kill(thread->id, SIGABRT);
}

enum { EMPTY = 0, NOTIFIED = 1, SLEEPING = 2 };

/* Sleeps while *state is SLEEPING. The bitset form alone takes an absolute time on the monotonic clock. False: time is
 * up. */
static bool futex_wait(_Atomic uint32_t *state, int64_t until_ns)
{
    struct timespec until = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
    long r = syscall(SYS_futex, state, FUTEX_WAIT_BITSET_PRIVATE, (uint32_t)SLEEPING, until_ns == INT64_MAX ? NULL : &until,
                     NULL, FUTEX_BITSET_MATCH_ANY);
    return !(r != 0 && errno == ETIMEDOUT);
}

void weir__os_park(void *self, struct weir_parker *parker, int64_t until_monotonic_ns)
{
    uint32_t empty = EMPTY;
    (void)self;
    if (until_monotonic_ns < 0) until_monotonic_ns = 0;
    if (atomic_compare_exchange_strong_explicit(&parker->state, &empty, SLEEPING, memory_order_acquire,
                                                memory_order_acquire)) {
        while (atomic_load_explicit(&parker->state, memory_order_acquire) == SLEEPING &&
               futex_wait(&parker->state, until_monotonic_ns)) {
        }
    }
    atomic_exchange_explicit(&parker->state, EMPTY, memory_order_acquire);
}

void weir__os_unpark(void *self, struct weir_parker *parker)
{
    (void)self;
    if (atomic_exchange_explicit(&parker->state, NOTIFIED, memory_order_release) == SLEEPING) {
        syscall(SYS_futex, &parker->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

/* The cores this process may use, which containers and taskset limit. */
uint32_t weir__os_cores(void *self)
{
    cpu_set_t set;
    (void)self;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return (uint32_t)CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (uint32_t)n : 1;
}
