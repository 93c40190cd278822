internal import HTTPServer

extension RequestHead {
    /// Refuses what a browser sends for somebody else's page.
    ///
    /// A page of any origin can have a browser on this host send simple requests to the agent, a POST
    /// without a body among them. Browsers say so in `Origin` and `Sec-Fetch-Site`; programs send
    /// neither. A page on a name that was pointed at loopback afterwards claims the agent's origin, so
    /// the name has to be loopback's own.
    ///
    /// Source: RFC 6454, section 7; Fetch Metadata Request Headers (W3C), section 2.3.
    func refuseOtherOrigins() throws(Problem) {
        let origin = fields["Origin"]
        let site = fields["Sec-Fetch-Site"]
        if origin == nil && site == nil { return }
        let host = fields["Host"] ?? ""
        let isOurs =
            host.isLoopbackName && ["same-origin", "none", nil].contains(site)
            && (origin == nil || origin == "http://\(host)")
        if isOurs { return }
        throw Problem(
            .crossOrigin, "\(method) was refused: it comes from a page of \(origin ?? "elsewhere")."
        )
    }
}

extension String {
    /// The host of an authority is an address of loopback, or `localhost`.
    fileprivate var isLoopbackName: Bool {
        let name = hasPrefix("[") ? prefix { $0 != "]" }.dropFirst() : prefix { $0 != ":" }
        let numbers = name.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        let isLoopbackIPv4 = numbers.count == 4 && numbers[0] == 127 && !numbers.contains(nil)
        return name == "localhost" || name == "::1" || isLoopbackIPv4
    }
}
