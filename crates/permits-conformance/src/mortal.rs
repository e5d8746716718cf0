//! What a reach beyond the process tells the suite besides a [`Rig`]: how its participants die, and how they
//! are cut off.

use crate::rig::Rig;
use std::time::Duration;

/// A reach whose participants can die by themselves: processes, or machines.
pub trait Mortal: Rig {
    /// What takes part besides the test's own handles.
    type Participant: Participant;

    /// Another participant of the same semaphore, which can be killed without harm to the others.
    fn participant(&self, limit: &Self::Limit) -> Self::Participant;

    /// After which time of holding, at the least, a reach that took permits because they are old would have
    /// taken them (C18): some leases long, where permits are leased.
    fn old_age(&self) -> Duration;
}

/// One that takes part, and does what the suite tells it. It is killed when it is dropped.
pub trait Participant {
    /// Has it acquire `n` permits, which are free. Returns when it holds them.
    fn hold(&mut self, n: u32);

    /// Has it acquire `n` permits, which are free, and leave them loose. Returns when they are.
    fn hold_loose(&mut self, n: u32);

    /// Has it ask for `n` permits and wait for them. Returns at once; when it is queued the suite sees by the
    /// readings.
    fn ask(&mut self, n: u32);

    /// Has it ask to return `n` loose permits and wait for that. Returns at once, as [`ask`](Self::ask).
    fn ask_release(&mut self, n: u32);

    /// Stops it, as `SIGSTOP` does: it lives, and does nothing.
    fn stop(&mut self);

    /// Has it go on.
    fn resume(&mut self);

    /// Kills it, as `SIGKILL` does: it does nothing more, and notifies no one.
    fn kill(&mut self);
}

/// A reach whose participants can be cut off from what decides about permits, so that they can lose theirs
/// (C20), and get no answers (C21).
///
/// Its leases should be short in tests, about a second: the suite waits for some dozens of them to end.
pub trait Severed: Rig {
    /// Cuts a handle off: nothing that it sends arrives, and nothing that is sent to it. What came from other
    /// handles goes on.
    fn sever(&self, limit: &Self::Limit);

    /// Undoes [`sever`](Self::sever).
    fn heal(&self, limit: &Self::Limit);

    /// Has all that is sent to a handle arrive `time` later from now on: answers, grants, and word of a
    /// renewed lease. What it sends arrives as before. The suite asks for a quarter of a lease, and zero
    /// undoes it.
    fn delay(&self, limit: &Self::Limit, time: Duration);

    /// In which time a call on a handle that is cut off must have ended: what the reach states, and some more
    /// for a busy machine. It may be longer than a lease.
    fn gives_up_after(&self) -> Duration;
}
