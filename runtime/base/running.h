/* base/running.h - what the current thread is running, for the message after a crash.
 *
 * Whoever calls into a component sets it to words such as "node 'scores' (process top_n of /x/libacme.so)" and back to NULL.
 * A crash handler (the CLI's child has one, libweir has none) reads it on the crashing thread; the words outlive the call.
 */
#ifndef WEIR_BASE_RUNNING_H
#define WEIR_BASE_RUNNING_H

extern _Thread_local const char *weir_running;

#endif
