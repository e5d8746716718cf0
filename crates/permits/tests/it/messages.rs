//! What errors say, word by word: the fact, the numbers, and what can be done about it.

use permits::{AcquireError, Error, ErrorKind, HolderId, Operation, Retry, Semaphore, Side};
use permits_conformance::wait::Polled;
use std::error::Error as _;
use std::time::Duration;

fn text<T, E: std::error::Error>(outcome: Result<T, E>) -> String {
    match outcome {
        Ok(_) => panic!("it should have failed"),
        Err(error) => error.to_string(),
    }
}

const SHORT: Duration = Duration::from_millis(1);

#[test]
fn too_many_names_what_was_asked_for_and_what_there_is() {
    let sem = Semaphore::new(4);
    let expected = "asked for `9` permits at once, the semaphore has `4`";

    assert_eq!(text(sem.acquire_many(9).wait()), expected);
    assert_eq!(text(sem.try_acquire_many(9)), expected);
    assert_eq!(text(sem.acquire_many(9).wait_timeout(SHORT)), expected);
    let expected = "asked to return `9` permits at once, the semaphore has `4`";
    assert_eq!(text(sem.release_many(9).wait()), expected);
    assert_eq!(text(sem.try_release_many(9)), expected);
    assert_eq!(text(sem.release_many(9).wait_timeout(SHORT)), expected);
}

#[test]
fn names_and_causes_are_one_line_that_a_terminal_does_not_obey() {
    let name = "a\n\u{1b}[2J\u{7f}\u{9b}\u{61c}\u{200e}\u{202a}\u{202e}\u{2066}\u{2069}\u{2028}b\\";
    let error =
        Error::new(ErrorKind::System, "cannot open `é 建 e\u{301} שלום\t`").with_semaphore(name).with_source("no\r\n");

    let expected = "semaphore `a\\n\\u{1b}[2J\\u{7f}\\u{9b}\\u{61c}\\u{200e}\\u{202a}\\u{202e}\\u{2066}\\u{2069}\\u{2028}b\\`: \
                    cannot open `é 建 e\u{301} שלום\\t`: no\\r\\n";
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.semaphore(), Some(name));
}

#[test]
fn closed_says_so_everywhere() {
    let sem = Semaphore::new(1);
    sem.close();
    let expected = "the semaphore is closed";

    assert_eq!(text(sem.acquire().wait()), expected);
    assert_eq!(text(sem.try_acquire()), expected);
    assert_eq!(text(sem.acquire().wait_timeout(SHORT)), expected);
    assert_eq!(text(sem.release().wait()), expected);
    assert_eq!(text(sem.try_release()), expected);
    assert_eq!(text(sem.release().wait_timeout(SHORT)), expected);
}

#[test]
fn failed_try_names_what_was_asked_for_and_what_is_there() {
    let sem = Semaphore::fair(5);
    sem.acquire().loose().wait().unwrap();
    let _held = sem.try_acquire_many(2).unwrap();

    assert_eq!(text(sem.try_acquire_many(3)), "asked for `3` permits, `2` are free");
    assert_eq!(
        text(sem.try_release_many(2)),
        "asked to return `2` permits, `1` are loose; drop a guard to return its permits, or `forget` it to make them loose"
    );
}

#[test]
fn failed_try_says_that_others_come_first() {
    let sem = Semaphore::fair(5);
    sem.acquire().loose().wait().unwrap();
    let _held = sem.try_acquire_many(2).unwrap();
    let (mut acquire, mut release) = (Polled::new(sem.acquire_many(3)), Polled::new(sem.release_many(2)));
    assert!(acquire.poll().is_pending() && release.poll().is_pending());

    assert_eq!(text(sem.try_acquire_many(2)), "asked for `2` permits: `2` are free, but others wait for them");
    assert_eq!(text(sem.try_release()), "asked to return `1` permits: `1` are loose, but others wait to return them");
}

#[test]
fn timeout_tells_how_things_stand() {
    let sem = Semaphore::new(4);
    let _held = sem.try_acquire_many(3).unwrap();

    assert_eq!(
        text(sem.acquire_many(2).wait_timeout(SHORT)),
        "timed out asking for `2` permits: 1 of 4 permits free, 3 held, 0 loose, 0 wait to acquire, 0 wait to release"
    );
    assert_eq!(
        text(sem.release().wait_timeout(SHORT)),
        "timed out returning `1` permits: 1 of 4 permits free, 3 held, 0 loose, 0 wait to acquire, 0 wait to release; drop a \
         guard to return its permits, or `forget` it to make them loose"
    );
}

