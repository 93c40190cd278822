// The limit: read() + send(), and recv() + write(), with 1 MiB buffers, a thread per connection.
//
// bare serve PORT      GET /BYTES sends the image with that many initial bytes, unframed, with a
//                      Content-Length; PUT /BYTES takes it, chunked or with a length.
// bare image BYTES     writes the image to standard output.
// bare source BYTES    makes the image for nobody, and prints its bytes and the seconds.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "image.h"
#include "wire.h"

struct exchange {
    int socket;
    struct image image;
    unsigned char *buffer;
    // Of a chunked body: what is left of the chunk, and what was read of the next one's size.
    uint64_t chunk_left;
    uint64_t chunk_size;
    bool is_last;
    // Digits of a size are followed by CR LF, data too: at its CR a line with digits ends.
    bool has_digits;
};

static void send_image(struct exchange *exchange, uint64_t bytes) {
    char head[128];
    int length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n",
                          (unsigned long long)image_length(bytes));
    bool goes_on = wire_send(exchange->socket, head, (size_t)length);
    while (goes_on) {
        size_t count = image_read(&exchange->image, exchange->buffer, image_buffer);
        if (count == 0) break;
        goes_on = wire_send(exchange->socket, exchange->buffer, count);
    }
}

// Takes what came of a chunked body; false if it is not the image.
static bool take_chunked(struct exchange *exchange, const unsigned char *bytes, size_t count) {
    while (count > 0 && !exchange->is_last) {
        if (exchange->chunk_left > 0) {
            size_t piece = count < exchange->chunk_left ? count : exchange->chunk_left;
            if (!image_write(&exchange->image, bytes, piece)) return false;
            exchange->chunk_left -= piece;
            bytes += piece;
            count -= piece;
            continue;
        }
        unsigned char byte = *bytes++;
        count--;
        if (byte == '\n' && exchange->has_digits) {
            exchange->chunk_left = exchange->chunk_size;
            exchange->is_last = exchange->chunk_size == 0;
            exchange->chunk_size = 0;
            exchange->has_digits = false;
        } else if (byte != '\r' && byte != '\n') {
            unsigned digit = byte <= '9' ? byte - 48u : (byte | 32u) - 'a' + 10u;
            exchange->chunk_size = exchange->chunk_size * 16 + digit;
            exchange->has_digits = true;
        }
    }
    return true;
}

static bool take_image(struct exchange *exchange, const char *head, size_t came, size_t body,
                       uint64_t bytes) {
    const char *go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    if (strcasestr(head, "\nExpect:") != NULL)
        wire_send(exchange->socket, go_on, strlen(go_on));
    bool is_chunked = strcasestr(head, "\nTransfer-Encoding:") != NULL;
    const unsigned char *piece = (const unsigned char *)head + body;
    uint64_t left = image_length(bytes);
    size_t count = came - body;
    while (true) {
        if (is_chunked ? !take_chunked(exchange, piece, count)
                       : !image_write(&exchange->image, piece, count))
            return false;
        left -= is_chunked ? 0 : count;
        if (exchange->is_last || left == 0) return true;
        ssize_t received = recv(exchange->socket, exchange->buffer, image_buffer, 0);
        if (received <= 0) return false;
        piece = exchange->buffer;
        count = (size_t)received;
    }
}

static void *serve(void *argument) {
    struct exchange *exchange = argument;
    char head[8192];
    size_t body = 0, came = wire_receive_head(exchange->socket, head, sizeof head - 1, &body);
    head[came] = 0;
    const char *slash = came > 0 ? strchr(head, '/') : NULL;
    uint64_t bytes = slash != NULL ? strtoull(slash + 1, NULL, 10) : 0;
    exchange->buffer = image_new_buffer();
    image_begin(&exchange->image, bytes);
    if (bytes > 0 && strncmp(head, "PUT", 3) == 0) {
        bool is_right = take_image(exchange, head, came, body, bytes);
        const char *answer = is_right ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                                      : "HTTP/1.1 422 Wrong\r\nContent-Length: 0\r\n\r\n";
        wire_send(exchange->socket, answer, strlen(answer));
    } else if (bytes > 0) {
        send_image(exchange, bytes);
    }
    close(exchange->socket);
    free(exchange->buffer - image_margin);
    free(exchange);
    return NULL;
}

static int serve_forever(int port) {
    int listener = wire_listen(port);
    while (true) {
        struct exchange *exchange = aligned_alloc(64, (sizeof *exchange + 63) / 64 * 64);
        if (exchange == NULL) return 1;
        memset(exchange, 0, sizeof *exchange);
        exchange->socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        pthread_t thread;
        if (exchange->socket < 0 || pthread_create(&thread, NULL, serve, exchange) != 0) return 1;
        pthread_detach(thread);
    }
}

static int make_image(uint64_t bytes, bool is_written) {
    static struct image image;
    unsigned char *buffer = image_new_buffer();
    double start = wire_now();
    size_t count;
    image_begin(&image, bytes);
    while ((count = image_read(&image, buffer, image_buffer)) > 0)
        if (is_written && fwrite(buffer, 1, count, stdout) != count) return 1;
    if (!is_written)
        printf("%llu %.6f\n", (unsigned long long)image_length(bytes), wire_now() - start);
    return fflush(stdout) == 0 ? 0 : 1;
}

int main(int count, char **arguments) {
    const char *command = count == 3 ? arguments[1] : "";
    if (strcmp(command, "serve") == 0) return serve_forever(atoi(arguments[2]));
    if (strcmp(command, "image") == 0) return make_image(strtoull(arguments[2], NULL, 10), true);
    if (strcmp(command, "source") == 0) return make_image(strtoull(arguments[2], NULL, 10), false);
    fprintf(stderr, "usage: bare serve PORT | image BYTES | source BYTES\n");
    return 2;
}
