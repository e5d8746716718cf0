//! Closing, and a file that goes.

use crate::mutants::mutant::Mutant;

const ACTS: &str = "protocol/acts.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "what is released stays loose (H1)",
        file: ACTS,
        from: "                self.take_loose(n)?;\n                self.add_free(n)?;\n            }\n        }\n        Ok(Ok(()))",
        to: "                self.add_free(n)?;\n            }\n        }\n        Ok(Ok(()))",
        model: "what_is_out_comes_back_after_the_end",
    },
    Mutant {
        name: "a commit decides about more than it can wake",
        file: ACTS,
        from: "if self.room() < 4 || wakes.is_full() {",
        to: "if self.room() < 4 {",
        model: "who_is_left_by_a_dead_closer_is_refused_and_not_granted",
    },
    Mutant {
        name: "a closed semaphore is entered (C12)",
        file: ACTS,
        from: "                if closed {\n                    return",
        to: "                if closed && n > max {\n                    return",
        model: "what_is_out_comes_back_after_the_end",
    },
    Mutant {
        name: "a file that is gone is entered",
        file: ACTS,
        from: "                if gone {\n                    return",
        to: "                if gone && n > max {\n                    return",
        model: "what_is_out_comes_back_after_the_end",
    },
    Mutant {
        name: "who waits is not refused by a close (C12)",
        file: ACTS,
        from: "_ if closed => Some(Stage::Closed),",
        to: "",
        model: "who_queues_while_it_is_closed_is_refused",
    },
    Mutant {
        name: "who waits in a file that goes waits on",
        file: ACTS,
        from: "_ if gone => Some(Stage::Gone),",
        to: "",
        model: "who_queues_while_the_file_goes_is_refused",
    },
    Mutant {
        name: "who was left by a closer is granted (C12)",
        file: ACTS,
        from: "!closed && !gone && self.book.fits(n)",
        to: "!gone && self.book.fits(n)",
        model: "who_is_left_by_a_dead_closer_is_refused_and_not_granted",
    },
    Mutant {
        name: "who was left in a file that goes is granted",
        file: ACTS,
        from: "!closed && !gone && self.book.fits(n)",
        to: "!closed && self.book.fits(n)",
        model: "who_is_left_by_a_dead_closer_is_refused_and_not_granted",
    },
    Mutant {
        name: "a release that has to wait waits after a close (C12)",
        file: ACTS,
        from: "(true, _) => Refusal::Closed,",
        to: "",
        model: "what_is_out_comes_back_after_the_end",
    },
    Mutant {
        name: "a release that has to wait waits in a file that is gone",
        file: ACTS,
        from: "(_, true) => Refusal::Gone,",
        to: "(_, true) if n == 0 => Refusal::Gone,",
        model: "what_is_out_comes_back_after_the_end",
    },
];
