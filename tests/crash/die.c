/* Ends the process before its n-th change of the file system below a folder, as SIGKILL would.

   gcc -shared -fPIC -o die.so die.c -ldl
   LD_PRELOAD=./die.so DIE_BELOW=/folder DIE_AT=17 DIE_COUNT=/where/to/write/the/number program

   Counted are the calls of the C library by which a file or a folder is changed or made durable. With DIE_AT beyond
   their number the program runs to its end, and the number stands in DIE_COUNT. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static long calls;

static int below(const char *path) {
    const char *root = getenv("DIE_BELOW");
    return root && path && strncmp(path, root, strlen(root)) == 0;
}

static int open_below(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

static void step(void) {
    const char *at = getenv("DIE_AT");
    if (at && __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) == atol(at)) _exit(137);
}

__attribute__((destructor)) static void tell(void) {
    const char *where = getenv("DIE_COUNT");
    FILE *file = where ? fopen(where, "w") : NULL;
    if (file) {
        fprintf(file, "%ld\n", calls);
        fclose(file);
    }
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
    if (open_below(fd)) step();
    return NEXT(write)(fd, data, size);
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t size) {
    if (open_below(out)) step();
    return NEXT(sendfile64)(out, in, offset, size);
}

int fsync(int fd) {
    if (open_below(fd)) step();
    return NEXT(fsync)(fd);
}

int ftruncate64(int fd, off64_t size) {
    if (open_below(fd)) step();
    return NEXT(ftruncate64)(fd, size);
}

int rename(const char *from, const char *to) {
    if (below(to)) step();
    return NEXT(rename)(from, to);
}

int link(const char *from, const char *to) {
    if (below(to)) step();
    return NEXT(link)(from, to);
}

int linkat(int at, const char *from, int to_at, const char *to, int flags) {
    if (below(to)) step();
    return NEXT(linkat)(at, from, to_at, to, flags);
}

int symlink(const char *content, const char *path) {
    if (below(path)) step();
    return NEXT(symlink)(content, path);
}

int mkdir(const char *path, mode_t mode) {
    if (below(path)) step();
    return NEXT(mkdir)(path, mode);
}

int rmdir(const char *path) {
    if (below(path)) step();
    return NEXT(rmdir)(path);
}

int unlink(const char *path) {
    if (below(path)) step();
    return NEXT(unlink)(path);
}

int unlinkat(int at, const char *path, int flags) {
    if (open_below(at) || below(path)) step();
    return NEXT(unlinkat)(at, path, flags);
}

int open64(const char *path, int flags, ...) {
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list more;
        va_start(more, flags);
        mode = va_arg(more, mode_t);
        va_end(more);
        if (below(path)) step();
    }
    return NEXT(open64)(path, flags, mode);
}
