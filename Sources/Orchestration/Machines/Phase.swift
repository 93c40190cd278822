/// How far a migration is. Clients have to reckon with more of them.
///
/// ```mermaid
/// stateDiagram-v2
///     [*] --> pending
///     pending --> preflight
///     preflight --> copying
///     copying --> waiting_switchover : manual, or held
///     copying --> quiescing
///     waiting_switchover --> quiescing
///     quiescing --> copying : EBUSY
///     quiescing --> draining
///     draining --> preparing
///     preparing --> committed : the point of no return
///     committed --> running_destination
///     running_destination --> in_doubt : no answer
///     in_doubt --> running_destination
///     running_destination --> letting_go
///     letting_go --> completed
///     pending --> aborting : at any time before committed
///     running_destination --> aborting : void
///     aborting --> failed
///     aborting --> cancelled
///     aborting --> holding : a copy is lost
/// ```
public enum Phase: String, Hashable, Sendable, CaseIterable {
    /// Nothing was done yet.
    case pending
    /// The other agent is asked whether it takes the devices.
    case preflight
    /// Images are on their way while the devices run. Destination: it takes them.
    case copying
    /// The same, and only a client's word is missing.
    case waitingSwitchover = "waiting-switchover"
    /// The devices are being stopped.
    case quiescing
    /// They stand still; the rest of their images is on its way.
    case draining
    /// The destination takes the images in.
    case preparing
    /// Destination: the images are in their devices, which wait for the grant.
    case prepared
    /// It is decided; the grant is on its way.
    case committed
    /// The destination is about to run.
    case runningDestination = "running-destination"
    /// The destination runs, and the source lets go.
    case lettingGo = "letting-go"
    /// The source takes its devices back.
    case aborting
    /// Whether the destination runs is not known: the source stands still and asks on.
    case inDoubt = "in-doubt"
    /// Both stand still, and an operator is asked.
    case holding
    /// The end: the destination has the images.
    case completed
    /// The end: the source runs again, because of an error.
    case failed
    /// The end: the source runs again, because it was asked for.
    case cancelled
    /// The end, for a destination: it has forgotten the images.
    case discarded
    /// The end, for a destination: an image was lost before any ran.
    case void

    /// Nothing comes after it.
    public var isEnd: Bool {
        switch self {
        case .completed, .failed, .cancelled, .discarded, .void: true
        default: false
        }
    }
}
