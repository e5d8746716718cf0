//! The kill storm: processes do at random whatever can be done with a semaphore, and are killed at random, by
//! others and at every point where what stands in the file is not the whole truth. C18 and C1 have to hold
//! all the same.
//!
//! `PERMITS_STORM_DEATHS=20000 cargo test -p permits-host --test storm` for more deaths than those of every
//! day (CI has 2,000), and `PERMITS_SEED=…` for another storm. It never happens twice in the same way, whatever
//! the seed: the kernel has a part in it.

#[path = "storm/journal.rs"]
mod journal;
#[path = "storm/process.rs"]
mod process;
#[path = "storm/rare.rs"]
mod rare;
#[path = "storm/starts.rs"]
mod starts;
#[path = "storm/sys.rs"]
mod sys;

use crate::journal::{Account, Journal, Kind};
use crate::process::{BOUNDS, INTERVAL, NAMES, Orders, STUCK, journal_path, options};
use crate::starts::Starts;
use permits_conformance::Dice;
use permits_host::HostSemaphore;
use permits_host::crash_points::Point;
use std::collections::HashMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Makes a process one of the storm.
const VARIABLE: &str = "PERMITS_TEST_STORM";
/// How many live at once.
const PROCESSES: usize = 8;
/// How many of them are not killed before the end of a round.
const SURVIVORS: usize = 2;
/// How many die if nobody says otherwise; more if that is not enough for each point.
const EVERY_DAY: u32 = 400;
/// So many times more, and it is no matter of chance that nobody dies at some point.
const AT_MOST_MORE: u32 = 3;
/// After so many deaths all are killed, and what is left is looked at.
const DEATHS_A_ROUND: u32 = 500;
/// Of so many deaths one at least has to be at each point.
const DEATHS_FOR_A_POINT: u32 = 20;
/// No round takes longer unless something hangs.
const LONGEST_ROUND: Duration = Duration::from_secs(300);

/// Points that the storm does not come by, or not often: see `rare.rs`.
pub(crate) const RARE: [Point; 6] =
    [Point::Created, Point::Grown, Point::Closed, Point::CommandForked, Point::CommandLocked, Point::Removed];

/// Not a test: a process of the storm, if this is one.
#[test]
fn process_of_the_storm() {
    if let Ok(text) = std::env::var(VARIABLE) {
        process::run(&Orders::from_text(&text));
    }
}

