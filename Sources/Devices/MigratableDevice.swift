public import MigrationModel
public import SystemPackage

/// A device that can migrate: the seam between the backends and everything above.
///
/// A backend does what a driver does behind the uAPI, call by call, and decides nothing. Calls may
/// block for as long as the driver likes; no lock is held over any of them. The device is given back
/// to its owner, or closed, when the last reference goes.
public protocol MigratableDevice: AnyObject, Sendable {
    /// What the device is. Never blocks and never asks the driver.
    var identity: DeviceIdentity { get }

    /// What of the migration protocol it supports. Never blocks.
    var features: MigrationFeatures { get }

    /// The form of PRECOPY_INFO; nil without PRE_COPY. Never blocks.
    var precopyInfoVersion: PrecopyInfoVersion? { get }

    /// Nobody else keeps it open, and the last close resets it: with this process its state is gone.
    /// Never blocks.
    var losesStateOnClose: Bool { get }

    /// The state that the device is in.
    func state() throws(DeviceError) -> MigrationState

    /// Asks the device for a state, and answers the data file where that opens a session.
    ///
    /// After a failure only ``state()`` tells where the device stands.
    func setState(_ state: MigrationState) throws(DeviceError) -> (any MigrationDataFile)?

    /// How many bytes STOP_COPY will deliver, by the driver's estimate; nil where it does not say.
    func stopCopyLength() throws(DeviceError) -> UInt64?

    /// Resets the device: to RUNNING, its session ended, its state gone.
    func reset() throws(DeviceError)
}

/// The data file of a data transfer session.
///
/// It is closed when the last reference goes. Once its session has ended every call fails with
/// `ENODEV`.
public protocol MigrationDataFile: AnyObject, Sendable {
    /// Reads a piece of the image, at most so many bytes; what an empty answer means depends on the state that the device
    /// was known to be in before the call.
    func read(
        into buffer: inout OutputRawSpan, upTo limit: Int, begunIn state: MigrationState
    ) throws(DeviceError) -> ReadOutcome

    /// Writes a piece of an image and answers how many bytes were taken.
    func write(_ bytes: RawSpan) throws(DeviceError) -> Int

    /// How much is estimated to be left. `EINVAL`: not in this state. `ENOTTY`: not supported.
    func precopyInfo() throws(DeviceError) -> PrecopyInfo
}

/// A call to a device that failed: what was asked, and what the driver answered.
public struct DeviceError: Error, Hashable, Sendable {
    /// What was asked, in the uAPI's words.
    public let call: String
    /// What the driver answered.
    public let errno: Errno

    /// A refusal of a call.
    public init(_ call: String, _ errno: Errno) {
        self.call = call
        self.errno = errno
    }
}

/// Opens devices for a registry: where the backends come in.
public protocol DeviceOpener: Sendable {
    /// The name that the host has for the device behind a source, a PCI address or an mdev UUID;
    /// nil where it has none. Does not open the device.
    func hostName(of source: DeviceSource) -> String?

    /// The devices of this host that could be attached, read without opening any.
    func hostDevices() -> [HostDevice]

    /// Opens the device that a source names; blocks as long as its driver does.
    ///
    /// The id is the one that the device will have here.
    func open(_ source: DeviceSource, as id: DeviceIdentifier) throws(AttachProblem)
        -> any MigratableDevice
}
