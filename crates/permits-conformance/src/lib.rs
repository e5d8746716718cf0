//! The contract of `permits` as a test suite: a function a clause, of the clause's number, that runs against
//! every reach.
//!
//! A reach implements [`Limit`](permits::limit::Limit), describes itself by a [`Rig`], and says in one of its
//! test files
//!
//! ```text
//! permits_conformance::suite!(MyRig);
//! ```
//!
//! which makes one `#[test]` a clause and policy, named `default_policy::c10_cancel`, `fair::c10_cancel`.
//!
//! `docs/guide/reach.md` tells how a reach is written, and `tests/leased` is one in full.
//!
//! The functions demand what the clauses say, and nothing of how fast or by what means: an operation may take
//! milliseconds, and what it sets off in others may come later than its return. What an operation must have
//! done by the time it returns in one process is for the tests of `permits` itself, which also use [`wait`]
//! and [`Dice`].
//!
//! | clause | where |
//! |---|---|
//! | C1, C2, C21 | `clauses/bounds.rs` |
//! | C3, C4, C7 | `clauses/requests.rs`, `clauses/impossible.rs` |
//! | C5, C6 | `clauses/guards.rs` |
//! | C8, C9 | `clauses/order.rs`, `clauses/overtaking.rs` |
//! | C10 | `clauses/cancel.rs` |
//! | C11 | `clauses/time.rs` |
//! | C12 | `clauses/close.rs` |
//! | C13 | `clauses/resize.rs` |
//! | C14 | `clauses/memory.rs` |
//! | C15, C22 | `clauses/truth.rs` |
//! | C16 | not here: only a process can count its own allocations; see `permits/tests/alloc.rs` |
//! | C17 | `clauses/mixed.rs` |
//! | C18 | `clauses/death.rs`, for a reach that is [`Mortal`] |
//! | C19 | `clauses/fencing.rs` |
//! | C20 | `clauses/loss.rs`, for a reach that can be [`Severed`] |
//! | C21, servers that do not answer | `clauses/unreachable.rs`, for a reach that can be [`Severed`] |
//!
//! A reach whose participants can die says `permits_conformance::suite!(MyRig, mortal);` besides, and one
//! whose permits can be lost `permits_conformance::suite!(MyRig, severed);`. A second rig in one file has a
//! name: see [`suite!`].

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/reach.md")]
mod reach {}
pub mod clauses;
mod dice;
mod mortal;
mod rig;
mod trial;
pub mod wait;

pub use dice::Dice;
pub use mortal::{Mortal, Participant, Severed};
pub use rig::{Policy, Rig};

/// Makes one `#[test]` a clause and policy for a [`Rig`].
///
/// | call | tests |
/// |---|---|
/// | `suite!(MyRig)` | the clauses for every reach, in modules `default_policy` and `fair` |
/// | `suite!(MyRig, mortal)` | C18, for a rig that is [`Mortal`], in `deaths` and `deaths_fair` |
/// | `suite!(MyRig, severed)` | C20 and C21, for a rig that can be [`Severed`], in `losses` and `losses_fair` |
/// | `suite!(MyRig, if server_is_there())`, `suite!(MyRig, mortal, if …)` | the same, left out where that is false |
/// | `suite!(name, MyRig)`, `suite!(name, MyRig, severed)` | the same inside a module `name`, for a second rig in one file |
///
/// The rig is an expression, which each test evaluates anew.
#[macro_export]
macro_rules! suite {
    ($rig:expr) => {
        $crate::suite! { $rig, if true }
    };
    ($rig:expr, if $there:expr) => {
        $crate::suite! { @policy default_policy, Default, $rig, $there }
        $crate::suite! { @policy fair, Fair, $rig, $there }
    };
    ($rig:expr, mortal) => {
        $crate::suite! { $rig, mortal, if true }
    };
    ($rig:expr, mortal, if $there:expr) => {
        $crate::suite! { @tests deaths, Default, $rig, $there, c18_death }
        $crate::suite! { @tests deaths_fair, Fair, $rig, $there, c18_death }
    };
    ($rig:expr, severed) => {
        $crate::suite! { @tests losses, Default, $rig, true, c20_loss c21_unreachable }
        $crate::suite! { @tests losses_fair, Fair, $rig, true, c20_loss c21_unreachable }
    };
    ($name:ident, $rig:expr $(, $kind:ident)?) => {
        mod $name {
            use super::*;

            $crate::suite! { $rig $(, $kind)? }
        }
    };
    (@policy $module:ident, $policy:ident, $rig:expr, $there:expr) => {
        $crate::suite! { @tests $module, $policy, $rig, $there,
            c01_bounds c02_start c03_acquire c04_release c05_guards c06_forget c07_impossible c08_order c09_no_starvation
            c10_cancel c11_time c12_close c13_resize c14_memory c15_truth c17_mixed_waits c19_fencing c21_bad_input c22_batches
        }
    };
    (@tests $module:ident, $policy:ident, $rig:expr, $there:expr, $($clause:ident)*) => {
        mod $module {
            use super::*;

            $(
                #[test]
                fn $clause() {
                    if $there {
                        $crate::clauses::$clause(&$rig, $crate::Policy::$policy);
                    }
                }
            )*
        }
    };
}
