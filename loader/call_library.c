/* loader/call_library.c - dlopen and dlsym with messages. Any thread: dlopen locks by itself, dlerror is the thread's own.
 */
#include "loader/call_library.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "loader/elf_file.h"
#include "loader/plugin_file.h"
#include "loader/plugin_internal.h"

weir_status weir_call_library_check(const struct weir_platform *p, const char *installation, const char *library,
                                    struct weir_error *error)
{
    struct weir_elf elf;
    if (!strchr(library, '/')) return WEIR_OK;
    weir_status s = weir_plugin_file_trust(p, library, installation, error);
    if (s != WEIR_OK) return s;
    s = weir_elf_open(&elf, p, library, error);
    if (s != WEIR_OK) return weir_error_prefix(error, "%s: ", library);
    weir_elf_close(&elf);
    return WEIR_OK;
}

static weir_status cannot_open(const char *library, struct weir_error *error)
{
    const char *reason = dlerror();
    if (strchr(library, '/'))
        return weir__refuse(error, "%s: expected a library that can be opened, found: %s; install what is missing", library,
                            reason ? reason : "no reason given");
    return weir__refuse(error,
                        "%s: expected a library that the system's loader finds, found: %s; give its full name, as in "
                        "libm.so.6 (`ldconfig -p` lists them), or a path with '/'",
                        library, reason ? reason : "no reason given");
}

/* A variable of that name is no function. What the loader chose itself (an indirect function) has no name to look at. */
static bool is_data(void *symbol)
{
    Dl_info info;
    void *entry = NULL;
    if (!dladdr1(symbol, &info, &entry, RTLD_DL_SYMENT) || !entry || info.dli_saddr != symbol) return false;
    return ELF64_ST_TYPE(((const ElfW(Sym) *)entry)->st_info) == STT_OBJECT;
}

weir_status weir_call_library_open(const struct weir_platform *p, const char *installation, const char *library,
                                   const char *function, void (**opened)(void), struct weir_error *error)
{
    weir_status s = weir_call_library_check(p, installation, library, error);
    if (s != WEIR_OK) return s;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE); /* never closed */
    if (!handle) return cannot_open(library, error);
    void *symbol = dlsym(handle, function);
    if (!symbol)
        return weir__refuse(error,
                            "%s: expected a function '%s', found none; `nm -D` lists what a library exports (a static or "
                            "hidden function, or one of C++ without extern \"C\", is not there by its name)",
                            library, function);
    if (is_data(symbol))
        return weir__refuse(error, "%s: expected '%s' to be a function, found a variable", library, function);
    memcpy(opened, &symbol, sizeof *opened); /* POSIX lets a symbol be a function; ISO C has no cast for it */
    return WEIR_OK;
}

void weir_call_library_free(void (**opened)(void))
{
    void *symbol = dlsym(RTLD_DEFAULT, "free");
    WEIR_ASSERT(symbol);
    memcpy(opened, &symbol, sizeof *opened);
}
