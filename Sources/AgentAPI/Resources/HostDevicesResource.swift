internal import Devices
internal import HTTPServer

extension AgentAPI {
    /// `GET /v1/host-devices`: what sysfs knows, read anew; no device is opened.
    func listHostDevices(_ request: Request) throws(Problem) -> Response {
        let limit = try request.pageSize()
        let last = request.string("page_token")
        if let last, DeviceIdentifier(last) == nil {
            throw .invalid(parameter: "page_token", "No page ended there.")
        }
        let devices = opener.hostDevices()
            .compactMap { device in device.identity.name.map { (name: $0, device: device) } }
            .filter { $0.name > last ?? "" }
            .sorted { $0.name < $1.name }
        let page = devices.prefix(limit)
        return .page(
            page.map { $0.device.json(attachedAs: registry.device(withHostName: $0.name)) },
            next: devices.count > limit ? page.last?.name : nil)
    }
}
