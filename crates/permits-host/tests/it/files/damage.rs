//! Files with nonsense in them, and what is no file: the error says what is wrong, and nothing is made of it.

use super::{assert_refused, open, with_file};
use crate::format::{FORMAT_AT, ROOT_AT};
use crate::place::{Directory, NAME, file_in, fresh, overwrite};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use permits::blocking::block_on;
use permits::limit::{Limit, Wait};
use permits_conformance::Dice;
use permits_host::ErrorKind;
use permits_testbed::root;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

#[track_caller]
fn assert_damaged(directory: &Directory, why: &str) {
    let way_out = format!("semaphore `{NAME}`: it is damaged: ");
    assert_refused(open(directory), ErrorKind::Damaged, &[&format!("`{NAME}`"), why, &way_out]);
    let read = directory.options().read(NAME).expect_err("it cannot be read either");
    assert_eq!(read.kind(), ErrorKind::Damaged, "{read}");
}

#[test]
fn an_empty_file_is_damaged() {
    let (directory, path) = with_file();

    File::create(path).expect("it can be emptied");

    assert_damaged(&directory, "too short");
}

#[test]
fn a_truncated_file_is_damaged_wherever_it_ends() {
    let (directory, path) = with_file();
    let length = fs::metadata(&path).expect("it is there").len();
    let file = File::options().write(true).open(path).expect("it is ours");

    let powers = (0..).map(|power| 1u64 << power).take_while(|&power| power < length).collect::<Vec<_>>();
    assert!(powers.len() > 20, "{powers:?}");
    for shorter in powers.into_iter().rev().chain([0]) {
        file.set_len(shorter).expect("it can be cut");

        let why = if shorter < 40 { "too short".into() } else { format!("`{shorter}` bytes instead of `{length}`") };
        assert_damaged(&directory, &why);
    }
}

#[test]
fn a_file_that_lacks_one_byte_is_damaged() {
    let (directory, path) = with_file();
    let length = fs::metadata(&path).expect("it is there").len();

    File::options().write(true).open(path).expect("it is ours").set_len(length - 1).expect("it can be cut");

    assert_damaged(&directory, &format!("`{}` bytes instead of `{length}`", length - 1));
}

#[test]
fn a_file_that_is_too_long_is_damaged() {
    let (directory, path) = with_file();
    let length = fs::metadata(&path).expect("it is there").len();

    File::options().write(true).open(path).expect("it is ours").set_len(length + 1).expect("it can grow");

    assert_damaged(&directory, &format!("`{}` bytes instead of `{length}`", length + 1));
}

#[test]
fn a_file_that_starts_as_another_is_damaged() {
    let (directory, path) = with_file();

    File::options().write(true).open(path).expect("it is ours").write_all_at(b"PERMITS\r", 0).expect("it is written");

    assert_damaged(&directory, "does not start like a semaphore's file");
}

#[test]
fn a_file_of_random_bytes_is_damaged() {
    let (directory, path) = with_file();
    let mut dice = Dice::seeded(21);

    for length in [40, 4096, 8_392_704] {
        let bytes: Vec<u8> = (0..length / 8).flat_map(|_| dice.roll().to_ne_bytes()).collect();
        fs::write(&path, bytes).expect("it is written");

        assert_damaged(&directory, "does not start like a semaphore's file");
    }
}

#[test]
fn another_major_version_is_refused_naming_both() {
    let (directory, path) = with_file();
    let file = File::options().read(true).write(true).open(&path).expect("it is ours");
    let mut format = [0; 8];
    file.read_exact_at(&mut format, FORMAT_AT).expect("it has a second word");
    let format = u64::from_ne_bytes(format);
    assert_eq!(format & 0xffff_ffff, 4 << 16, "this is format 4.0");

    file.write_all_at(&(format & !0xffff_ffff | 7 << 16 | 5).to_ne_bytes(), FORMAT_AT).expect("it is written");

    let path = format!("`{}`", path.display());
    assert_refused(
        open(&directory),
        ErrorKind::ForeignFormat,
        &["format `7.5`", "format `4.0`", "same version", &path],
    );
}

#[test]
fn a_newer_minor_version_is_used() {
    let (directory, path) = with_file();
    let file = File::options().write(true).open(path).expect("it is ours");

    // The lowest byte of the word, in either order of bytes.
    let minor = if cfg!(target_endian = "little") { FORMAT_AT } else { FORMAT_AT + 7 };
    file.write_all_at(&[3], minor).expect("it is written");

    assert!(open(&directory).expect("it is opened").try_acquire_owned().is_ok());
}

#[test]
fn other_sizes_are_a_foreign_format() {
    let (directory, path) = with_file();
    let file = File::options().read(true).write(true).open(path).expect("it is ours");
    let mut format = [0; 8];
    file.read_exact_at(&mut format, FORMAT_AT).expect("it has a second word");

    let format = u64::from_ne_bytes(format) & 0xffff_ffff | 8192 << 32;
    file.write_all_at(&format.to_ne_bytes(), FORMAT_AT).expect("it is written");

    assert_refused(open(&directory), ErrorKind::ForeignFormat, &[&format!("`{NAME}`"), "same version"]);
}

#[test]
fn a_directory_in_its_place_is_damaged() {
    let directory = Directory::new();

    fs::create_dir(file_in(&directory)).expect("it can be made");

    assert_refused(open(&directory), ErrorKind::Damaged, &["it is a directory"]);
}

#[test]
fn a_pipe_in_its_place_is_damaged_and_not_waited_for() {
    let directory = Directory::new();

    mkfifo(&file_in(&directory), Mode::S_IRWXU).expect("it can be made");

    assert_refused(open(&directory), ErrorKind::Damaged, &["not a regular file"]);
    let read = directory.options().read(NAME).expect_err("it cannot be read either");
    assert_eq!(read.kind(), ErrorKind::Damaged, "{read}");
}

#[test]
fn a_device_in_its_place_is_damaged() {
    if !root() {
        return;
    }
    let directory = Directory::new();

    mknod(&file_in(&directory), SFlag::S_IFCHR, Mode::S_IRUSR | Mode::S_IWUSR, makedev(1, 3))
        .expect("root can make it");

    assert_refused(open(&directory), ErrorKind::Damaged, &["not a regular file"]);
}

#[test]
fn a_wait_that_ran_out_of_time_has_timed_out_though_the_file_is_damaged() {
    let (directory, semaphore) = fresh(1);
    let told = Limit::acquire(&semaphore).timed_out();
    overwrite(&directory, ROOT_AT, &[0xff; 8]);

    let error = block_on(told);

    assert_eq!((error.kind(), error.semaphore(), error.stuck()), (ErrorKind::TimedOut, Some(NAME), None));
    assert!(error.to_string().contains("it is damaged"), "{error}");
}
