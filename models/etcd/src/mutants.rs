//! The protocol without one of its rules, for each of them: a property must fail.

use crate::configuration::Job::{Loose, Return, ReturnLate, Use};
use crate::configuration::{Act, Configuration, May, Script};
use crate::properties::{
    BOUND, CLOSED, CONFIGURED, EPOCH, GHOSTS, GRANTED, KEPT, LOOSE, NAMES, ONCE, ORDER, REMOVED, RETURNS, SERVED,
    TOKENS,
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

const fn alone(faults: u8, processes: &'static [&'static [Script]]) -> Configuration {
    let may = May { cancel: true, ..May::NOTHING };
    Configuration { name: "mutant", about: "", max: 1, processes, acts: &[], loose: 0, faults, may }
}

const fn with(max: u8, acts: &'static [Act], configuration: Configuration) -> Configuration {
    Configuration { max, acts, ..configuration }
}

const fn loose(loose: u8, configuration: Configuration) -> Configuration {
    Configuration { max: loose, loose, ..configuration }
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
    rule(
        "acquire-limit",
        Rule::AcquireLimit,
        GRANTED,
        with(2, &[Act::Resize(1)], alone(0, &[&[ONE], &[ONE]])),
        "an acquire does not compare `cfg`",
    ),
    rule("queue-epoch", Rule::QueueEpoch, GHOSTS, alone(1, &[&[&[Return]]]), "a blocked release does not compare it"),
    rule("sweep", Rule::SweepNames, GHOSTS, alone(1, &[&[ONE]]), "a new epoch, but no sweep"),
    rule("sweep-unused", Rule::SweepUnused, KEPT, alone(1, &[&[ONE]]), "a sweep deletes what is in use"),
    rule(
        "sweep-later",
        Rule::SweepLater,
        GHOSTS,
        alone(1, &[&[ONE]]),
        "what is in use at the new epoch is not swept when it is given back",
    ),
    rule("burn-asked", Rule::BurnAsked, KEPT, alone(2, &[&[TWO]]), "a name is used again after an ambiguous acquire"),
    rule("bump-once", Rule::BumpOnce, EPOCH, alone(2, &[&[ONE]]), "the epoch is put without a compare"),
    rule("burn-name", Rule::BurnName, KEPT, alone(1, &[&[TWO]]), "a name is used again after an ambiguous delete"),
    rule(
        "fence-loose",
        Rule::FenceLoose,
        GHOSTS,
        alone(1, &[&[&[Loose]], &[&[Return]]]),
        "a permit is made loose while a request is in doubt",
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
        NAMES,
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
        "settle-once",
        Rule::SettleOnce,
        CLOSED,
        with(2, &[Act::Resize(1), Act::Close], alone(1, &[&[ONE]])),
        "the second write of a shrink does not compare `cfg`",
    ),
    rule(
        "settle-same",
        Rule::SettleSame,
        GRANTED,
        with(2, &[Act::Resize(1)], alone(0, &[&[ONE, ONE]])),
        "the second write lists the keys again",
    ),
    rule(
        "remove-idle",
        Rule::RemoveIdle,
        REMOVED,
        with(1, &[Act::Remove], alone(0, &[&[ONE]])),
        "a removal does not look whether something is out or waits",
    ),
    rule(
        "remove-same",
        Rule::RemoveSame,
        CONFIGURED,
        with(1, &[Act::Remove, Act::Create(1)], alone(1, &[&[ONE]])),
        "a removal does not compare `cfg`, and a late one removes the next semaphore",
    ),
    rule(
        "remove-keep",
        Rule::RemoveKeep,
        CONFIGURED,
        with(1, &[Act::Remove], alone(1, &[&[ONE]])),
        "a removal in doubt that was refused is done late",
    ),
    rule(
        "gone",
        Rule::Gone,
        SERVED,
        with(1, &[Act::Remove], alone(0, &[&[&[Return]]])),
        "a blocked release does not look whether the semaphore is there",
    ),
    rule(
        "own-part",
        Rule::OwnPart,
        RETURNS,
        alone(0, &[&[&[Return]], &[&[Return]], &[&[Loose]]]),
        "any blocked release takes a loose permit",
    ),
    rule(
        "none-blocked",
        Rule::NoneBlocked,
        RETURNS,
        alone(0, &[&[&[Return]], &[&[Return]], &[&[Loose]]]),
        "a release passes those that are blocked",
    ),
    rule(
        "take-loose",
        Rule::TakeLoose,
        ONCE,
        with(1, &[Act::Revoke], alone(0, &[&[&[Return]], &[&[Loose]]])),
        "a release takes a loose permit without a compare of it",
    ),
    rule("receipt", Rule::Receipt, ONCE, loose(2, alone(1, &[&[&[Return]]])), "a release leaves no receipt"),
    rule(
        "receipt-again",
        Rule::ReceiptAgain,
        ONCE,
        loose(2, alone(1, &[&[&[Return]], &[&[ReturnLate]]])),
        "a release that is in doubt is tried again without a look at its receipt in the next epoch",
    ),
    rule(
        "take-epoch",
        Rule::TakeEpoch,
        ONCE,
        loose(2, alone(1, &[&[&[Return]], &[&[ReturnLate]]])),
        "a release does not compare the epoch",
    ),
    rule(
        "doubt-epoch",
        Rule::DoubtEpoch,
        ONCE,
        loose(2, alone(1, &[&[&[Return]], &[&[ReturnLate]]])),
        "after a release in doubt, the next one does not wait for the next epoch",
    ),
    rule(
        "one-at-a-time",
        Rule::OneAtATime,
        ONCE,
        loose(3, alone(1, &[&[&[Return], &[Return]]])),
        "two slots of a process take loose permits at a time",
    ),
    rule(
        "end-in-doubt",
        Rule::EndInDoubt,
        ONCE,
        loose(2, Configuration { may: May { lose: true, renew: true, ..May::NOTHING }, ..alone(1, &[&[&[Return]]]) }),
        "a release in doubt is tried again under the next lease",
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
