// libmicrohttpd, and what Swift cannot import of it: variadic functions and macros.
#pragma once

#include <microhttpd.h>
#include <stdint.h>
#include <sys/socket.h>

typedef void *(*ferry_mhd_target_callback)(void *context, const char *target,
                                           struct MHD_Connection *connection);

// MHD_start_daemon: one thread per connection, no listening socket of its own (connections come
// through MHD_add_connection), no log of its own, no timeouts of its own. `context` goes to every
// callback. poll(2), because select(2) ends at descriptor 1023.
static inline struct MHD_Daemon *ferry_mhd_start(size_t pool_bytes, size_t stack_bytes,
                                                 unsigned int connections, void *context,
                                                 ferry_mhd_target_callback target,
                                                 MHD_AccessHandlerCallback handler,
                                                 MHD_RequestCompletedCallback completed,
                                                 MHD_NotifyConnectionCallback connection) {
    return MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
            MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC,
        0, NULL, NULL, handler, context,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, pool_bytes,
        MHD_OPTION_THREAD_STACK_SIZE, stack_bytes,
        MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_CONNECTION_TIMEOUT, 0u,
        MHD_OPTION_URI_LOG_CALLBACK, target, context,
        MHD_OPTION_NOTIFY_COMPLETED, completed, context,
        MHD_OPTION_NOTIFY_CONNECTION, connection, context, MHD_OPTION_END);
}

// MHD_get_connection_info, MHD_CONNECTION_INFO_CONNECTION_FD; -1 if there is none.
static inline int ferry_mhd_socket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL ? info->connect_fd : -1;
}

// MHD_get_connection_info, MHD_CONNECTION_INFO_SOCKET_CONTEXT.
static inline void *ferry_mhd_socket_context(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

// Values with a cast in their macro.
static const ssize_t ferry_mhd_end_of_stream = MHD_CONTENT_READER_END_OF_STREAM;
static const ssize_t ferry_mhd_end_with_error = MHD_CONTENT_READER_END_WITH_ERROR;
static const uint64_t ferry_mhd_size_unknown = MHD_SIZE_UNKNOWN;
