//! What is broken in `permits-host`: the transactions, and what is done by them.
//!
//! Not here, as no model of a size that ends shows them: a helper that stores where it has to compare, between two others (two preemptions and
//! three processes); a decider that dies before it wakes, and a waiter of the living that is taken for one of the dead (the storm has both). And not the ordering of a tagged word, whose Acquire is
//! also that of the fence behind it.

use super::mutant::Mutant;

const TX: &str = "protocol/tx.rs";
const ACTS: &str = "protocol/acts.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "a commit does not publish (T2)",
        file: TX,
        from: "compare_exchange(from, root, Ordering::SeqCst, Ordering::Relaxed)",
        to: "compare_exchange(from, root, Ordering::Relaxed, Ordering::Relaxed)",
        model: "two_never_hold_the_same_permit",
    },
    Mutant {
        name: "who reads the root does not see what was published",
        file: TX,
        from: "let root = self.words[header::ROOT].load(Ordering::Acquire);",
        to: "let root = self.words[header::ROOT].load(Ordering::Relaxed);",
        model: "two_never_hold_the_same_permit",
    },
    Mutant {
        name: "a commit writes over the record that the root names (T1)",
        file: TX,
        from: "if from & 0xffff == 2 * seat as u64 { 2 * seat + 1 } else { 2 * seat }",
        to: "2 * seat",
        model: "a_look_sees_one_state",
    },
    Mutant {
        name: "the root moves though it has moved (T2)",
        file: TX,
        from: "self.words[header::ROOT].compare_exchange(from, root, Ordering::SeqCst, Ordering::Relaxed).ok()?;",
        to: "self.words[header::ROOT].swap(root, Ordering::SeqCst);",
        model: "two_never_hold_the_same_permit",
    },
    Mutant {
        name: "the number of a commit does not grow (T2)",
        file: TX,
        from: "let root = ((from >> 16) + 1) << 16 | number as u64;",
        to: "let root = (from >> 16) << 16 | number as u64;",
        model: "two_never_hold_the_same_permit",
    },
    Mutant {
        name: "nobody makes the changes of the commit before (T3)",
        file: TX,
        from: "due.iter().for_each(|change| self.make(change));",
        to: "let _ = due;",
        model: "what_the_dead_committed_is_made_once",
    },
    Mutant {
        name: "a change is made again over what came later (T4)",
        file: TX,
        from: "if word.load(Ordering::Acquire) == change.old {\n            let _ = word.compare_exchange(change.old, change.new, Ordering::AcqRel, Ordering::Acquire);\n        }",
        to: "word.store(change.new, Ordering::Release);",
        model: "who_helps_late_does_no_harm",
    },
    Mutant {
        name: "what is written does not tell its commit from others (T4)",
        file: TX,
        from: "let new = tag(self.root.wrapping_add(1 << 16)) | u64::from(value);",
        to: "let new = u64::from(value);",
        model: "who_helps_late_does_no_harm",
    },
    Mutant {
        name: "what was read counts though the root has moved (T5)",
        file: TX,
        from: "== root { Ok(()) } else { Err(Trouble::Stale) }",
        to: "== root || root != 0 { Ok(()) } else { Err(Trouble::Stale) }",
        model: "a_look_sees_one_state",
    },
    Mutant {
        name: "a look does not wait for what it read before it looks at the root (T5)",
        file: TX,
        from: "        fence(Ordering::Acquire);\n",
        to: "",
        model: "a_look_sees_one_state",
    },
    Mutant {
        name: "a record is written over before the root is seen moved (T5)",
        file: TX,
        from: "        fence(Ordering::Release);\n",
        to: "",
        model: "a_look_sees_one_state",
    },
    Mutant {
        name: "the quick way does not write what its seat holds",
        file: TX,
        from: "self.words[at].store(new, Ordering::Release);\n        point(Point::ChangeMade);",
        to: "point(Point::ChangeMade);",
        model: "the_quick_way_writes_what_the_other_would",
    },
    Mutant {
        name: "the quick way forgets the counts that it wrote",
        file: TX,
        from: "memo.book[at].store(book[at], Ordering::Relaxed);",
        to: "let _ = at;",
        model: "the_quick_way_writes_what_the_other_would",
    },
    Mutant {
        name: "the quick way goes on from a state that is no more",
        file: TX,
        from: "let Some(root) = self.move_root(seat, root, &book, &[Change { at, old, new }]) else { return false };",
        to: "let Some(root) = self.move_root(seat, self.words[header::ROOT].load(Ordering::Acquire), &book, &[Change { at, old, new }]) else { return false };",
        model: "the_quick_way_writes_what_the_other_would",
    },
    Mutant {
        name: "a permit is taken that is not there (H1)",
        file: ACTS,
        from: "(self.book.acquirers.head != 0 || !self.book.fits(n))",
        to: "(self.book.acquirers.head != 0)",
        model: "two_never_hold_the_same_permit",
    },
    Mutant {
        name: "who returns serves nobody (H3)",
        file: ACTS,
        from: "self.add_free(n)?;\n        if self.has_work() { self.serve(wakes) } else { Ok(()) }",
        to: "self.add_free(n)",
        model: "whoever_queues_while_a_permit_returns_is_granted",
    },
    Mutant {
        name: "what is granted is not taken from the free (H1)",
        file: ACTS,
        from: "self.book.free -= n.cast_signed();\n                self.book.granted = self.book.granted.wrapping_add(1);\n                self.add_given",
        to: "self.book.granted = self.book.granted.wrapping_add(1);\n                self.add_given",
        model: "what_the_dead_granted_is_granted_once",
    },
    Mutant {
        name: "what is granted is held by nobody (H1)",
        file: ACTS,
        from: "self.add_given(who.seat, n)?;",
        to: "",
        model: "what_the_dead_granted_is_granted_once",
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
        name: "what the dead held does not come back (C18)",
        file: ACTS,
        from: "        if held > 0 {\n            self.add_free(held)?;\n        }\n",
        to: "",
        model: "two_who_bury_the_same_dead_take_back_once",
    },
    Mutant {
        name: "what the dead held comes back and stays with the seat (C18)",
        file: ACTS,
        from: "            self.write(layout::seat(seat, seat::OWN), 0)?;\n",
        to: "",
        model: "two_who_bury_the_same_dead_take_back_once",
    },
    Mutant {
        name: "a seat is left taken",
        file: ACTS,
        from: "SeatWord { taken: false, ..status }",
        to: "SeatWord { taken: true, ..status }",
        model: "two_who_bury_the_same_dead_take_back_once",
    },
    Mutant {
        name: "an heir has the generation of the dead",
        file: ACTS,
        from: "let generation = self.status(number)?.next();",
        to: "let generation = self.status(number)?.generation;",
        model: "who_buries_the_dead_late_leaves_the_heir_alone",
    },
];
