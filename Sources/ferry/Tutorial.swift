import SystemCalls

/// The curl lines of a whole migration between the first two simulated devices.
enum Tutorial {
    static func text(for address: SocketAddress) -> String {
        let (curl, base) =
            switch address {
            case .ipv4, .ipv6: ("curl", "http://\(address)")
            case .unix(let path): ("curl --unix-socket \(path)", "http://localhost")
            }
        return """
            # A whole migration, from sim0 to sim1. Paste it into another terminal.
            A=\(base)/v1/devices/sim0
            B=\(base)/v1/devices/sim1
            \(curl) -X PUT $B/state --json '{"state": "RESUMING"}'
            \(curl) -X PUT $A/state --json '{"state": "PRE_COPY"}'
            \(curl) -sN $A/data | \(curl) -sT - $B/data &
            \(curl) $A/precopy-info
            \(curl) -X PUT $A/state --json '{"state": "STOP_COPY"}'
            wait
            BYTES=$(\(curl) -s $A/session | sed 's/.*"offset":\\([0-9]*\\).*/\\1/')
            \(curl) -s $A | grep -o '"state_checksum":"[^"]*"'
            \(curl) -X PUT $B/state --json '{"state": "RUNNING", "image": {"bytes": '$BYTES'}}'
            \(curl) -s $B | grep -o '"state_checksum":"[^"]*"'
            \(curl) -X PUT $A/state --json '{"state": "STOP"}'
            \(curl) -X POST $A/reset
            """
    }
}
