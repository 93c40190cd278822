import Digests
import MigrationModel
import SystemCalls
import TestSupport
import Testing

@testable import Devices

@Suite("An upload in parts")
struct AppendingTests {
    private let bench: Bench

    init() throws {
        bench = try Bench()
        _ = try bench.controller.transition(to: .resuming)
    }

    private func digest(_ bytes: [UInt8]) -> SHA256Digest {
        var hash = SHA256()
        hash.update(bytes.span.bytes)
        return hash.digest
    }

    private func segment(
        _ offset: UInt64, isLast: Bool = false, _ change: (inout UploadSegment) -> Void = { _ in }
    ) -> UploadSegment {
        var segment = UploadSegment()
        segment.offset = offset
        segment.isLast = isLast
        change(&segment)
        return segment
    }

    @discardableResult
    private func send(
        _ bytes: [UInt8], _ segment: UploadSegment, isWhole: Bool = true
    ) throws(DeviceProblem) -> TransferSession? {
        let writer = try bench.controller.openWriter(segment)
        do throws(DeviceProblem) {
            try writer.write(bytes)
        } catch {
            _ = try? writer.finish(isWhole: false)
            throw error
        }
        return try writer.finish(isWhole: isWhole)
    }

    private func commit(_ change: (inout CommitProof) -> Void = { _ in }) -> DeviceProblem? {
        var proof = CommitProof()
        change(&proof)
        return problem { _ = try bench.controller.transition(to: .stop, proof: proof) }
    }

    @Test("is complete with its last part, and has the digest of the whole")
    func parts() throws {
        #expect(try send([1, 2, 3], segment(0))?.phase == .active)
        #expect(try send([4], segment(3), isWhole: false)?.offset == 4)
        let session = try #require(try send([5, 6], segment(4, isLast: true)))
        #expect(session.phase == .complete)
        #expect(session.sha256 == digest([1, 2, 3, 4, 5, 6]))
        let sha256 = session.sha256
        #expect(commit { $0.sha256 = sha256 } == nil)
    }

    @Test("is never written twice, and nothing is skipped")
    func offsets() throws {
        try send([1, 2, 3], segment(0))
        for offset in [0, 2, 4] as [UInt64] {
            #expect(
                problem { try send([9], segment(offset)) } == .offsetMismatch(expected: 3),
                "\(offset)")
        }
        #expect(bench.device.file.written.withLock { $0 } == 3)
    }

    @Test("has the length that was declared, or is not taken")
    func declaredLength() throws {
        try send([1, 2, 3], segment(0) { $0.imageLength = 5 })
        guard
            case .declarationMismatch = problem({ try send([4], segment(3) { $0.imageLength = 6 }) }
            )
        else { return #expect(Bool(false), "another length was taken") }
        guard case .declarationMismatch = problem({ try send([4], segment(3) { $0.length = 3 }) })
        else { return #expect(Bool(false), "a body that is too long was taken") }
        guard case .imageIncomplete(_, _, 5) = problem({ try send([4], segment(3, isLast: true)) })
        else { return #expect(Bool(false), "a short image was complete") }
        #expect(bench.controller.snapshot.session?.phase == .active)
        guard case .imageIncomplete = commit({ $0.acceptUnverified = true })
        else { return #expect(Bool(false), "a short image was committed") }
        #expect(try send([5], segment(4, isLast: true))?.phase == .complete)
        #expect(commit() == nil)
    }

    @Test("fails with the first byte beyond the length that was declared")
    func overlong() throws {
        guard
            case .imageIncomplete(_, _, 2) = problem({
                try send([1, 2, 3], segment(0) { $0.imageLength = 2 })
            })
        else { return #expect(Bool(false), "it was taken") }
        #expect(bench.device.file.written.withLock { $0 } == 0)
        #expect(bench.controller.snapshot.session?.phase == .failed)
    }

    @Test("fails when a part is not what its sender speaks of")
    func partDigest() throws {
        try send([1, 2], segment(0) { $0.digest = digest([1, 2]) })
        guard
            case .digestMismatch(let session, _, let actual) = problem({
                try send([3], segment(2) { $0.digest = digest([4]) })
            })
        else { return #expect(Bool(false), "it was taken") }
        #expect(session.phase == .failed)
        #expect(actual == digest([3]))
    }

    @Test("fails when the whole is not what was declared")
    func imageDigest() throws {
        try send([1], segment(0) { $0.imageDigest = digest([1, 2]) })
        guard case .digestMismatch = problem({ try send([3], segment(1, isLast: true)) })
        else { return #expect(Bool(false), "it was complete") }
        #expect(bench.controller.snapshot.session?.phase == .failed)
    }

    @Test("is not committed on a digest that is another, or that nobody computed")
    func commitDigest() throws {
        let right = digest([1, 2])
        try send([1, 2], segment(0, isLast: true))
        guard case .imageIncomplete = commit({ $0.sha256 = digest([2, 1]) })
        else { return #expect(Bool(false), "it was committed") }
        #expect(commit { $0.sha256 = right } == nil)

        let other = try Bench()
        _ = try other.controller.transition(to: .resuming)
        let writer = try other.controller.openWriter(
            segment(0, isLast: true) { $0.digests = false })
        try writer.write([1, 2])
        #expect(try writer.finish(isWhole: true)?.sha256 == nil)
        var proof = CommitProof()
        proof.sha256 = right
        guard
            case .imageIncomplete = problem({
                _ = try other.controller.transition(to: .stop, proof: proof)
            })
        else { return #expect(Bool(false), "it was committed") }
        proof = CommitProof()
        proof.bytes = 2
        _ = try other.controller.transition(to: .stop, proof: proof)
    }
}
