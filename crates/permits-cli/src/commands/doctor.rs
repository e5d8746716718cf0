//! `permits doctor`: what there is to know about directory, file system and kernel.

use std::fmt::Write;

use permits_host::{Finding, Level};

use crate::args::Doctor;
use crate::end::End;
use crate::failure::{Failure, code};
use crate::json::{self, Examined, FindingLine};
use crate::out;
use crate::people::tame;
use crate::place::Scene;

/// Exits 78 if something is bad, so that a script can ask.
pub(crate) fn run(scene: Scene<'_>, args: &Doctor) -> Result<End, Failure> {
    let dir = scene.directory();
    let findings = scene.options().examine();
    let bad = findings.iter().any(|finding| finding.level == Level::Bad);
    let lines: Vec<_> =
        findings.iter().map(|f| FindingLine { level: word(f.level), about: &f.about, text: &f.text }).collect();
    if args.json {
        out::print(&json::line(Examined { dir: dir.display().to_string(), good: !bad, findings: lines }))?;
    } else {
        let mut text = format!("directory: {}\n", tame(&dir.to_string_lossy()));
        for FindingLine { level, about, text: said } in lines {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{level:<8} {}: {}", tame(about), tame(said));
        }
        let elsewhere = |f: &Finding| f.level == Level::Bad && matches!(f.about.as_str(), "directory" | "file system");
        if findings.iter().any(elsewhere) {
            text += "`--dir` or PERMITS_DIR chooses another directory\n";
        }
        out::print(&text)?;
    }
    Ok(End::Code(if bad { code::CONFIG } else { 0 }))
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Good => "good",
        Level::Warning => "warning",
        Level::Bad => "bad",
    }
}
