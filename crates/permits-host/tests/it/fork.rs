//! A child after fork is somebody else, and so is another program.

use crate::actor::{Actor, Order};
use crate::look::{DEADLINE, WHILE, lives, waiting};
use crate::place::fresh;
use crate::sys;
use permits_conformance::wait::{Running, always, eventually};
use permits_host::HostSemaphore;
use std::pin::Pin;
use std::process::Command;
use std::task::{Context, Waker};

/// How often a busy process forks.
const FORKS: u32 = 1000;

fn given_out(semaphore: &HostSemaphore) -> u32 {
    semaphore.given_out().expect("it is sound")
}

#[test]
fn a_guard_that_a_child_drops_is_the_parents_still() {
    let (directory, semaphore) = fresh(1);
    let mut actor = Actor::start(&directory);
    actor.holds(1);
    actor.forks();

    assert_eq!(actor.asked(Order::Drop), "dropped");

    assert_eq!(given_out(&semaphore), 1, "the parent holds it");
}

#[test]
fn a_guard_that_a_child_forgets_is_the_parents_still() {
    let (directory, semaphore) = fresh(1);
    let mut actor = Actor::start(&directory);
    actor.holds(1);
    actor.forks();

    assert_eq!(actor.asked(Order::Forget), "forgotten");

    assert_eq!(semaphore.loose().expect("it is sound"), 0, "the parent holds it");
    assert_eq!(given_out(&semaphore), 1, "the parent holds it");
}

#[test]
fn the_end_of_a_child_takes_nothing_from_its_parent() {
    let (directory, semaphore) = fresh(2);
    let mut actor = Actor::start(&directory);
    actor.holds(1);
    let child = actor.forks();
    actor.holds(1);

    sys::signal(child, libc::SIGKILL);

    assert!(eventually(DEADLINE, || given_out(&semaphore) == 1), "what the child held comes back");
    assert!(always(WHILE, || given_out(&semaphore) == 1), "what the parent holds does not");
}

#[test]
fn the_death_of_a_parent_frees_what_it_held_though_its_child_lives() {
    let (directory, semaphore) = fresh(1);
    let mut actor = Actor::start(&directory);
    actor.holds(1);
    let child = actor.forks();

    actor.kill_and_reap();

    assert!(semaphore.try_acquire_owned().is_ok());
    assert!(lives(child), "it was forked from the holder, and is none");
}

#[test]
fn the_death_of_a_parent_frees_what_it_held_though_its_child_uses_the_handle() {
    let (directory, semaphore) = fresh(2);
    let mut actor = Actor::start(&directory);
    actor.holds(1);
    actor.forks();
    actor.holds(1);

    actor.kill_and_reap();

    assert_eq!(given_out(&semaphore), 1, "the child holds one, and the parent none");
    assert_eq!(actor.asked(Order::Drop), "dropped");
    assert_eq!(given_out(&semaphore), 0);
}

#[test]
fn a_child_that_uses_the_handle_has_a_seat_of_its_own() {
    let (directory, semaphore) = fresh(2);
    let mut actor = Actor::start(&directory);
    actor.holds(1);
    let child = actor.forks();

    actor.holds(1);

    let holders = semaphore.status().expect("it is sound").holders;
    let mut pids: Vec<u32> = holders.iter().map(|holder| holder.who.pid).collect();
    pids.sort_unstable();
    let mut expected = [actor.pid(), child];
    expected.sort_unstable();
    assert_eq!(pids, expected);
}

#[test]
fn a_grandchild_has_a_seat_of_its_own() {
    let (directory, semaphore) = fresh(3);
    let mut actor = Actor::start(&directory);
    actor.holds(1);
    actor.forks();
    actor.holds(1);
    let grandchild = actor.forks();

    actor.holds(1);

    assert_eq!(semaphore.status().expect("it is sound").holders.len(), 3);
    sys::signal(grandchild, libc::SIGKILL);
    assert!(eventually(DEADLINE, || given_out(&semaphore) == 2), "its death is its own");
}

#[test]
fn a_child_can_wait() {
    let (directory, semaphore) = fresh(1);
    let mut actor = Actor::start(&directory);
    actor.holds(1);
    actor.forks();
    actor.waits(1, &semaphore);

    actor.kill_and_reap();

    assert_eq!(actor.hear(), "got 1", "from its dead parent");
}

#[test]
fn a_child_can_wait_as_a_task() {
    let (directory, semaphore) = fresh(1);
    let mut actor = Actor::start(&directory);
    // The parent's attendants run when it forks, and the child has none of them.
    actor.holds(1);
    actor.awaits(1, &semaphore);
    assert!(always(WHILE, || waiting(&semaphore) == 1), "it waits for longer than a moment");
    actor.forks();
    actor.awaits(1, &semaphore);

    actor.kill_and_reap();

    assert_eq!(actor.hear(), "got 1", "from its dead parent");
}

#[test]
fn a_child_that_waits_can_be_killed() {
    let (directory, semaphore) = fresh(1);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut actor = Actor::start(&directory);
    let child = actor.forks();
    actor.waits(1, &semaphore);
    let mut behind = Actor::start(&directory);
    behind.waits(1, &semaphore);

    sys::signal(child, libc::SIGKILL);
    drop(permit);

    assert_eq!(behind.hear(), "got 1");
}

#[test]
fn a_process_that_waits_forks_without_harm() {
    forks_often(Order::Wait(3));
}

#[test]
fn a_process_that_waits_as_a_task_forks_without_harm() {
    forks_often(Order::Await(3));
}

