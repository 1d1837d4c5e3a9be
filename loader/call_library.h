/* loader/call_library.h - the libraries of plain C functions, which `call:` names.
 *
 * Floor 4. Any thread. A library is a path with '/', whose file has to pass the checks of a plugin's file as far as they
 * apply (regular, owner, mode, a whole ELF shared object for this machine), or a name such as "libm.so.6" that the system's
 * loader resolves by its own rules: the one exception to weir's search. Opening runs the library's constructors; what is
 * open stays open.
 */
#ifndef WEIR_LOADER_CALL_LIBRARY_H
#define WEIR_LOADER_CALL_LIBRARY_H

#include "base/error.h"
#include "base/platform.h"

/* The file of a path, from its bytes; a name is always fine. installation: as in loader/plugin_file.h. */
WEIR_CHECKED weir_status weir_call_library_check(const struct weir_platform *, const char *installation, const char *library,
                                                 struct weir_error *);
/* The same, then opens the library here and finds the function in it or in what it links. */
WEIR_CHECKED weir_status weir_call_library_open(const struct weir_platform *, const char *installation, const char *library,
                                                const char *function, void (**)(void), struct weir_error *);
/* The C library's free(), as the libraries of this process see it. */
void weir_call_library_free(void (**)(void));

#endif
