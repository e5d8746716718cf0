//! The protocol without one of its rules, for each of them: a property must fail.

use crate::configuration::Job::{Loose, Return, Use};
use crate::configuration::{Act, Configuration, May, Script};
use crate::properties::{
    BOUND, CLOSED, CONFIGURED, EPOCH, GHOSTS, GRANTED, KEPT, LOOSE, ONCE, ORDER, RETURNS, SERVED, TOKENS,
};
use crate::rules::Rule;

pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) without: Rule,
    /// The property that fails.
    pub(crate) breaks: &'static str,
    pub(crate) configuration: Configuration,
    /// It is not a rule of the protocol that is broken, but something that it relies on. See `docs/decisions`.
    pub(crate) is_assumption: bool,
}

const ONE: Script = &[Use(1)];
const TWO: Script = &[Use(1), Use(1)];
const THREE: Script = &[Use(1), Use(1), Use(1)];

const fn alone(faults: u8, processes: &'static [&'static [Script]]) -> Configuration {
    let may = May { cancel: true, ..May::NOTHING };
    Configuration { name: "mutant", about: "", max: 1, processes, acts: &[], faults, may }
}

const fn with(max: u8, acts: &'static [Act], configuration: Configuration) -> Configuration {
    Configuration { max, acts, ..configuration }
}

const fn rule(
    name: &'static str,
    without: Rule,
    breaks: &'static str,
    configuration: Configuration,
    about: &'static str,
) -> Mutant {
    Mutant { name, about, without, breaks, configuration, is_assumption: false }
}

const fn assumption(
    name: &'static str,
    without: Rule,
    breaks: &'static str,
    configuration: Configuration,
    about: &'static str,
) -> Mutant {
    Mutant { name, about, without, breaks, configuration, is_assumption: true }
}

