// swift-tools-version: 6.2
import PackageDescription

// A peer of the benchmarks, in a package of its own: Ferry never depends on it.
let package = Package(
    name: "hello",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1")
    ],
    targets: [
        .executableTarget(
            name: "hello",
            dependencies: [.product(name: "Hummingbird", package: "hummingbird")])
    ]
)
