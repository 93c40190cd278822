internal import HTTPServer
internal import Synchronization

/// Names requests: by what the client calls them, or else by a number that no other request has.
final class RequestIDs: Sendable {
    private let run = String(UInt32.random(in: 1 ... .max), radix: 16)
    private let count = Atomic<UInt64>(0)

    func id(of head: RequestHead) -> String {
        guard let id = head.fields["Request-Id"], (1...64).contains(id.utf8.count),
            id.utf8.allSatisfy(\.isIDByte)
        else { return next() }
        return id
    }

    func next() -> String {
        "\(run)-\(count.add(1, ordering: .relaxed).newValue)"
    }
}

extension UInt8 {
    fileprivate var isIDByte: Bool {
        switch self {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
