//! The first process of the machine: mounts what it has, goes there, and runs the commands, each as its user.
//!
//! It is killed when the process ends that started it, and all others of its namespace are killed with it.

use super::image::UID;
use super::readme::USER;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{Pid, pivot_root, sethostname, setsid};
use std::error::Error;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// No command takes longer, unless it hangs.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// What a login has, in place of what this machine has.
const DESCRIPTORS: u64 = 1024;

const NONE: Option<&str> = None;

/// Takes the paths of the image, the scratch directory, the toolchain and the crates; then who runs what.
pub(super) fn run(args: &[&str]) -> Result<(), Box<dyn Error>> {
    set_pdeathsig(Signal::SIGKILL)?;
    let [image, scratch, toolchain, registry, steps @ ..] = args else {
        return Err("`--inside` is for this program alone".into());
    };
    let [image, scratch, toolchain, registry] = [image, scratch, toolchain, registry].map(Path::new);
    enter(image, scratch, toolchain, registry)?;
    sethostname("fresh")?;
    // No terminal, as in CI.
    setsid()?;
    setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS, getrlimit(Resource::RLIMIT_NOFILE)?.1)?;
    let mut times = Vec::new();
    for step in steps.chunks_exact(2) {
        let &[who, command] = step else { continue };
        println!("\n== fresh, as {who}: {command}");
        let (began, before) = (Instant::now(), processor_time()?);
        perform(who, command)?;
        let (took, worked) = (began.elapsed().as_secs_f64(), processor_time()? - before);
        times.push(format!("{took:>6.1} s, {worked:>6.1} s of processors  as {who}: {command}"));
    }
    println!("\nfresh: all of these work on a machine with gcc, git and the Rust toolchain alone");
    times.iter().for_each(|time| println!("{time}"));
    Ok(())
}

/// Makes the image the root, with what belongs into it.
fn enter(image: &Path, scratch: &Path, toolchain: &Path, registry: &Path) -> Result<(), Box<dyn Error>> {
    bind(image, image)?;
    let nothing = MsFlags::empty();
    mount(NONE, &image.join("proc"), Some("proc"), nothing, NONE)?;
    mount(NONE, &image.join("sys"), Some("sysfs"), MsFlags::MS_RDONLY, NONE)?;
    mount(NONE, &image.join("run"), Some("tmpfs"), nothing, Some("mode=755"))?;
    devices(&image.join("dev"))?;
    for (from, to) in [("tmp", "tmp"), ("home", "home/user"), ("root", "root")] {
        bind(&scratch.join(from), &image.join(to))?;
    }
    let crates = Path::new("home/user/.cargo/registry");
    let [cache, index] = ["cache", "index"].map(|part| (registry.join(part), crates.join(part)));
    for (from, to) in [(toolchain.to_owned(), "opt/rust".into()), cache, index] {
        bind(&from, &image.join(&to))?;
        read_only(&image.join(&to))?;
    }
    // Another run finds it as it was.
    read_only(image)?;
    std::env::set_current_dir(image)?;
    // The old root comes to lie upon the new one, and goes: pivot_root(2), NOTES.
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    Ok(std::env::set_current_dir("/")?)
}

fn bind(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    mount(Some(from), to, NONE, MsFlags::MS_BIND, NONE)
        .map_err(|error| format!("cannot mount {} at {}: {error}", from.display(), to.display()).into())
}

fn read_only(at: &Path) -> Result<(), Box<dyn Error>> {
    Ok(mount(NONE, at, NONE, MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, NONE)?)
}

fn devices(dev: &Path) -> Result<(), Box<dyn Error>> {
    mount(NONE, dev, Some("tmpfs"), MsFlags::MS_NOSUID, Some("mode=755"))?;
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
        File::create(dev.join(name))?;
        bind(&Path::new("/dev").join(name), &dev.join(name))?;
    }
    for name in ["pts", "shm"] {
        fs::create_dir(dev.join(name))?;
    }
    let terminals = Some("newinstance,ptmxmode=0666,mode=620,gid=5");
    mount(NONE, &dev.join("pts"), Some("devpts"), MsFlags::empty(), terminals)?;
    mount(NONE, &dev.join("shm"), Some("tmpfs"), MsFlags::empty(), Some("mode=1777"))?;
    let links =
        [("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")];
    for (name, target) in links {
        symlink(target, dev.join(name))?;
    }
    Ok(())
}

/// Runs a command line in the checkout, and ends what it leaves behind.
fn perform(who: &str, line: &str) -> Result<(), Box<dyn Error>> {
    let (home, id) = if who == USER { ("/home/user", UID) } else { ("/root", 0) };
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", line]).current_dir("/home/user/permits").uid(id).gid(id).env_clear();
    shell.env("PATH", format!("/opt/rust/bin:{home}/.cargo/bin:/usr/local/bin:/usr/bin:/bin"));
    // What is built is run once and thrown away: no time for what helps the next build, or a debugger.
    shell.env("CARGO_INCREMENTAL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
    // There is no network; cargo must not try. Root has the crates at the same path, so what is built stays built.
    shell.env("HOME", home).env("USER", who).env("CARGO_NET_OFFLINE", "true").env("CARGO_HOME", "/home/user/.cargo");
    let child = shell.spawn()?;
    let pid = Pid::from_raw(child.id().try_into()?);
    let (ended, end) = channel::<()>();
    let late = format!("fresh: `{line}` did not end within {} minutes", LIMIT.as_secs() / 60);
    thread::spawn(move || {
        if end.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{late}");
            // All others end with the first process.
            std::process::exit(1);
        }
    });
    // Whatever has lost its parent is a child of the first process.
    let status = loop {
        let status = wait()?;
        if status.pid() == Some(pid) && !matches!(status, WaitStatus::Stopped(..)) {
            break status;
        }
    };
    drop(ended);
    let left = others();
    // It fails where there is no other process.
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    while wait().is_ok() {}
    if !left.is_empty() {
        println!("fresh: still there after `{line}`: {}", left.join(", "));
    }
    match status {
        WaitStatus::Exited(_, 0) => Ok(()),
        _ => Err(format!("fresh, as {who}: `{line}` failed: {status:?}").into()),
    }
}

/// What all processes that have ended have used, in seconds: how much there was to do, however busy the machine was.
fn processor_time() -> Result<f64, Box<dyn Error>> {
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: TimeVal| Duration::from_micros(time.num_microseconds().unsigned_abs()).as_secs_f64();
    Ok(seconds(used.user_time()) + seconds(used.system_time()))
}

/// The commands of all processes beside this one.
fn others() -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).filter(|&pid| pid != 1);
    let command = |pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).ok();
    // One that has no command line is dead.
    pids.filter_map(command)
        .map(|line| line.replace('\0', " ").trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}
