//! More permits, and fewer.

use crate::mutants::mutant::Mutant;

const ACTS: &str = "protocol/acts.rs";
const BOOK: &str = "protocol/book.rs";
const TX: &str = "protocol/tx.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "a word that is written twice in a commit keeps the first",
        file: TX,
        from: "            change.new = new;\n",
        to: "            let _ = (change, new);\n",
        model: "whom_a_dead_shrinker_has_left_are_refused_by_others",
    },
    Mutant {
        name: "owed permits are taken (C13)",
        file: BOOK,
        from: "i64::from(self.free) >= i64::from(n)",
        to: "self.free.cast_unsigned() >= n",
        model: "what_is_out_beyond_a_shrink_is_owed",
    },
    Mutant {
        name: "a shrink forgets what it is owed (C13)",
        file: ACTS,
        from: "let free = i64::from(self.book.free) + change;",
        to: "let free = (i64::from(self.book.free) + change).max(0);",
        model: "what_is_out_beyond_a_shrink_is_owed",
    },
    Mutant {
        name: "growth serves nobody (C13)",
        file: ACTS,
        from: "\"its counts do not add up\"))?;\n        self.serve(wakes)",
        to: "\"its counts do not add up\"))?;\n        Ok(())",
        model: "who_waits_is_served_by_growth",
    },
    Mutant {
        name: "a shrink looks at nobody but the first (C7)",
        file: ACTS,
        from: "self.book.sweep |= change < 0 && self.has_work();",
        to: "",
        model: "a_shrink_refuses_those_who_ask_for_too_much_wherever_they_stand",
    },
    Mutant {
        name: "a shrink refuses who can be served still (C7)",
        file: ACTS,
        from: "if n > self.book.max {",
        to: "if n >= self.book.max {",
        model: "a_shrink_refuses_those_who_ask_for_too_much_wherever_they_stand",
    },
    Mutant {
        name: "a sweep has no end",
        file: ACTS,
        from: "        self.book.sweep = false;\n",
        to: "",
        model: "a_shrink_refuses_those_who_ask_for_too_much_wherever_they_stand",
    },
    Mutant {
        name: "a sweep is over after one commit",
        file: ACTS,
        from: "if self.room() < 4 || wakes.is_full() {",
        to: "if self.room() < 4 || wakes.is_full() {\n                self.book.sweep = false;",
        model: "whom_a_dead_shrinker_has_left_are_refused_by_others",
    },
    Mutant {
        name: "who is refused is not told the bound that refused it (C7)",
        file: ACTS,
        from: "(Stage::TooMany, _) => self.write(layout::waiter(usize::from(number), waiter::LINKS), self.book.max)?,",
        to: "",
        model: "a_shrink_refuses_those_who_ask_for_too_much_wherever_they_stand",
    },
    Mutant {
        name: "who asks for too much is queued (C7)",
        file: ACTS,
        from: "if n > max {\n                    return",
        to: "if n > max && n == 0 {\n                    return",
        model: "who_queues_while_it_becomes_impossible_is_refused",
    },
    Mutant {
        name: "loose ones beyond the bound are refused (C13)",
        file: ACTS,
        from: "Side::Release => loose >= n,",
        to: "Side::Release => loose >= n && n <= self.book.max,",
        model: "loose_ones_beyond_the_bound_come_back",
    },
];
