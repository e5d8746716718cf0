//! What the dead leave.

use crate::mutants::mutant::Mutant;

const ACTS: &str = "protocol/acts.rs";

pub(super) const MUTANTS: &[Mutant] = &[
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
    Mutant {
        name: "a dead waiter stays in its queue (C18)",
        file: ACTS,
        from: "            Stage::Queued => self.unlink(number, who.side, wakes)?,\n            // As if",
        to: "            // As if",
        model: "a_dead_waiter_stops_nobody",
    },
    Mutant {
        name: "what a dead task was promised is lost (C18)",
        file: ACTS,
        from: "                let n = self.units(number)?;\n                self.add_loose(n)?;",
        to: "                let _ = self.units(number)?;",
        model: "what_a_dead_task_was_promised_is_loose_again",
    },
    Mutant {
        name: "who takes out a dead waiter serves nobody (H3)",
        file: ACTS,
        from: "        self.serve(wakes)?;\n        Ok(true)",
        to: "        Ok(true)",
        model: "a_dead_waiter_stops_nobody",
    },
    Mutant {
        name: "a waiter of the living is taken for one of the dead",
        file: ACTS,
        from: "if who.seat != dead || who.stage == Stage::Free {",
        to: "if who.stage == Stage::Free {",
        model: "a_dead_waiter_stops_nobody",
    },
    Mutant {
        name: "what one handle gives to another stays with it as well (H1)",
        file: ACTS,
        from: "self.add_given(from, 0u32.wrapping_sub(n))",
        to: "Ok(())",
        model: "what_one_handle_of_a_process_gives_another_is_held_once",
    },
];
