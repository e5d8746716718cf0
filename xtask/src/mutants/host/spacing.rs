//! Starts that are spaced apart.

use crate::mutants::mutant::Mutant;

const ACTS: &str = "protocol/acts.rs";
const BOOK: &str = "protocol/book.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "a try starts too soon (S1)",
        file: ACTS,
        from: "                if n > 0\n                    && let Some(rest) = self.too_soon()",
        to: "                if n > u32::MAX - 1\n                    && let Some(rest) = self.too_soon()",
        model: "of_two_tries_at_once_one_starts",
    },
    Mutant {
        name: "an acquisition of none waits for the time (C7)",
        file: ACTS,
        from: "                if n > 0\n                    && let Some(rest) = self.too_soon()",
        to: "                if let Some(rest) = self.too_soon()",
        model: "none_are_had_at_once_and_are_no_start",
    },
    Mutant {
        name: "the first is served too soon (S1)",
        file: ACTS,
        from: "self.book.fits(n) && self.too_soon().is_none()",
        to: "self.book.fits(n)",
        model: "two_who_serve_at_once_start_the_first_alone",
    },
    Mutant {
        name: "a start is not written down (S2)",
        file: ACTS,
        from: "            self.book.start(now);\n",
        to: "            let _ = now;\n",
        model: "the_start_of_one_who_dies_with_it_counts",
    },
    Mutant {
        name: "the start of a waiter that gives up counts (S3)",
        file: ACTS,
        from: "                self.undo_start(number)?;\n                Collected::GaveUp",
        to: "                Collected::GaveUp",
        model: "who_comes_while_the_first_gives_up_starts_in_its_place",
    },
    Mutant {
        name: "the start of a waiter that has died counts (S3)",
        file: ACTS,
        from: "            Stage::Granted if who.side == Side::Acquire => self.undo_start(number)?,\n",
        to: "",
        model: "the_start_of_a_waiter_that_dies_before_it_takes_it_is_none",
    },
    Mutant {
        name: "a start that is not the last is undone (S1)",
        file: ACTS,
        from: "            && self.read(layout::waiter(usize::from(number), waiter::LINKS))? == self.start_mark()\n",
        to: "",
        model: "a_start_since_that_of_a_dead_waiter_counts",
    },
    Mutant {
        name: "an undone start is an interval earlier, whatever the interval is by now (S3)",
        file: BOOK,
        from: "saturating_sub(u64::from(self.started_after) *",
        to: "saturating_sub(u64::from(self.interval) *",
        model: "when_a_start_is_undone_the_one_before_it_is_the_last_again",
    },
    Mutant {
        name: "the first start comes right after one that never was (S3)",
        file: BOOK,
        from: "map_or(MAX_INTERVAL, |since| since.min(MAX_INTERVAL))",
        to: "map_or(0, |since| since.min(MAX_INTERVAL))",
        model: "when_the_only_start_is_undone_the_next_may_be_at_once",
    },
    Mutant {
        name: "an acquisition of none is a start",
        file: ACTS,
        from: "        if self.book.interval != 0\n            && n > 0\n",
        to: "        if self.book.interval != 0\n",
        model: "none_are_had_at_once_and_are_no_start",
    },
    Mutant {
        name: "releases wait for the time as well",
        file: ACTS,
        from: "                Side::Release => loose >= n,\n",
        to: "                Side::Release => loose >= n && self.too_soon().is_none(),\n",
        model: "releases_are_served_while_acquirers_wait_for_the_time",
    },
    Mutant {
        name: "who has no time starts",
        file: ACTS,
        from: "self.now.map_or(u64::MAX, |now|",
        to: "self.now.map_or(0, |now|",
        model: "who_has_no_time_starts_nobody",
    },
    Mutant {
        name: "the first is not told of another interval",
        file: ACTS,
        from: "        wakes.heads[index(Side::Acquire)] = self.book.acquirers.head;\n",
        to: "",
        model: "who_is_first_goes_by_a_new_interval",
    },
    Mutant {
        name: "the quick way starts too soon (S1)",
        file: BOOK,
        from: "& (CLOSED | GONE | SWEEP | DAMAGED | INTERVAL);",
        to: "& (CLOSED | GONE | SWEEP | DAMAGED);",
        model: "the_quick_way_starts_nobody_too_soon",
    },
    Mutant {
        name: "a start that is yet to come is waited for",
        file: BOOK,
        from: "if rest > 2 * interval { 0 } else { rest }",
        to: "rest",
        model: "a_start_that_is_yet_to_come_is_not_waited_for",
    },
    Mutant {
        name: "processors that disagree by little start two at once",
        file: BOOK,
        from: "if rest > 2 * interval { 0 } else { rest }",
        to: "if rest > interval { 0 } else { rest }",
        model: "the_start_of_one_who_dies_with_it_counts",
    },
    Mutant {
        name: "the time is over one nanosecond too soon",
        file: BOOK,
        from: "(self.started + interval).saturating_sub(now)",
        to: "(self.started + interval).saturating_sub(now + 1)",
        model: "of_two_tries_at_once_one_starts",
    },
];
