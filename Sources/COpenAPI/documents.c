#include "COpenAPI.h"

static const unsigned char yaml[] = {
#embed "../../openapi/openapi.yaml"
};

static const unsigned char json[] = {
#embed "../../openapi/openapi.json"
};

const unsigned char *ferry_openapi_yaml(void) { return yaml; }
const size_t ferry_openapi_yaml_size = sizeof yaml;

const unsigned char *ferry_openapi_json(void) { return json; }
const size_t ferry_openapi_json_size = sizeof json;
