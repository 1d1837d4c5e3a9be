/* part.h - one file of the sink's output. One thread.
 *
 *   begin, resume --> IN PROGRESS --part_end--> PENDING --part_commit--> FINISHED
 *
 * In progress and pending its bytes are under a hidden name beside the final one: .NAME.inprogress. Committing is renaming,
 * and can be repeated: it has happened when there is a file of the final name and none of the hidden one.
 */
#ifndef SINK_FILE_PART_H
#define SINK_FILE_PART_H

#include <weir/io.h>

struct part {
    char *target, *hidden; /* paths; host memory */
    const char *name;      /* the end of target: where it is below the sink's folder */
    size_t folder;         /* bytes of name up to and with its last '/' */
    weir_file *file;       /* in progress; else NULL */
    weir_blob bytes;       /* not written yet */
    int64_t length;        /* of the file */
    int64_t began_ms, written_ms;
    int64_t checkpoint; /* pending: the first that it was saved for; 0: none */
    bool saved;         /* a checkpoint may name it: it is not removed */
};

/* base: the sink's folder, empty or ending in '/'; name: n bytes. NULL: no memory. */
struct part *part_create(weir_ctx *, const char *base, const char *name, size_t n);
void part_destroy(struct part *, weir_ctx *); /* closes the file, keeps it; NULL is fine */

weir_status part_begin(struct part *, const weir_io *, weir_ctx *);                 /* an empty file; folders are made */
weir_status part_resume(struct part *, const weir_io *, weir_ctx *, int64_t bytes); /* goes on behind these */
weir_status part_reopen(struct part *, const weir_io *, weir_ctx *, int64_t bytes); /* the same, of a finished one */
weir_status part_write_out(struct part *, const weir_io *, weir_ctx *);             /* the bytes go into the file */
weir_status part_end(struct part *, const weir_io *, weir_ctx *);                   /* in progress -> pending */

enum part_found { PART_COMMITTED, PART_GONE };
/* pending -> finished: what is beyond `length` is cut off, a shorter file is an error. PART_GONE: there is neither the
 * hidden file nor the finished one. */
weir_status part_commit(const struct part *, const weir_io *, weir_ctx *, enum part_found *);
void part_leave(struct part *, const weir_io *, weir_ctx *); /* closes it; the hidden file goes if nobody saved it */

/* What a checkpoint saves of it: "open BYTES NAME" or "pending BYTES NAME", and in a line of its own what its records look
 * like (columns.c). text: scratch. */
weir_status part_save(const struct part *, weir_ctx *, const char *columns, weir_str *text);

weir_status io_failed(weir_ctx *, const weir_io_error *);

#endif
