//! A file of an earlier boot is made anew, and one in use never is, whatever its users believe about the boot.

use crate::actor::{Actor, Order};
use crate::format::{BOOT_AT, ROOT_AT, SEAT_BYTES};
use crate::look::{DEADLINE, kind};
use crate::place::{Directory, NAME, file_in, fresh, overwrite};
use crate::{mount, sys};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use permits_conformance::wait::{Running, eventually};
use permits_host::{ErrorKind, Repair};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Barrier};

/// Makes a file that nobody uses any more one of an earlier boot.
pub(crate) fn reboot(directory: &Directory) {
    let file = File::open(file_in(directory)).expect("it is there");
    // A child that another test has just forked may have copies of this process's descriptors until it executes its
    // program, and with them the lock of a handle that is gone.
    assert!(eventually(DEADLINE, || !sys::is_locked_from(&file, SEAT_BYTES)), "nobody uses it");
    overwrite(directory, BOOT_AT, &[7; 16]);
}

#[test]
fn after_a_reboot_all_is_free_and_the_number_of_permits_is_kept() {
    let (directory, semaphore) = fresh(5);
    let mut holder = Actor::start(&directory);
    holder.holds(2);
    semaphore.try_acquire_many_owned(2).expect("they are free").forget();
    holder.kill_and_reap();
    drop(semaphore);

    reboot(&directory);

    let semaphore = directory.options().open_existing(NAME).expect("it is made anew");
    let state = semaphore.state().expect("it is sound");
    assert_eq!((state.max_permits, state.available_permits, state.loose), (5, 5, 0));
}

/// As a power failure leaves it where not all of it was on the disk yet.
#[test]
fn a_torn_file_of_an_earlier_boot_is_set_aside_by_a_repair() {
    let (directory, semaphore) = fresh(5);
    drop(semaphore);
    reboot(&directory);
    overwrite(&directory, ROOT_AT, &[0xff; 8]);
    let open = || directory.options().open(NAME, 5);
    assert_eq!(kind(open()), Some(ErrorKind::Damaged));

    let repaired = directory.options().repair(NAME).expect("nobody uses it");

    assert!(matches!(repaired, Repair::SetAside { .. }), "{repaired:?}");
    assert_eq!(open().expect("it is made anew").state().expect("it is sound").available_permits, 5);
}

#[test]
fn after_a_reboot_many_that_come_at_once_share_one_file() {
    const ROUNDS: usize = 100;
    const COMERS: u32 = 4;
    let (directory, semaphore) = fresh(COMERS - 1);
    drop(semaphore);
    for _ in 0..ROUNDS {
        reboot(&directory);
        let start = Arc::new(Barrier::new(COMERS as usize));
        let come = |_| {
            let (start, options) = (Arc::clone(&start), directory.options());
            Running::start(move || {
                start.wait();
                let semaphore = options.open_existing(NAME).expect("it is made anew");
                let outcome = semaphore.try_acquire_owned();
                // Until the others have tried.
                start.wait();
                outcome.is_ok()
            })
        };

        let mut comers: Vec<Running<bool>> = (0..COMERS).map(come).collect();

        let granted = comers
            .iter_mut()
            .map(|comer| comer.outcome(DEADLINE).expect("nobody hangs"))
            .filter(|&granted| granted)
            .count();
        assert_eq!(granted, COMERS as usize - 1, "all but one have a permit of the same file");
    }
}

#[test]
fn a_closed_semaphore_is_closed_after_a_reboot() {
    let (directory, semaphore) = fresh(1);
    semaphore.close().expect("it can be closed");
    drop(semaphore);
    let number = || fs::metadata(file_in(&directory)).expect("it is there").ino();
    let before = number();
    reboot(&directory);

    let semaphore = directory.options().open_existing(NAME).expect("it is made anew");

    assert_eq!(kind(semaphore.try_acquire_owned()), Some(ErrorKind::Closed));
    // In memory no file outlasts a boot, and none is made anew.
    let in_memory = statfs(directory.path()).expect("it is there").filesystem_type() == TMPFS_MAGIC;
    assert_eq!(number() == before, in_memory);
}

/// What a process of another boot gets of a semaphore that is all held, and whether it is the same file after that.
fn from_another_boot(mask: fn(&Path) -> io::Result<()>) {
    if !permits_testbed::mounts() {
        return;
    }
    let (directory, semaphore) = fresh(1);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let number = || fs::metadata(file_in(&directory)).expect("it is there").ino();
    let before = number();

    let path = directory.path().to_owned();
    let mut other = Actor::start_in(directory.path(), move || mask(&path));
    assert_eq!(other.asked(Order::Open(1)), "open");
    let answer = other.asked(Order::Try(1));

    assert_eq!((answer.as_str(), number()), ("NotNow", before));
    assert_eq!(
        kind(directory.options().open(NAME, 1).expect("it is there").try_acquire_owned()),
        Some(ErrorKind::NotNow)
    );
}

#[test]
fn a_file_in_use_is_not_replaced_by_who_sees_another_boot() {
    from_another_boot(|directory| {
        let boot = directory.join("boot");
        fs::write(&boot, "11111111-2222-3333-4444-555555555555\n")?;
        mount::bind(&boot, "/proc/sys/kernel/random/boot_id")
    });
}

#[test]
fn a_file_in_use_is_not_replaced_by_who_sees_no_boot() {
    from_another_boot(|_| mount::tmpfs("/proc/sys", ""));
}

#[test]
fn a_file_that_a_command_alone_uses_is_not_replaced_by_who_sees_another_boot() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    wrapper.starts(Order::RunCommand);
    drop(semaphore);
    wrapper.kill_and_reap();
    overwrite(&directory, BOOT_AT, &[7; 16]);

    let semaphore = directory.options().open(NAME, 1).expect("it is there");

    assert_eq!(kind(semaphore.try_acquire_owned()), Some(ErrorKind::NotNow));
}
