#!/usr/bin/env python3
"""One seam to the machine: only runtime/base/platform_*.c calls the operating system, only runtime/base/alloc.c the
allocator.

Everything else goes through struct weir_platform, plugins through weir.io/1 and host->alloc. Calls are found as names
followed by '(' outside comments and strings; member calls (platform->open(...)) and functions that the file itself
defines are something else. Exceptions, each with its reason: tests/lint/seam_exceptions.txt.
"""

import re

import lint

GROUPS = {
    "clocks": (
        "clock_gettime clock_getres gettimeofday time clock ftime times localtime localtime_r mktime tzset "
        "nanosleep clock_nanosleep sleep usleep alarm setitimer timer_create timerfd_create"
    ),
    "randomness": (
        "random srandom rand srand rand_r drand48 lrand48 mrand48 srand48 arc4random getrandom getentropy"
    ),
    "files": (
        "open openat creat read pread readv write pwrite writev close lseek fsync fdatasync sync truncate "
        "ftruncate rename renameat unlink unlinkat remove mkdir mkdirat rmdir opendir readdir closedir scandir "
        "nftw ftw glob stat fstat lstat statx fstatat access realpath getcwd chdir link symlink readlink chmod "
        "chown mkstemp mkdtemp tmpfile mmap munmap msync flock lockf fopen fdopen freopen fclose fread fwrite "
        "fgets fgetc getc getchar getline getdelim fscanf scanf fseek ftell fflush dup dup2 pipe pipe2 fcntl ioctl "
        "poll ppoll select pselect epoll_create1 epoll_ctl epoll_wait eventfd inotify_init1"
    ),
    "standard streams": (
        "printf vprintf fprintf vfprintf dprintf puts fputs putchar putc fputc perror"
    ),
    "sockets": (
        "socket socketpair connect bind listen accept accept4 send sendto sendmsg recv recvfrom recvmsg shutdown "
        "setsockopt getsockopt getaddrinfo gethostbyname"
    ),
    "threads": (
        "pthread_\\w+ thrd_\\w+ mtx_\\w+ cnd_\\w+ tss_\\w+ call_once sem_\\w+ syscall sched_\\w+"
    ),
    "processes": (
        "fork vfork clone exec[lv]\\w* posix_spawnp? system popen pclose wait waitpid waitid kill raise exit _exit "
        "_Exit quick_exit abort atexit signal sigaction sigprocmask prctl getpid getppid setenv putenv unsetenv "
        "getuid geteuid"
    ),
    "memory": (
        "malloc calloc realloc reallocarray free aligned_alloc posix_memalign memalign valloc strdup strndup "
        "asprintf vasprintf open_memstream fmemopen"
    ),
}
GROUP_OF = [(re.compile(rf"(?:{'|'.join(words.split())})\Z"), group) for group, words in GROUPS.items()]
CALL = re.compile(r"(?<![\w.])(?<!->)([A-Za-z_]\w*)[ \t]*\(")
STATIC_DEFINITION = re.compile(r"^static\b[^;={}()]*?\b([A-Za-z_]\w*)\(", re.MULTILINE)
FUNCTION_PARAMETER = re.compile(
    r"\b[A-Za-z_]\w* \*([A-Za-z_]\w*)[,)]"
)  # write_row *write: a callback, not the system call
EXCEPTIONS = "seam_exceptions.txt"


def group_of(name):
    return next((group for pattern, group in GROUP_OF if pattern.match(name)), None)


def may_call(path, group):
    if group == "memory":
        return path == "runtime/base/alloc.c"
    return re.match(r"runtime/base/platform_\w+\.c\Z", path) is not None


def instead(path, group):
    if path.startswith(("plugins/", "examples/")):
        return "use host->alloc" if group == "memory" else "use the host extension weir.io/1"
    return "use base/alloc.h" if group == "memory" else "use struct weir_platform"


def calls_of(text):
    """(line, name) of each call to a function that the file neither defines nor takes as a parameter."""
    code = lint.strip(text)
    own = set(STATIC_DEFINITION.findall(code)) | set(FUNCTION_PARAMETER.findall(code))
    found = []
    for match in CALL.finditer(code):
        before = code[: match.start()].rstrip()
        if match.group(1) in own or before.endswith(("->", ".")):
            continue
        found.append((lint.line_of(code, match.start()), match.group(1)))
    return found


