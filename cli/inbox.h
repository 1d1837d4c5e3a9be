/* cli/inbox.h - what the child says to its supervisor while it runs: messages of JSON, some with a descriptor.
 *
 *   {"keep": "lock"} + the lock of the job's home        held between two children, and given to the next one
 *   {"keep": "asker"} + a connection                     of somebody who waits until the job has ended: closed then
 *   {"upgrade": {"new": {...}, "old": {...},             the job was suspended for another to take its place; the supervisor
 *     "savepoint": ..., "drop": bool}} + a connection    answers when that has completed a checkpoint, or was taken back
 *   {"instead": {"job": {"options", "manifest"},         this job was not started: that one is to be, from a savepoint, or
 *     "from": PATH or OPTION, "text": NAME,              with --resume or --resume-if-any, with the manifest's text read
 *     "drop": bool}}                                     from that file of the home
 *   {"runs": bool}                                       the job has started; or it failed, and the child starts it again
 *   {"settled": PATH}                                    the other's first checkpoint is complete
 *
 * A pair of sockets that keep messages whole. Sending is for any thread of the child; the supervisor has one.
 */
#ifndef WEIR_CLI_INBOX_H
#define WEIR_CLI_INBOX_H

#include <jansson.h>
#include <stdbool.h>

bool weir_inbox_open(int ends[2]); /* 0 the supervisor's, which does not block; 1 the child's; both close on exec */
/* False: the supervisor is gone, or the message too long. descriptor: stays the caller's; -1: none. Steals the message. */
bool weir_inbox_send(int end, json_t *message, int descriptor);
/* NULL: there is nothing just now. *descriptor: the caller's from now on; -1: none. */
json_t *weir_inbox_receive(int end, int *descriptor);

#endif
