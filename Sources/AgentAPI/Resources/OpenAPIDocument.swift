internal import COpenAPI
internal import HTTPServer

/// The published form of the API: the very files in `openapi/`, built into the agent.
enum OpenAPIDocument {
    /// `GET /v1/openapi.yaml`.
    static let yaml = Response(
        200, [("Content-Type", "application/yaml")],
        unsafe Array(
            UnsafeBufferPointer(start: ferry_openapi_yaml(), count: ferry_openapi_yaml_size)))

    /// `GET /v1/openapi.json`.
    static let json = Response(
        200, [("Content-Type", "application/json")],
        unsafe Array(
            UnsafeBufferPointer(start: ferry_openapi_json(), count: ferry_openapi_json_size)))
}
