/// The device migration state machine: which arc comes next on the way from one state to another.
///
/// ```mermaid
/// stateDiagram-v2
///     RUNNING --> RUNNING_P2P
///     RUNNING_P2P --> RUNNING
///     RUNNING_P2P --> STOP
///     STOP --> RUNNING_P2P
///     STOP --> STOP_COPY : opens saving
///     STOP_COPY --> STOP : ends saving
///     STOP --> RESUMING : opens resuming
///     RESUMING --> STOP : commits
///     RUNNING --> PRE_COPY : opens saving
///     PRE_COPY --> RUNNING : ends saving
///     PRE_COPY --> PRE_COPY_P2P
///     PRE_COPY_P2P --> PRE_COPY
///     RUNNING_P2P --> PRE_COPY_P2P : opens saving
///     PRE_COPY_P2P --> RUNNING_P2P : ends saving
///     PRE_COPY_P2P --> STOP_COPY
/// ```
///
/// A device without P2P goes straight between RUNNING and STOP, and from PRE_COPY to STOP_COPY.
///
/// Corresponds to `vfio_mig_get_next_state()`. Source: drivers/vfio/vfio_main.c.
public enum StateMachine {
    /// The next state on the way to another one, under the features of the device.
    ///
    /// From a state to itself the next state is the state itself.
    public static func nextState(
        from: MigrationState, to: MigrationState, features: MigrationFeatures
    ) throws(TransitionRefusal) -> MigrationState {
        for state in [from, to] where !state.isSupported(by: features) {
            guard let required = state.requiredFeatures else {
                throw .blocked(from: from, to: to)
            }
            throw .unsupported(state, missing: required.subtracting(features))
        }
        var next = from
        repeat {
            guard let entry = table[next]?[to] else { throw .blocked(from: from, to: to) }
            next = entry
        } while !next.isSupported(by: features)
        return next
    }

    /// The arcs that lead from one state to another; none when they are the same.
    public static func path(
        from: MigrationState, to: MigrationState, features: MigrationFeatures
    ) throws(TransitionRefusal) -> [Arc] {
        var arcs: [Arc] = []
        var state = from
        repeat {
            let next = try nextState(from: state, to: to, features: features)
            if next != state { arcs.append(Arc(from: state, to: next)) }
            state = next
        } while state != to
        return arcs
    }

    /// The other states that can be reached from a state, in the order of their numbers.
    public static func reachableStates(
        from: MigrationState, features: MigrationFeatures
    ) -> [MigrationState] {
        reachable[features.intersection(.known)]?[from] ?? []
    }

    // Asked for with every look at a device, so it is worked out once.
    private static let reachable: [MigrationFeatures: [MigrationState: [MigrationState]]] = {
        let bits = 0...MigrationFeatures.known.rawValue
        let sets = Set(bits.map { MigrationFeatures(rawValue: $0).intersection(.known) })
        return sets.reduce(into: [:]) { all, features in
            all[features] = MigrationState.known.reduce(into: [:]) { states, from in
                states[from] = MigrationState.known.filter { to in
                    to != from && (try? nextState(from: from, to: to, features: features)) != nil
                }
            }
        }
    }()

    // Rows: the state that the device is in; columns: the state it is to reach; entries: the next
    // state on the way when every feature is there. An entry that the device lacks is walked
    // through. An absent entry is a refusal: STOP_COPY has none for PRE_COPY and PRE_COPY_P2P,
    // which kernels up to at least 6.12 would look up for ever.
    private static let table: [MigrationState: [MigrationState: MigrationState]] = [
        .stop: [
            .stop: .stop, .running: .runningP2P, .stopCopy: .stopCopy, .resuming: .resuming,
            .runningP2P: .runningP2P, .preCopy: .runningP2P, .preCopyP2P: .runningP2P,
        ],
        .running: [
            .stop: .runningP2P, .running: .running, .stopCopy: .runningP2P,
            .resuming: .runningP2P, .runningP2P: .runningP2P, .preCopy: .preCopy,
            .preCopyP2P: .runningP2P,
        ],
        .runningP2P: [
            .stop: .stop, .running: .running, .stopCopy: .stop, .resuming: .stop,
            .runningP2P: .runningP2P, .preCopy: .running, .preCopyP2P: .preCopyP2P,
        ],
        .preCopy: [
            .stop: .running, .running: .running, .stopCopy: .preCopyP2P, .resuming: .running,
            .runningP2P: .running, .preCopy: .preCopy, .preCopyP2P: .preCopyP2P,
        ],
        .preCopyP2P: [
            .stop: .runningP2P, .running: .runningP2P, .stopCopy: .stopCopy,
            .resuming: .runningP2P, .runningP2P: .runningP2P, .preCopy: .preCopy,
            .preCopyP2P: .preCopyP2P,
        ],
        .stopCopy: [
            .stop: .stop, .running: .stop, .stopCopy: .stopCopy, .resuming: .stop,
            .runningP2P: .stop,
        ],
        .resuming: [
            .stop: .stop, .running: .stop, .stopCopy: .stop, .resuming: .resuming,
            .runningP2P: .stop, .preCopy: .stop, .preCopyP2P: .stop,
        ],
    ]
}

/// Why a transition is refused before anything is asked of the kernel.
public enum TransitionRefusal: Error, Hashable, Sendable {
    /// The device lacks a feature that this state needs.
    case unsupported(MigrationState, missing: MigrationFeatures)
    /// There is no way: to or from ERROR, from a state of a newer kernel, STOP_COPY to PRE_COPY.
    case blocked(from: MigrationState, to: MigrationState)
}
