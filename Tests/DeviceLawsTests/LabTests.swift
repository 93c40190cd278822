import Testing

/// Run in the kernel lab by name, so that a lab without devices can never look like a pass.
@Suite("The lab")
struct LabTests {
    @Test("has real devices")
    func hasDevices() {
        #expect(Subject.isInLab)
        #expect(Subject.all.count == 1)
    }
}
