import ArgumentParser

/// The command line.
@main
struct Ferry: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ferry",
        abstract: "Moves the state of VFIO devices between hosts.",
        discussion: """
            Ferry opens the kernel's VFIO device migration protocol up as an HTTP service: devices \
            are resources, and their state is streamed out of one and into another. Try it without \
            hardware: ferry serve --simulate 2

            All commands but serve talk to an agent, which --agent or $FERRY_AGENT names.

            \(Exit.explanation)
            """,
        version: version,
        subcommands: [
            Serve.self, DeviceList.self, State.self, PrecopyInfoCommand.self, Save.self,
            Restore.self, Migrate.self, Plan.self, MigrationList.self, Switchover.self,
            Release.self, Cancel.self, Resolve.self,
        ])

    static let version = "0.1.0"
}
