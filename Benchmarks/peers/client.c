// The one client of all streams: it receives 1 MiB at a time and discards it, or sends a file.
//
// client get PORT TARGET...       one connection for each target, all at once
// client put PORT FILE TARGET     the file in pieces of 1 MiB, with its length
//
// Prints the bytes of the bodies, framing included, and the seconds from the first request to the
// last end. An answer other than 200 ends it with 1.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "wire.h"

struct download {
    int socket;
    const char *target;
    uint64_t bytes;
    pthread_t thread;
};

// The answer's head; what came of its body already.
static size_t expect_success(int socket) {
    char head[8192];
    size_t body = 0, came = wire_receive_head(socket, head, sizeof head, &body);
    if (came < 12 || memcmp(head + 9, "200", 3) != 0) {
        fprintf(stderr, "refused: %.*s\n", (int)came, head);
        exit(1);
    }
    return came - body;
}

static void *get(void *argument) {
    struct download *download = argument;
    unsigned char *buffer = image_new_buffer();
    char head[512];
    int length = snprintf(head, sizeof head,
                          "GET %s HTTP/1.1\r\nHost: benchmark\r\nConnection: close\r\n\r\n",
                          download->target);
    wire_send(download->socket, head, (size_t)length);
    download->bytes = expect_success(download->socket);
    ssize_t received;
    while ((received = recv(download->socket, buffer, image_buffer, 0)) > 0)
        download->bytes += (size_t)received;
    return NULL;
}

static void get_all(int port, char **targets, int count) {
    struct download *downloads = calloc((size_t)count, sizeof *downloads);
    if (downloads == NULL) exit(1);
    for (int i = 0; i < count; i++)
        downloads[i] = (struct download){.socket = wire_connect(port), .target = targets[i]};
    double start = wire_now();
    uint64_t bytes = 0;
    for (int i = 0; i < count; i++)
        if (pthread_create(&downloads[i].thread, NULL, get, &downloads[i]) != 0) exit(1);
    for (int i = 0; i < count; i++) {
        pthread_join(downloads[i].thread, NULL);
        bytes += downloads[i].bytes;
    }
    printf("%llu %.6f\n", (unsigned long long)bytes, wire_now() - start);
}

static void put(int port, const char *path, const char *target) {
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0) exit(1);
    size_t size = (size_t)status.st_size;
    // Populated, so that no page faults of the sender are measured.
    const char *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
    if (bytes == MAP_FAILED) exit(1);
    int socket = wire_connect(port);
    char head[512];
    int length = snprintf(head, sizeof head,
                          "PUT %s HTTP/1.1\r\nHost: benchmark\r\nConnection: close\r\n"
                          "Content-Length: %zu\r\n\r\n",
                          target, size);
    double start = wire_now();
    wire_send(socket, head, (size_t)length);
    for (size_t offset = 0; offset < size; offset += image_buffer) {
        size_t piece = size - offset < image_buffer ? size - offset : image_buffer;
        if (!wire_send(socket, bytes + offset, piece)) break;
    }
    expect_success(socket);
    printf("%zu %.6f\n", size, wire_now() - start);
}

int main(int count, char **arguments) {
    if (count >= 4 && strcmp(arguments[1], "get") == 0) {
        get_all(atoi(arguments[2]), arguments + 3, count - 3);
    } else if (count == 5 && strcmp(arguments[1], "put") == 0) {
        put(atoi(arguments[2]), arguments[3], arguments[4]);
    } else {
        fprintf(stderr, "usage: client get PORT TARGET... | put PORT FILE TARGET\n");
        return 2;
    }
    return 0;
}
