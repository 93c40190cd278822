internal import Devices
internal import MigrationModel
internal import SystemCalls
internal import SystemPackage

/// The device behind one or more open files: what a physical function and its driver are together.
final class SimulatedHardware: Sendable {
    let plan: SimulationPlan
    private let clock: any DeviceClock
    private let registers: Locked<Registers>
    private let file: RecordFile?

    init(_ plan: SimulationPlan, clock: any DeviceClock) {
        self.plan = plan
        self.clock = clock
        registers = Locked(Registers(plan, now: clock.now))
        file = nil
    }

    /// A device that is kept in a file, as the file has it or new.
    init(
        _ plan: SimulationPlan, clock: any DeviceClock, in file: RecordFile, _ record: DeviceRecord?
    ) throws(Errno) {
        self.plan = plan
        self.clock = clock
        let fresh = Registers(plan, now: clock.now)
        if record == nil { try file.write(fresh.record) }
        registers = Locked(record.map { Registers(plan, $0) } ?? fresh)
        self.file = file
    }

    // MARK: Open files

    func opened() {
        registers.withLock { $0.openFiles += 1 }
    }

    /// The last close resets the function, as vfio-pci does, unless the plan says otherwise.
    func closed() {
        registers.withLock { registers in
            registers.openFiles -= 1
            if registers.openFiles == 0 && plan.lastCloseResets {
                registers.reset(plan, now: clock.now)
            }
        }
    }

    // MARK: The state

    var state: MigrationState {
        withRegisters { $0.state }
    }

    var stateChecksum: String? {
        withRegisters { $0.restingContent(plan)?.checksum }
    }

    var stopCopyLength: UInt64 {
        withRegisters { $0.stopCopyLength }
    }

    /// Walks to a state, and answers the number of the session that this opened.
    func setState(_ target: MigrationState) throws(Errno) -> UInt64? {
        var opened: UInt64?
        guard let path = DriverWalk.path(from: state, to: target, features: plan.features) else {
            throw .invalidArgument
        }
        for arc in path {
            let action = try change { $0.faults.count(.arc) }
            clock.sleep(for: .microseconds(Int64(plan.arcLatencyMicroseconds)))
            if case .stall(let time)? = action { clock.sleep(for: .milliseconds(Int64(time))) }
            opened = try change { registers throws(Errno) in
                try registers.run(arc, action)
            }
        }
        return opened
    }

    func reset() throws(Errno) {
        try change { $0.reset(plan, now: clock.now) }
    }

    // MARK: The data file

    /// Fills a buffer from a session; 0 at an end, temporary or real.
    func read(
        _ session: UInt64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(Errno) -> Int {
        let (count, action) = try change { registers throws(Errno) in
            try unsafe registers.read(session, into: buffer)
        }
        if case .stall(let time)? = action { clock.sleep(for: .milliseconds(Int64(time))) }
        if count == 0 && plan.temporaryEnd == .enomsg && state.isPreCopy { throw .noMessage }
        return count
    }

    func write(_ session: UInt64, _ bytes: UnsafeRawBufferPointer) throws(Errno) -> Int {
        let action = try change { $0.faults.count(.write) }
        if case .stall(let time)? = action { clock.sleep(for: .milliseconds(Int64(time))) }
        try change { registers throws(Errno) in
            try unsafe registers.write(session, bytes, action)
        }
        return bytes.count
    }

    func precopyInfo(_ session: UInt64) throws(Errno) -> PrecopyInfo {
        if plan.precopyInfo == .unsupported { throw .inappropriateIOCTLForDevice }
        return try withRegisters { registers throws(Errno) in
            let left = try registers.bytesLeft(session)
            let isValid =
                plan.precopyInfo == .current
                ? registers.state.isPreCopy : registers.state == .preCopy
            if !isValid { throw .invalidArgument }
            return PrecopyInfo(
                initialBytes: left.initial, dirtyBytes: left.dirty,
                reinit: plan.precopyInfo == .current ? false : nil)
        }
    }

    private func withRegisters<Result, Failure: Error>(
        _ body: (inout Registers) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let now = clock.now
        return try registers.withLock { registers throws(Failure) in
            registers.advance(to: now, dirtyBytesPerSecond: plan.dirtyBytesPerSecond)
            return try body(&registers)
        }
    }
    /// Something happens to the device. What is kept of it is written down before anybody hears of it.
    ///
    /// With the lock held, as records have their order; a page of the kernel's memory takes it.
    private func change<Result>(
        _ body: (inout Registers) throws(Errno) -> Result
    ) throws(Errno) -> Result {
        guard let file else { return try withRegisters(body) }
        return try withRegisters { registers throws(Errno) in
            let before = registers.record
            let result = Swift.Result { () throws(Errno) in try body(&registers) }
            // That it is dirtied as time passes follows from the record.
            if registers.record != before { try file.write(registers.record) }
            return try result.get()
        }
    }
}