def check(root):
    known, findings = lint.exceptions(root, EXCEPTIONS)
    used = set()
    paths = lint.files(root, ("runtime", "loader", "plugins"), (".c", ".h"))
    paths += [p for p in lint.files(root, ("examples",), (".c", ".h")) if p.endswith("/plugin.c")]
    for path in paths:
        for line, name in calls_of(lint.read(root, path)):
            group = group_of(name)
            if not group or may_call(path, group):
                continue
            if (path, name) in known:
                used.add((path, name))
            else:
                findings.append(
                    lint.Finding(path, line, f"{name}() reaches the machine ({group}): {instead(path, group)}")
                )
    return findings + lint.unused(EXCEPTIONS, known, used)


CASES = [
    (
        {
            "runtime/base/platform_file.c": "int f(void)\n{\n    return open(path, 0);\n}\n",
            "runtime/base/alloc.c": "void *f(void)\n{\n    return malloc(1);\n}\n",
            "runtime/task/worker.c": "/* open( and time( */\nstatic void read(int x)\n{\n"
            '    platform->open(p, "malloc(1)"); io.close(f);\n    read(1);\n'
            "    weir_time(row); io\n        ->write(f);\n    int time = 3; x(time);\n}\n",
            "tests/unit/a/test_a.c": "void f(void) { sleep(1); }\n",
            "cli/main.c": "int main(void) { return open(a); }\n",
        },
        [],
    ),
    ({"plugins/a/plugin.c": "static int f(int x, write_row *write)\n{\n    return write(x);\n}\n"}, []),
    (
        {"runtime/task/worker.c": "void f(void)\n{\n    int64_t t = clock_gettime(0, &ts);\n}\n"},
        ["worker.c:3: clock_gettime() reaches the machine (clocks): use struct weir_platform"],
    ),
    (
        {"loader/x.c": 'int f(void) { return fopen("a", "b") != 0; }\n'},
        ["loader/x.c:1: fopen() reaches the machine (files)"],
    ),
    (
        {"runtime/base/text.c": "void f(void)\n{\n    free (p);\n}\n"},
        ["text.c:3: free() reaches the machine (memory): use base/alloc.h"],
    ),
    ({"runtime/base/platform_os.c": "void f(void) { malloc(1); }\n"}, ["malloc() reaches the machine (memory)"]),
    ({"runtime/base/alloc.c": "void f(void) { write(1, a, 2); }\n"}, ["write() reaches the machine (files)"]),
    (
        {"plugins/a/plugin.c": "void f(void) { random(); }\n"},
        ["random() reaches the machine (randomness): use the host extension weir.io/1"],
    ),
    (
        {"plugins/a/plugin.c": "void f(void) { malloc(1); }\n"},
        ["malloc() reaches the machine (memory): use host->alloc"],
    ),
    ({"examples/a/plugin.c": 'void f(void) { printf("x"); }\n'}, ["printf() reaches the machine (standard streams)"]),
    (
        {"runtime/job/run.c": "void f(void) { pthread_create(&t); pthread_mutex_lock(&m); socket(1, 2, 3); }\n"},
        ["pthread_create()", "pthread_mutex_lock()", "socket()"],
    ),
    ({"runtime/a/a.c": "void f(void) { a.b = x ? time(0) : 'time('; }\n"}, ["a.c:1: time() reaches"]),
    (
        {
            "runtime/base/error.c": "void f(void) { abort(); }\n",
            "tests/lint/" + EXCEPTIONS: "runtime/base/error.c abort  # ends the process\n",
        },
        [],
    ),
    (
        {"runtime/base/error.c": "", "tests/lint/" + EXCEPTIONS: "# comment\nruntime/base/error.c abort  # was\n"},
        [f"tests/lint/{EXCEPTIONS}:2: 'runtime/base/error.c abort' is not needed any more"],
    ),
    ({"tests/lint/" + EXCEPTIONS: "runtime/base/error.c abort\n"}, [f"{EXCEPTIONS}:1: expected 'path what  # reason'"]),
]

if __name__ == "__main__":
    lint.main(__doc__, check, CASES)
