//! Servers for the tests: gets etcd, and starts a cluster by hand.
//!
//! The programs come from Debian's packages, by apt and its keys, without installing anything: those of a
//! newer release than this machine's run here too, since they need little of the system.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use permits_testbed::etcd::{Engine, Etcd, engines};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Which releases of Debian have an engine; the first that can be had is taken.
const fn suites(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Current => &["forky", "sid", "trixie"],
        Engine::Old => &["bookworm"],
    }
}

/// The programs of a package, and what is noted beside them.
const PROGRAMS: [&str; 2] = ["etcd", "etcdctl"];
const VERSION: &str = "version";

/// Gets what is missing, and says what is there.
pub(crate) fn run(_: &Path, args: &[&str]) -> Result<()> {
    match args {
        [] => Engine::ALL.into_iter().try_for_each(get),
        ["start"] => start(1),
        ["start", nodes] => {
            start(nodes.parse().map_err(|_| format!("`{nodes}` is not a number of servers: 1, 3 or 5"))?)
        }
        _ => Err("usage: cargo xtask servers [start [NODES]]".into()),
    }
}

fn get(engine: Engine) -> Result<()> {
    let folder = engines().join(engine.folder());
    if !folder.join(VERSION).exists() {
        let mut refusals = Vec::new();
        let got = suites(engine).iter().any(|suite| match fetch(suite, &folder) {
            Ok(()) => true,
            Err(why) => {
                refusals.push(format!("{suite}: {why}"));
                false
            }
        });
        if !got {
            return Err(format!("the server `{}` cannot be had: {}", engine.folder(), refusals.join("; ")).into());
        }
    }
    println!("{}: {}", folder.canonicalize()?.display(), fs::read_to_string(folder.join(VERSION))?.trim());
    Ok(())
}

/// Downloads the packages of a release, and takes the programs out.
fn fetch(suite: &str, folder: &Path) -> Result<()> {
    let work = folder.with_extension("unfinished");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    for part in ["sources", "lists/partial", "cache/archives/partial", "packages"] {
        fs::create_dir_all(work.join(part))?;
    }
    let work = work.canonicalize()?;
    fs::write(work.join("sources/debian.sources"), sources(suite)?)?;
    let settings = format!(
        "Dir::Etc::sourcelist \"/dev/null\";\nDir::Etc::sourceparts \"{0}/sources\";\nDir::State::lists \"{0}/lists\";\n\
         Dir::Cache \"{0}/cache\";\nAcquire::Languages \"none\";\nAcquire::IndexTargets::deb::DEP-11::DefaultEnabled \
         \"false\";\nAPT::Sandbox::User \"\";\n",
        work.display()
    );
    fs::write(work.join("apt.conf"), settings)?;
    apt(&work, &["update", "-qq"])?;
    apt(&work, &["download", "-qq", "etcd-server", "etcd-client"])?;
    for package in fs::read_dir(work.join("packages"))? {
        answer(Command::new("dpkg").arg("-x").arg(package?.path()).arg(work.join("root")))?;
    }
    fs::create_dir_all(folder)?;
    for program in PROGRAMS {
        fs::copy(work.join("root/usr/bin").join(program), folder.join(program))?;
    }
    let said = answer(Command::new(folder.join(PROGRAMS[0])).arg("--version"))?;
    let version = said.lines().next().unwrap_or_default().to_owned();
    fs::remove_dir_all(&work)?;
    // Last, so that what is there is whole.
    fs::write(folder.join(VERSION), format!("{version} (Debian {suite})\n"))?;
    Ok(())
}

/// Where this machine has its packages from, for another release.
fn sources(suite: &str) -> Result<String> {
    const MACHINE: &str = "/etc/apt/sources.list.d/debian.sources";
    let machine = fs::read_to_string(MACHINE).map_err(|why| format!("{MACHINE}: {why}"))?;
    // The first stanza is that of the release proper; those of its updates have other archives.
    let stanza = machine.split("\n\n").find(|stanza| stanza.contains("Suites:")).ok_or("no suite in the sources")?;
    let line = |line: &str| {
        if line.starts_with("Suites:") { format!("Suites: {suite}\n") } else { format!("{line}\n") }
    };
    Ok(stanza.lines().map(line).collect())
}

fn apt(work: &Path, args: &[&str]) -> Result<()> {
    let mut apt = Command::new("apt-get");
    apt.args(args).env("APT_CONFIG", work.join("apt.conf")).current_dir(work.join("packages"));
    answer(&mut apt).map(drop)
}

/// What a command prints, which is part of the error if it fails.
fn answer(command: &mut Command) -> Result<String> {
    let program = PathBuf::from(command.get_program());
    let output = command.stdin(Stdio::null()).output().map_err(|why| format!("{}: {why}", program.display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}: {}", program.display(), output.status, said.trim()).into())
}

/// A cluster to try things with, until its input ends.
fn start(nodes: usize) -> Result<()> {
    get(Engine::Current)?;
    let program = engines().join(Engine::Current.folder()).join(PROGRAMS[0]);
    let cluster = Etcd::start(&program, nodes, &[]);
    println!("listening at {}; data in {}", cluster.endpoints().join(","), cluster.folder().display());
    println!("ends with its input (Ctrl-D), or with this process (Ctrl-C)");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}
