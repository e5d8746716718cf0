//! The steps, in the order in which they are run: quick ones first among those that need no more than what
//! is built already. A new step is a row.

use std::error::Error;
use std::path::Path;

use super::{licences, msrv, package};
use crate::{fresh, python, servers};

pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Environment variables of its commands.
    pub(crate) variables: &'static [(&'static str, &'static str)],
    pub(crate) act: Act,
}

pub(crate) enum Act {
    /// Command lines, run in the root of the project one after the other. No word of them has a space in it.
    Commands(&'static [&'static str]),
    /// A function of this program.
    Chore(fn(&Path) -> Result<(), Box<dyn Error>>),
}

use Act::{Chore, Commands};

/// A model is built once and run once: no time for link-time optimization. Debug assertions check the
/// invariants of the queues in every schedule.
const ASSERTIONS: (&str, &str) = ("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
const NO_LTO: (&str, &str) = ("CARGO_PROFILE_RELEASE_LTO", "off");

pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "servers",
        about: "the servers that tests start: etcd in two versions",
        variables: &[],
        act: Chore(|root| servers::run(root, &[])),
    },
    Step {
        name: "test",
        about: "all tests of the default members, as README.md has it, and none left out",
        variables: &[("PERMITS_TEST_ALL", "1"), ("PERMITS_STORM_DEATHS", "2000")],
        act: Commands(&["cargo test --locked"]),
    },
    Step {
        name: "check",
        about: "what the feature `check` notices, and that it changes nothing else",
        variables: &[],
        act: Commands(&[
            "cargo test --locked -p permits --features check --test check --test it",
            "cargo clippy --locked -p permits --features check --all-targets -- -D warnings",
        ]),
    },
    Step {
        name: "host-alone",
        about: "the program and `permits-any` without the reaches of machines",
        variables: &[],
        act: Commands(&[
            "cargo test --locked -p permits-any --no-default-features",
            "cargo test --locked -p permits-cli --no-default-features reach::",
            "cargo clippy --locked -p permits-any -p permits-cli --no-default-features --all-targets -- -D warnings",
        ]),
    },
    Step { name: "fmt", about: "formatting", variables: &[], act: Commands(&["cargo fmt --all --check"]) },
    Step {
        name: "clippy",
        about: "lints",
        variables: &[],
        act: Commands(&["cargo clippy --locked --workspace --all-targets -- -D warnings"]),
    },
    Step {
        name: "doc",
        about: "the documentation builds without a warning",
        variables: &[("RUSTDOCFLAGS", "-D warnings")],
        act: Commands(&["cargo doc --locked --workspace --no-deps"]),
    },
    Step {
        name: "licences",
        about: "every dependency has a licence of deny.toml, and comes from the registry",
        variables: &[],
        act: Chore(licences::check),
    },
    Step {
        name: "msrv",
        about: "the oldest Rust of `rust-version` builds everything, if it is installed",
        variables: &[],
        act: Chore(msrv::check),
    },
    Step {
        name: "package",
        about: "each published crate packs what it needs, no more, and builds from that",
        variables: &[],
        act: Chore(package::check),
    },
    Step {
        name: "fresh",
        about: "the README's commands on a machine that has nothing, as a user and as root",
        variables: &[],
        act: Chore(|root| fresh::run(root, &[])),
    },
    // The comparisons are a workspace of their own: they are built and checked, not run.
    Step {
        name: "peers",
        about: "the comparisons with other semaphores: formatting, lints, and their own unit tests",
        variables: &[],
        act: Commands(&[
            "cargo fmt --manifest-path peers/Cargo.toml --check",
            "cargo clippy --locked --manifest-path peers/Cargo.toml --target-dir target/peers -- -D warnings",
            "cargo test --locked --manifest-path peers/Cargo.toml --target-dir target/peers",
        ]),
    },
    // So is the program that makes the stubs of `permits-etcd`.
    Step {
        name: "stubs",
        about: "the stubs for etcd: formatting, lints, and that they are those of its interface",
        variables: &[],
        act: Commands(&[
            "cargo fmt --manifest-path stubs/Cargo.toml --check",
            "cargo clippy --locked --all-targets --manifest-path stubs/Cargo.toml --target-dir target/stubs -- -D warnings",
            "cargo test --locked --manifest-path stubs/Cargo.toml --target-dir target/stubs",
        ]),
    },
    // So is the fuzzing; its corpus, and some random files, are replayed without a fuzzer.
    Step {
        name: "fuzz",
        about: "the fuzzing: formatting, and its corpus replayed",
        variables: &[],
        act: Commands(&[
            "cargo fmt --manifest-path fuzz/Cargo.toml --check",
            "cargo test --locked --manifest-path fuzz/Cargo.toml --target-dir target/fuzz",
        ]),
    },
    // So is the model of etcd's protocol. In this step it visits all states, in under two minutes.
    Step {
        name: "model-etcd",
        about: "the protocol on etcd: every state of its model, and a counterexample without each of its rules",
        variables: &[],
        act: Commands(&[
            "cargo fmt --manifest-path models/etcd/Cargo.toml --check",
            "cargo clippy --locked --all-targets --manifest-path models/etcd/Cargo.toml --target-dir target/models \
             -- -D warnings",
            "cargo test --locked --release --manifest-path models/etcd/Cargo.toml --target-dir target/models",
            "cargo run --locked --release --manifest-path models/etcd/Cargo.toml --target-dir target/models",
        ]),
    },
    // And so is the Python package. No interpreter is needed to look at its Rust.
    Step {
        name: "python-lints",
        about: "the Rust of the Python package: formatting and lints",
        variables: &[("PYO3_NO_PYTHON", "1"), ("PYO3_BUILD_EXTENSION_MODULE", "1")],
        act: Commands(&[
            "cargo fmt --manifest-path python/Cargo.toml --check",
            "cargo clippy --locked --all-targets --manifest-path python/Cargo.toml --target-dir target/python-rust \
             -- -D warnings",
            "cargo clippy --locked --no-default-features --manifest-path python/Cargo.toml --target-dir target/python-rust \
             -- -D warnings",
        ]),
    },
    Step {
        name: "python",
        about: "the wheel, tested on every CPython of this machine",
        variables: &[],
        act: Chore(python::check),
    },
    Step {
        name: "shuttle",
        about: "large crowds of `permits`, in schedules drawn at random",
        variables: &[
            ASSERTIONS,
            NO_LTO,
            ("RUSTFLAGS", "--cfg permits_shuttle -D warnings"),
            ("CARGO_TARGET_DIR", "target/shuttle"),
        ],
        act: Commands(&["cargo test --locked --release -p permits --test shuttle"]),
    },
    Step {
        name: "loom",
        about: "the models of interleavings between threads and tasks",
        variables: LOOM,
        act: Commands(&["cargo test --locked --release -p permits --test loom"]),
    },
    Step {
        name: "loom-host",
        about: "the models of interleavings between processes",
        variables: LOOM,
        act: Commands(&["cargo test --locked --release -p permits-host --test loom"]),
    },
];

const LOOM: &[(&str, &str)] =
    &[ASSERTIONS, NO_LTO, ("RUSTFLAGS", "--cfg permits_loom -D warnings"), ("CARGO_TARGET_DIR", "target/loom")];
