/* running.c - one thread-local pointer; see the header. */
#include "base/running.h"

#include <stddef.h>

_Thread_local const char *weir_running = NULL;
