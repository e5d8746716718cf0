//! Serving, and who is told.

use crate::mutants::mutant::Mutant;

const ACTS: &str = "protocol/acts.rs";
const WAITER: &str = "protocol/waiter.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "what does not go into a commit is left to nobody (H3)",
        file: ACTS,
        from: "                wakes.more = true;\n",
        to: "",
        model: "all_who_fit_are_served_in_as_many_commits_as_it_takes",
    },
    Mutant {
        name: "a commit changes more than its record holds",
        file: ACTS,
        from: "if self.room() < 4 || wakes.is_full() {",
        to: "if wakes.is_full() {",
        model: "all_who_fit_are_served_in_as_many_commits_as_it_takes",
    },
    Mutant {
        name: "a commit serves one alone and says nothing (H3)",
        file: ACTS,
        from: "            self.decide(decision, wakes)?;\n        }",
        to: "            return self.decide(decision, wakes);\n        }",
        model: "all_who_fit_are_served_in_as_many_commits_as_it_takes",
    },
    Mutant {
        name: "who is woken leaves the rest to the dead (H3)",
        file: ACTS,
        from: "self.serve(wakes)?;\n        Ok(collected)",
        to: "if collected == Collected::GaveUp { self.serve(wakes)? }\n        Ok(collected)",
        model: "who_is_woken_serves_those_whom_the_dead_left",
    },
    Mutant {
        name: "who is decided about is not woken",
        file: ACTS,
        from: "        wakes.add(number, who);\n",
        to: "",
        model: "a_commit_tells_whom_it_has_decided_about",
    },
    Mutant {
        name: "a task is woken as a thread is",
        file: WAITER,
        from: "if who.sleeper == Sleeper::Task { u16",
        to: "if who.sleeper == Sleeper::Thread { u16",
        model: "a_commit_tells_whom_it_has_decided_about",
    },
    Mutant {
        name: "nobody remembers who decided last",
        file: ACTS,
        from: "        self.book.decider = self.own_decider();\n",
        to: "",
        model: "whom_the_last_decided_about_the_next_has_woken",
    },
    Mutant {
        name: "who decides does not have those of the last decider woken",
        file: ACTS,
        from: "        self.remember_decider(wakes);\n        self.book.decider",
        to: "        self.book.decider",
        model: "whom_the_last_decided_about_the_next_has_woken",
    },
    Mutant {
        name: "who was decided about does not have the others woken",
        file: ACTS,
        from: "        self.put_away(number)?;\n        self.remember_decider(wakes);\n",
        to: "        self.put_away(number)?;\n",
        model: "whom_the_last_decided_about_the_next_has_woken",
    },
];
