//! All that has to pass before a change lands, a step after the other. `.ci/run` installs what they need
//! and calls this.

mod command;
mod licences;
mod msrv;
mod package;
mod steps;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use command::command;
use steps::{Act, STEPS, Step};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Runs the steps that are named, in the order of the table, or all; stops at the first that fails.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<()> {
    if args == ["--list"] {
        list();
        return Ok(());
    }
    let mut took = Vec::new();
    for step in chosen(args)? {
        let start = Instant::now();
        println!("\n== {}: {}", step.name, step.about);
        perform(root, step).map_err(|why| format!("\n{}: FAILED: {why}\nagain: cargo xtask ci {0}", step.name))?;
        took.push((step.name, start.elapsed().as_secs_f64()));
    }
    println!("\n== all passed");
    for (name, seconds) in took {
        println!("{seconds:7.1} s  {name}");
    }
    Ok(())
}

fn list() {
    let widest = STEPS.iter().map(|step| step.name.len()).max().unwrap_or(0);
    for step in STEPS {
        println!("{:widest$}  {}", step.name, step.about);
    }
}

fn chosen(names: &[String]) -> Result<Vec<&'static Step>> {
    if let Some(unknown) = names.iter().find(|name| !STEPS.iter().any(|step| step.name == **name)) {
        return Err(format!("no step is named `{unknown}`: `cargo xtask ci --list` shows all").into());
    }
    let is_chosen = |step: &&Step| names.is_empty() || names.iter().any(|name| name == step.name);
    Ok(STEPS.iter().filter(is_chosen).collect())
}

fn perform(root: &Path, step: &Step) -> Result<()> {
    match step.act {
        Act::Chore(chore) => chore(root),
        Act::Commands(lines) => lines.iter().try_for_each(|line| command(root, line, step.variables)),
    }
}

#[cfg(test)]
mod tests {
    use super::{STEPS, chosen};
    use std::collections::BTreeSet;

    #[test]
    fn without_names_all_steps_are_run() {
        let names: Vec<&str> = chosen(&[]).expect("all").iter().map(|step| step.name).collect();

        assert_eq!(names, STEPS.iter().map(|step| step.name).collect::<Vec<_>>());
    }

    #[test]
    fn named_steps_are_run_in_the_order_of_the_table() {
        let names = ["loom".to_owned(), "fmt".to_owned()];

        let chosen: Vec<&str> = chosen(&names).expect("both are steps").iter().map(|step| step.name).collect();

        assert_eq!(chosen, ["fmt", "loom"]);
    }

    #[test]
    fn a_step_that_is_not_there_is_named_and_nothing_is_run() {
        let why = chosen(&["fmt".to_owned(), "lom".to_owned()]).err().expect("`lom` is no step");

        assert_eq!(why.to_string(), "no step is named `lom`: `cargo xtask ci --list` shows all");
    }

    #[test]
    fn no_two_steps_have_one_name() {
        let names: BTreeSet<&str> = STEPS.iter().map(|step| step.name).collect();

        assert_eq!(names.len(), STEPS.len());
    }
}
