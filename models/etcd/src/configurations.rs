//! The configurations that are checked. Each is small enough to be visited in full within seconds, and has
//! what some kinds of failure need: the larger the model, the fewer faults it may have.

use crate::configuration::Job::{Loose, Return, ReturnLate, Use};
use crate::configuration::{Act, Configuration, May, Script};

const ONE: Script = &[Use(1)];
const ONE_TWICE: Script = &[Use(1), Use(1)];
const TWO: Script = &[Use(2)];
const LOOSEN: Script = &[Loose];
const LOOSEN_TWICE: Script = &[Loose, Loose];
const RETURN: Script = &[Return];
const LATE: Script = &[ReturnLate];
const LOOSEN_RETURN: Script = &[Loose, Return];

const BASE: Configuration =
    Configuration { name: "", about: "", max: 1, processes: &[], acts: &[], loose: 0, faults: 1, may: May::ALL };

pub(crate) const ALL: &[Configuration] = &[
    Configuration {
        name: "cycles",
        about: "N = 1, two processes acquire twice each",
        processes: &[&[ONE_TWICE], &[ONE_TWICE]],
        faults: 2,
        ..BASE
    },
    Configuration {
        name: "three",
        about: "N = 1, three processes acquire once each",
        processes: &[&[ONE], &[ONE], &[ONE]],
        faults: 2,
        may: May { lose_event: false, ..May::ALL },
        ..BASE
    },
    Configuration {
        name: "slots",
        about: "N = 1, a process has two slots and one lease, beside another process",
        processes: &[&[ONE, ONE], &[ONE]],
        ..BASE
    },
    Configuration {
        name: "slots-twice",
        about: "N = 1, the same, and one of the two slots acquires twice; timeouts only",
        processes: &[&[ONE_TWICE, ONE], &[ONE]],
        may: May::NOTHING,
        ..BASE
    },
    Configuration {
        name: "resize",
        about: "N = 2, then 1, then 2; three processes, and nothing fails",
        max: 2,
        processes: &[&[ONE], &[ONE], &[ONE]],
        acts: &[Act::Resize(1), Act::Resize(2)],
        faults: 0,
        may: May::NOTHING,
        ..BASE
    },
    Configuration {
        name: "remove",
        about: "N = 1, removed and created anew; two processes, one of which acquires twice",
        processes: &[&[ONE_TWICE], &[ONE]],
        acts: &[Act::Remove, Act::Create(1)],
        may: May::CANCEL,
        ..BASE
    },
    Configuration {
        name: "remove-loose",
        about: "N = 1, removed and created anew; one makes its permit loose, one returns it",
        processes: &[&[LOOSEN], &[RETURN]],
        acts: &[Act::Remove, Act::Create(1)],
        may: May::CANCEL,
        ..BASE
    },
    Configuration {
        name: "shrink",
        about: "N = 2, then 1; two processes",
        max: 2,
        processes: &[&[ONE_TWICE], &[ONE]],
        acts: &[Act::Resize(1)],
        may: May { cancel: false, ..May::ALL },
        ..BASE
    },
    Configuration {
        name: "units",
        about: "N = 2, one process wants both, two want one each",
        max: 2,
        processes: &[&[TWO], &[ONE], &[ONE]],
        ..BASE
    },
    Configuration {
        name: "too-many",
        about: "N = 2, then 1; two processes want two",
        max: 2,
        processes: &[&[TWO], &[TWO], &[ONE]],
        acts: &[Act::Resize(1)],
        may: May::NOTHING,
        ..BASE
    },
    Configuration {
        name: "close",
        about: "N = 1, two processes acquire twice each, and it is closed",
        processes: &[&[ONE_TWICE], &[ONE_TWICE]],
        acts: &[Act::Close],
        ..BASE
    },
    Configuration {
        name: "loose",
        about: "N = 1, one process makes two permits loose, one after another, two return one each",
        processes: &[&[LOOSEN_TWICE], &[RETURN], &[RETURN]],
        may: May { cancel: false, ..May::ALL },
        ..BASE
    },
    Configuration {
        name: "loose-both",
        about: "N = 2, two processes make a permit loose each, and return one each",
        max: 2,
        processes: &[&[LOOSEN_RETURN], &[LOOSEN_RETURN]],
        faults: 2,
        may: May::CANCEL,
        ..BASE
    },
    Configuration {
        name: "loose-revoke",
        about: "N = 1, one process makes two permits loose, another returns one, and one is deleted by hand",
        processes: &[&[LOOSEN_TWICE], &[RETURN]],
        acts: &[Act::Revoke],
        may: May { cancel: false, ..May::ALL },
        ..BASE
    },
    Configuration {
        name: "loose-close",
        about: "N = 1, one process makes a permit loose, another one returns one, and it is closed",
        processes: &[&[LOOSEN], &[RETURN]],
        acts: &[Act::Close],
        ..BASE
    },
    Configuration {
        name: "loose-renew",
        about: "N = 2, both loose; two processes return one each, and go on under new leases when they lose theirs",
        max: 2,
        processes: &[&[RETURN], &[LATE]],
        loose: 2,
        faults: 2,
        may: May { lose: true, renew: true, ..May::NOTHING },
        ..BASE
    },
    Configuration {
        name: "loose-slots",
        about: "N = 2, both loose; a process returns two with two slots, beside another that returns one",
        max: 2,
        processes: &[&[RETURN, RETURN], &[LATE]],
        loose: 2,
        may: May::CANCEL,
        ..BASE
    },
];
