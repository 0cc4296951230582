/* Notes the name of every host that a process looks up, in Python or in a library's own code, in the file LOOKED_UP. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(const char *name) {
    const char *path = getenv("LOOKED_UP");
    int file = path && name ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (file >= 0) {
        ssize_t written = write(file, name, strlen(name));
        written += write(file, "\n", 1);
        close(file);
    }
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    note(name);
    return real(name, service, hints, found);
}

struct hostent *gethostbyname(const char *name) {
    struct hostent *(*real)(const char *);
    *(void **)&real = dlsym(RTLD_NEXT, "gethostbyname");
    note(name);
    return real(name);
}
