//! The numbers of permits.

use crate::mutants::mutant::Mutant;

const NUMBERS: &str = "protocol/numbers.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "a number of the living is taken",
        file: NUMBERS,
        from: "is_none_or(|other| !self.has_seat(other))",
        to: "is_none_or(|_| true)",
        model: "two_never_have_the_same_number",
    },
    Mutant {
        name: "two take the same number",
        file: NUMBERS,
        from: "is_free && word.compare_exchange(found, owner.pack(), Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        to: "is_free && {\n            word.store(owner.pack(), Ordering::Release);\n            true\n        }",
        model: "two_never_have_the_same_number",
    },
    Mutant {
        name: "a number stays with the dead",
        file: NUMBERS,
        from: "is_none_or(|other| !self.has_seat(other))",
        to: "is_none()",
        model: "the_number_of_the_dead_is_free_as_soon_as_its_permit",
    },
    Mutant {
        name: "a number is taken for the heir's of a seat",
        file: NUMBERS,
        from: "status == SeatWord { taken: true, generation: owner.generation }",
        to: "status.taken",
        model: "the_number_of_the_dead_is_free_as_soon_as_its_permit",
    },
    Mutant {
        name: "a number stays where its permit was",
        file: NUMBERS,
        from: "self.change_number(number, from.pack(), to.pack());",
        to: "let _ = (number, from, to);",
        model: "a_number_goes_with_its_permit_to_another_seat",
    },
];
