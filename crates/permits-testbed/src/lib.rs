//! What tests need of the machine that they run on: namespaces, root, programs to compare with.
//!
//! A test asks for it in its first line, and returns if it is missing:
//!
//! ```
//! fn a_full_disk_loses_nothing() {
//!     if !permits_testbed::mounts() {
//!         return;
//!     }
//!     // …
//! }
//! ```
//!
//! What was left out is printed in one table when the test program exits: see [`left_out`].

pub mod etcd;
mod left_out;
mod limit;
mod namespace;
mod sys;
mod temporary;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::geteuid;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command};

pub use left_out::left_out;
pub use limit::Limit;
pub use namespace::{
    enter_mount_namespace, enter_pid_namespace, enter_time_namespace, enter_user_namespace, mounts, pid_namespaces,
    time_namespaces, user_namespaces,
};
pub use sys::{before_exec, in_child, limit_descriptors_of, signal, signal_group, with_default_signals};
pub use temporary::remove_at_exit;

/// Whether this process is root of the host, who may give files to any user and make devices. The root of a user
/// namespace may not.
pub fn root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let root = geteuid().is_root() && map.split_whitespace().eq(["0", "0", "4294967295"]);
    if !root {
        left_out("root");
    }
    root
}

/// Whether there is a program to compare with; the Debian package is for the message.
pub fn program(name: &str, package: &str) -> bool {
    let there = std::env::var_os("PATH").is_some_and(|path| {
        let mut files = std::env::split_paths(&path).map(|folder| folder.join(name));
        files.any(|file| file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0))
    });
    if !there {
        left_out(&format!("the program `{name}` (Debian: `apt-get install {package}`)"));
    }
    there
}

/// Programs that tests run, and the Debian packages that have them.
const PACKAGES: [(&str, &str); 6] = [
    ("bash", "bash"),
    ("flock", "util-linux"),
    ("make", "make"),
    ("script", "bsdutils"),
    ("sem", "parallel"),
    ("setsid", "util-linux"),
];

/// Starts a program.
///
/// # Panics
///
/// If it cannot be started, with the Debian package that has it.
#[track_caller]
pub fn start(command: &mut Command) -> Child {
    command.spawn().unwrap_or_else(|error| {
        let program = command.get_program();
        let known = PACKAGES.iter().find(|(name, _)| OsStr::new(name) == program);
        let package = known.map_or("coreutils", |(_, package)| package);
        panic!("cannot start `{}`: {error} (Debian: `apt-get install {package}`)", program.display())
    })
}

/// Whether this process may have `wanted` descriptors; raises its own limit if that is lower.
pub fn descriptors(wanted: u64) -> bool {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a process can ask for its limits");
    if soft >= wanted {
        return true;
    }
    if hard < wanted {
        left_out(&format!("a hard limit of {wanted} descriptors (`ulimit -Hn`)"));
        return false;
    }
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).expect("any process may raise it up to the hard limit");
    true
}
