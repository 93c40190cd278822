import MigrationModel

/// The kernel's next-state function, encoded in the kernel's own way and independently of the model:
/// numbers, a matrix of bytes and a matrix of flags.
///
/// Source: the patch "vfio: Extend the device migration protocol with PRE_COPY", `vfio_from_fsm_table`,
/// `state_flags_table` and `vfio_mig_get_next_state()`.
enum KernelOracle {
    // ERROR 0, STOP 1, RUNNING 2, STOP_COPY 3, RESUMING 4, RUNNING_P2P 5, PRE_COPY 6, PRE_COPY_P2P 7
    private static let fsm: [[Int]] = [
        /* ERROR        */ [0, 0, 0, 0, 0, 0, 0, 0],
        /* STOP         */ [0, 1, 5, 3, 4, 5, 5, 5],
        /* RUNNING      */ [0, 5, 2, 5, 5, 5, 6, 5],
        /* STOP_COPY    */ [0, 1, 1, 3, 1, 1, 0, 0],
        /* RESUMING     */ [0, 1, 1, 1, 4, 1, 1, 1],
        /* RUNNING_P2P  */ [0, 1, 2, 1, 1, 5, 2, 7],
        /* PRE_COPY     */ [0, 2, 2, 7, 2, 2, 6, 7],
        /* PRE_COPY_P2P */ [0, 5, 5, 3, 5, 5, 6, 7],
    ]

    // VFIO_MIGRATION_STOP_COPY 1, P2P 2, PRE_COPY 4; no device has all bits of ERROR.
    private static let flags: [UInt64] = [.max, 1, 1, 1, 1, 1 | 2, 1 | 4, 1 | 2 | 4]

    /// The next state; nil is EINVAL, which is also what the loop without end is counted as.
    static func nextState(from: UInt32, to: UInt32, flags device: UInt64) -> UInt32? {
        func isSupported(_ state: Int) -> Bool { flags[state] & device == flags[state] }
        guard from < 8, to < 8, isSupported(Int(from)), isSupported(Int(to)) else { return nil }
        var next = fsm[Int(from)][Int(to)]
        for _ in 0..<8 {
            if next == 0 { return nil }
            if isSupported(next) { return UInt32(next) }
            next = fsm[next][Int(to)]
        }
        return nil
    }
}

/// The search that the uAPI describes in words: the shortest path over the arcs that a driver has to
/// implement, with states of the saving group at its ends only.
///
/// Source: linux/vfio.h, "Select the shortest path", and the lists of arcs in the patch.
enum BreadthFirstOracle {
    static func path(
        from: MigrationState, to: MigrationState, features: MigrationFeatures
    ) -> [MigrationState]? {
        let states = states(features)
        guard states.contains(from), states.contains(to) else { return nil }
        if from == to { return [from] }
        var frontier = [[from]]
        var seen: Set = [from]
        while !frontier.isEmpty {
            var next: [[MigrationState]] = []
            for path in frontier {
                for (start, end) in arcs(features) where start == path.last {
                    if end == to { return path + [end] }
                    if isInteriorAllowed(end, from, to) && seen.insert(end).inserted {
                        next.append(path + [end])
                    }
                }
            }
            frontier = next
        }
        return nil
    }

    // The one path with a saving group state inside: PRE_COPY -> PRE_COPY_P2P -> STOP_COPY.
    private static func isInteriorAllowed(
        _ state: MigrationState, _ from: MigrationState, _ to: MigrationState
    ) -> Bool {
        let group: Set<MigrationState> = [.preCopy, .preCopyP2P, .stopCopy]
        return !group.contains(state) || from == .preCopy && to == .stopCopy
    }

    private static func states(_ features: MigrationFeatures) -> Set<MigrationState> {
        var states: Set<MigrationState> = [.stop, .running, .stopCopy, .resuming]
        if features.contains(.p2p) { states.insert(.runningP2P) }
        if features.contains(.preCopy) { states.insert(.preCopy) }
        if features.isSuperset(of: [.p2p, .preCopy]) { states.insert(.preCopyP2P) }
        return states
    }

    private static func arcs(
        _ features: MigrationFeatures
    ) -> [(MigrationState, MigrationState)] {
        var arcs: [(MigrationState, MigrationState)] = [
            (.resuming, .stop), (.stop, .resuming), (.stop, .stopCopy), (.stopCopy, .stop),
        ]
        if features.contains(.p2p) {
            arcs += [
                (.running, .runningP2P), (.runningP2P, .running), (.runningP2P, .stop),
                (.stop, .runningP2P),
            ]
        } else {
            arcs += [(.running, .stop), (.stop, .running)]
        }
        if features.contains(.preCopy) {
            arcs += [(.running, .preCopy), (.preCopy, .running)]
            if features.contains(.p2p) {
                arcs += [
                    (.preCopy, .preCopyP2P), (.preCopyP2P, .preCopy), (.preCopyP2P, .runningP2P),
                    (.preCopyP2P, .stopCopy), (.runningP2P, .preCopyP2P),
                ]
            } else {
                arcs += [(.preCopy, .stopCopy)]
            }
        }
        return arcs
    }
}