#[test]
fn timeout_tells_when_batches_may_wait_for_each_other() {
    let sem = Semaphore::new(4);
    sem.acquire_many(2).loose().wait().unwrap();
    let mut acquire = Polled::new(sem.acquire_many(3));
    assert!(acquire.poll().is_pending());

    assert_eq!(
        text(sem.release_many(3).wait_timeout(SHORT)),
        "timed out returning `3` permits: 2 of 4 permits free, 0 held, 2 loose, 1 wait to acquire (first asks for 3), \
         0 wait to release; batches on the two sides that sum up to more than `5` can wait for each other without end"
    );
    drop(acquire);
    let mut release = Polled::new(sem.release_many(3));
    assert!(release.poll().is_pending());
    assert_eq!(
        text(sem.acquire_many(3).wait_timeout(SHORT)),
        "timed out asking for `3` permits: 2 of 4 permits free, 0 held, 2 loose, 0 wait to acquire, \
         1 wait to release (first returns 3); batches on the two sides that sum up to more than `5` can wait for each \
         other without end"
    );
}

#[test]
fn bad_bound_names_itself_and_the_range() {
    let sem = Semaphore::new(2);

    assert_eq!(text(Semaphore::try_new(0)), "max_permits cannot be `0`: it ranges from `1` to `4194303`");
    assert_eq!(
        text(Semaphore::try_fair(4_194_304)),
        "max_permits cannot be `4194304`: it ranges from `1` to `4194303`"
    );
    assert_eq!(text(sem.shrink(5)), "max_permits cannot be `-3`: it ranges from `1` to `4194303`");
    assert_eq!(text(sem.grow(u32::MAX)), "max_permits cannot be `4294967297`: it ranges from `1` to `4194303`");
    assert_eq!(text(sem.set_max_permits(0)), "max_permits cannot be `0`: it ranges from `1` to `4194303`");
}

#[test]
fn guards_say_why_they_do_not_split_or_merge() {
    let (sem, other) = (Semaphore::new(3), Semaphore::new(3));
    let mut held = sem.try_acquire_many(2).unwrap();

    assert_eq!(text(held.split(3)), "cannot split `3` permits off a guard that holds `2`");
    assert_eq!(
        text(held.merge(other.try_acquire().unwrap())),
        "the two permits belong to different semaphores: the first is unchanged, and `into_permit` returns \
         the second"
    );
}

#[test]
fn error_of_any_reach_says_what_its_source_says() {
    let sem = Semaphore::new(4);
    let _held = sem.try_acquire_many(4).unwrap();
    let errors = [
        (Error::from(sem.acquire_many(9).wait().unwrap_err()), ErrorKind::TooMany),
        (Error::from(sem.release_many(9).wait().unwrap_err()), ErrorKind::TooMany),
        (Error::from(sem.try_acquire_many(9).unwrap_err()), ErrorKind::TooMany),
        (Error::from(sem.try_acquire().unwrap_err()), ErrorKind::NotNow),
        (Error::from(sem.try_release().unwrap_err()), ErrorKind::NotNow),
        (Error::from(sem.acquire().wait_timeout(SHORT).unwrap_err()), ErrorKind::TimedOut),
        (Error::from(sem.release().wait_timeout(SHORT).unwrap_err()), ErrorKind::TimedOut),
        (Error::from(sem.set_max_permits(0).unwrap_err()), ErrorKind::BadMax),
        (Error::from(sem.try_acquire_many(0).unwrap().split(1).unwrap_err()), ErrorKind::TooMany),
    ];
    sem.close();
    let closed = [Error::from(sem.acquire().wait().unwrap_err()), Error::from(sem.release().wait().unwrap_err())];

    for (error, kind) in &errors {
        assert_eq!(error.kind(), *kind, "{error}");
        assert!(!error.to_string().is_empty() && error.source().is_none());
    }
    for error in closed {
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Closed, "the semaphore is closed"));
    }
}

#[test]
fn error_of_any_reach_says_what_where_and_whether_to_try_again() {
    let cause = std::io::Error::from_raw_os_error(13);
    let error = Error::new(ErrorKind::Denied, "cannot open its file")
        .with_source(cause)
        .with_semaphore("build")
        .with_operation(Operation::Open);

    assert_eq!(error.to_string(), "semaphore `build`: cannot open its file: Permission denied (os error 13)");
    assert_eq!((error.semaphore(), error.operation()), (Some("build"), Some(Operation::Open)));
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Denied, Retry::Never));
    let source = error.source().and_then(|source| source.downcast_ref::<std::io::Error>()).expect("it has its cause");
    assert_eq!(source.raw_os_error(), Some(13));
}

#[test]
fn innermost_caller_says_what_was_done_and_where() {
    let inner = Error::new(ErrorKind::Lost, "the lease expired").with_operation(Operation::Release).with_semaphore("a");

    let outer = inner.with_operation(Operation::Merge).with_semaphore("b");

    assert_eq!((outer.operation(), outer.semaphore()), (Some(Operation::Release), Some("a")));
}

