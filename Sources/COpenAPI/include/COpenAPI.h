// The files of openapi/, built into the agent.
#pragma once

#include <stddef.h>

const unsigned char *ferry_openapi_yaml(void);
extern const size_t ferry_openapi_yaml_size;

const unsigned char *ferry_openapi_json(void);
extern const size_t ferry_openapi_json_size;
