public import Devices
public import MigrationModel
internal import SystemPackage

/// An open simulated device: does behind the seam what a driver does behind the uAPI.
public final class SimulatedDevice: MigratableDevice {
    private let hardware: SimulatedHardware

    init(_ hardware: SimulatedHardware) {
        self.hardware = hardware
        hardware.opened()
    }

    deinit {
        hardware.closed()
    }

    /// The driver `simulated`, and a digest of the state while that is at rest.
    public var identity: DeviceIdentity {
        var identity = DeviceIdentity(driver: "simulated")
        identity.stateChecksum = hardware.stateChecksum
        return identity
    }

    /// The features of the plan.
    public var features: MigrationFeatures {
        hardware.plan.features
    }

    /// The second form where the plan has PRECOPY_INFO as of Linux 7.3.
    public var precopyInfoVersion: PrecopyInfoVersion? {
        guard features.contains(.preCopy) else { return nil }
        return hardware.plan.precopyInfo == .current ? .v2 : .v1
    }

    /// As the plan has it.
    public var losesStateOnClose: Bool {
        hardware.plan.lastCloseResets
    }

    /// The state that the device is in.
    public func state() throws(DeviceError) -> MigrationState {
        hardware.state
    }

    /// Walks to a state, arc by arc, each with the latency and the faults of the plan.
    public func setState(
        _ state: MigrationState
    ) throws(DeviceError) -> (any MigrationDataFile)? {
        do throws(Errno) {
            let session = try hardware.setState(state)
            return session.map { SimulatedDataFile(hardware, session: $0) }
        } catch {
            throw DeviceError("VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE SET", error)
        }
    }

    /// What STOP_COPY would deliver if the device stopped now.
    public func stopCopyLength() throws(DeviceError) -> UInt64? {
        hardware.stopCopyLength
    }

    /// Back to RUNNING, with the state of the plan.
    public func reset() throws(DeviceError) {
        do throws(Errno) {
            try hardware.reset()
        } catch {
            throw DeviceError("VFIO_DEVICE_RESET", error)
        }
    }
}

/// The data file of one session of a simulated device.
final class SimulatedDataFile: MigrationDataFile {
    private let hardware: SimulatedHardware
    private let session: UInt64

    init(_ hardware: SimulatedHardware, session: UInt64) {
        self.hardware = hardware
        self.session = session
    }

    func read(
        into buffer: inout OutputRawSpan, upTo limit: Int, begunIn state: MigrationState
    ) throws(DeviceError) -> ReadOutcome {
        var result: Result<Int, Errno> = .success(0)
        unsafe buffer.withUnsafeMutableBytes { bytes, used in
            let end = min(bytes.count, used + min(limit, bytes.count - used))
            let free = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[used..<end])
            do throws(Errno) {
                let count = try unsafe hardware.read(session, into: free)
                used += count
                result = .success(count)
            } catch {
                result = .failure(error)
            }
        }
        switch result {
        case .success(let count): return ReadOutcome(count: count, begunIn: state)
        case .failure(.noMessage): return ReadOutcome(noMessageIn: state)
        case .failure(let errno): throw DeviceError("read of the data fd", errno)
        }
    }

    func write(_ bytes: RawSpan) throws(DeviceError) -> Int {
        do throws(Errno) {
            return try unsafe bytes.withUnsafeBytes { bytes throws(Errno) in
                try unsafe hardware.write(session, bytes)
            }
        } catch {
            throw DeviceError("write to the data fd", error)
        }
    }

    func precopyInfo() throws(DeviceError) -> PrecopyInfo {
        do throws(Errno) {
            return try hardware.precopyInfo(session)
        } catch {
            throw DeviceError("VFIO_MIG_GET_PRECOPY_INFO", error)
        }
    }
}
