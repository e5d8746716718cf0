//! The suite on trial: a made-up reach with leases and tokens passes, and each way of getting them wrong is noticed.
//!
//! It is also the full example of a reach: `server.rs` is what a server would do, and `reach.rs` is the reach proper.

mod flaw;
mod reach;
mod server;

use flaw::{Call, Flaw};
use permits::limit::{Wait, WaitBlocking};
use permits::{Error, ErrorKind, MaxPermitsError, Semaphore};
use permits_conformance::{Policy, Rig, Severed, clauses};
use reach::{MAX_PERMITS, Reach};
use server::Server;
use std::future::{Future, IntoFuture, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::time::{Duration, Instant};

/// How the reach is made.
#[derive(Clone, Copy)]
struct Made {
    flaw: Flaw,
    lease: Duration,
}

/// With leases that do not end while a test runs, however busy the machine is.
const LASTING: Made = Made { flaw: Flaw::None, lease: Duration::from_secs(600) };
/// With leases that end soon, and not before a busy machine has let a thread run that renews them.
const SHORT: Made = Made { flaw: Flaw::None, lease: Duration::from_secs(1) };

impl Rig for Made {
    type Limit = Reach;

    const MAX_PERMITS: u32 = MAX_PERMITS;

    fn fresh(&self, _: Policy, max: u32) -> Result<Reach, Error> {
        if !(1..=MAX_PERMITS).contains(&max) {
            return Err(MaxPermitsError::new(max.into(), self.flaw.limit(MAX_PERMITS)).into());
        }
        let server = Server::start(Semaphore::try_fair(max)?, self.lease);
        Ok(Reach::connect(&server, self.flaw, self.lease))
    }

    fn another(&self, limit: &Reach) -> Reach {
        limit.another()
    }

    fn grace(&self) -> Duration {
        Duration::from_millis(5)
    }

    fn deadline(&self) -> Duration {
        // What is broken breaks soon.
        Duration::from_secs(if self.flaw == Flaw::None { 60 } else { 4 })
    }

    fn rounds(&self) -> u32 {
        if self.lease == LASTING.lease { 200 } else { 10 }
    }
}

impl Severed for Made {
    fn sever(&self, limit: &Reach) {
        limit.cut();
    }

    fn heal(&self, limit: &Reach) {
        limit.mend();
    }

    fn delay(&self, limit: &Reach, time: Duration) {
        limit.delay(time);
    }

    fn gives_up_after(&self) -> Duration {
        // At once, but for the time that a thread takes to start.
        Duration::from_secs(if self.flaw == Flaw::None { 10 } else { 1 })
    }
}

permits_conformance::suite!(made_right, LASTING);
permits_conformance::suite!(cut_off, SHORT, severed);

/// A clause must say these of a reach that is made wrong. Not at once where a machine is so busy that a lease
/// ends too early: then the clause says that first.
#[track_caller]
fn noticed(flaw: Flaw, clause: fn(&Made, Policy), words: &[&str]) {
    let mut said = Vec::new();
    for _ in 0..3 {
        let text = panic_of(flaw, clause);
        if words.iter().all(|word| text.contains(word)) {
            return;
        }
        said.push(text);
    }
    panic!("{flaw:?} is not noticed by {words:?}: {said:#?}");
}

fn panic_of(flaw: Flaw, clause: fn(&Made, Policy)) -> String {
    let made = Made { flaw, ..SHORT };
    let panic = catch_unwind(AssertUnwindSafe(|| clause(&made, Policy::Fair))).expect_err("it should be noticed");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).expect("a panic has a text")
}

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// A request that is never ready at its first poll, as those that travel.
struct Travelling;

impl IntoFuture for Travelling {
    type Output = Result<(), Error>;
    type IntoFuture = Boxed<()>;

    fn into_future(self) -> Boxed<()> {
        Box::pin(pending())
    }
}

impl Wait for Travelling {
    type Granted = ();

    async fn try_now(self) -> Result<(), Error> {
        Ok(())
    }

    fn timed_out(&self) -> impl Future<Output = Error> + Send + 'static {
        ready(Error::new(ErrorKind::TimedOut, "it never comes"))
    }
}

impl WaitBlocking for Travelling {}

