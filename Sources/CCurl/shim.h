// libcurl, and what Swift cannot import of it: variadic functions.
#pragma once

#include <curl/curl.h>

// curl_easy_setopt, for the options that take a number.
static inline CURLcode ferry_curl_set_number(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

// curl_easy_setopt, for the options that take a string, which curl copies, a list or memory.
static inline CURLcode ferry_curl_set_pointer(CURL *easy, CURLoption option, const void *value) {
    return curl_easy_setopt(easy, option, value);
}

// CURLOPT_SOCKOPTFUNCTION and CURLOPT_CLOSESOCKETFUNCTION: `context` outlives every connection.
static inline void ferry_curl_on_sockets(CURL *easy, void *context, curl_sockopt_callback opened,
                                         curl_closesocket_callback close) {
    curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, context);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, opened);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, context);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close);
}

// CURLOPT_PREREQFUNCTION, CURLOPT_HEADERFUNCTION and CURLOPT_WRITEFUNCTION: `context` outlives the
// transfer.
static inline void ferry_curl_on_transfer(CURL *easy, void *context, curl_prereq_callback sending,
                                          curl_write_callback header, curl_write_callback body) {
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, context);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, sending);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, context);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body);
}

// CURLOPT_READFUNCTION: where an upload's bytes come from.
static inline void ferry_curl_on_upload(CURL *easy, void *context, curl_read_callback pull) {
    curl_easy_setopt(easy, CURLOPT_READDATA, context);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, pull);
}

// CURLINFO_RESPONSE_CODE; 0 if there was no response.
static inline long ferry_curl_status(CURL *easy) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}
