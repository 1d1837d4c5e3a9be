/* A plugin that does something else than describe itself when it is opened. CMakeLists.txt beside says what. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/udf.h>

static weir_status pass_row(void *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    weir_put_i64(cx, 0, 0, weir_i64(in, 0));
    return WEIR_OK;
}
typedef struct pass {
    char nothing;
} pass;
WEIR_MAP(pass, .id = "pass", .doc = "passes n on", .in = "n:i64", .out = "m:i64");

#ifdef CONSTRUCTOR_ABORTS
__attribute__((constructor)) static void at_start(void)
{
    fputs("hostile: this is on purpose\n", stderr);
    abort();
}
#endif
#ifdef CONSTRUCTOR_EXITS
__attribute__((constructor)) static void at_start(void)
{
    exit(0);
}
#endif
#ifdef CONSTRUCTOR_LOOPS
__attribute__((constructor)) static void at_start(void)
{
    close(STDOUT_FILENO);
    close(STDERR_FILENO);
    for (volatile int i = 0;; i++) continue;
}
#endif
#ifdef CONSTRUCTOR_LIES
/* A whole manifest on standard output, and a way out. */
__attribute__((constructor)) static void at_start(void)
{
    puts("weir_plugin: 1\nid: \"test.liar\"");
    fflush(stdout);
    _exit(0);
}
#endif
#ifdef CONSTRUCTOR_CHATS
/* Harmless: a library that prints. */
__attribute__((constructor)) static void at_start(void)
{
    puts("hello from a constructor");
}
#endif
#ifdef DESTRUCTOR_CRASHES
__attribute__((destructor)) static void at_end(void)
{
    raise(SIGSEGV);
}
#endif

#ifdef ENTRY_CRASHES
__attribute__((used, section(WEIR_NOTE_SECTION))) static const char note[] = "weir;abi=1.0;id=test.hostile;version=1.0.0";
const weir_plugin *weir_plugin_v1(void)
{
    (void)pass_component;
    raise(SIGSEGV);
    return NULL;
}
#else
WEIR_PLUGIN("test.hostile", "1.0.0", &pass_component);
#endif
