extension ProblemSlug {
    /// What it means and what to do: the text of its page.
    var explanation: String {
        switch self {
        case .invalidRequest:
            """
            The body is not JSON, or a member, parameter or header field is unknown, missing or has \
            a value that it cannot have. `pointer` is a JSON pointer to what is wrong in the body, \
            `parameter` the name of what is wrong elsewhere. Send it again, corrected.
            """
        case .ambiguousFraming:
            """
            The header says in more than one way how long the body is or whom it is for, so that \
            somebody on the way may have seen another request. The connection closes. Send exactly \
            one Host, and either one Content-Length or `Transfer-Encoding: chunked`.
            """
        case .crossOrigin:
            """
            A browser sent this for a page that the agent did not serve. Whoever can open a page on \
            this host could otherwise reset its devices. Use curl or another program.
            """
        case .simulationDisabled:
            """
            The agent was started without `--simulate`. Start it with `ferry serve --simulate 0` to \
            attach simulated devices.
            """
        case .notFound:
            "The path names no resource, or a device that is not attached. See `/v1/devices`."
        case .noSession:
            """
            The device has not had a data transfer session since it was attached. PRE_COPY, \
            STOP_COPY and RESUMING open one.
            """
        case .methodNotAllowed: "The resource is there; `Allow` names what can be done with it."
        case .invalidTransition:
            """
            The state machine has no way from `from` to `to`: ERROR is never a goal and is left by \
            a reset alone, and STOP_COPY does not go back to pre-copy. Nothing was sent to the \
            kernel. `reachable_states` says where the device can go.
            """
        case .transitionInProgress:
            """
            One client at a time changes a device, and another one is at it. Nothing was done. Wait \
            for the end with `GET state?wait_ms=&after_generation=`, then look again.
            """
        case .deviceBusy:
            """
            The driver answered EBUSY: it does not want to stop now. Nothing was reset, and the \
            session lives on. Try again, or go back to RUNNING.
            """
        case .deviceExists: "A device with this id is attached. Choose another id, or detach it."
        case .deviceInUse:
            """
            The device, or the IOMMU group that it belongs to, is open already: here under another \
            id, or in another process. Detach it there first.
            """
        case .stateMismatch:
            "This is not possible in `state`. Take the device to the right state first."
        case .sessionActive:
            """
            Detaching now would lose the open session. End it first, or detach with `?force=true`; \
            that does not reset the device.
            """
        case .sessionLost:
            """
            The session's data file is gone, or bytes of it did not arrive: the transfer is void, \
            the device is not. `recovery` says what can be done: go back to one of the states and \
            begin again, or reset.
            """
        case .streamBusy: "A session has one reader or writer. Wait until it is done."
        case .offsetRequired:
            """
            The last stream of this session broke off, and only its client knows how much arrived. \
            Go on with `GET data?offset=` at the first byte that is missing, not below \
            `earliest_offset`.
            """
        case .offsetMismatch:
            """
            The session stands at `expected_offset`: PUT takes a whole image from offset 0, and PATCH \
            goes on exactly there. What lies before was written already, and is not written twice.
            """
        case .offsetUnavailable:
            """
            A stream can start anywhere from `earliest_offset` to `offset`: what is further back is \
            not kept any more, what is further on was never sent. If bytes before that are missing, \
            this transfer is void, the device is not: take it to STOP and back to STOP_COPY for a new \
            session with the whole image.
            """
        case .digestMismatch:
            """
            The bytes are not those of which the sender gave the digest. If some are in the device \
            already, the session has failed and only a reset is left: nothing of it is committed.
            """
        case .imageUnverified:
            """
            A body that was cut on its way can end cleanly, and several drivers take such an image \
            without a word. So a commit needs what the source says of the image: send `"image": \
            {"bytes": N, "sha256": "..."}` with the offset and the digest of the source's session, \
            upload with `Upload-Length` or `Repr-Digest`, or send `"accept_unverified": true` to do \
            without.
            """
        case .imageIncomplete:
            """
            What the device was given is not the image that the source speaks of. Nothing was \
            committed. Where `recovery` has "append", send the rest with PATCH; else reset the \
            device, take it to RESUMING again and send the whole image.
            """
        case .resetBusy: "The driver answered EAGAIN. Try again."
        case .preconditionFailed:
            "`If-Match` names an older `generation`. Read the device again, then decide."
        case .bodyTooLarge: "JSON bodies have at most 64 KiB."
        case .unsupportedMediaType:
            """
            JSON goes as `application/json` (curl: `--json`), device data as \
            `application/octet-stream` or without a type.
            """
        case .unsupportedState:
            "The state needs `missing_features`, which the driver does not have."
        case .attachFailed: "Opening the device failed with `errno`."
        case .noMigrationSupport:
            "The device was opened, but its driver cannot migrate it. It was closed again."
        case .writeRejected:
            """
            The driver refused a piece of the image with `errno`. Some drivers would go on to take \
            later pieces, and commit an image with a hole: so only a reset is left.
            """
        case .imageRejected:
            """
            The driver refused to commit the image: it is not one of this device, or not whole. The \
            source still has its state. Reset this device.
            """
        case .resetUnsupported: "The driver answered EINVAL: this function has no reset."
        case .preconditionRequired:
            """
            In RESUMING and STOP_COPY a reset loses data that may exist nowhere else. Send \
            `If-Match` with the device's ETag, or an `Idempotency-Key`.
            """
        case .deviceFailed:
            """
            The driver failed with `errno`. `state_after` is where the device stands now and \
            `recovery` what can be done. Do not send the request again blindly: it may be half done.
            """
        case .notSupported:
            "The kernel or the driver lacks this call. A migration goes on without it."
        case .shuttingDown: "The agent has been told to end. Try again once it is back."
        case .overloaded: "All connections, streams or waits of the agent are taken. Try again."
        case .httpVersionNotSupported:
            "An HTTP/1.0 client cannot tell a broken stream from a whole one. Use HTTP/1.1."
        case .deviceClaimed:
            """
            Until `migration` ends, nobody else changes the device or moves its data. Whoever acts for \
            it says so by `Migration-Id`. To have the device back, cancel the migration.
            """
        case .deviceHandedOver:
            """
            The device's image went to another one and runs there; to run it here as well would run \
            it twice. The device stays in STOP until it is reset, which wipes it.
            """
        case .migrationExists:
            "There is a migration with this id, or this `Idempotency-Key`, that was asked for differently. Choose another one."
        case .migrationActive:
            """
            Only a migration that has ended can be deleted, once the other agent knows of it and no \
            device is left that it handed over. Cancel it or wait; reset such a device.
            """
        case .migrationCommitted:
            """
            The decision is on disk and the destination may run by now: nothing takes that back. If \
            the other agent does not come back, see `resolve`.
            """
        case .migrationEnded: "It ended in `phase`, and takes nothing more. Begin another one."
        case .migrationMismatch:
            """
            The call is not one for the role, the coordinator or the phase of this migration. Nothing \
            was done.
            """
        case .staleEpoch:
            """
            The migration's coordinator has been started anew since, and counts with a higher \
            `epoch`. Nothing was done.
            """
        case .incompatibleDevice:
            """
            An image of this source cannot be expected to run on this destination: another driver, \
            another kind of device, or lacking features. Nothing was moved. Choose another device.
            """
        case .soleHolder:
            """
            Nobody but the agent has the device open: if the agent dies its last close resets the \
            device, and the state is lost. Have the VMM hold it, or take the risk with \
            `"allow_sole_holder": true`.
            """
        case .p2pRequired:
            """
            Devices that talk to each other are stopped together only if each has P2P. Without it one \
            could write into another that stands still already. If they do not talk to each other, \
            say `"allow_missing_p2p": true`.
            """
        case .journalFailed:
            """
            A decision that cannot be written down is not made. Nothing was begun. Make room in the \
            state directory.
            """
        case .maintenance:
            "New migrations are refused for now; those that go on come to their end. See `/v1/maintenance`."
        case .peerUnreachable:
            """
            The destination's agent was asked and did not answer, or not as an agent does. Look at \
            the address, and whether `curl ADDRESS/v1/agent` answers from this host.
            """
        }
    }
}
