/* harness/faulty_disk.h - the simulated machine (sim.h) with a disk whose calls can be made to fail, one at a time.
 *
 * Every call that looks at a file or changes one is counted, from the beginning or from weir_faulty_disk_break; call number
 * `at` goes wrong in the way that was chosen, and the disk is well again after it:
 *
 *   EIO         nothing is done
 *   NO_SPACE    calls that need room fail, this one and the next ones that do; those that need none go through
 *   SHORT       a write that puts half of its bytes into the file and then fails; what is no write: as EIO
 *   LOST_SYNC   a sync that fails, and with it what it was to make durable: those bytes are zeros from now on, and the next
 *               sync says that all is well, as Linux does; what is no sync: as EIO
 *
 * The disk knows which bytes were synced; weir_faulty_disk_lose_power takes the others away. Names are durable at once.
 */
#ifndef WEIR_HARNESS_FAULTY_DISK_H
#define WEIR_HARNESS_FAULTY_DISK_H

#include "harness/sim.h"

enum weir_fault { WEIR_FAULT_EIO, WEIR_FAULT_NO_SPACE, WEIR_FAULT_SHORT, WEIR_FAULT_LOST_SYNC, WEIR_FAULTS };

struct weir_faulty_file;
struct weir_faulty_disk {
    struct weir_sim sim; /* first: the platform's self */
    enum weir_fault fault;
    int64_t calls, at;  /* made so far; the one to fail, < 0: none */
    int64_t full;       /* calls that still find no room */
    uint64_t faulted;   /* calls that failed so far */
    const char *failed; /* what the first of them was to do; NULL: none failed */
    bool off;           /* the machine is off: nothing that changes a file does anything, and it fails */
    struct weir_faulty_file *files;
    size_t n, capacity;
};
/* Into a zeroed struct, or one in use, whose files stay what they are. */
void weir_faulty_disk_init(struct weir_faulty_disk *, uint64_t seed);
/* From now on; the first call is number 0. */
void weir_faulty_disk_break(struct weir_faulty_disk *, enum weir_fault, int64_t at);
void weir_faulty_disk_mend(struct weir_faulty_disk *);
void weir_faulty_disk_lose_power(struct weir_faulty_disk *);
void weir_faulty_disk_forget(struct weir_faulty_disk *); /* which files there are */

#endif
