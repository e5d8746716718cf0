//! Made-up samples, for tests and for pictures: no real user, host or path.
#![allow(dead_code, reason = "the tests and the example each use a part")]
use std::time::{Duration, SystemTime};

use super::sample::{Holder, Reading, Sample, Semaphore, Waiter};
use crate::people::Who;
use permits_host::Side;

/// `seconds` after a fixed beginning.
pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

pub(crate) fn who(grant: &str, pid: u32, user: &str, label: &str, command: &str) -> Who {
    Who {
        grant: grant.to_owned(),
        host: None,
        pid,
        command_pid: None,
        pid_namespace: None,
        uid: 1000,
        user: user.to_owned(),
        label: label.to_owned(),
        supersede_key: None,
        command: command.to_owned(),
        alive: true,
        revocable: true,
        revoked: false,
    }
}

/// `held` permits out of `max`, one a holder, since the beginning.
pub(crate) fn reading(max: u32, held: u32) -> Reading {
    let holders = (1..=held).map(|i| Holder {
        who: who(&format!("{i}-9"), 900 + i, "web", "", "make -C kernel all"),
        permits: 1,
        token: None,
        slots: vec![i - 1],
        since: at(0),
    });
    Reading { max, free: max - held, held, holders: holders.collect(), ..Reading::default() }
}

/// Gives all permits numbers, as if none had ever come back.
fn numbered(mut reading: Reading) -> Reading {
    let mut next = 0..;
    for holder in &mut reading.holders {
        holder.slots = next.by_ref().take(holder.permits as usize).collect();
    }
    reading
}

/// Waits to acquire one permit, since `ago` seconds before the beginning.
pub(crate) fn waiter(grant: &str, position: u32, ago: u64) -> Waiter {
    Waiter {
        who: who(grant, 4000 + position, "perf", "", "pytest -q tests"),
        side: Side::Acquire,
        position,
        permits: 1,
        since: at(0) - Duration::from_secs(ago),
    }
}

pub(crate) fn sample_of(name: &str, reading: Reading, taken: SystemTime) -> Sample {
    sample(vec![Semaphore { name: name.to_owned(), reading: Ok(reading) }], taken)
}

pub(crate) fn sample(semaphores: Vec<Semaphore>, taken: SystemTime) -> Sample {
    Sample { taken, directory: "/run/permits".to_owned(), semaphores, trouble: None, code: 0 }
}

/// A busy build machine, `tick` seconds after the beginning: a few accounts and runners share it.
pub(crate) fn busy(tick: u64) -> Sample {
    let now = at(10_000 + tick);
    let ago = |seconds: u64| now - Duration::from_secs(seconds);
    let holder = |grant: &str, pid, user: &str, permits, seconds, label: &str, command: &str| Holder {
        who: who(grant, pid, user, label, command),
        permits,
        token: None,
        slots: Vec::new(),
        since: at(10_000) - Duration::from_secs(seconds),
    };
    let waiter = |position, grant: &str, pid, user: &str, permits, ms: u64, command: &str| Waiter {
        who: who(grant, pid, user, "", command),
        side: Side::Acquire,
        position,
        permits,
        since: at(10_000) - Duration::from_millis(ms),
    };
    let mut asked =
        holder("4-17", 21877, "perf", 1, 4215, "nightly", "cargo bench --bench parser -- --save-baseline nightly");
    asked.who.revoked = true;
    let build = numbered(Reading {
        max: 6,
        free: 0,
        held: 5,
        loose: 1,
        holders: vec![
            asked,
            holder(
                "9-4",
                30112,
                "web",
                2,
                187,
                "pr-1182",
                "cargo test --workspace --all-features -- --include-ignored",
            ),
            holder("2-31", 30548, "runner-1", 1, 64, "worktree-a", "cargo clippy --all-targets"),
            holder("11-2", 30760, "runner-2", 1, 8, "worktree-b", "ninja -C out/veröffentlicht"),
        ],
        waiters: vec![
            waiter(1, "12-3", 30791, "runner-3", 2, 41_300, "cargo test -p parser"),
            waiter(2, "13-1", 30802, "web", 1, 38_000, "make -j2 docs"),
            waiter(3, "5-8", 30822, "runner-1", 1, 12_400, "cargo build --release"),
            waiter(4, "14-1", 30835, "ml", 1, 5_100, "npm run build -- --mode production"),
            waiter(5, "15-2", 30850, "runner-4", 1, 700, "cargo doc --no-deps"),
        ],
        granted: 8_412 + tick * 2 + tick / 3 * 2,
        recovered: 3 + u64::from(tick > 6),
        ..Reading::default()
    });
    let deploy = Reading { max: 1, free: 1, granted: 96, ..Reading::default() };
    let gpu = numbered(Reading {
        max: 4,
        free: 1,
        held: 3,
        holders: vec![
            holder("1-1", 19001, "ml", 2, 9120, "train", "python train.py --epochs 40"),
            holder("3-2", 29340, "perf", 1, 930, "", "python eval.py"),
        ],
        granted: 311 + tick / 5,
        recovered: 1,
        ..Reading::default()
    });
    let hand = Reading {
        max: 2,
        free: 2,
        waiters: vec![Waiter {
            who: who("1-6", 30455, "web", "", "permits release hand-over"),
            side: Side::Release,
            position: 1,
            permits: 1,
            since: ago(17),
        }],
        granted: 12,
        ..Reading::default()
    };
    let pytest = Reading {
        max: 16,
        free: 9,
        held: 7,
        holders: (1..=7)
            .map(|i| {
                holder(&format!("{i}-{}", 40 + i), 30900 + i, "runner-4", 1, u64::from(i), "", "pytest -q tests/api")
            })
            .collect(),
        granted: 51_204 + tick * 11,
        ..Reading::default()
    };
    let named = [("build", build), ("deploy", deploy), ("gpu", gpu), ("hand-over", hand), ("pytest", pytest)];
    let semaphores = named.map(|(name, reading)| Semaphore { name: name.to_owned(), reading: Ok(reading) });
    sample(semaphores.into(), now)
}

/// The same, after a while of waits that ended; for a picture that shows a past.
pub(crate) fn busy_with_a_past(mut see: impl FnMut(Sample)) {
    let took = [
        40u64, 600, 800, 2_000, 3_500, 4_000, 6_000, 8_000, 9_000, 15_000, 21_000, 33_000, 47_000, 58_000, 75_000,
        140_000,
    ];
    for (i, &ms) in took.iter().enumerate() {
        let i = i as u64;
        let mut before = busy(i / 2);
        before.taken = at(10_000 - 24 + 2 * i);
        let Some(Semaphore { reading: Ok(reading), .. }) = before.semaphores.first_mut() else { continue };
        reading.granted = 8_350 + 5 * i + (i * 7) % 5;
        reading.waiters.truncate(2);
        let mut gone = waiter(&format!("{}-77", 20 + i), 3, 0);
        gone.since = before.taken + Duration::from_secs(2) - Duration::from_millis(ms);
        reading.waiters.push(gone);
        see(before);
    }
    see(busy(8));
}