pub(crate) const ALL: &[Mutant] = &[
    rule("acquire-epoch", Rule::AcquireEpoch, GHOSTS, alone(1, &[&[ONE]]), "an acquire does not compare the epoch"),
    rule("sweep-epoch", Rule::SweepEpoch, KEPT, alone(3, &[&[THREE]]), "a sweep does not compare the epoch"),
    rule("queue-epoch", Rule::QueueEpoch, GHOSTS, alone(1, &[&[&[Return]]]), "a blocked release does not compare it"),
    rule(
        "same-epoch",
        Rule::SameEpoch,
        GHOSTS,
        alone(3, &[&[TWO, ONE]]),
        "a repeated request carries the epoch of now",
    ),
    rule("sweep-anew", Rule::SweepAnew, KEPT, alone(2, &[&[TWO]]), "a sweep is repeated in the same epoch"),
    rule("sweep", Rule::SweepNames, GHOSTS, alone(1, &[&[ONE]]), "a new epoch, but no sweep"),
    rule("bump-once", Rule::BumpOnce, EPOCH, alone(2, &[&[ONE]]), "the epoch is put without a compare"),
    rule("own-reply", Rule::OwnReply, KEPT, alone(2, &[&[TWO]]), "a reply of another call counts"),
    rule("burn-name", Rule::BurnName, KEPT, alone(1, &[&[TWO]]), "a name is used again after an ambiguous delete"),
    rule(
        "fence-loose",
        Rule::FenceLoose,
        GHOSTS,
        alone(1, &[&[&[Loose]], &[&[Return]]]),
        "a permit is made loose in the epoch of an ambiguous acquire",
    ),
    rule(
        "loose-token",
        Rule::LooseToken,
        LOOSE,
        alone(1, &[&[&[Loose]], &[&[Return]]]),
        "a permit is made loose without a compare of its token",
    ),
    rule(
        "burn-loose",
        Rule::BurnLoose,
        BOUND,
        alone(0, &[&[&[Loose, Use(1)]]]),
        "the name of a loose permit is used again",
    ),
    rule(
        "old-range",
        Rule::NoOldRange,
        BOUND,
        alone(1, &[&[ONE], &[ONE]]),
        "a range below the newest revision known counts",
    ),
    rule(
        "old-event",
        Rule::NoOldEvent,
        BOUND,
        alone(1, &[&[TWO], &[ONE]]),
        "an event below the newest revision known counts",
    ),
    rule(
        "list-again",
        Rule::ListAgain,
        SERVED,
        Configuration { may: May { lose_event: true, ..May::NOTHING }, ..alone(1, &[&[ONE], &[ONE]]) },
        "keys are not read again after a lost event",
    ),
    rule(
        "one-revision",
        Rule::OneRevision,
        BOUND,
        with(2, &[Act::Resize(1)], alone(0, &[&[ONE], &[ONE], &[ONE]])),
        "the keys of now are compared with the limit of the queueing",
    ),
    rule(
        "whole-group",
        Rule::WholeGroup,
        BOUND,
        with(2, &[], alone(0, &[&[&[Use(2)]], &[ONE]])),
        "a group is granted when a part of it fits",
    ),
    rule(
        "prefix",
        Rule::Prefix,
        ORDER,
        with(2, &[], alone(0, &[&[ONE], &[&[Use(2)]], &[ONE]])),
        "a small group passes a large one",
    ),
    rule(
        "too-many",
        Rule::TooMany,
        SERVED,
        with(2, &[Act::Resize(1)], alone(0, &[&[&[Use(2)]], &[&[Use(2)]]])),
        "a group that is larger than the limit waits on",
    ),
    rule(
        "closed",
        Rule::Closed,
        GRANTED,
        with(1, &[Act::Close], alone(0, &[&[ONE]])),
        "the reply to an acquire is not asked whether it is closed",
    ),
    rule(
        "resize-once",
        Rule::ResizeOnce,
        CONFIGURED,
        with(1, &[Act::Resize(2), Act::Resize(1)], alone(1, &[&[ONE]])),
        "the limit is put without a compare",
    ),
    rule(
        "reopen",
        Rule::ResizeOnce,
        CLOSED,
        with(1, &[Act::Resize(2), Act::Close], alone(1, &[&[ONE]])),
        "the same, and a late change opens what is closed",
    ),
    rule(
        "head-only",
        Rule::HeadOnly,
        RETURNS,
        alone(0, &[&[&[Return]], &[&[Return]], &[&[Loose]]]),
        "any blocked release takes a loose permit",
    ),
    rule(
        "take-own",
        Rule::TakeOwn,
        ONCE,
        with(2, &[], alone(1, &[&[&[Return]], &[&[Loose, Loose]]])),
        "a blocked release takes a loose permit without a compare of its own key",
    ),
    rule(
        "take-loose",
        Rule::TakeLoose,
        ONCE,
        with(1, &[Act::Revoke], alone(0, &[&[&[Return]], &[&[Loose]]])),
        "it takes one without a compare of that one",
    ),
    rule(
        "release-by-key",
        Rule::ReleaseByKey,
        ONCE,
        with(2, &[], alone(1, &[&[&[Loose, Return]], &[&[Loose, Return]]])),
        "a release deletes a loose permit, without a key of its own",
    ),
    assumption(
        "early",
        Rule::LeaseHolds,
        BOUND,
        alone(1, &[&[ONE], &[ONE]]),
        "etcd ends a lease before the client's deadline",
    ),
    assumption("early-token", Rule::LeaseHolds, TOKENS, alone(1, &[&[ONE], &[ONE]]), "the same, and a reply is late"),
    assumption(
        "lost-limit",
        Rule::LimitArrives,
        BOUND,
        with(
            2,
            &[Act::Resize(1)],
            Configuration { may: May { lose_event: true, ..May::NOTHING }, ..alone(1, &[&[ONE], &[ONE], &[ONE]]) },
        ),
        "the watch loses a change of the limit",
    ),
    assumption(
        "arrives-twice",
        Rule::ArrivesOnce,
        KEPT,
        alone(1, &[&[TWO]]),
        "a request arrives twice that was sent once",
    ),
];
