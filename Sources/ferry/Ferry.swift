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
            """,
        version: version,
        subcommands: [
            Serve.self, Devices.self, State.self, PrecopyInfoCommand.self, Migrate.self,
            MigrationList.self, Plan.self, Cancel.self,
        ])

    static let version = "0.1.0"
}
