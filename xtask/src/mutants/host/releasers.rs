//! Those who wait to release.

use crate::mutants::mutant::Mutant;

const ACTS: &str = "protocol/acts.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "what is not loose is released (C4)",
        file: ACTS,
        from: "if self.book.releasers.head != 0 || loose < n {",
        to: "if self.book.releasers.head != 0 {",
        model: "a_releasing_thread_returns_what_becomes_loose",
    },
    Mutant {
        name: "a releasing task returns before it comes (C10)",
        file: ACTS,
        from: "(true, Side::Release, Sleeper::Task) => Some(Stage::Reserved),",
        to: "",
        model: "a_releasing_task_that_is_gone_leaves_the_permit_to_the_next",
    },
    Mutant {
        name: "what a releasing task is promised stays loose (H1)",
        file: ACTS,
        from: "(Stage::Reserved, _) => self.take_loose(n)?,",
        to: "(Stage::Reserved, _) => {}",
        model: "what_a_releasing_task_is_promised_is_returned_when_it_comes",
    },
    Mutant {
        name: "what a releasing task was promised is lost with it (C10)",
        file: ACTS,
        from: "            (Stage::Reserved, GiveUp::Wholly) => {\n                self.add_loose(n)?;",
        to: "            (Stage::Reserved, GiveUp::Wholly) => {",
        model: "a_releasing_task_that_is_gone_leaves_the_permit_to_the_next",
    },
    Mutant {
        name: "what a releasing task was promised is not returned when it comes",
        file: ACTS,
        from: "            (Stage::Reserved, _) => {\n                self.add_free(n)?;",
        to: "            (Stage::Reserved, _) => {",
        model: "what_a_releasing_task_is_promised_is_returned_when_it_comes",
    },
    Mutant {
        name: "a releasing thread returns what stays loose (H1)",
        file: ACTS,
        from: "            (Stage::Granted, Side::Release) => {\n                self.take_loose(n)?;",
        to: "            (Stage::Granted, Side::Release) => {",
        model: "a_releasing_thread_returns_what_becomes_loose",
    },
    Mutant {
        name: "what becomes loose is left to nobody (H3)",
        file: ACTS,
        from: "self.add_loose(n)?;\n        if self.has_work() { self.serve(wakes) } else { Ok(()) }",
        to: "self.add_loose(n)",
        model: "a_releasing_thread_returns_what_becomes_loose",
    },
    Mutant {
        name: "a release that is through is taken back (C10)",
        file: ACTS,
        from: "(Stage::Granted, GiveUp::Wholly) if who.side == Side::Acquire => {",
        to: "(Stage::Granted, GiveUp::Wholly) => {",
        model: "a_releasing_thread_returns_what_becomes_loose",
    },
];
