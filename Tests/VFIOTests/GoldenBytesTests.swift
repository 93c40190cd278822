import CVFIO
import MigrationModel
import Testing

@testable import VFIO

/// The bytes of a structure as the kernel sees them.
private func bytes<Value: BitwiseCopyable>(of value: Value) -> [UInt8] {
    withUnsafeBytes(of: value) { Array($0) }
}

// Little-endian, as every machine with VFIO that Ferry runs on.
@Suite("The bytes that go to the kernel")
struct GoldenBytesTests {
    @Test("of VFIO_DEVICE_FEATURE GET MIGRATION")
    func getMigration() {
        #expect(
            bytes(of: FeatureRequest.getMigration()) == [
                16, 0, 0, 0,  // argsz
                1, 0, 1, 0,  // flags: feature 1, GET
                0, 0, 0, 0, 0, 0, 0, 0,  // flags, filled in by the kernel
            ])
    }

    @Test("of VFIO_DEVICE_FEATURE GET MIG_DEVICE_STATE")
    func getState() {
        #expect(
            bytes(of: FeatureRequest.getState()) == [
                16, 0, 0, 0,
                2, 0, 1, 0,
                0, 0, 0, 0,  // device_state
                0xff, 0xff, 0xff, 0xff,  // data_fd
            ])
    }

    @Test("of VFIO_DEVICE_FEATURE SET MIG_DEVICE_STATE, for every state")
    func setState() {
        for state in MigrationState.known {
            #expect(
                bytes(of: FeatureRequest.setState(state)) == [
                    16, 0, 0, 0,
                    2, 0, 2, 0,  // feature 2, SET
                    UInt8(state.rawValue), 0, 0, 0,
                    0xff, 0xff, 0xff, 0xff,
                ])
        }
    }

    @Test("of VFIO_DEVICE_FEATURE GET MIG_DATA_SIZE")
    func getDataSize() {
        #expect(
            bytes(of: FeatureRequest.getDataSize()) == [
                16, 0, 0, 0,
                9, 0, 1, 0,
                0, 0, 0, 0, 0, 0, 0, 0,
            ])
    }

    @Test("of VFIO_DEVICE_FEATURE SET MIG_PRECOPY_INFOv2, which has no payload")
    func precopyInfoV2() {
        #expect(
            bytes(of: FeatureRequest.header(.precopyInfoV2, .set)) == [8, 0, 0, 0, 12, 0, 2, 0])
    }

    @Test("of VFIO_DEVICE_FEATURE PROBE SET MIG_DEVICE_STATE")
    func probe() {
        #expect(
            bytes(of: FeatureRequest.header(.deviceState, .probe, .set))
                == [8, 0, 0, 0, 2, 0, 6, 0])
    }

    @Test("of the structures that the kernel fills in")
    func answers() {
        let info = vfio_precopy_info(
            argsz: 24, flags: 1, initial_bytes: 0x0102_0304_0506_0708, dirty_bytes: 9)
        #expect(
            bytes(of: info) == [
                24, 0, 0, 0, 1, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 9, 0, 0, 0, 0, 0, 0, 0,
            ])
        let bind = vfio_device_bind_iommufd(argsz: 16, flags: 0, iommufd: 7, out_devid: 3)
        #expect(bytes(of: bind) == [16, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0])
    }

    @Test("and the numbers of the ioctls")
    func requests() {
        #expect(ferry_VFIO_GET_API_VERSION == 0x3b64)
        #expect(ferry_VFIO_CHECK_EXTENSION == 0x3b65)
        #expect(ferry_VFIO_SET_IOMMU == 0x3b66)
        #expect(ferry_VFIO_GROUP_GET_STATUS == 0x3b67)
        #expect(ferry_VFIO_GROUP_SET_CONTAINER == 0x3b68)
        #expect(ferry_VFIO_GROUP_GET_DEVICE_FD == 0x3b6a)
        #expect(ferry_VFIO_DEVICE_GET_INFO == 0x3b6b)
        #expect(ferry_VFIO_DEVICE_RESET == 0x3b6f)
        #expect(ferry_VFIO_DEVICE_FEATURE == 0x3b75)
        #expect(ferry_VFIO_DEVICE_BIND_IOMMUFD == 0x3b76)
        #expect(ferry_VFIO_MIG_GET_PRECOPY_INFO == 0x3b79)
    }
}
