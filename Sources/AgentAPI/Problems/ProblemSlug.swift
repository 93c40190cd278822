/// The kinds of problem that the agent answers with; each has a page of its own.
enum ProblemSlug: String, CaseIterable, Sendable {
    case invalidRequest = "invalid-request"
    case ambiguousFraming = "ambiguous-framing"
    case crossOrigin = "cross-origin"
    case simulationDisabled = "simulation-disabled"
    case notFound = "not-found"
    case noSession = "no-session"
    case methodNotAllowed = "method-not-allowed"
    case invalidTransition = "invalid-transition"
    case transitionInProgress = "transition-in-progress"
    case deviceBusy = "device-busy"
    case deviceExists = "device-exists"
    case deviceInUse = "device-in-use"
    case stateMismatch = "state-mismatch"
    case sessionActive = "session-active"
    case sessionLost = "session-lost"
    case streamBusy = "stream-busy"
    case offsetRequired = "offset-required"
    case offsetMismatch = "offset-mismatch"
    case imageUnverified = "image-unverified"
    case imageIncomplete = "image-incomplete"
    case resetBusy = "reset-busy"
    case preconditionFailed = "precondition-failed"
    case bodyTooLarge = "body-too-large"
    case unsupportedMediaType = "unsupported-media-type"
    case offsetUnavailable = "offset-unavailable"
    case unsupportedState = "unsupported-state"
    case attachFailed = "attach-failed"
    case noMigrationSupport = "no-migration-support"
    case writeRejected = "write-rejected"
    case imageRejected = "image-rejected"
    case resetUnsupported = "reset-unsupported"
    case digestMismatch = "digest-mismatch"
    case preconditionRequired = "precondition-required"
    case deviceFailed = "device-failed"
    case notSupported = "not-supported"
    case shuttingDown = "shutting-down"
    case overloaded = "overloaded"
    case httpVersionNotSupported = "http-version-not-supported"

    /// The status code.
    var status: Int {
        switch self {
        case .invalidRequest, .ambiguousFraming: 400
        case .crossOrigin, .simulationDisabled: 403
        case .notFound, .noSession: 404
        case .methodNotAllowed: 405
        case .invalidTransition, .transitionInProgress, .deviceBusy, .deviceExists, .deviceInUse,
            .stateMismatch, .sessionActive, .sessionLost, .streamBusy, .offsetRequired,
            .offsetMismatch, .imageUnverified, .imageIncomplete, .resetBusy:
            409
        case .preconditionFailed: 412
        case .bodyTooLarge: 413
        case .unsupportedMediaType: 415
        case .offsetUnavailable: 416
        case .unsupportedState, .attachFailed, .noMigrationSupport, .writeRejected,
            .imageRejected, .resetUnsupported, .digestMismatch:
            422
        case .preconditionRequired: 428
        case .deviceFailed: 500
        case .notSupported: 501
        case .shuttingDown, .overloaded: 503
        case .httpVersionNotSupported: 505
        }
    }

    /// The same request may succeed a little later, and sending it again does no harm.
    var isRetryable: Bool {
        switch self {
        case .transitionInProgress, .deviceBusy, .resetBusy, .shuttingDown, .overloaded: true
        default: false
        }
    }

    /// The kind in a few words.
    var title: String {
        switch self {
        case .invalidRequest: "The request makes no sense"
        case .ambiguousFraming: "The request can be read in two ways"
        case .crossOrigin: "A web page is not the agent's client"
        case .simulationDisabled: "Simulated devices are off"
        case .notFound: "There is no such thing"
        case .noSession: "There never was a session"
        case .methodNotAllowed: "That method does not work here"
        case .invalidTransition: "There is no way to that state"
        case .transitionInProgress: "The device is being changed"
        case .deviceBusy: "The device declined"
        case .deviceExists: "The id is taken"
        case .deviceInUse: "Somebody else has the device"
        case .stateMismatch: "The device is in the wrong state"
        case .sessionActive: "A data transfer session is open"
        case .sessionLost: "The session's data is lost"
        case .streamBusy: "Another connection moves the data"
        case .offsetRequired: "The stream was cut"
        case .offsetMismatch: "The upload starts at the wrong place"
        case .offsetUnavailable: "The stream cannot start there"
        case .digestMismatch: "The data was changed on its way"
        case .imageUnverified: "Nobody vouches for the image"
        case .imageIncomplete: "The image is not whole"
        case .resetBusy: "The device cannot be reset now"
        case .preconditionFailed: "The device has changed"
        case .bodyTooLarge: "The body is too large"
        case .unsupportedMediaType: "The body has the wrong type"
        case .unsupportedState: "The device does not have that state"
        case .attachFailed: "The device cannot be opened"
        case .noMigrationSupport: "The device cannot migrate"
        case .writeRejected: "The device refused the data"
        case .imageRejected: "The device refused the image"
        case .resetUnsupported: "The device has no reset"
        case .preconditionRequired: "The reset needs a precondition"
        case .deviceFailed: "The device failed"
        case .notSupported: "The driver does not support that"
        case .shuttingDown: "The agent is ending"
        case .overloaded: "The agent has too much to do"
        case .httpVersionNotSupported: "HTTP/1.1 is needed"
        }
    }

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
        }
    }
}
