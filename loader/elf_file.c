/* loader/elf_file.c - reads the tables of an ELF file: header, sections, notes, dynamic symbols.
 *
 * Format: System V ABI, "Object Files" and "Dynamic Linking"; <elf.h> has the structs. Reads only the tables, not the whole
 * file. Invariant: after weir_elf_open every section and segment lies inside the file, so later reads cannot run over its
 * end.
 */
#include "loader/elf_file.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "loader/plugin_internal.h"

#if defined(__x86_64__)
enum { MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { MACHINE = EM_AARCH64 };
#elif defined(__riscv)
enum { MACHINE = EM_RISCV };
#elif defined(__powerpc64__)
enum { MACHINE = EM_PPC64 };
#elif defined(__s390x__)
enum { MACHINE = EM_S390 };
#elif defined(__loongarch__)
enum { MACHINE = EM_LOONGARCH };
#else
#error "add this machine's ELF number (EM_*) here"
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { BYTE_ORDER_HERE = ELFDATA2LSB };
#else
enum { BYTE_ORDER_HERE = ELFDATA2MSB };
#endif

enum { MAX_TABLE = 64 << 20 }; /* bytes of one table that is read; real ones have kilobytes */

static const char *machine_name(unsigned machine, char buf[24])
{
    switch (machine) {
    case EM_X86_64:
        return "x86-64";
    case EM_386:
        return "32-bit x86";
    case EM_AARCH64:
        return "AArch64";
    case EM_ARM:
        return "32-bit ARM";
    case EM_RISCV:
        return "RISC-V";
    case EM_PPC64:
        return "PowerPC 64";
    case EM_S390:
        return "S/390";
    case EM_LOONGARCH:
        return "LoongArch";
    }
    snprintf(buf, 24, "ELF machine %u", machine);
    return buf;
}

static const char *type_name(unsigned type)
{
    switch (type) {
    case ET_REL:
        return "an object file (.o)";
    case ET_EXEC:
        return "a program";
    case ET_CORE:
        return "a core dump";
    }
    return "an ELF file of another type";
}

static weir_status read_at(const struct weir_elf *e, uint64_t offset, void *to, size_t n, struct weir_error *error)
{
    size_t got = 0;
    weir_status s = e->platform->read(e->platform->self, e->file, (int64_t)offset, to, n, &got, error);
    if (s != WEIR_OK) return s;
    if (got == n) return WEIR_OK;
    return weir__refuse(
        error,
        "expected %zu bytes at offset %llu, the file ended after %zu: it changes while it is read; build or copy it "
        "again",
        n, (unsigned long long)offset, got);
}

/* n bytes at offset, which lie inside the file, with a NUL behind them. */
static weir_status read_table(const struct weir_elf *e, uint64_t offset, uint64_t n, char **bytes, struct weir_error *error)
{
    *bytes = NULL;
    if (n > MAX_TABLE)
        return weir__refuse(
            error, "expected tables of at most %d bytes, found one of %llu: not a file that a linker made; build it again",
            MAX_TABLE, (unsigned long long)n);
    *bytes = weir_try_alloc((size_t)n + 1);
    if (!*bytes)
        return weir_error_set(error, WEIR_E_MEMORY, "no memory for %llu bytes of the file's tables", (unsigned long long)n);
    weir_status s = read_at(e, offset, *bytes, (size_t)n, error);
    if (s != WEIR_OK) {
        weir_free(*bytes);
        *bytes = NULL;
    }
    return s;
}

static bool inside(const struct weir_elf *e, uint64_t offset, uint64_t n)
{
    return offset <= e->size && n <= e->size - offset;
}

static weir_status truncated(const struct weir_elf *e, const char *what, uint64_t offset, uint64_t n,
                             struct weir_error *error)
{
    return weir__refuse(
        error,
        "expected the %s at bytes %llu to %llu, found a file of %llu bytes: it is truncated or damaged; build or copy "
        "it again",
        what, (unsigned long long)offset, (unsigned long long)(offset + n), (unsigned long long)e->size);
}

static weir_status check_header(struct weir_elf *e, struct weir_error *error)
{
    const unsigned char *ident = e->header.e_ident;
    char found[24], here[24];
    if (e->size < EI_NIDENT || memcmp(ident, ELFMAG, SELFMAG) != 0)
        return weir__refuse(error, e->size == 0
                                       ? "expected an ELF shared object, found an empty file; build it again"
                                       : "expected an ELF shared object, found another kind of file; name the .so that the "
                                         "linker wrote");
    if (ident[EI_CLASS] != ELFCLASS64)
        return weir__refuse(error, "expected a 64-bit ELF file, found a %s one; build it for %s",
                            ident[EI_CLASS] == ELFCLASS32 ? "32-bit" : "damaged", machine_name(MACHINE, here));
    if (ident[EI_DATA] != BYTE_ORDER_HERE)
        return weir__refuse(error, "expected this machine's byte order, found the other; build it for %s",
                            machine_name(MACHINE, here));
    if (e->size < sizeof e->header) return truncated(e, "ELF header", 0, sizeof e->header, error);
    if (e->header.e_machine != MACHINE)
        return weir__refuse(error, "expected code for %s, found code for %s; build it for this machine",
                            machine_name(MACHINE, here), machine_name(e->header.e_machine, found));
    if (e->header.e_type != ET_DYN)
        return weir__refuse(error, "expected a shared object, found %s; link it with -shared", type_name(e->header.e_type));
    return WEIR_OK;
}

static weir_status check_segments(const struct weir_elf *e, struct weir_error *error)
{
    uint64_t n = (uint64_t)e->header.e_phnum * sizeof(Elf64_Phdr);
    char *bytes;
    if (e->header.e_phnum == 0 || e->header.e_phentsize != sizeof(Elf64_Phdr))
        return weir__refuse(
            error, "expected program headers of %zu bytes, found %u of %u bytes: it is damaged; build or copy it again",
            sizeof(Elf64_Phdr), e->header.e_phnum, e->header.e_phentsize);
    if (!inside(e, e->header.e_phoff, n)) return truncated(e, "program headers", e->header.e_phoff, n, error);
    weir_status s = read_table(e, e->header.e_phoff, n, &bytes, error);
    for (unsigned i = 0; s == WEIR_OK && i < e->header.e_phnum; i++) {
        Elf64_Phdr h;
        memcpy(&h, bytes + i * sizeof h, sizeof h);
        if (h.p_type == PT_LOAD && !inside(e, h.p_offset, h.p_filesz))
            s = truncated(e, "code and data", h.p_offset, h.p_filesz, error);
    }
    weir_free(bytes);
    return s;
}

static weir_status check_sections(const struct weir_elf *e, struct weir_error *error)
{
    for (unsigned i = 0; i < e->header.e_shnum; i++) {
        const Elf64_Shdr *h = &e->sections[i];
        if (h->sh_type != SHT_NOBITS && h->sh_type != SHT_NULL && !inside(e, h->sh_offset, h->sh_size))
            return truncated(e, "sections", h->sh_offset, h->sh_size, error);
    }
    if (e->header.e_shstrndx < e->header.e_shnum && e->sections[e->header.e_shstrndx].sh_type == SHT_STRTAB) return WEIR_OK;
    return weir__refuse(error, "expected the table of section names, found none: it is damaged; build or copy it again");
}

static weir_status read_sections(struct weir_elf *e, struct weir_error *error)
{
    uint64_t n = (uint64_t)e->header.e_shnum * sizeof(Elf64_Shdr);
    char *bytes;
    if (e->header.e_shnum == 0)
        return weir__refuse(
            error,
            "expected section headers, found none: they were stripped; build it again and strip it with `strip` at most");
    if (e->header.e_shentsize != sizeof(Elf64_Shdr))
        return weir__refuse(error, "expected section headers of %zu bytes, found %u: it is damaged; build or copy it again",
                            sizeof(Elf64_Shdr), e->header.e_shentsize);
    if (!inside(e, e->header.e_shoff, n)) return truncated(e, "section headers", e->header.e_shoff, n, error);
    weir_status s = read_table(e, e->header.e_shoff, n, &bytes, error);
    if (s != WEIR_OK) return s;
    e->sections = (Elf64_Shdr *)(void *)bytes;
    s = check_sections(e, error);
    if (s != WEIR_OK) return s;
    e->n_names = (size_t)e->sections[e->header.e_shstrndx].sh_size;
    return read_table(e, e->sections[e->header.e_shstrndx].sh_offset, e->n_names, &e->names, error);
}

static weir_status read_tables(struct weir_elf *e, struct weir_error *error)
{
    int64_t size = 0;
    weir_status s = e->platform->size(e->platform->self, e->file, &size, error);
    if (s != WEIR_OK) return s;
    e->size = (uint64_t)size;
    s = read_at(e, 0, &e->header, e->size < sizeof e->header ? (size_t)e->size : sizeof e->header, error);
    if (s == WEIR_OK) s = check_header(e, error);
    if (s == WEIR_OK) s = check_segments(e, error);
    return s == WEIR_OK ? read_sections(e, error) : s;
}

weir_status weir_elf_open(struct weir_elf *e, const struct weir_platform *platform, const char *path,
                          struct weir_error *error)
{
    *e = (struct weir_elf){.platform = platform};
    weir_status s = platform->open(platform->self, path, WEIR_OPEN_READ, &e->file, error);
    if (s != WEIR_OK) return s;
    s = read_tables(e, error);
    if (s != WEIR_OK) weir_elf_close(e);
    return s;
}

void weir_elf_close(struct weir_elf *e)
{
    if (e->file) {
        weir_status ignored = e->platform->close(e->platform->self, e->file, NULL); /* it was only read */
        (void)ignored;
    }
    weir_free(e->sections);
    weir_free(e->names);
    *e = (struct weir_elf){0};
}

/* ---- what is in it ----------------------------------------------------------------------------------------------- */

static const Elf64_Shdr *find_section(const struct weir_elf *e, const char *name)
{
    for (unsigned i = 0; i < e->header.e_shnum; i++) {
        const Elf64_Shdr *h = &e->sections[i];
        if (h->sh_name < e->n_names && strcmp(e->names + h->sh_name, name) == 0 && h->sh_type != SHT_NOBITS) return h;
    }
    return NULL;
}

weir_status weir_elf_section(const struct weir_elf *e, const char *name, char **bytes, size_t *n, struct weir_error *error)
{
    const Elf64_Shdr *h = find_section(e, name);
    *bytes = NULL;
    *n = 0;
    if (!h) return WEIR_OK;
    weir_status s = read_table(e, h->sh_offset, h->sh_size, bytes, error);
    if (s == WEIR_OK) *n = (size_t)h->sh_size;
    return s;
}

/* A note: name size, description size, type; then both, each padded to four bytes. */
weir_status weir_elf_build_id(const struct weir_elf *e, char **build_id, struct weir_error *error)
{
    static const char hex[] = "0123456789abcdef";
    char *bytes;
    size_t n;
    *build_id = NULL;
    weir_status s = weir_elf_section(e, ".note.gnu.build-id", &bytes, &n, error);
    if (s != WEIR_OK) return s;
    Elf64_Nhdr h = {0};
    if (n >= sizeof h) memcpy(&h, bytes, sizeof h);
    if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 && h.n_descsz > 0 && h.n_descsz <= 64 &&
        n >= sizeof h + 4 + h.n_descsz) {
        const unsigned char *id = (const unsigned char *)bytes + sizeof h + 4;
        char *text = *build_id = weir_alloc(2 * (size_t)h.n_descsz + 1);
        for (uint32_t i = 0; i < h.n_descsz; i++) {
            *text++ = hex[id[i] >> 4];
            *text++ = hex[id[i] & 15];
        }
    }
    weir_free(bytes);
    return WEIR_OK;
}

