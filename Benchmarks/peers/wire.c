#define _GNU_SOURCE
#include "wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static int open_socket(int port, struct sockaddr_in *address) {
    *address = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

int wire_listen(int port) {
    struct sockaddr_in address;
    int listener = open_socket(port, &address), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) fail("bind");
    if (listen(listener, 128) != 0) fail("listen");
    return listener;
}

int wire_connect(int port) {
    struct sockaddr_in address;
    int connection = open_socket(port, &address);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    return connection;
}

bool wire_send(int socket, const void *bytes, size_t count) {
    for (size_t done = 0; done < count;) {
        ssize_t sent = send(socket, (const char *)bytes + done, count - done, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        done += (size_t)sent;
    }
    return true;
}

size_t wire_receive_head(int socket, char *buffer, size_t room, size_t *body) {
    for (size_t count = 0; count < room;) {
        ssize_t received = recv(socket, buffer + count, room - count, 0);
        if (received <= 0) return 0;
        count += (size_t)received;
        const char *end = memmem(buffer, count, "\r\n\r\n", 4);
        if (end != NULL) {
            *body = (size_t)(end - buffer) + 4;
            return count;
        }
    }
    return 0;
}

double wire_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}
