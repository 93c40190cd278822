internal import HTTPServer

extension Request {
    /// Refuses a body of another type.
    ///
    /// A required type keeps browsers out as well: a page of another origin can send a form or plain
    /// text to an agent on this machine without being asked, but not JSON.
    func requireMediaType(_ wanted: String, isRequired: Bool) throws(Problem) {
        let field = head.fields["Content-Type"]
        if field == wanted || field == nil && !isRequired { return }
        let type = field?.prefix { $0 != ";" && $0 != " " }.lowercased()
        if type == wanted { return }
        throw Problem(
            .unsupportedMediaType,
            "\(action): the body is '\(type ?? "of no type")', not '\(wanted)'.")
    }
}
