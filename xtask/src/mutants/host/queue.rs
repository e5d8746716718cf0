//! Coming into a queue, and leaving it.

use crate::mutants::mutant::Mutant;

const ACTS: &str = "protocol/acts.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "who returns serves nobody (H3)",
        file: ACTS,
        from: "self.add_free(n)?;\n        if self.has_work() { self.serve(wakes) } else { Ok(()) }",
        to: "self.add_free(n)",
        model: "whoever_queues_while_a_permit_returns_is_granted",
    },
    Mutant {
        name: "a new first is not told (H3)",
        file: ACTS,
        from: "wakes.heads[index(side)] = behind;",
        to: "let _ = index(side);",
        model: "whoever_becomes_the_first_is_told_or_sees_it",
    },
    Mutant {
        name: "a future that is dropped keeps what it was granted (C10)",
        file: ACTS,
        from: "(Stage::Granted, GiveUp::Wholly) if who.side == Side::Acquire => {",
        to: "(Stage::Granted, GiveUp::Wholly) if who.side == Side::Acquire && n == 0 => {",
        model: "a_grant_to_one_who_is_gone_goes_to_the_next",
    },
    Mutant {
        name: "who gives up passes its grant on to nobody (H3)",
        file: ACTS,
        from: "self.serve(wakes)?;\n        Ok(collected)",
        to: "Ok(collected)",
        model: "a_grant_to_one_who_is_gone_goes_to_the_next",
    },
    Mutant {
        name: "a newcomer passes those who wait (C8)",
        file: ACTS,
        from: "(self.book.acquirers.head != 0 || !self.book.fits(n))",
        to: "!self.book.fits(n)",
        model: "nobody_passes_those_who_wait",
    },
    Mutant {
        name: "a releasing newcomer passes those who wait (C8)",
        file: ACTS,
        from: "if self.book.releasers.head != 0 || loose < n {",
        to: "if loose < n {",
        model: "nobody_passes_those_who_wait",
    },
    Mutant {
        name: "one is queued in a place that has no backing",
        file: ACTS,
        from: "0 if self.book.waiters_used == self.book.waiters_backed => return Ok(None),",
        to: "0 if self.book.waiters_used == u16::MAX => return Ok(None),",
        model: "nobody_queues_where_there_is_no_place",
    },
    Mutant {
        name: "a place that was left is lost",
        file: ACTS,
        from: "        self.book.pool = number;\n",
        to: "",
        model: "nobody_queues_where_there_is_no_place",
    },
    Mutant {
        name: "a place that was left is given to two",
        file: ACTS,
        from: "self.book.pool = self.links(first)?.behind;",
        to: "self.book.pool = if self.links(first)?.behind == 0 { 0 } else { first };",
        model: "a_place_is_nobody_elses",
    },
    Mutant {
        name: "a newcomer stands behind nobody",
        file: ACTS,
        from: "self.set_links(number, &Links { before: tail, behind: 0 })?;",
        to: "self.set_links(number, &Links { before: 0, behind: 0 })?;",
        model: "whoever_leaves_leaves_the_queue_whole",
    },
    Mutant {
        name: "nobody stands before a newcomer",
        file: ACTS,
        from: "            self.set_links(tail, &Links { behind: number, ..links })?;",
        to: "            self.set_links(tail, &links)?;",
        model: "whoever_leaves_leaves_the_queue_whole",
    },
    Mutant {
        name: "a newcomer is the first",
        file: ACTS,
        from: "        if tail == 0 {\n            queue.head = number;",
        to: "        if tail == 0 || queue.head != 0 {\n            queue.head = number;",
        model: "whoever_leaves_leaves_the_queue_whole",
    },
    Mutant {
        name: "who leaves from the middle stays with the one behind",
        file: ACTS,
        from: "            self.set_links(behind, &Links { before, ..links })?;",
        to: "            self.set_links(behind, &links)?;",
        model: "whoever_leaves_leaves_the_queue_whole",
    },
    Mutant {
        name: "who leaves from the middle stays with the one before",
        file: ACTS,
        from: "            self.set_links(before, &Links { behind, ..links })?;",
        to: "            self.set_links(before, &links)?;",
        model: "one_in_the_middle_leaves_while_the_first_is_granted",
    },
    Mutant {
        name: "who leaves from the end is the last still",
        file: ACTS,
        from: "self.book.queue_mut(side).tail = if first { 0 } else { before };",
        to: "self.book.queue_mut(side).tail = if first { 0 } else { number };",
        model: "whoever_leaves_leaves_the_queue_whole",
    },
    Mutant {
        name: "the only one that leaves is the last still",
        file: ACTS,
        from: "self.book.queue_mut(side).tail = if first { 0 } else { before };",
        to: "self.book.queue_mut(side).tail = before;",
        model: "whoever_leaves_leaves_the_queue_whole",
    },
    Mutant {
        name: "who leaves is counted still (C15)",
        file: ACTS,
        from: "Some(length) => queue.length = length,",
        to: "Some(_) => {}",
        model: "one_in_the_middle_leaves_while_the_first_is_granted",
    },
    Mutant {
        name: "the end of the time wins over a grant (C11)",
        file: ACTS,
        from: "(Stage::Granted, GiveUp::Wholly) if who.side == Side::Acquire => {",
        to: "(Stage::Granted, GiveUp::Wholly | GiveUp::Unless) if who.side == Side::Acquire => {",
        model: "a_grant_that_races_the_time_is_taken_or_goes_to_the_next",
    },
];
