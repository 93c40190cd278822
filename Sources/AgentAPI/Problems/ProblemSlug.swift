/// The kinds of problem that the agent answers with; each has a page of its own.
enum ProblemSlug: String, CaseIterable, Sendable {
    case invalidRequest = "invalid-request"
    case ambiguousFraming = "ambiguous-framing"
    case crossOrigin = "cross-origin"
    case simulationDisabled = "simulation-disabled"
    case notFound = "not-found"
    case noSession = "no-session"
    case methodNotAllowed = "method-not-allowed"
    case invalidTransition = "invalid-transition"
    case transitionInProgress = "transition-in-progress"
    case deviceBusy = "device-busy"
    case deviceExists = "device-exists"
    case deviceInUse = "device-in-use"
    case stateMismatch = "state-mismatch"
    case sessionActive = "session-active"
    case sessionLost = "session-lost"
    case streamBusy = "stream-busy"
    case offsetRequired = "offset-required"
    case offsetMismatch = "offset-mismatch"
    case imageUnverified = "image-unverified"
    case imageIncomplete = "image-incomplete"
    case resetBusy = "reset-busy"
    case preconditionFailed = "precondition-failed"
    case bodyTooLarge = "body-too-large"
    case unsupportedMediaType = "unsupported-media-type"
    case offsetUnavailable = "offset-unavailable"
    case unsupportedState = "unsupported-state"
    case attachFailed = "attach-failed"
    case noMigrationSupport = "no-migration-support"
    case writeRejected = "write-rejected"
    case imageRejected = "image-rejected"
    case resetUnsupported = "reset-unsupported"
    case digestMismatch = "digest-mismatch"
    case preconditionRequired = "precondition-required"
    case deviceFailed = "device-failed"
    case notSupported = "not-supported"
    case shuttingDown = "shutting-down"
    case overloaded = "overloaded"
    case httpVersionNotSupported = "http-version-not-supported"
    case deviceClaimed = "device-claimed"
    case deviceHandedOver = "device-handed-over"
    case migrationExists = "migration-exists"
    case migrationActive = "migration-active"
    case migrationCommitted = "migration-committed"
    case migrationEnded = "migration-ended"
    case migrationMismatch = "migration-mismatch"
    case staleEpoch = "stale-epoch"
    case incompatibleDevice = "incompatible-device"
    case soleHolder = "sole-holder"
    case p2pRequired = "p2p-required"
    case journalFailed = "journal-failed"
    case maintenance = "maintenance"
    case peerUnreachable = "peer-unreachable"

    /// The status code.
    var status: Int {
        switch self {
        case .invalidRequest, .ambiguousFraming: 400
        case .crossOrigin, .simulationDisabled: 403
        case .notFound, .noSession: 404
        case .methodNotAllowed: 405
        case .invalidTransition, .transitionInProgress, .deviceBusy, .deviceExists, .deviceInUse,
            .stateMismatch, .sessionActive, .sessionLost, .streamBusy, .offsetRequired,
            .offsetMismatch, .imageUnverified, .imageIncomplete, .resetBusy, .deviceClaimed,
            .deviceHandedOver, .migrationExists, .migrationActive, .migrationCommitted,
            .migrationEnded, .migrationMismatch, .staleEpoch:
            409
        case .preconditionFailed: 412
        case .bodyTooLarge: 413
        case .unsupportedMediaType: 415
        case .offsetUnavailable: 416
        case .unsupportedState, .attachFailed, .noMigrationSupport, .writeRejected,
            .imageRejected, .resetUnsupported, .digestMismatch, .incompatibleDevice, .soleHolder,
            .p2pRequired:
            422
        case .preconditionRequired: 428
        case .deviceFailed: 500
        case .notSupported: 501
        case .peerUnreachable: 502
        case .shuttingDown, .overloaded, .maintenance: 503
        case .httpVersionNotSupported: 505
        case .journalFailed: 507
        }
    }

    /// The same request may succeed a little later, and sending it again does no harm.
    var isRetryable: Bool {
        switch self {
        case .transitionInProgress, .deviceBusy, .resetBusy, .shuttingDown, .overloaded,
            .maintenance, .peerUnreachable:
            true
        default: false
        }
    }

    /// The kind in a few words.
    var title: String {
        switch self {
        case .invalidRequest: "The request makes no sense"
        case .ambiguousFraming: "The request can be read in two ways"
        case .crossOrigin: "A web page is not the agent's client"
        case .simulationDisabled: "Simulated devices are off"
        case .notFound: "There is no such thing"
        case .noSession: "There never was a session"
        case .methodNotAllowed: "That method does not work here"
        case .invalidTransition: "There is no way to that state"
        case .transitionInProgress: "The device is being changed"
        case .deviceBusy: "The device declined"
        case .deviceExists: "The id is taken"
        case .deviceInUse: "Somebody else has the device"
        case .stateMismatch: "The device is in the wrong state"
        case .sessionActive: "A data transfer session is open"
        case .sessionLost: "The session's data is lost"
        case .streamBusy: "Another connection moves the data"
        case .offsetRequired: "The stream was cut"
        case .offsetMismatch: "The upload starts at the wrong place"
        case .offsetUnavailable: "The stream cannot start there"
        case .digestMismatch: "The data was changed on its way"
        case .imageUnverified: "Nobody vouches for the image"
        case .imageIncomplete: "The image is not whole"
        case .resetBusy: "The device cannot be reset now"
        case .preconditionFailed: "The device has changed"
        case .bodyTooLarge: "The body is too large"
        case .unsupportedMediaType: "The body has the wrong type"
        case .unsupportedState: "The device does not have that state"
        case .attachFailed: "The device cannot be opened"
        case .noMigrationSupport: "The device cannot migrate"
        case .writeRejected: "The device refused the data"
        case .imageRejected: "The device refused the image"
        case .resetUnsupported: "The device has no reset"
        case .preconditionRequired: "The reset needs a precondition"
        case .deviceFailed: "The device failed"
        case .notSupported: "The driver does not support that"
        case .shuttingDown: "The agent is ending"
        case .overloaded: "The agent has too much to do"
        case .httpVersionNotSupported: "HTTP/1.1 is needed"
        case .deviceClaimed: "A migration has the device"
        case .deviceHandedOver: "The image is another device's now"
        case .migrationExists: "The id is taken by another migration"
        case .migrationActive: "The migration has not ended"
        case .migrationCommitted: "The migration is beyond the point of no return"
        case .migrationEnded: "The migration has ended"
        case .migrationMismatch: "The migration does not take this now"
        case .staleEpoch: "The request is of an earlier coordinator"
        case .incompatibleDevice: "The devices do not fit together"
        case .soleHolder: "Only the agent keeps the device alive"
        case .p2pRequired: "The group could not be stopped safely"
        case .journalFailed: "The journal cannot be written"
        case .maintenance: "The agent is in maintenance"
        case .peerUnreachable: "The other agent does not answer"
        }
    }
}
