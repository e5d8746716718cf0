//! Do the models see what they are there to see? Breaks a copy of the crate, one line at a time, and runs the loom models that have to fail.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

struct Mutant {
    /// What is broken, in words.
    name: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    /// A model that must fail then.
    model: &'static str,
}

const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "a guard that comes back wakes nobody",
        file: "engine/core.rs",
        from: "if before.needs_serving(feeds) {",
        to: "if false && before.needs_serving(feeds) {",
        model: "one_permit_excludes_and_publishes",
    },
    Mutant {
        name: "a loose permit that is taken or returned wakes nobody",
        file: "engine/core.rs",
        from: "&& word.needs_serving(side)",
        to: "&& word.needs_serving(side) && false",
        model: "a_release_waits_for_its_acquire",
    },
    Mutant {
        name: "returning does not publish",
        file: "engine/core.rs",
        from: "Word(self.word.fetch_add(change, Ordering::Release))",
        to: "Word(self.word.fetch_add(change, Ordering::Relaxed))",
        model: "one_permit_excludes_and_publishes",
    },
    Mutant {
        name: "taking does not see what was published",
        file: "engine/core.rs",
        from: "Act::Take => Ordering::Acquire,",
        to: "Act::Take => Ordering::Relaxed,",
        model: "one_permit_excludes_and_publishes",
    },
    Mutant {
        name: "taking a loose permit does not publish",
        file: "engine/core.rs",
        from: "Act::TakeLoose | Act::Return => Ordering::AcqRel,",
        to: "Act::TakeLoose | Act::Return => Ordering::Acquire,",
        model: "a_release_waits_for_its_acquire",
    },
    Mutant {
        name: "a grant does not publish",
        file: "engine/waiters/queue.rs",
        from: "node.stage.store(stage as u8, Ordering::Release);",
        to: "node.stage.store(stage as u8, Ordering::Relaxed);",
        model: "one_permit_excludes_tasks_and_threads_alike",
    },
    Mutant {
        name: "the granted does not see what was published",
        file: "engine/waiters/node.rs",
        from: "self.stage.load(Ordering::Acquire)",
        to: "self.stage.load(Ordering::Relaxed)",
        model: "one_permit_excludes_tasks_and_threads_alike",
    },
    Mutant {
        name: "the granting side touches the node after its last touch",
        file: "engine/waiters/queue.rs",
        from: "        node.stage.store(stage as u8, Ordering::Release);\n        wake",
        to: "        node.stage.store(stage as u8, Ordering::Release);\n        linked(node, |it| it.starved = true);\n        wake",
        model: "one_permit_excludes_tasks_and_threads_alike",
    },
    Mutant {
        name: "who queues does not look whether permits have come",
        file: "engine/core.rs",
        from: "(word.with_queued(side, true), true),\n            };",
        to: "{ word = self.word(); (word.with_queued(side, true), true) }\n            };",
        model: "one_permit_excludes_and_publishes",
    },
    Mutant {
        name: "a dropped head serves nobody",
        file: "engine/core.rs",
        from: "if was_head || stage == Stage::Granted {",
        to: "if stage == Stage::Granted || !was_head {",
        model: "a_dropped_head_makes_way",
    },
    Mutant {
        name: "a granted future that is dropped serves nobody",
        file: "engine/core.rs",
        from: "if was_head || stage == Stage::Granted {",
        to: "if was_head {",
        model: "a_granted_",
    },
    Mutant {
        name: "a dropped future keeps what it was granted",
        file: "engine/core.rs",
        from: "self.update(|word| word.plus(node.act().reserve(node.count()).wrapping_neg()));",
        to: "",
        model: "a_granted_",
    },
    Mutant {
        name: "a head that times out serves nobody",
        file: "engine/core.rs",
        from: "if was_head || stage == Stage::Granted {",
        to: "if stage == Stage::Granted || !was_head {",
        model: "a_timed_head_that_leaves",
    },
    Mutant {
        name: "the end of the time wins over a grant",
        file: "engine/thread.rs",
        from: "let mut queues = self.lock();\n        match node.stage() {\n            Stage::Granted => return Ok(()),",
        to: "let mut queues = self.lock();\n        match node.stage() {\n            Stage::Granted => return Err(Refusal::TimedOut),",
        model: "a_grant_that_races_the_end",
    },
    Mutant {
        name: "a woken head that comes too late leaves the flag that says that it is awake",
        file: "engine/core.rs",
        from: "let calm = word.with_waking(side, false);",
        to: "let calm = word;",
        model: "one_permit_excludes_and_publishes",
    },
    Mutant {
        name: "a woken head that has taken its permits does not wake the next",
        file: "engine/thread.rs",
        from: "Contest::Won(wake) => {\n                self.serve_and_unlock(queues);\n                drop(wake);\n                true",
        to: "Contest::Won(wake) => {\n                drop(queues);\n                drop(wake);\n                true",
        model: "two_returns_end_two_waits",
    },
    Mutant {
        name: "a granted release is not completed by its poll",
        file: "engine/task.rs",
        from: "self.give(act.commit(node.count()), feeds);",
        to: "let _ = feeds;",
        model: "a_releasing_task_waits",
    },
    Mutant {
        name: "a second poll keeps the first waker",
        file: "engine/task.rs",
        from: "let old = queues[side as usize].rewake(node, wake);",
        to: "let old = Some(wake);",
        model: "a_second_poll",
    },
    Mutant {
        name: "close wakes nobody",
        file: "engine/core.rs",
        from: "self.update(Word::close);\n        self.serve_and_unlock(queues);",
        to: "self.update(Word::close);\n        drop(queues);",
        model: "close_ends_every_wait",
    },
    Mutant {
        name: "a growth serves nobody",
        file: "engine/core.rs",
        from: "if new >= old {\n            self.serve_and_unlock(queues);",
        to: "if new >= old {\n            drop(queues);",
        model: "growth_alone",
    },
    Mutant {
        name: "a shrink that refuses a woken head leaves the flag that says that it is awake",
        file: "engine/core.rs",
        from: "let waking = word.waking(side) && same_head;",
        to: "let waking = word.waking(side) && (same_head || true);",
        model: "a_shrink_refuses_a_woken_head",
    },
    Mutant {
        name: "a shrink tells one batch of the refused only",
        file: "engine/core.rs",
        from: ".or_else(|| refused.pop(queues))",
        to: ".or_else(|| refused.pop(queues).filter(|_| false))",
        model: "a_shrink_",
    },
    Mutant {
        name: "a forget wakes the wrong side",
        file: "permit.rs",
        from: "give(word::loose(n), Side::Release)",
        to: "give(word::loose(n), Side::Acquire)",
        model: "a_forget_lets_a_release_through",
    },
    Mutant {
        name: "newcomers may pass without end",
        file: "engine/core.rs",
        from: "self.bound.saturating_sub(queue.dealt.wrapping_sub(head.stamp))",
        to: "{ let _ = (queue, head); self.bound }",
        model: "a_waiter_is_passed_no_more",
    },
    Mutant {
        name: "lease: a renewal revives what was told lost",
        file: "lease.rs",
        from: "let deadline = self.live().ok_or(LostLease)?;",
        to: "let deadline = self.deadline.load(Ordering::Relaxed);",
        model: "a_lease_that_was_told_lost_is_never_renewed",
    },
    Mutant {
        name: "lease: a look does not write down that it has run out",
        file: "lease.rs",
        from: "if self.exchange(deadline, LOST) {",
        to: "if deadline != LOST {",
        model: "a_lease_that_was_told_lost_is_never_renewed",
    },
    Mutant {
        name: "lease: a renewal does not look whether others changed the deadline",
        file: "lease.rs",
        from: "if self.exchange(deadline, later) {",
        to: "{ self.deadline.swap(later, Ordering::Relaxed);",
        model: "a_renewal_does_not_undo_a_revocation",
    },
    Mutant {
        name: "lease: a renewal moves the deadline back",
        file: "lease.rs",
        from: "let later = valid_until.0.max(deadline);",
        to: "let later = valid_until.0;",
        model: "of_two_renewals_the_later_deadline_stays",
    },
    Mutant {
        name: "lease: a revocation wakes nobody",
        file: "lease.rs",
        from: "self.deadline.swap(LOST, Ordering::Relaxed);\n        self.wake_all();",
        to: "self.deadline.swap(LOST, Ordering::Relaxed);",
        model: "who_waits_for_the_loss_is_woken_by_a_revocation",
    },
    Mutant {
        name: "lease: a look that finds it run out wakes nobody",
        file: "lease.rs",
        from: "if self.exchange(deadline, LOST) {\n                self.wake_all();",
        to: "if self.exchange(deadline, LOST) {",
        model: "a_look_that_finds_it_run_out_wakes_who_waits",
    },
    Mutant {
        name: "lease: who waits does not look after leaving its waker",
        file: "lease.rs",
        from: "let is_lost = lease.deadline.load(Ordering::Relaxed) == LOST;",
        to: "let is_lost = false;",
        model: "who_waits_for_the_loss_is_woken_by_a_revocation",
    },
];

