//! One run of the checker, and what came of it.

use crate::configuration::Configuration;
use crate::model::{Action, Model};
use crate::rules::Rules;
use crate::state::State;
use serde::Serialize;
use stateright::{Checker, HasDiscoveries, Model as _};
use std::collections::BTreeSet;
use std::time::Instant;

#[derive(Serialize)]
pub(crate) struct Run {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// The property that a mutant has to break.
    pub(crate) breaks: Option<&'static str>,
    pub(crate) is_assumption: bool,
    /// As it should be: no counterexample to the protocol, one to a mutant.
    pub(crate) passed: bool,
    pub(crate) states: usize,
    /// How far the states are from the first one; of a mutant, how many steps the counterexample has.
    pub(crate) steps: usize,
    pub(crate) seconds: f64,
    /// Properties that failed, and situations that were not reached.
    pub(crate) findings: Vec<String>,
    #[serde(skip)]
    pub(crate) path: Vec<(State, Option<Action>)>,
}

/// Visits all states of the protocol.
pub(crate) fn protocol(configuration: &'static Configuration, threads: usize) -> Run {
    let start = Instant::now();
    let model = Model::new(configuration, Rules::ALL);
    let checker = model.clone().checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let (mut findings, mut path) = (Vec::new(), Vec::new());
    if let Some(property) = checker.discoveries().into_keys().next() {
        findings.push(format!("`{property}` fails"));
        // Where processes are sorted at each step, no reader can follow one.
        (path, _) = shortest(&model.reduced(false), property);
    } else {
        findings.extend(model.not_reached().iter().map(|what| format!("never: {what}")));
    }
    Run {
        name: configuration.name,
        about: configuration.about,
        breaks: None,
        is_assumption: false,
        passed: findings.is_empty(),
        states: checker.unique_state_count(),
        steps: checker.max_depth(),
        seconds: start.elapsed().as_secs_f64(),
        findings,
        path,
    }
}

/// Looks for the shortest way to break a mutant's property.
pub(crate) fn mutant(mutant: &'static crate::mutants::Mutant) -> Run {
    let start = Instant::now();
    let model = Model::new(&mutant.configuration, Rules::without(mutant.without));
    let (path, states) = shortest(&model, mutant.breaks);
    let passed = !path.is_empty();
    Run {
        name: mutant.name,
        about: mutant.about,
        breaks: Some(mutant.breaks),
        is_assumption: mutant.is_assumption,
        passed,
        states,
        steps: path.len().saturating_sub(1),
        seconds: start.elapsed().as_secs_f64(),
        findings: if passed { Vec::new() } else { vec![format!("`{}` still holds", mutant.breaks)] },
        path,
    }
}

/// The shortest path to a state in which a property fails, and how many states were visited.
fn shortest(model: &Model, property: &'static str) -> (Vec<(State, Option<Action>)>, usize) {
    let (mut path, mut states, mut depth) = (Vec::new(), 0, usize::MAX);
    loop {
        let wanted = HasDiscoveries::AnyOf(BTreeSet::from([property]));
        let builder = model.clone().checker().threads(1).finish_when(wanted).target_max_depth(depth);
        let checker = builder.spawn_bfs().join();
        states += checker.unique_state_count();
        // The checker keeps the last one of those that it comes by before it looks whether it may stop. So the
        // search goes on among shorter paths until there is none.
        let Some(shorter) = checker.discovery(property) else { return (path, states) };
        path = shorter.into_vec();
        depth = path.len();
    }
}

#[cfg(test)]
mod tests {
    use crate::configuration::Job::{Loose, Return, ReturnLate, Use};
    use crate::configuration::{Act, Configuration, May};
    use crate::model::Model;
    use crate::mutants::{self, Mutant};
    use crate::properties;
    use crate::rules::{Rule, Rules};
    use stateright::{Checker, HasDiscoveries, Model as _};
    use std::collections::BTreeSet;

    /// Mutants whose rule is what makes a reduction right, so that it must not be used without.
    const RESTED_ON: &[&str] = &[
        // A request of an old epoch, or about an old `cfg`, does nothing any more.
        "acquire-epoch",
        "acquire-limit",
        "queue-epoch",
        "reopen",
        "remove-same",
        "resize-once",
        "settle-once",
        "take-epoch",
        // A late delete finds nothing.
        "burn-name",
        "burn-asked",
        // What was answered does not come again.
        "arrives-twice",
        // No old event is of interest.
        "old-event",
    ];

    #[test]
    fn reductions_hide_no_counterexample() {
        fn is_found(mutant: &'static Mutant) -> bool {
            let model = Model::new(&mutant.configuration, Rules::without(mutant.without)).reduced(true);
            let wanted = HasDiscoveries::AnyOf(BTreeSet::from([mutant.breaks]));
            let checker = model.checker().threads(2).finish_when(wanted).spawn_bfs().join();
            checker.discovery(mutant.breaks).is_some()
        }

        let tried = mutants::ALL.iter().filter(|mutant| !RESTED_ON.contains(&mutant.name));
        let hidden: Vec<&str> = tried.filter(|mutant| !is_found(mutant)).map(|mutant| mutant.name).collect();

        assert!(hidden.is_empty(), "{hidden:?}");
    }

    #[test]
    fn the_protocol_holds_without_reductions_too() {
        const BASE: Configuration = Configuration {
            name: "small",
            about: "",
            max: 1,
            processes: &[],
            acts: &[],
            loose: 0,
            faults: 1,
            may: May::ALL,
        };
        static SMALL: [Configuration; 3] = [
            Configuration { processes: &[&[&[Use(1), Use(1)]], &[&[Use(1)]]], faults: 2, ..BASE },
            Configuration { processes: &[&[&[Loose]], &[&[Return]]], acts: &[Act::Close], ..BASE },
            Configuration { max: 2, processes: &[&[&[Return]], &[&[ReturnLate]]], loose: 2, faults: 2, ..BASE },
        ];

        for (at, configuration) in SMALL.iter().enumerate() {
            let model = Model::new(configuration, Rules::ALL).reduced(false);
            let checker = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();

            assert!(checker.unique_state_count() > 10_000, "{at}: {} states", checker.unique_state_count());
            assert!(checker.discoveries().is_empty(), "{at}");
        }
    }

    #[test]
    fn each_rule_and_each_property_has_a_mutant() {
        let mutants = mutants::ALL.iter();
        let rules: BTreeSet<u8> = mutants.clone().map(|mutant| mutant.without as u8).collect();
        let broken: BTreeSet<&str> = mutants.clone().map(|mutant| mutant.breaks).collect();
        let names: BTreeSet<&str> = mutants.map(|mutant| mutant.name).collect();

        assert!(rules.into_iter().eq(0..=Rule::LimitArrives as u8), "a rule has none");
        assert!(properties::ALL.iter().all(|(name, _)| broken.contains(name)), "a property is never broken");
        assert_eq!(names.len(), mutants::ALL.len(), "two have one name");
    }
}
