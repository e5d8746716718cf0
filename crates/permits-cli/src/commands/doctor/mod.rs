//! `permits doctor`: the state of directory, file system and kernel, and whether a run works.

mod trial;

use std::fmt::Write;

use permits_host::{Finding, Level};

use crate::args::Doctor;
use crate::end::End;
use crate::failure::{Failure, code};
use crate::json::{self, Examined, FindingLine};
use crate::neighbours;
use crate::out;
use crate::people::tame;
use crate::place::Scene;

/// Exits 78 if something is bad, so that a script can ask.
pub(crate) fn run(scene: Scene<'_>, args: &Doctor) -> Result<End, Failure> {
    let dir = scene.directory();
    let mut findings = scene.options().examine();
    findings.extend(neighbours::summary(&dir).map(|text| Finding::new(Level::Warning, "users", text)));
    let trial = trial::of_a_run(scene, &dir);
    let works = trial.is_ok();
    let (level, text) = match trial {
        Ok(()) => {
            (Level::Good, "a command ran with a permit of a new semaphore, and the semaphore was removed".to_owned())
        }
        Err(why) => (Level::Bad, without_what_is_known(&why, &findings)),
    };
    findings.push(Finding::new(level, "trial", text));
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (bad, warnings) = (count(Level::Bad), count(Level::Warning));
    let lines: Vec<_> =
        findings.iter().map(|f| FindingLine { level: level_word(f.level), about: &f.about, text: &f.text }).collect();
    if args.json {
        out::print(&json::line(Examined { dir: dir.display().to_string(), good: bad == 0, findings: lines }))?;
    } else {
        let mut text = format!("directory: {}\n", tame(&dir.to_string_lossy()));
        for FindingLine { level, about, text: said } in lines {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{level:<8} {}: {}", tame(about), tame(said));
        }
        let elsewhere = |f: &Finding| f.level == Level::Bad && matches!(f.about.as_str(), "directory" | "file system");
        if findings.iter().any(elsewhere) {
            text += "choose another directory with `--dir` or PERMITS_DIR\n";
        }
        out::print(&(text + &verdict(works, bad, warnings)))?;
    }
    Ok(End::Code(if bad > 0 { code::CONFIG } else { 0 }))
}

/// Why the trial failed; its code alone if one of the findings has said why.
fn without_what_is_known(why: &str, findings: &[Finding]) -> String {
    let is_known = findings.iter().any(|found| found.level == Level::Bad && why.contains(&found.text));
    match why.split_once(": ") {
        Some((code, _)) if is_known => format!("{code}, for that reason"),
        _ => why.to_owned(),
    }
}

/// The last line, for readers of the last line alone.
fn verdict(works: bool, bad: usize, warnings: usize) -> String {
    let verdict = match (works, bad) {
        (false, _) => "bad, `permits run` fails here",
        (true, 0) => "good, `permits run` works here",
        (true, _) => "bad, although `permits run` works here with a new semaphore",
    };
    format!("verdict: {verdict}{}\n", warned(warnings))
}

/// The same of machines.
#[cfg(feature = "etcd")]
pub(super) fn verdict_of_machines(bad: usize, warnings: usize) -> String {
    let verdict = if bad == 0 { "good, the servers answer" } else { "bad, `permits run` may wait or fail there" };
    format!("verdict: {verdict}{}\n", warned(warnings))
}

fn warned(warnings: usize) -> String {
    match warnings {
        0 => String::new(),
        1 => ", with `1` warning".to_owned(),
        _ => format!(", with `{warnings}` warnings"),
    }
}

pub(super) fn level_word(level: Level) -> &'static str {
    match level {
        Level::Good => "good",
        Level::Warning => "warning",
        Level::Bad => "bad",
    }
}
