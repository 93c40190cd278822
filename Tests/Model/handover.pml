/* How a group of devices changes hosts: two agents, a network, crashes, and somebody who interferes.
 *
 * The network is the set of all messages that were ever sent: each may be received at any later time,
 * any number of times, or never. An agent may crash between any two steps; it comes back with its
 * journal and finds the devices as they are. One copy of a device may be lost by accident.
 *
 * Mutants, each of which must break what this model shows:
 *   GRANT_BEFORE_COMMIT      the grant goes out before the decision is on disk
 *   COMMIT_PER_DEVICE        the destination runs what it has, whatever becomes of the rest
 *   DISCARD_BEFORE_ROLLBACK  the destination is told to discard before the source runs again
 *   RUN_WITHOUT_GRANT        a prepared destination runs by itself when it hears nothing
 *   NO_HANDED_OVER           the source forgets that its image is somebody else's now
 *   NO_RUN_INTENT            the destination writes nothing down before it leaves STOP
 * UNREACHED names an end that is said never to be reached; that must be wrong for each of them.
 */

#define CRASHES 2
#ifndef DEVICES
#define DEVICES 2
#endif
#if DEVICES == 2
#define everywhere(p) (p(0) && p(1))
#define somewhere(p) (p(0) || p(1))
#define of_each(step) :: step(0) :: step(1)
#else
#define everywhere(p) (p(0))
#define somewhere(p) (p(0))
#define of_each(step) :: step(0)
#endif

/* Devices. GONE and BLANK: the image is not in it, whatever it does. */
mtype = { RUNNING, STOP_COPY, STOP, GONE, BLANK, RESUMING };
mtype source[DEVICES] = RUNNING;
mtype target[DEVICES] = BLANK;
/* The whole image has arrived, with the right digest. */
bool whole[DEVICES];

/* Journals: what is on disk. */
mtype = { NOTHING, COMMITTED, ABORTING, ABORTED, LETTING_GO, COMPLETED, HOLDING };
mtype = { PREPARED, INTENT, DONE, VOID, DISCARDED };
mtype source_journal = NOTHING;
mtype target_journal = NOTHING;
/* On disk at the source, and for longer than the migration: nobody may run the device. */
bool handed_over;

/* Messages that were sent at some time. */
bool prepare, prepared, grant, running, void_sent, discard;

/* What a crash takes from the source. */
bool drained, asked;

byte source_crashes, target_crashes;
bool was_lost;

#define here(i, state) (source[i] == state)
#define there(i, state) (target[i] == state)
#define runs_here(i) here(i, RUNNING)
#define stopped_here(i) here(i, STOP_COPY)
#define gone_here(i) here(i, GONE)
#define at_rest_here(i) (here(i, STOP) || here(i, GONE))
#define runs_there(i) there(i, RUNNING)
#define stopped_there(i) there(i, STOP)
#define blank_there(i) there(i, BLANK)

/* Of every image there is an undamaged copy; none runs twice, and no group runs in two places. */
#define has_copy(i) (here(i, RUNNING) || here(i, STOP_COPY) || here(i, STOP) || there(i, STOP) || there(i, RUNNING))
#define is_safe (everywhere(has_copy) && !(somewhere(runs_here) && somewhere(runs_there)))

/* The ends: one side runs all of it and the other none, or both stand still and somebody is asked. */
#define is_completed (source_journal == COMPLETED && target_journal == DONE && everywhere(runs_there))
#define is_aborted (source_journal == ABORTED && everywhere(runs_here) && !somewhere(runs_there) && !somewhere(stopped_there))
#define is_in_doubt ((source_journal == HOLDING || target_journal == HOLDING) && !somewhere(runs_here))

/* --- The source coordinates --- */

#define quiesce(i) atomic { source_journal == NOTHING && !drained && here(i, RUNNING) -> source[i] = STOP_COPY }
#define send_image(i) atomic { source_journal == NOTHING && here(i, STOP_COPY) && there(i, RESUMING) && !whole[i] && !drained -> whole[i] = true }
#define let_go(i) atomic { source_journal == LETTING_GO && here(i, STOP_COPY) -> source[i] = STOP }
#define roll_back(i) atomic { source_journal == ABORTING && !somewhere(gone_here) && here(i, STOP_COPY) -> source[i] = STOP }
#define run_again(i) atomic { source_journal == ABORTING && !somewhere(gone_here) && !somewhere(stopped_here) && here(i, STOP) -> source[i] = RUNNING }

active proctype Source() {
end:
    do
    of_each(quiesce)
    of_each(send_image)
    /* Drained, as far as the source can tell: what arrived may be broken. */
    :: atomic { source_journal == NOTHING && !drained && everywhere(stopped_here) -> drained = true }
    :: atomic { source_journal == NOTHING && drained && !asked -> prepare = true; asked = true }

    /* Decide: the point of no return. */
#define may_decide (asked && prepared && source_journal == NOTHING && everywhere(stopped_here))
#ifdef GRANT_BEFORE_COMMIT
    :: atomic { may_decide && !grant -> grant = true }
    :: atomic { may_decide && grant -> source_journal = COMMITTED }
#else
    :: atomic { may_decide -> source_journal = COMMITTED }
#endif
    /* Or abort, at any time before, for any reason. */
    :: atomic { source_journal == NOTHING -> source_journal = ABORTING }

    /* Run: the grant, until it is answered. */
    :: atomic { source_journal == COMMITTED && !grant -> grant = true }
    :: atomic { source_journal == COMMITTED && void_sent -> source_journal = ABORTING }
    :: atomic {
        source_journal == COMMITTED && running -> source_journal = LETTING_GO;
#ifndef NO_HANDED_OVER
        handed_over = true
#endif
       }
    of_each(let_go)
    :: atomic { source_journal == LETTING_GO && everywhere(at_rest_here) -> source_journal = COMPLETED }

    /* Roll back: all stop, all run, and only then the other copy may go. */
    of_each(roll_back)
    of_each(run_again)
    :: atomic { source_journal == ABORTING && everywhere(runs_here) -> source_journal = ABORTED }
    :: atomic { source_journal == ABORTED && !discard -> discard = true }
#ifdef DISCARD_BEFORE_ROLLBACK
    :: atomic { source_journal == ABORTING && !discard -> discard = true }
#endif
    /* A copy of its own is lost: the other side's is what is left. */
    :: atomic {
        source_journal == ABORTING && somewhere(gone_here) ->
        if
        :: !somewhere(runs_here) && prepared && !void_sent -> source_journal = COMMITTED
        :: else -> source_journal = HOLDING
        fi
       }

    /* A crash: without a decision there is none. */
    :: atomic {
        source_crashes < CRASHES -> source_crashes++;
        drained = false;
        asked = false;
        if
        :: source_journal == NOTHING -> source_journal = ABORTING
        :: else
        fi
       }
    od
}