/// Runs all mutants, or those whose name contains `only`; fails if one of them survives.
pub(crate) fn run(root: &Path, only: Option<&str>) -> Result<(), Box<dyn Error>> {
    let copy = root.join("target/mutants");
    let chosen: Vec<_> = MUTANTS.iter().filter(|mutant| only.is_none_or(|only| mutant.name.contains(only))).collect();
    if chosen.is_empty() {
        return Err(format!("no mutant's name contains `{}`", only.unwrap_or_default()).into());
    }
    let mut survivors = 0;
    for mutant in &chosen {
        set_up(root, &copy)?;
        let file = copy.join("crates/permits/src").join(mutant.file);
        let whole = fs::read_to_string(&file)?;
        if whole.matches(mutant.from).count() != 1 {
            return Err(format!("mutant `{}` no longer finds its place in {}", mutant.name, mutant.file).into());
        }
        fs::write(&file, whole.replace(mutant.from, mutant.to))?;
        let verdict = match models_fail(&copy, mutant.model)? {
            true => "caught",
            false => {
                survivors += 1;
                "SURVIVED"
            }
        };
        println!("{verdict:8}  {}  ({})", mutant.name, mutant.model);
    }
    println!("{} mutants, {survivors} survived", chosen.len());
    if survivors > 0 { Err("the models do not see everything".into()) } else { Ok(()) }
}

