/// What a caller demands of a device before a change, checked under the same lock as the change.
public struct Precondition: Hashable, Sendable {
    /// The generations that `If-Match` names; nil where it is absent or `*`.
    public var generations: Set<UInt64>?
    /// `If-Match` is there in any form.
    public var isConditional: Bool

    /// No demand.
    public static let none = Precondition(generations: nil, isConditional: false)

    /// What `If-Match` demands.
    public init(generations: Set<UInt64>?, isConditional: Bool) {
        self.generations = generations
        self.isConditional = isConditional
    }

    func check(_ generation: UInt64) throws(DeviceProblem) {
        if let generations, !generations.contains(generation) {
            throw .preconditionFailed(generation: generation)
        }
    }
}