/* --- The destination does what it is told, and remembers --- */

#define enter(i) atomic { target_journal == NOTHING && there(i, BLANK) && !prepare -> target[i] = RESUMING }
#define load(i) atomic { target_journal == NOTHING && prepare && there(i, RESUMING) && whole[i] -> target[i] = STOP }
#define run_image(i) atomic { target_journal == INTENT && there(i, STOP) -> target[i] = RUNNING }
#define run_early(i) atomic { target_journal == NOTHING && there(i, STOP) -> target[i] = RUNNING }
#define run_unwritten(i) atomic { target_journal == PREPARED && grant && there(i, STOP) -> target[i] = RUNNING }
#define forget(i) target[i] = BLANK; whole[i] = false
#if DEVICES == 2
#define forget_all forget(0); forget(1)
#else
#define forget_all forget(0)
#endif

active proctype Destination() {
end:
    do
    of_each(enter)
    of_each(load)
    :: atomic { target_journal == NOTHING && prepare && everywhere(stopped_there) -> target_journal = PREPARED }
    :: atomic { target_journal == PREPARED && !prepared -> prepared = true }
    /* A device fails to prepare: the whole group does. */
    :: atomic { target_journal == NOTHING && prepare && !everywhere(stopped_there) -> forget_all; target_journal = DISCARDED }
#ifdef COMMIT_PER_DEVICE
    of_each(run_early)
#endif

    /* Run: with the source's grant, and with every image where it was put. */
#ifdef NO_RUN_INTENT
    of_each(run_unwritten)
    :: atomic { target_journal == PREPARED && grant && everywhere(runs_there) -> target_journal = DONE }
    /* After a crash, RUNNING may be our own doing, or a reset: from the state alone nobody can tell. */
    :: atomic { target_journal == PREPARED && grant && target_crashes > 0 && !everywhere(stopped_there) -> target_journal = VOID }
#else
    :: atomic { target_journal == PREPARED && grant && everywhere(stopped_there) -> target_journal = INTENT }
    /* Somebody reset a device: nothing has left STOP, so the source may take it all back. */
    :: atomic { target_journal == PREPARED && grant && somewhere(blank_there) -> target_journal = VOID }
#endif
#ifdef RUN_WITHOUT_GRANT
    :: atomic { target_journal == PREPARED && everywhere(stopped_there) -> target_journal = INTENT }
#endif
    of_each(run_image)
    :: atomic { target_journal == INTENT && everywhere(runs_there) -> target_journal = DONE }
    :: atomic {
        target_journal == INTENT && somewhere(blank_there) ->
        if
        :: somewhere(runs_there) -> target_journal = HOLDING
        :: else -> target_journal = VOID
        fi
       }
    :: atomic { target_journal == DONE && !running -> running = true }
    :: atomic { target_journal == VOID && !void_sent -> void_sent = true }

    /* Discard: also what is not known, so that it is refused when it comes. */
    :: atomic {
        discard && (target_journal == PREPARED || target_journal == VOID) -> forget_all; target_journal = DISCARDED
       }
    :: atomic { discard && target_journal == NOTHING -> forget_all; target_journal = DISCARDED }

    /* A crash: what was not prepared is as good as never begun. */
    :: atomic {
        target_crashes < CRASHES -> target_crashes++;
        if
        :: target_journal == NOTHING && !somewhere(runs_there) -> forget_all
        :: else
        fi
       }
    od
}

/* --- What else happens --- */

/* Somebody asks for RUNNING on a device that no migration claims any more. */
#define start_again(i) atomic { (source_journal == COMPLETED || source_journal == ABORTED) && !handed_over && here(i, STOP) -> source[i] = RUNNING }

active proctype Stranger() {
end:
    do
    of_each(start_again)
    od
}

/* A reset by a guest or a last close takes one copy, where there is another one. */
#define lose_source(i) atomic { !was_lost && here(i, STOP_COPY) && there(i, STOP) && target_journal == PREPARED -> source[i] = GONE; was_lost = true }
#define lose_target(i) atomic { !was_lost && there(i, STOP) && here(i, STOP_COPY) -> target[i] = BLANK; was_lost = true }

active proctype Accident() {
end:
    do
    of_each(lose_source)
    of_each(lose_target)
    od
}

active proctype Witness() {
end:
    do
    :: atomic { !is_safe -> assert(false) }
    /* Nothing can happen any more: then it has come to one of its ends. */
    :: atomic {
        timeout -> assert(is_completed || is_aborted || is_in_doubt);
#ifdef UNREACHED
        assert(!UNREACHED);
#endif
        break
       }
    od
}
