//! What an actor can be told.

/// An order. It goes over the pipe as `Debug` writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    Ping,
    /// Holds so many more, which it gets at once.
    Hold(u32),
    HoldInThreads(u32),
    HoldInThreadThatEnds,
    Try(u32),
    /// Waits as a thread.
    Wait(u32),
    /// Waits as a task.
    Await(u32),
    Release(u32),
    AwaitRelease(u32),
    /// Drops all that it holds.
    Drop,
    Forget,
    /// Releases the first of two guards and forgets the other, by the trait, and says what was answered.
    EndWithAnswers,
    CommitInALoop,
    /// The child goes on listening, and the parent does nothing more.
    Fork,
    /// Queues as a task.
    Queue,
    /// Polls what is queued, and drops it.
    PollQueued,
    ForkOften(u32),
    ForkAndLook(u32),
    Exec,
    Spawn,
    Look,
    /// Opens the semaphore once more, looks and tries.
    LookAnew,
    /// Reads without taking part.
    Read,
    /// Opens or makes the semaphore, with so many permits.
    Open(u32),
    DieWhileCreating,
    /// Until it is resumed.
    StopWhileCreating,
    DieWhileSuperseding,
    RemoveByForce,
    /// Fills the file system up, and sees what becomes of everything.
    Fill,
    /// Opens it by a relative path, and uses it from another directory.
    UseFromElsewhere,
    UseFromAnotherRoot,
    UseWithoutTheRightToLook,
    /// Goes to another root and closes all descriptors, so that it cannot look for the locks of others any
    /// more.
    GoBlind,
    CloseDescriptors,
    CloseAndReuseDescriptors,
    LookAtReusedDescriptors,
    /// Waits so many times, each time for 300 microseconds, and says how many watches run then.
    WaitBriefly(u32),
    /// Has the thread panic that finds somebody dead.
    PanicAtADeath,
    UnsharePids,
    ReusePid,
    /// Holds a permit, and has a command keep it.
    RunCommand,
    RunCommandThatLeavesADaemon,
    RunCommandLate,
    /// Has a command keep a permit that is an actor as well, and listens in the place of this one.
    Wrap,
    /// The same, without a process of its own.
    WrapInPlace,
    /// Is such a command.
    BeCommand,
    /// From here on: scenes of `handles.rs` and `crowd.rs`, by a process in which nothing else goes on.
    NobodyWaits,
    AThreadWaits,
    ATaskWaits,
    IdleAsThread,
    IdleAsTask,
    CountDescriptors,
    ServeACrowd,
    WaitInLine,
    /// Does all that a user can do with a semaphore, in a process of a user.
    DoAll,
}

impl Order {
    const ALL: [fn(u32) -> Order; 55] = [
        |_| Order::Ping,
        Order::Hold,
        Order::HoldInThreads,
        |_| Order::HoldInThreadThatEnds,
        Order::Try,
        Order::Wait,
        Order::Await,
        Order::Release,
        Order::AwaitRelease,
        |_| Order::Drop,
        |_| Order::Forget,
        |_| Order::EndWithAnswers,
        |_| Order::CommitInALoop,
        |_| Order::Fork,
        |_| Order::Queue,
        |_| Order::PollQueued,
        Order::ForkOften,
        Order::ForkAndLook,
        |_| Order::Exec,
        |_| Order::Spawn,
        |_| Order::Look,
        |_| Order::LookAnew,
        |_| Order::Read,
        Order::Open,
        |_| Order::DieWhileCreating,
        |_| Order::StopWhileCreating,
        |_| Order::DieWhileSuperseding,
        |_| Order::RemoveByForce,
        |_| Order::Fill,
        |_| Order::UseFromElsewhere,
        |_| Order::UseFromAnotherRoot,
        |_| Order::UseWithoutTheRightToLook,
        |_| Order::GoBlind,
        |_| Order::CloseDescriptors,
        |_| Order::CloseAndReuseDescriptors,
        |_| Order::LookAtReusedDescriptors,
        Order::WaitBriefly,
        |_| Order::PanicAtADeath,
        |_| Order::UnsharePids,
        |_| Order::ReusePid,
        |_| Order::RunCommand,
        |_| Order::RunCommandThatLeavesADaemon,
        |_| Order::RunCommandLate,
        |_| Order::Wrap,
        |_| Order::WrapInPlace,
        |_| Order::BeCommand,
        |_| Order::NobodyWaits,
        |_| Order::AThreadWaits,
        |_| Order::ATaskWaits,
        |_| Order::IdleAsThread,
        |_| Order::IdleAsTask,
        |_| Order::CountDescriptors,
        |_| Order::ServeACrowd,
        |_| Order::WaitInLine,
        |_| Order::DoAll,
    ];

    /// The order that a line is.
    pub(super) fn from_line(line: &str) -> Order {
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        let number = digits.parse().unwrap_or(0);
        let mut all = Order::ALL.iter().map(|order| order(number));
        all.find(|order| format!("{order:?}") == line).unwrap_or_else(|| panic!("no actor knows what `{line}` is"))
    }
}
