internal import HTTPServer

/// `GET /problems/{slug}`: what a kind of problem means and what to do.
enum ProblemPage {
    static func response(_ request: Request) throws(Problem) -> Response {
        guard let slug = ProblemSlug(rawValue: request.parameters[0]) else {
            throw Problem(
                .notFound, "There is no kind of problem called '\(request.parameters[0])'.")
        }
        let retry = slug.isRetryable ? "Sending the same request again may help.\n" : ""
        let text = """
            \(slug.title)
            \(slug.rawValue), status \(slug.status)

            \(slug.explanation)
            \(retry)
            """
        return Response(200, [("Content-Type", "text/plain; charset=utf-8")], Array(text.utf8))
    }
}
