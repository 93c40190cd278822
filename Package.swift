// swift-tools-version: 6.2
import PackageDescription

// The floor plan, ground floor first. A target depends on lower floors only, and names every module
// that it imports; `make check` compares this list with the imports in the code.

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]
let strictC: [CSetting] = [.enableWarning("all"), .treatAllWarnings(as: .error)]

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency =
    .product(name: "ArgumentParser", package: "swift-argument-parser")

let testing: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

func floor(_ name: String, _ dependencies: Target.Dependency...) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(of name: String, _ dependencies: Target.Dependency...) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.target(name: name)] + dependencies,
        swiftSettings: testing)
}

let package = Package(
    name: "Ferry",
    products: [.executable(name: "ferry", targets: ["ferry"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        // 0: what C has and Swift cannot import by itself
        .target(name: "CLinux", cSettings: strictC),
        .target(name: "CVFIO", cSettings: strictC),
        .target(name: "COpenAPI", cSettings: strictC),
        .systemLibrary(
            name: "CMicroHTTPD", pkgConfig: "libmicrohttpd",
            providers: [.apt(["libmicrohttpd-dev"])]),
        .systemLibrary(
            name: "CJansson", pkgConfig: "jansson", providers: [.apt(["libjansson-dev"])]),
        .systemLibrary(
            name: "CNettle", pkgConfig: "nettle", providers: [.apt(["nettle-dev"])]),
        .systemLibrary(
            name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-gnutls-dev"])]),

        // 1: the kernel's calls, the pure model, the text format, the digest
        floor("SystemCalls", "CLinux", system),
        floor("MigrationModel"),
        floor("JSON", "CJansson"),
        floor("Digests", "CNettle"),

        // 2: the protocols spoken here
        floor("VFIO", "CVFIO", "SystemCalls", "MigrationModel", system),
        floor("HTTPServer", "CMicroHTTPD", "SystemCalls", system),

        floor("HTTPClient", "CCurl", "SystemCalls", system),

        // 3: a device with its state machine and its data transfer session
        floor("Devices", "Digests", "MigrationModel", "SystemCalls", system),

        // 4: two backends, strangers to each other
        floor("KernelDevices", "Devices", "VFIO", "MigrationModel", "SystemCalls", system),
        floor("SimulatedDevices", "Devices", "MigrationModel", "SystemCalls", system),

        // 5: whole migrations
        floor(
            "Orchestration", "Devices", "Digests", "HTTPClient", "JSON", "MigrationModel",
            "SystemCalls", system, logging),

        // 6: resources, problems, JSON
        floor(
            "AgentAPI", "COpenAPI", "Devices", "Digests", "HTTPServer", "JSON", "MigrationModel",
            "Orchestration", "SystemCalls", system, logging),

        // 7: the only place that knows every module
        .executableTarget(
            name: "ferry",
            dependencies: [
                "AgentAPI", "KernelDevices", "SimulatedDevices", "Devices", "Digests",
                "HTTPClient", "HTTPServer", "JSON", "MigrationModel", "Orchestration",
                "SystemCalls", system, logging, arguments,
            ],
            swiftSettings: strict),

        .target(
            name: "TestSupport",
            dependencies: ["Devices", "MigrationModel", "SimulatedDevices", "SystemCalls", system],
            path: "Tests/TestSupport",
            swiftSettings: testing + [.enableUpcomingFeature("InternalImportsByDefault")]),
        tests(of: "MigrationModel"),
        tests(of: "SystemCalls", system),
        tests(of: "JSON"),
        tests(of: "Digests"),
        tests(of: "VFIO", "CVFIO", "MigrationModel", system),
        tests(of: "HTTPServer"),
        tests(of: "HTTPClient", "HTTPServer", "SystemCalls", system),
        tests(of: "Devices", "Digests", "MigrationModel", "SystemCalls", "TestSupport", system),
        tests(of: "SimulatedDevices", "Devices", "MigrationModel", "TestSupport", system),
        tests(
            of: "Orchestration", "Devices", "Digests", "JSON", "MigrationModel", "SystemCalls",
            system),
        tests(
            of: "AgentAPI", "Devices", "HTTPServer", "JSON", "MigrationModel", "Orchestration",
            "SimulatedDevices", "TestSupport", system, logging),
        // One suite of laws for both backends: here on simulated devices, in the kernel lab on real
        // ones.
        .testTarget(
            name: "DeviceLawsTests",
            dependencies: [
                "Devices", "KernelDevices", "SimulatedDevices", "MigrationModel", "TestSupport",
                system,
            ],
            swiftSettings: testing),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu2x
)