/// Forks while a thread of the process waits for more than is free, behind nobody; the children take what can
/// be had when it is through.
fn forks_often(order: Order) {
    let (directory, semaphore) = fresh(3);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut actor = Actor::start(&directory);
    let queued = waiting(&semaphore);
    actor.told(order);
    assert!(eventually(DEADLINE, || waiting(&semaphore) == queued + 1), "it waits");

    // Each child would queue behind its parent, so these only come and go.
    assert_eq!(actor.asked(Order::ForkAndLook(FORKS)), "0 failed");

    drop(permit);
    assert_eq!(actor.hear(), "got 3", "none of the children has taken its place, or its wake");
}

#[test]
fn a_process_that_commits_all_the_time_forks_without_harm() {
    let (directory, semaphore) = fresh(4);
    let mut actor = Actor::start(&directory);
    actor.holds(2);
    assert_eq!(actor.asked(Order::CommitInALoop), "commits");

    assert_eq!(actor.asked(Order::ForkOften(FORKS)), "0 failed");

    actor.kill_and_reap();
    let state = semaphore.state().expect("it is sound");
    assert_eq!((state.available_permits, state.given_out, state.loose), (4, 0, 0));
}

#[test]
fn executing_another_program_gives_back_what_was_held() {
    let (directory, semaphore) = fresh(1);
    let mut actor = Actor::start(&directory);
    actor.holds(1);

    actor.told(Order::Exec);

    let name = || std::fs::read_to_string(format!("/proc/{}/comm", actor.pid())).unwrap_or_default();
    assert!(eventually(DEADLINE, || name() == "sleep\n"), "it is another program now");
    // It has its new name a moment before the last of the old one is gone.
    assert!(eventually(DEADLINE, || semaphore.try_acquire_owned().is_ok()));
    assert!(lives(actor.pid()), "the process is the same");
}

#[test]
fn a_waiter_is_told_when_the_holder_executes_another_program() {
    let (directory, semaphore) = fresh(1);
    let mut actor = Actor::start(&directory);
    actor.holds(1);
    let mut waiter = Actor::start(&directory);
    waiter.waits(1, &semaphore);

    actor.told(Order::Exec);

    assert_eq!(waiter.hear(), "got 1");
}

#[test]
fn a_program_that_the_holder_starts_does_not_keep_the_permit() {
    let (directory, semaphore) = fresh(1);
    let mut actor = Actor::start(&directory);
    actor.holds(1);
    let program = actor.starts(Order::Spawn);

    actor.kill_and_reap();

    assert!(semaphore.try_acquire_owned().is_ok());
    assert!(lives(program));
}

/// Whether a child after fork comes through something, and executes its program.
fn survives(act: impl FnMut() -> std::io::Result<()> + Send + Sync + 'static) -> bool {
    let mut child = Running::start(move || {
        let mut command = Command::new("true");
        let mut child = permits_testbed::start(permits_testbed::before_exec(&mut command, act));
        child.wait().expect("it is a child of ours").success()
    });
    child.outcome(DEADLINE).expect("a child after fork does not hang")
}

#[test]
fn a_child_that_tells_the_pid_of_the_command_touches_nothing() {
    let (_directory, semaphore) = fresh(1);
    let lock = semaphore.command_lock().expect("it can be made");

    let survived = survives(move || {
        lock.set_command_pid(std::process::id());
        Ok(())
    });

    assert!(survived);
}

#[test]
fn a_child_that_asks_for_its_parents_position_touches_nothing() {
    let (_directory, semaphore) = fresh(1);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let mut request = semaphore.acquire_owned();
    assert!(Pin::new(&mut request).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(request.position(), Some(1));

    let survived = survives(move || match request.position() {
        None => Ok(()),
        Some(_) => Err(std::io::Error::from_raw_os_error(libc::EINVAL)),
    });

    assert!(survived);
}

#[test]
fn a_request_that_waits_is_the_parents_still() {
    let (directory, semaphore) = fresh(1);
    let permit = semaphore.try_acquire().expect("it is free");
    let mut actor = Actor::start(&directory);

    assert_eq!(actor.asked(Order::Queue), "queued");
    actor.forks();

    assert_eq!(actor.asked(Order::PollQueued), "NotOurs");

    assert_eq!(semaphore.waiting_acquirers().expect("it is sound"), 1, "the parent waits");
    assert_eq!(semaphore.waiting_releasers().expect("it is sound"), 0);
    drop(permit);
    assert_eq!(semaphore.waiting_acquirers().expect("it is sound"), 0, "the parent is granted");
}

#[test]
fn a_guard_that_a_child_ends_with_an_answer_is_said_to_be_the_parents() {
    let (directory, semaphore) = fresh(2);
    let mut actor = Actor::start(&directory);
    actor.holds(1);
    actor.holds(1);
    actor.forks();

    assert_eq!(actor.asked(Order::EndWithAnswers), "Err(NotOurs) Err(NotOurs)");

    assert_eq!((given_out(&semaphore), semaphore.loose().expect("it is sound")), (2, 0), "the parent holds them");
}

#[test]
fn a_guard_that_is_ended_with_an_answer_is_released_or_loose() {
    let (directory, semaphore) = fresh(2);
    let mut actor = Actor::start(&directory);
    actor.holds(1);
    actor.holds(1);

    assert_eq!(actor.asked(Order::EndWithAnswers), "Ok(()) Ok(())");

    assert_eq!((given_out(&semaphore), semaphore.loose().expect("it is sound")), (1, 1));
}
