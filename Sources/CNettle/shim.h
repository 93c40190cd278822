// nettle, which is there wherever libmicrohttpd is: it is what GnuTLS computes with.
#pragma once

#include <nettle/base64.h>
#include <nettle/sha2.h>