fn set_up(root: &Path, copy: &Path) -> Result<(), Box<dyn Error>> {
    let package = copy.join("crates/permits");
    for folder in ["src", "tests"] {
        let _ = fs::remove_dir_all(package.join(folder));
    }
    copy_folder(&root.join("crates/permits/src"), &package.join("src"))?;
    fs::create_dir_all(package.join("tests"))?;
    fs::copy(root.join("crates/permits/tests/loom.rs"), package.join("tests/loom.rs"))?;
    copy_folder(&root.join("crates/permits/tests/loom"), &package.join("tests/loom"))?;
    fs::copy(root.join("Cargo.lock"), copy.join("Cargo.lock"))?;
    // The package alone, without what the other tests need.
    let manifest = fs::read_to_string(root.join("crates/permits/Cargo.toml"))?;
    let (manifest, _) = manifest.split_once("[dev-dependencies]").unwrap_or((&manifest, ""));
    fs::write(package.join("Cargo.toml"), manifest)?;
    let workspace = fs::read_to_string(root.join("Cargo.toml"))?;
    let ours = |line: &&str| !line.starts_with("members") && !line.starts_with("default-members");
    let mut workspace: Vec<_> = workspace.lines().filter(ours).collect();
    workspace.insert(1, r#"members = ["crates/permits"]"#);
    fs::write(copy.join("Cargo.toml"), workspace.join("\n"))?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// A model that fails to build has not failed: that is an error.
fn models_fail(copy: &Path, model: &str) -> Result<bool, Box<dyn Error>> {
    let cargo = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command
            .current_dir(copy)
            .env("RUSTFLAGS", "--cfg permits_loom -Awarnings")
            .env("CARGO_TARGET_DIR", copy.join("target"));
        command.env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
        command.args(["test", "--quiet", "--release", "--package", "permits", "--test", "loom"]).args(args);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    if !cargo(&["--no-run"])?.success() {
        return Err(format!("a mutant for the model `{model}` does not build").into());
    }
    Ok(!cargo(&["--", model])?.success())
}
