/* running.c - the record of each thread; see the header. */
#include "base/running.h"

_Thread_local struct weir_running weir__running_own;
_Thread_local struct weir_running *weir__running_lent;
_Atomic(const char *) weir_running_why;

void weir_running_lend(struct weir_running *record)
{
    weir__running_lent = record;
}
