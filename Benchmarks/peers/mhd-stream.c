// The bulk peer on libmicrohttpd: a thread per connection, pools of 1 MiB, nothing else.
//
// mhd-stream PORT: GET /BYTES answers the image with that many initial bytes, chunked, from a
// content reader; PUT /BYTES takes it.
#include <microhttpd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image.h"

struct upload {
    struct image image;
    bool is_wrong;
};

static struct upload *new_upload(const char *url) {
    struct upload *upload = aligned_alloc(64, (sizeof *upload + 63) / 64 * 64);
    if (upload == NULL) return NULL;
    image_begin(&upload->image, strtoull(url + 1, NULL, 10));
    upload->is_wrong = false;
    return upload;
}

static ssize_t read_image(void *context, uint64_t position, char *buffer, size_t room) {
    (void)position;
    size_t count = image_read(context, (unsigned char *)buffer, room);
    return count > 0 ? (ssize_t)count : MHD_CONTENT_READER_END_OF_STREAM;
}

static enum MHD_Result answer(struct MHD_Connection *connection, struct upload *upload,
                              bool is_upload) {
    struct MHD_Response *response =
        is_upload ? MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT)
                  : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, image_buffer, read_image,
                                                      &upload->image, NULL);
    if (response == NULL) return MHD_NO;
    unsigned status = upload->is_wrong ? 422 : 200;
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *piece,
                              size_t *size, void **kept) {
    (void)context, (void)version;
    if (*kept == NULL) {
        *kept = new_upload(url);
        return *kept != NULL ? MHD_YES : MHD_NO;
    }
    struct upload *upload = *kept;
    if (*size > 0) {
        if (!image_write(&upload->image, (const unsigned char *)piece, *size))
            upload->is_wrong = true;
        *size = 0;
        return MHD_YES;
    }
    return answer(connection, upload, strcmp(method, "PUT") == 0);
}

static void completed(void *context, struct MHD_Connection *connection, void **kept,
                      enum MHD_RequestTerminationCode code) {
    (void)context, (void)connection, (void)code;
    free(*kept);
    *kept = NULL;
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: mhd-stream PORT\n");
        return 2;
    }
    const unsigned flags =
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, (uint16_t)atoi(arguments[1]), NULL, NULL, handle, NULL,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)image_buffer, MHD_OPTION_NOTIFY_COMPLETED,
        completed, NULL, MHD_OPTION_END);
    if (daemon == NULL) return 1;
    while (true) pause();
}
