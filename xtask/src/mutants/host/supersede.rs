//! The newest of a key.

use crate::mutants::mutant::Mutant;

const SUPERSEDE: &str = "protocol/supersede.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "an arrival looks at the others before they can see it",
        file: SUPERSEDE,
        from: "fence(Ordering::SeqCst);\n        arrival\n",
        to: "arrival\n",
        model: "of_two_that_arrive_at_once_one_survives",
    },
    Mutant {
        name: "an arrival that sees a later one takes itself for the newest",
        file: SUPERSEDE,
        from: "self.mark(own, rival.arrival);",
        to: "",
        model: "of_two_that_arrive_at_once_one_survives",
    },
    Mutant {
        name: "a mark of an earlier arrival counts",
        file: SUPERSEDE,
        from: "mark > arrival)",
        to: "mark > 0)",
        model: "a_mark_that_comes_late_does_not_hit_the_next_owner_of_the_seat",
    },
    Mutant {
        name: "parts of two keys are seen as the key of an arrival",
        file: SUPERSEDE,
        from: "fence(Ordering::Release);\n        for (offset, &part)",
        to: "for (offset, &part)",
        model: "who_changes_its_key_is_not_taken_for_another",
    },
    Mutant {
        name: "the seats are counted before the arrival",
        file: SUPERSEDE,
        from: "let arrival = self.arrive(own, key);\n        // The seats that there are after the fence: who took one later sees this arrival.\n        let seats = self.look(|tx| Ok(usize::from(tx.book.seats_used)))?;\n",
        to: "let seats = self.look(|tx| Ok(usize::from(tx.book.seats_used)))?;\n        let arrival = self.arrive(own, key);\n",
        model: "one_that_takes_its_seat_meanwhile_is_seen_or_sees",
    },
    Mutant {
        name: "an arrival is seen before its key",
        file: SUPERSEDE,
        from: "store(arrival, Ordering::Release);",
        to: "store(arrival, Ordering::Relaxed);",
        model: "a_key_is_seen_with_its_arrival",
    },
    Mutant {
        name: "a key is read between two arrivals",
        file: SUPERSEDE,
        from: "arrival != 0 && word(seat::ARRIVAL).load(Ordering::Relaxed) == arrival",
        to: "arrival != 0",
        model: "who_changes_its_key_is_not_taken_for_another",
    },
];
