//! `permits man`.

use std::io::IsTerminal;
use std::path::Path;
use std::process::{Command, Stdio};

use clap::{Command as Described, CommandFactory};
use clap_mangen::Man as Page;

use crate::args::{Args, Man};
use crate::end::End;
use crate::failure::{Failure, code};
use crate::leftovers;
use crate::out;

pub(crate) fn run(args: &Man) -> Result<End, Failure> {
    let mut program = Args::command().disable_help_subcommand(true);
    program.build();
    if let Some(dir) = &args.out {
        write_all(&program, dir)?;
        return Ok(End::Code(0));
    }
    let wanted = args.page.as_deref().unwrap_or_default();
    let wanted = wanted.strip_prefix("permits-").unwrap_or(wanted);
    let page = if matches!(wanted, "" | "permits") { Some(&program) } else { program.find_subcommand(wanted) };
    let Some(page) = page else {
        let pages: Vec<String> = program
            .get_subcommands()
            .filter(|page| !page.is_hide_set())
            .map(|page| format!("`{}`", page.get_name()))
            .collect();
        let text = format!(
            "there is no page `{wanted}`: give one of {}, or write all of them with `--out DIR`",
            pages.join(", ")
        );
        return Err(Failure::new(code::USAGE, text));
    };
    let page = page_of(page);
    let source = source_of(&page).map_err(|error| Failure::system("cannot make the page", &error))?;
    if !(std::io::stdout().is_terminal() && is_shown(&page.get_filename(), &source)) {
        out::print(&source)?;
    }
    Ok(End::Code(0))
}

/// How the names of directories begin in which a page is for as long as it is shown.
const PAGES: &str = "permits-man-";

/// Whether man(1) was there and has shown it. It is given a file, as that of BusyBox and mandoc take no other way.
fn is_shown(name: &str, source: &str) -> bool {
    for left in leftovers::in_directory(&std::env::temp_dir(), PAGES) {
        // Another process may be faster.
        let _ = std::fs::remove_dir_all(left);
    }
    let Ok(dir) = tempfile::Builder::new().prefix(&format!("{PAGES}{}", leftovers::maker())).tempdir() else {
        return false;
    };
    let file = dir.path().join(name);
    let mut man = Command::new("man");
    man.arg("-l").arg(&file).stderr(Stdio::null());
    std::fs::write(&file, source).is_ok() && man.status().is_ok_and(|status| status.success())
}

fn write_all(program: &Described, dir: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::system(&format!("cannot write the pages into `{}`", dir.display()), &error);
    std::fs::create_dir_all(dir).map_err(failed)?;
    for described in program.get_subcommands().filter(|command| !command.is_hide_set()).chain([program]) {
        let page = page_of(described);
        let source = source_of(&page).map_err(failed)?;
        std::fs::write(dir.join(page.get_filename()), source).map_err(failed)?;
    }
    Ok(())
}

/// With sections for what stands after the help, and its lines as they are: clap_mangen fills them, which breaks the
/// tables, and calls the section EXTRA.
fn source_of(page: &Page) -> std::io::Result<String> {
    let mut source = Vec::new();
    page.render(&mut source)?;
    let source = String::from_utf8_lossy(&source);
    let Some((before, rest)) = source.split_once(".SH EXTRA\n") else { return Ok(source.into_owned()) };
    let (text, after) = rest.find("\n.SH ").map_or((rest, ""), |end| rest.split_at(end + 1));
    let text = text
        .replace("Examples:\n", ".SH EXAMPLES\n.nf\n")
        .replace("\n\nExit codes:\n", "\n.fi\nExit codes:\n")
        .replace("Exit codes:\n", ".SH \"EXIT STATUS\"\n.nf\n");
    Ok(format!("{before}{text}.fi\n{after}"))
}

/// With the synopsis of the help: that of clap_mangen leaves out the `--` before a command.
fn page_of(described: &Described) -> Page {
    let mut described = described.clone();
    let usage = described.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    Page::new(described.override_usage(usage)).source(concat!("permits ", env!("CARGO_PKG_VERSION")))
}
