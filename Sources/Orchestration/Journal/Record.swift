internal import JSON
internal import SystemCalls

/// A line of a migration's journal: a decision, or the intent to do what must not be mistaken afterwards.
struct Record: Hashable, Sendable {
    /// What it says.
    let kind: Kind
    /// What goes with it.
    let details: JSONObject
    /// When it was written down, for display; nil until then.
    let at: Timestamp?

    init(_ kind: Kind, _ details: JSONObject = [:], at: Timestamp? = nil) {
        self.kind = kind
        self.details = details
        self.at = at
    }

    /// An operator's decision.
    static func resolved(_ action: MigrationRequest.Resolution, _ reason: String) -> Record {
        Record(.resolved, ["action": .string(action.rawValue), "reason": .string(reason)])
    }

    /// What a record says.
    enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The first one: what was asked. From here on the devices are claimed.
        case opened
        /// The agent was started again, and coordinates with another epoch.
        case resumed
        /// Source: the other agent has claimed its devices; which, stands with it.
        case assigned
        /// Source: devices are about to stop. One that runs afterwards was reset.
        case stopping
        /// Source: the other agent is about to be asked to prepare. Afterwards it may have the images.
        case preparing
        /// Source: the point of no return.
        case committed
        /// Source: its copies are intact and are about to run again.
        case aborting
        /// Source: all that can run again does.
        case aborted
        /// Source: the other agent runs the images; the devices are handed over.
        case lettingGo = "letting-go"
        /// Source: it has let go. Destination: it runs the images.
        case completed
        /// Source: the other agent knows of the end. Destination: its devices are empty again.
        case acknowledged
        /// Destination: all images are in their devices, which stand still until the grant.
        case prepared
        /// Destination: devices are about to run. One that runs afterwards runs its image.
        case running
        /// Destination: an image was lost before any ran: the source may take all of them back.
        case void
        /// Destination: whatever there is of the images is of no use.
        case discarded
        /// An operator has decided; what, stands with it.
        case resolved
    }

    /// Whether the record has to be on the disk, and not only in the kernel's memory: what it says has to
    /// outlive the host. An intent speaks of device states that end with the host.
    var isForced: Bool {
        switch kind {
        case .resumed, .assigned, .stopping, .preparing, .running, .acknowledged: false
        default: true
        }
    }
}

extension Record.Kind {
    /// Whether it settles how a migration goes on.
    var isDecision: Bool {
        switch self {
        case .committed, .aborting, .aborted, .lettingGo, .completed, .prepared, .running, .void,
            .discarded:
            true
        case .opened, .resumed, .assigned, .stopping, .preparing, .acknowledged, .resolved: false
        }
    }
}
