// The small peer on libmicrohttpd: a thread per connection, pools of 32 KiB, JSON by jansson.
//
// mhd-hello PORT GET.json PUT.json PAGE.json: a path that ends in /state is answered with the
// first file, to PUT with the second one after the body has been parsed; other paths with the third.
// The answer is made for each request: its tree is copied member by member, and dumped.
#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { pool_bytes = 32 << 10, most_body = 4096 };

struct request {
    size_t length;
    char body[most_body];
};

static json_t *get_answer, *put_answer, *page_answer;

static bool is_transition(const struct request *request) {
    json_t *body = json_loadb(request->body, request->length, JSON_REJECT_DUPLICATES, NULL);
    bool is_right = json_is_string(json_object_get(body, "state"));
    json_decref(body);
    return is_right;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              const json_t *model) {
    json_t *tree = json_deep_copy(model);
    char *text = tree != NULL ? json_dumps(tree, JSON_COMPACT) : NULL;
    json_decref(tree);
    if (text == NULL) return MHD_NO;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) return MHD_NO;
    // The fields that ferry's answers have.
    MHD_add_response_header(response, "Content-Type", "application/json");
    MHD_add_response_header(response, "ETag", "\"1\"");
    MHD_add_response_header(response, "Request-Id", "189baff6-1000");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *piece,
                              size_t *size, void **kept) {
    (void)context, (void)version;
    if (*kept == NULL) {
        // An answer in the first call would end the connection.
        struct request *request = malloc(sizeof *request);
        if (request == NULL) return MHD_NO;
        request->length = 0;
        *kept = request;
        return MHD_YES;
    }
    struct request *request = *kept;
    if (*size > 0) {
        if (*size > most_body - request->length) return MHD_NO;
        memcpy(request->body + request->length, piece, *size);
        request->length += *size;
        *size = 0;
        return MHD_YES;
    }
    size_t length = strlen(url);
    bool is_state = length > 6 && strcmp(url + length - 6, "/state") == 0;
    if (strcmp(method, "PUT") == 0)
        return answer(connection, is_transition(request) ? 200 : 400, put_answer);
    return answer(connection, 200, is_state ? get_answer : page_answer);
}

static void completed(void *context, struct MHD_Connection *connection, void **kept,
                      enum MHD_RequestTerminationCode code) {
    (void)context, (void)connection, (void)code;
    free(*kept);
    *kept = NULL;
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: mhd-hello PORT GET.json PUT.json PAGE.json\n");
        return 2;
    }
    get_answer = json_load_file(arguments[2], 0, NULL);
    put_answer = json_load_file(arguments[3], 0, NULL);
    page_answer = json_load_file(arguments[4], 0, NULL);
    if (get_answer == NULL || put_answer == NULL || page_answer == NULL) return 1;
    const unsigned flags =
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, (uint16_t)atoi(arguments[1]), NULL, NULL, handle, NULL,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)pool_bytes, MHD_OPTION_NOTIFY_COMPLETED,
        completed, NULL, MHD_OPTION_END);
    if (daemon == NULL) return 1;
    while (true) pause();
}