/// A directory that goes when the test is over.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("permits-storm-{name}-{}", std::process::id()));
        // Of a process of the same number that was killed.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("a temporary directory can be made");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("it is ours");
        Directory(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process that is killed and reaped when this is dropped.
pub(crate) struct Victim(pub(crate) Child);

impl Victim {
    /// Starts this binary as the test of that name, with an environment variable that says what to do.
    pub(crate) fn start(test: &str, variable: &str, text: &str) -> Victim {
        let program = std::env::current_exe().expect("a test knows its binary");
        let mut command = Command::new(program);
        command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(variable, text);
        // Else all would do the same.
        command.env_remove("PERMITS_SEED");
        Victim(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("a test binary can be started"))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One of the storm's processes, as their parent has it.
struct Process {
    victim: Victim,
    orders: Orders,
    /// When it is killed if it lives still.
    end: Instant,
    /// What it is sent until then: that it is to stop, and to go on.
    signals: Vec<(Instant, libc::c_int)>,
}

#[derive(Debug, Default)]
struct Totals {
    deaths: u32,
    by_point: HashMap<Point, u32>,
    grants: u64,
    longest_wait: Duration,
    recovered: u64,
    stops: u32,
}

#[test]
fn permits_survive_the_storm() {
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let (wanted, a_point) = (deaths(), deaths_a_point());
    let mut dice = Dice::seeded(18);
    let mut totals = Totals::default();
    let start = Instant::now();

    for round in 0.. {
        let enough = fewest(&totals) >= a_point || totals.deaths >= wanted * (1 + AT_MOST_MORE);
        if totals.deaths >= wanted && enough {
            break;
        }
        run_round(round, &mut dice, &mut totals);
    }

    report(&totals, start.elapsed());
    for point in points() {
        let deaths = totals.by_point.get(&point).copied().unwrap_or(0);
        assert!(deaths >= a_point, "only {deaths} died at {point:?}");
    }
}

fn deaths() -> u32 {
    std::env::var("PERMITS_STORM_DEATHS").map_or(EVERY_DAY, |text| text.parse().expect("a number of deaths"))
}

/// How often somebody has to have died at each point.
pub(crate) fn deaths_a_point() -> u32 {
    deaths().div_ceil(DEATHS_FOR_A_POINT).min(100)
}

fn points() -> impl Iterator<Item = Point> {
    Point::ALL.into_iter().filter(|point| !RARE.contains(point))
}

fn fewest(totals: &Totals) -> u32 {
    points().map(|point| totals.by_point.get(&point).copied().unwrap_or(0)).min().unwrap_or(0)
}

/// Past the harness, which shows what is printed only if a test fails.
fn report(totals: &Totals, time: Duration) {
    let mut by_point: Vec<String> =
        points().map(|point| format!("{point:?} {}", totals.by_point.get(&point).unwrap_or(&0))).collect();
    by_point.sort_unstable();
    let Totals { deaths, grants, longest_wait, recovered, stops, .. } = totals;
    let text = format!(
        "storm: {deaths} deaths, {stops} stops, {grants} grants, {recovered} permits taken back from the dead, longest wait \
         {longest_wait:?}, in {time:.1?}\nstorm: deaths at {}\n",
        by_point.join(", ")
    );
    std::io::stderr().write_all(text.as_bytes()).expect("the error stream can be written to");
}

fn run_round(round: u32, dice: &mut Dice, totals: &mut Totals) {
    let directory = Directory::new(&format!("round-{round}"));
    let open = |index: usize, every| {
        options(directory.path()).every(every).open(NAMES[index], BOUNDS[index]).expect("a new one can be made")
    };
    let semaphores = [open(0, Duration::ZERO), open(1, Duration::ZERO), open(2, INTERVAL)];
    let mut starts = Starts::of(&semaphores[2]);
    let journal = Journal::open(&journal_path(directory.path()), 0);
    let (mut next, before, start) = (0, totals.deaths, Instant::now());
    let mut processes: Vec<Process> = Vec::new();
    while totals.deaths < before + DEATHS_A_ROUND {
        assert!(start.elapsed() < LONGEST_ROUND, "the storm hangs: {totals:?}");
        while processes.len() < PROCESSES {
            next += 1;
            let survives = (next as usize) <= SURVIVORS;
            processes.push(spawn(directory.path(), next, survives, dice, totals));
        }
        processes.retain_mut(|process| keep(process, &journal, totals));
        starts.look();
        // Who kills takes no processor from those who are to be killed.
        std::thread::sleep(Duration::from_micros(200));
    }
    for process in &mut processes {
        kill(process, &journal);
    }
    drop(processes);
    let most = start.elapsed().as_nanos() / INTERVAL.as_nanos() + 1;
    // Those that were taken; some that were not are undone, and others started instead.
    let taken = journal::account(&journal_path(directory.path()), NAMES.len()).grants[2];
    assert!(u128::from(taken) <= most, "{taken} starts were taken, and there was time for `{most}`");
    let Starts { seen, unclear, .. } = starts;
    assert!(seen > 100 && unclear < seen / 10, "{seen} starts were in time, and {unclear} perhaps not");
    for (index, semaphore) in semaphores.iter().enumerate() {
        totals.recovered += look_at_the_rest(semaphore, index, &journal_path(directory.path()), totals);
    }
}

fn spawn(directory: &Path, process: u32, survives: bool, dice: &mut Dice, totals: &Totals) -> Process {
    let death = if survives || dice.below(4) == 0 { None } else { Some(choose_death(dice, totals)) };
    let orders = Orders { directory: directory.to_owned(), process, seed: dice.roll(), survives, death };
    let now = Instant::now();
    let milliseconds = |dice: &mut Dice, from, below| Duration::from_millis(u64::from(from + dice.below(below)));
    let lifetime = match (survives, death) {
        (true, _) => LONGEST_ROUND,
        // Killed at random; some before they have so much as opened the file.
        (_, None) => milliseconds(dice, 0, 40),
        // Unless it comes by the point.
        (_, Some(_)) => milliseconds(dice, 60, 120),
    };
    let mut signals = Vec::new();
    if !survives && dice.below(5) == 0 {
        let stop = now + milliseconds(dice, 5, 40);
        signals = vec![(stop, libc::SIGSTOP), (stop + milliseconds(dice, 1, 30), libc::SIGCONT)];
    }
    let victim = Victim::start("process_of_the_storm", VARIABLE, &orders.to_text());
    Process { victim, orders, end: now + lifetime, signals }
}

/// A point where few have died so far, and a pass of it that a process may well come to.
fn choose_death(dice: &mut Dice, totals: &Totals) -> (Point, u32) {
    let deaths = |point: Point| totals.by_point.get(&point).copied().unwrap_or(0);
    let mut all: Vec<Point> = points().collect();
    dice.shuffle(&mut all);
    let point = if dice.below(4) == 0 {
        all[0]
    } else {
        *all.iter().min_by_key(|&&point| deaths(point)).expect("there are some")
    };
    let passes = match point {
        Point::Locked | Point::Seated => 3,
        Point::Leaving
        | Point::Revoked
        | Point::Superseded
        | Point::Resized
        | Point::FoundDead
        | Point::WaiterRemoved
        | Point::Recovered => 2,
        Point::Watching | Point::TimedOut | Point::Woken => 4,
        _ => 60,
    };
    (point, 1 + dice.below(passes))
}

/// Stops, continues, kills and reaps a process when it is time; whether it lives.
fn keep(process: &mut Process, journal: &Journal, totals: &mut Totals) -> bool {
    let died = |process: &mut Process| process.victim.0.try_wait().expect("it is a child of ours");
    if let Some(status) = died(process) {
        assert_eq!(
            status.signal(),
            Some(libc::SIGKILL),
            "a process of the storm ends by being killed: {:?}",
            process.orders
        );
        let (point, _) = process.orders.death.expect("nobody else has killed it");
        *totals.by_point.entry(point).or_default() += 1;
        totals.deaths += 1;
        return false;
    }
    let now = Instant::now();
    while let Some(&(due, signal)) = process.signals.first()
        && due <= now
    {
        sys::signal(process.victim.0.id(), signal);
        totals.stops += u32::from(signal == libc::SIGSTOP);
        process.signals.remove(0);
    }
    if now < process.end {
        return true;
    }
    kill(process, journal);
    totals.deaths += 1;
    false
}

fn kill(process: &mut Process, journal: &Journal) {
    // Who was told to die somewhere may just have done so.
    if process.orders.death.is_none() {
        journal.write_for(process.orders.process, Kind::Killed, 0, 0, 0);
    }
    process.victim.0.kill().expect("it is a child of ours");
    process.victim.0.wait().expect("it is a child of ours");
}

/// All are dead: nothing may be missing, and nothing may have been too much. How many permits were taken back
/// from them.
fn look_at_the_rest(semaphore: &HostSemaphore, index: usize, journal: &Path, totals: &mut Totals) -> u64 {
    let Account { grants, longest_wait, stuck, most_held, most_out, most_of_a_slot, loose } =
        journal::account(journal, NAMES.len());
    if index == 0 {
        totals.grants += grants.iter().sum::<u64>();
        totals.longest_wait = totals.longest_wait.max(Duration::from_nanos(longest_wait));
    }
    let bound = i64::from(BOUNDS[index]);
    assert!(
        most_held[index] <= bound,
        "live processes held {} of {bound} permits of `{}` at once",
        most_held[index],
        NAMES[index]
    );
    assert!(most_out[index] <= bound, "{} of {bound} permits of `{}` were out at once", most_out[index], NAMES[index]);
    assert_eq!(most_of_a_slot[index], 1, "two had the same number of `{}` at once", NAMES[index]);
    assert_eq!(stuck, 0, "somebody waited for more than {STUCK:?}");
    if index == 0 {
        assert_eq!(most_held[index], bound, "the storm used all that there are");
    }

    let state = semaphore.state().expect("it is sound");
    let status = semaphore.status().expect("it is sound");

    assert!(status.holders.is_empty(), "all are dead: {:?}", status.holders);
    assert_eq!(state.given_out, state.loose, "nothing is held");
    let (least, most) = (loose[index].0.max(0), loose[index].1);
    assert!((least..=most).contains(&i64::from(state.loose)), "{least} to {most} can be loose: {state}");
    if index == 0 {
        assert_eq!(state.max_permits, BOUNDS[0]);
    }
    semaphore.try_release_many(state.loose).expect("anybody may return them");
    // It may be too soon for the next start.
    let all = semaphore.acquire_many_owned(state.max_permits).wait_timeout(STUCK);
    let all = all.unwrap_or_else(|error| panic!("all is free: {error}"));
    assert_eq!(all.count(), state.max_permits);
    status.recovered_total
}
