import Devices
import MigrationModel
import SystemPackage
import TestSupport
import Testing

extension Laws {
    @Suite("Laws of the data file")
    struct DataLaws {
        @Test("STOP_COPY delivers the image, and its end is for good", arguments: Subject.all)
        func stopCopy(_ subject: Subject) throws {
            let device = try subject.device()
            let file = try #require(try device.take(to: .stopCopy))
            let (image, end) = try file.drain(in: .stopCopy)
            #expect(!image.isEmpty)
            #expect(end == .endOfStream)
            #expect(try file.piece(upTo: 100, in: .stopCopy).outcome == .endOfStream)
        }

        @Test(
            "Pre-copy has a temporary end, and STOP_COPY delivers the rest on the same file",
            arguments: Subject.all.filter { $0.features.contains(.preCopy) })
        func preCopy(_ subject: Subject) throws {
            let device = try subject.device()
            let file = try #require(try device.take(to: .preCopy))
            let (first, temporaryEnd) = try file.drain(in: .preCopy)
            #expect(!first.isEmpty)
            #expect(temporaryEnd == .drained)
            for arc in try StateMachine.path(
                from: .preCopy, to: .stopCopy, features: subject.features)
            {
                #expect(try device.setState(arc.to) == nil)
            }
            let (_, end) = try file.drain(in: .stopCopy)
            #expect(end == .endOfStream)
        }

        @Test(
            "PRECOPY_INFO falls as the data is read, and is EINVAL once the device has stopped",
            arguments: Subject.all.filter { $0.features.contains(.preCopy) })
        func precopyInfo(_ subject: Subject) throws {
            let device = try subject.device()
            let file = try #require(try device.take(to: .preCopy))
            #expect(try file.precopyInfo().initialBytes > 0)
            _ = try file.drain(in: .preCopy)
            #expect(try file.precopyInfo().initialBytes == 0)
            #expect(try file.precopyInfo().dirtyBytes == 0)
            _ = try device.take(to: .stopCopy)
            #expect(failure { _ = try file.precopyInfo() } == .invalidArgument)
        }

        @Test("An image is the same in small pieces as in large ones", arguments: Subject.all)
        func pieces(_ subject: Subject) throws {
            let device = try subject.device()
            var images: [[UInt8]] = []
            for size in [1, 7, 4096, 1 << 20] {
                let file = try #require(try device.take(to: .stopCopy))
                images.append(try file.drain(pieces: size, in: .stopCopy).bytes)
                try device.take(to: .stop)
            }
            #expect(Set(images).count == 1)
        }

        @Test("A data file is dead once its session has ended", arguments: Subject.all)
        func endedSession(_ subject: Subject) throws {
            let device = try subject.device()
            let file = try #require(try device.take(to: .stopCopy))
            try device.take(to: .stop)
            #expect(
                failure { _ = try file.piece(upTo: 1, in: .stop) } == .operationNotSupportedByDevice
            )
        }

        @Test("Another device takes the image", arguments: Subject.all)
        func restore(_ subject: Subject) throws {
            let image = try image(of: subject)
            for size in [1, 4096, 1 << 20] {
                let destination = try subject.device(1)
                let file = try #require(try destination.take(to: .resuming))
                try file.writeAll(image, pieces: size)
                try destination.take(to: .running)
                #expect(try destination.state() == .running)
            }
        }

        @Test(
            "An image that went through pre-copy is taken as well",
            arguments: Subject.all.filter { $0.features.contains(.preCopy) })
        func restoreAfterPreCopy(_ subject: Subject) throws {
            let source = try subject.device()
            let saving = try #require(try source.take(to: .preCopy))
            var image = try saving.drain(in: .preCopy).bytes
            try source.take(to: .stopCopy)
            image += try saving.drain(in: .stopCopy).bytes
            let destination = try subject.device(1)
            let resuming = try #require(try destination.take(to: .resuming))
            try resuming.writeAll(image)
            try destination.take(to: .stop)
            #expect(try destination.state() == .stop)
        }

        @Test("A short image is refused and the device stays in RESUMING", arguments: Subject.all)
        func shortImage(_ subject: Subject) throws {
            let image = try image(of: subject)
            let destination = try subject.device(1)
            let file = try #require(try destination.take(to: .resuming))
            try file.writeAll(Array(image.dropLast(1)))
            #expect(failure { _ = try destination.setState(.stop) } == .invalidArgument)
            #expect(try destination.state() == .resuming)
            try destination.reset()
            #expect(try destination.state() == .running)
        }

        @Test("A write beyond the end of the image fails as a whole", arguments: Subject.all)
        func longImage(_ subject: Subject) throws {
            let image = try image(of: subject)
            let destination = try subject.device(1)
            let file = try #require(try destination.take(to: .resuming))
            #expect(failure { _ = try file.write((image + [0]).span.bytes) } == .noMemory)
        }

        @Test("A foreign image is refused at its header", arguments: Subject.all)
        func foreignImage(_ subject: Subject) throws {
            let destination = try subject.device(1)
            let file = try #require(try destination.take(to: .resuming))
            let foreign = [UInt8](repeating: 0x5a, count: 64)
            let errno = failure { try file.writeAll(foreign) }
            #expect([.badAddress, .invalidArgument].contains(errno))
        }

        private func image(of subject: Subject) throws -> [UInt8] {
            let source = try subject.device()
            let file = try #require(try source.take(to: .stopCopy))
            return try file.drain(in: .stopCopy).bytes
        }
    }
}
