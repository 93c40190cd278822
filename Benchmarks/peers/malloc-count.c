// Counts the allocations of the process that it is loaded into (LD_PRELOAD), where others can
// look: ALLOCATIONS names a file of one page. Its first word counts calls that give memory out, its
// second one the bytes asked for, its third one anonymous mappings.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// glibc's own names: asking dlsym for the next malloc would allocate.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

struct counts {
    _Atomic uint64_t calls;
    _Atomic uint64_t bytes;
    _Atomic uint64_t mappings;
};

// What is counted before the file is mapped goes nowhere.
static struct counts discarded;
static struct counts *_Atomic counts = &discarded;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("ALLOCATIONS");
    int file = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) counts = page;
}

static void count(size_t size) {
    struct counts *now = atomic_load_explicit(&counts, memory_order_relaxed);
    atomic_fetch_add_explicit(&now->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&now->bytes, size, memory_order_relaxed);
}

void *malloc(size_t size) {
    count(size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count(number * size);
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
    count(size);
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count(size);
    return __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size) {
    return aligned_alloc(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
    void *given = aligned_alloc(alignment, size);
    if (given == NULL) return ENOMEM;
    *memory = given;
    return 0;
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    struct counts *now = atomic_load_explicit(&counts, memory_order_relaxed);
    if (flags & MAP_ANONYMOUS) atomic_fetch_add_explicit(&now->mappings, 1, memory_order_relaxed);
    return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
}
