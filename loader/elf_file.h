/* loader/elf_file.h - what an ELF file says about itself, read as bytes: nothing of it is mapped or run.
 *
 * Floor 3. One thread per reader. Every offset and size in the file is checked against the file before it is used. Messages
 * begin with what is wrong, not with the path: the caller puts that in front.
 */
#ifndef WEIR_LOADER_ELF_FILE_H
#define WEIR_LOADER_ELF_FILE_H

#include <elf.h>

#include "base/error.h"
#include "base/platform.h"

struct weir_elf {
    const struct weir_platform *platform;
    struct weir_platform_file *file;
    uint64_t size;
    Elf64_Ehdr header;
    Elf64_Shdr *sections; /* header.e_shnum of them */
    char *names;          /* of the sections; n_names bytes and a NUL */
    size_t n_names;
};
/* Opens and checks: ELF, 64 bits, this machine's byte order and type, a shared object, no part beyond the end of the file.
 */
WEIR_CHECKED weir_status weir_elf_open(struct weir_elf *, const struct weir_platform *, const char *path,
                                       struct weir_error *);
void weir_elf_close(struct weir_elf *); /* zeroed is fine */

/* A section's bytes with a NUL behind them; *bytes is NULL where there is no such section. The caller frees. At most a few
 * MB. */
WEIR_CHECKED weir_status weir_elf_section(const struct weir_elf *, const char *name, char **bytes, size_t *n,
                                          struct weir_error *);
/* The GNU build-id in lower-case hex, NULL where there is none. The caller frees. */
WEIR_CHECKED weir_status weir_elf_build_id(const struct weir_elf *, char **build_id, struct weir_error *);
/* Whether the file defines `symbol` for others. If not and others with that prefix are there, *other (the caller frees) is
 * one of them. */
WEIR_CHECKED weir_status weir_elf_exports(const struct weir_elf *, const char *symbol, const char *prefix, bool *found,
                                          char **other, struct weir_error *);

#endif