#[test]
fn retry_is_unknown_only_where_the_call_may_have_taken_effect() {
    let retry = |kind| Error::new(kind, "it failed").retry();

    assert_eq!(retry(ErrorKind::Unreachable), Retry::Unknown);
    for kind in [ErrorKind::NotNow, ErrorKind::TimedOut, ErrorKind::Exhausted] {
        assert_eq!(retry(kind), Retry::May, "{kind}");
    }
    for kind in [ErrorKind::Closed, ErrorKind::TooMany, ErrorKind::Damaged, ErrorKind::Lost, ErrorKind::Gone] {
        assert_eq!(retry(kind), Retry::Never, "{kind}");
    }
    assert_eq!(Error::new(ErrorKind::Unreachable, "refused").with_retry(Retry::May).retry(), Retry::May);
}

#[test]
fn conversion_of_an_exact_error_says_what_was_done() {
    let sem = Semaphore::new(1);
    let held = sem.try_acquire().unwrap();

    let operations = [
        Error::from(sem.try_acquire().unwrap_err()).operation(),
        Error::from(sem.acquire().wait_timeout(SHORT).unwrap_err()).operation(),
        Error::from(sem.release().wait_timeout(SHORT).unwrap_err()).operation(),
        Error::from(sem.try_release_many(2).unwrap_err()).operation(),
    ];

    let expected = [Operation::Acquire, Operation::Acquire, Operation::Release, Operation::Release];
    assert_eq!(operations, expected.map(Some));
    drop(held);
}

#[test]
fn id_of_a_holder_reads_back_and_another_text_is_refused_by_name() {
    let id = HolderId::new(7, u64::MAX);

    assert_eq!(id.to_string().parse::<HolderId>().unwrap(), id);
    for text in ["", "7", "7-", "-3", "7-x", "-1-2", "99999999999999999999-1", "+7-3", "7-+3", "07-3", "7-03"] {
        let error = text.parse::<HolderId>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSuchHolder);
        assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
    }
}

#[test]
fn debug_output_shows_the_readings() {
    let sem = Semaphore::with_overtaking(4, 7);
    let held = sem.try_acquire_many(2).unwrap();
    let mut waiting = Polled::new(sem.acquire_many(3));
    assert!(waiting.poll().is_pending());

    let text = format!("{sem:?}");

    for part in
        ["max_permits: 4", "available_permits: 2", "given_out: 2", "loose: 0", "waiting_acquirers: 1", "closed: false"]
    {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
    assert!(format!("{held:?}").contains("count: 2"));
    assert!(format!("{:?}", sem.acquire_many(5)).contains("permits: 5"));
    assert_eq!(
        sem.state().to_string(),
        "2 of 4 permits free, 2 held, 0 loose, 1 wait to acquire (first asks for 3), 0 wait to release"
    );
}

/// Of each exact error that has numbers, without its text.
#[test]
fn numbers_of_an_error_are_told_to_programs() {
    let sem = Semaphore::new(4);
    let mut held = sem.try_acquire_many(2).unwrap();
    sem.acquire().loose().try_now().unwrap();
    let moment = Duration::from_millis(1);

    let errors: [(Error, Option<(i64, u32)>); 12] = [
        (sem.acquire_many(5).wait().unwrap_err().into(), Some((5, 4))),
        (sem.acquire_many(6).wait_timeout(moment).unwrap_err().into(), Some((6, 4))),
        (sem.try_acquire_many(7).unwrap_err().into(), Some((7, 4))),
        (sem.try_acquire_many(2).unwrap_err().into(), Some((2, 1))),
        (sem.acquire_many(3).wait_timeout(moment).unwrap_err().into(), Some((3, 1))),
        (sem.release_many(5).wait().unwrap_err().into(), Some((5, 4))),
        (sem.release_many(6).wait_timeout(moment).unwrap_err().into(), Some((6, 4))),
        (sem.try_release_many(7).unwrap_err().into(), Some((7, 4))),
        (sem.try_release_many(3).unwrap_err().into(), Some((3, 1))),
        (sem.release_many(2).wait_timeout(moment).unwrap_err().into(), Some((2, 1))),
        (held.split(3).unwrap_err().into(), Some((3, 2))),
        (sem.shrink(9).unwrap_err().into(), Some((-5, Semaphore::MAX_PERMITS))),
    ];

    for (error, counts) in errors {
        assert_eq!(error.counts().map(|it| (it.requested, it.limit)), counts, "{error}");
        assert_eq!(error.stuck().is_some(), error.kind() == ErrorKind::TimedOut, "{error}");
    }
    assert_eq!(Error::from(AcquireError::Closed).counts(), None);
}

#[test]
fn wait_whose_state_could_not_be_read_has_timed_out_all_the_same() {
    let cause = Error::new(ErrorKind::Unreachable, "no answer").with_semaphore("build");

    let error = Error::timed_out(Side::Release, 2, Err(cause));

    assert_eq!((error.kind(), error.operation()), (ErrorKind::TimedOut, Some(Operation::Release)));
    assert_eq!((error.retry(), error.stuck()), (Retry::May, None));
    assert_eq!(
        error.to_string(),
        "semaphore `build`: timed out returning `2` permits, and the state could not be read: no answer"
    );
}