#[test]
fn timeout_of_zero_is_a_try_and_not_a_poll() {
    assert!(Travelling.wait_timeout(Duration::ZERO).is_ok());
    let error = Travelling.wait_timeout(Duration::from_millis(1)).expect_err("it never comes");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

macro_rules! notices {
    ($($name:ident: $flaw:expr, $clause:ident, $text:literal;)*) => {
        $(
            #[test]
            fn $name() {
                noticed($flaw, clauses::$clause, &[$text]);
            }
        )*
    };
}

notices! {
    holder_that_is_not_told_is_noticed: Flaw::NotTelling, c20_loss, "another one has the permit, and its holder does not know";
    holder_that_is_told_late_is_noticed: Flaw::TellingLate, c20_loss, "another one has the permit, and its holder does not know";
    lease_that_counts_from_the_reply_is_noticed: Flaw::CountingFromTheReply, c20_loss, "the first did not know";
    release_after_a_loss_is_noticed: Flaw::Forgiving, c20_loss, "it succeeded, and should have failed with Lost";
    reach_that_lives_and_dies_with_a_process_is_noticed: Flaw::SafeAsAProcess, c20_loss, "it outlives";
    leases_that_are_not_told_of_are_noticed_by_their_loss: Flaw::Unleased, c20_loss, "can be lost";
    leases_that_are_not_told_of_are_noticed: Flaw::Unleased, c15_truth, "`leased` of";
    tokens_that_are_not_told_of_are_noticed: Flaw::Unfenced, c15_truth, "`fenced` of";
    token_that_does_not_grow_is_noticed: Flaw::Tokenless, c19_fencing, "a token is not greater than the one before it";
    token_that_shrinks_by_a_merge_is_noticed: Flaw::KeepingTheToken, c19_fencing, "the greater of the two";
    token_that_grows_by_a_split_is_noticed: Flaw::RenumberingParts, c19_fencing, "the parts are of the same grant";
    lost_permit_that_can_be_split_is_noticed: Flaw::SplittingTheLost, c20_loss, "it succeeded, and should have failed with Lost";
    leases_that_are_merged_are_noticed: Flaw::MergingLeases, c20_loss, "takes in none that is lost";
    release_that_heard_no_answer_is_noticed: Flaw::NotHearing, c21_unreachable, "succeeded without an answer";
    waiter_that_hangs_after_its_session_ended_is_noticed: Flaw::Stranding, c21_unreachable, "did not end";
    release_that_happens_before_its_client_hears_of_it_is_noticed: Flaw::GrantingInOneStep, c21_unreachable, "did not end";
    permits_that_were_dropped_and_stay_out_are_noticed: Flaw::Leaking, c21_unreachable, "on their way back";
    timeout_that_fails_in_another_way_is_noticed: Flaw::ChangingTheKind, c21_unreachable, "TimedOut";
    errors_without_numbers_are_noticed: Flaw::Wordy, c21_bad_input, "what the error counts";
    timeout_that_does_not_tell_what_is_needed_is_noticed: Flaw::Wordy, c22_batches, "nothing keeps it from being read";
    limit_of_another_reach_is_noticed: Flaw::Overstating, c02_start, "no `1000` in";
}

#[test]
fn call_that_hangs_is_noticed() {
    let calls = [
        (Call::TryAcquire, "a try to acquire"),
        (Call::TryRelease, "a try to release"),
        (Call::State, "reading the state"),
        (Call::Resize, "setting the number of permits"),
        (Call::Close, "closing"),
        (Call::Release, "releasing a permit"),
        (Call::Forget, "forgetting a permit"),
        (Call::TimedOut, "saying how things stood"),
    ];
    for (call, what) in calls {
        noticed(Flaw::Hanging(call), clauses::c21_unreachable, &[what, "did not end"]);
    }
}

/// A reach that cannot say how things stood: by no means, or by another kind of error.
struct Untold<F>(F);

impl<F: Future<Output = Error> + Clone + Send + 'static> IntoFuture for Untold<F> {
    type Output = Result<(), Error>;
    type IntoFuture = Boxed<()>;

    fn into_future(self) -> Boxed<()> {
        Box::pin(pending())
    }
}

impl<F: Future<Output = Error> + Clone + Send + 'static> Wait for Untold<F> {
    type Granted = ();

    async fn try_now(self) -> Result<(), Error> {
        Err(Error::new(ErrorKind::NotNow, "it never comes"))
    }

    fn timed_out(&self) -> impl Future<Output = Error> + Send + 'static {
        self.0.clone()
    }
}

impl<F: Future<Output = Error> + Clone + Send + 'static> WaitBlocking for Untold<F> {}

#[test]
fn wait_whose_time_is_over_has_timed_out_whatever_a_reach_does() {
    let mute = || Untold(pending::<Error>());
    for time in [Duration::ZERO, Duration::from_millis(1)] {
        let start = Instant::now();
        let error = mute().wait_timeout(time).expect_err("it never comes");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(start.elapsed() < Duration::from_secs(30), "it took {:?}", start.elapsed());
    }
}
