internal import MigrationModel

/// The way through the states as a driver's kernel walks it: found by search over the arcs that the
/// driver implements, so that it knows nothing of the agent's own table.
///
/// Source: linux/vfio.h: "Select the shortest path. The path cannot have saving group states as
/// interior arcs, only starting/end states." PRE_COPY to STOP_COPY passes PRE_COPY_P2P all the same
/// where that exists: the driver has no direct arc then.
enum DriverWalk {
    /// The arcs to a state; nil if there is no way, which is `EINVAL`.
    static func path(
        from: MigrationState, to: MigrationState, features: MigrationFeatures
    ) -> [Arc]? {
        guard from.isSupported(by: features), to.isSupported(by: features) else { return nil }
        if from == to { return [] }
        if from == .stopCopy && to.isPreCopy { return nil }
        let arcs = arcs(features)
        var paths: [[Arc]] = [[]]
        var seen: Set<MigrationState> = [from]
        while !paths.isEmpty {
            var longer: [[Arc]] = []
            for path in paths {
                let end = path.last?.to ?? from
                for arc in arcs where arc.from == end {
                    if arc.to == to { return path + [arc] }
                    let isInterior =
                        arc.to.isInSavingGroup && !(from == .preCopy && to == .stopCopy)
                    if !isInterior && seen.insert(arc.to).inserted { longer.append(path + [arc]) }
                }
            }
            paths = longer
        }
        return nil
    }

    private static func arcs(_ features: MigrationFeatures) -> [Arc] {
        var arcs = both(.stop, .stopCopy) + both(.stop, .resuming)
        switch (features.contains(.p2p), features.contains(.preCopy)) {
        case (false, false): arcs += both(.running, .stop)
        case (false, true):
            arcs += both(.running, .stop) + both(.running, .preCopy)
            arcs += [Arc(from: .preCopy, to: .stopCopy)]
        case (true, false): arcs += both(.running, .runningP2P) + both(.runningP2P, .stop)
        case (true, true):
            arcs += both(.running, .runningP2P) + both(.runningP2P, .stop)
            arcs += both(.running, .preCopy) + both(.preCopy, .preCopyP2P)
            arcs += both(.runningP2P, .preCopyP2P) + [Arc(from: .preCopyP2P, to: .stopCopy)]
        }
        return arcs
    }

    private static func both(_ one: MigrationState, _ other: MigrationState) -> [Arc] {
        [Arc(from: one, to: other), Arc(from: other, to: one)]
    }
}