static void find_symbol(const char *symbols, size_t n_symbols, const char *names, size_t n_names, const char *symbol,
                        const char *prefix, bool *found, char **other)
{
    for (size_t i = 0; i < n_symbols; i++) {
        Elf64_Sym sym;
        memcpy(&sym, symbols + i * sizeof sym, sizeof sym);
        unsigned bind = ELF64_ST_BIND(sym.st_info);
        if (sym.st_shndx == SHN_UNDEF || sym.st_name >= n_names || (bind != STB_GLOBAL && bind != STB_WEAK)) continue;
        const char *name = names + sym.st_name;
        if (strcmp(name, symbol) == 0) {
            *found = true;
        } else if (!*other && strncmp(name, prefix, strlen(prefix)) == 0) {
            *other = weir_strdup(name);
        }
    }
}

weir_status weir_elf_exports(const struct weir_elf *e, const char *symbol, const char *prefix, bool *found, char **other,
                             struct weir_error *error)
{
    char *symbols = NULL, *names = NULL;
    size_t n_symbols, n_names;
    *found = false;
    *other = NULL;
    weir_status s = weir_elf_section(e, ".dynsym", &symbols, &n_symbols, error);
    if (s == WEIR_OK) s = weir_elf_section(e, ".dynstr", &names, &n_names, error);
    if (s == WEIR_OK && symbols && names)
        find_symbol(symbols, n_symbols / sizeof(Elf64_Sym), names, n_names, symbol, prefix, found, other);
    weir_free(symbols);
    weir_free(names);
    return s;
}
