//! What is broken in `permits-host`: the transactions, and what is done by them. A file here has what the
//! models of its name are to catch.
//!
//! Not here, as no model of a size that ends shows it: a helper that stores where it has to compare, between
//! two others (two preemptions and three processes). Nor the ordering of a tagged word, whose Acquire is also
//! that of the fence behind it. Nor that whoever has to be woken is woken in time, which is of `process`: the
//! storm has deciders that die before they wake.

mod close;
mod death;
mod numbers;
mod queue;
mod releasers;
mod resize;
mod serving;
mod spacing;
mod supersede;
mod transactions;

use super::mutant::Mutant;

pub(super) const MUTANTS: &[&[Mutant]] = &[
    transactions::MUTANTS,
    queue::MUTANTS,
    serving::MUTANTS,
    spacing::MUTANTS,
    releasers::MUTANTS,
    resize::MUTANTS,
    close::MUTANTS,
    death::MUTANTS,
    numbers::MUTANTS,
    supersede::MUTANTS,
];
