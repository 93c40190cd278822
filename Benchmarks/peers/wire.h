// Sockets on loopback, for the peers that speak HTTP by hand.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

// A socket that listens on a port of 127.0.0.1, or is connected to it; a failure ends the process.
int wire_listen(int port);
int wire_connect(int port);

// Sends everything; false if the other side has gone.
bool wire_send(int socket, const void *bytes, size_t count);

// Receives until a head has come whole; how much came in all, 0 on failure. `body` is its length.
size_t wire_receive_head(int socket, char *buffer, size_t room, size_t *body);

// Seconds of the monotonic clock.
double wire_now(void);
