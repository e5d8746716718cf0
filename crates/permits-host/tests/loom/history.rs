//! Long histories of one act after the other, drawn at random, beside a semaphore that is as plain as can be.

use crate::bench::{Memory, Process, check};
use crate::protocol::acts::{Collected, GiveUp, Refusal};
use crate::protocol::book::Side;
use crate::protocol::layout::{SEATS, WAITERS};
use crate::protocol::tx::Outcome;
use crate::protocol::waiter::{Sleeper, Stage};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many histories, and how many acts each has.
const HISTORIES: u64 = 300;
const ACTS: usize = 60;

/// xorshift64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 >> 33).expect("31 bits") % n
    }
}

#[derive(Clone, Copy)]
struct Asked {
    seat: usize,
    side: Side,
    sleeper: Sleeper,
    n: u32,
    stage: Stage,
    /// The bound that it was refused by.
    max: u32,
}

/// What the file is to say, without links, changes and commits.
#[derive(Default)]
struct Plain {
    max: u32,
    free: i64,
    loose: u32,
    held: [u32; SEATS],
    closed: bool,
    gone: bool,
    acquirers: Vec<u16>,
    releasers: Vec<u16>,
    waiters: BTreeMap<u16, Asked>,
}

impl Plain {
    fn queue(&mut self, side: Side) -> &mut Vec<u16> {
        match side {
            Side::Acquire => &mut self.acquirers,
            Side::Release => &mut self.releasers,
        }
    }

    fn fits(&self, side: Side, n: u32) -> bool {
        match side {
            Side::Acquire => !self.closed && !self.gone && self.free >= i64::from(n),
            Side::Release => self.loose >= n,
        }
    }

    /// What becomes of whoever asks, and does not wait; nothing if it may.
    fn refusal(&self, n: u32) -> Option<Refusal> {
        match (self.closed, self.gone) {
            (true, _) => Some(Refusal::Closed),
            (_, true) => Some(Refusal::Gone),
            _ if n > self.max => Some(Refusal::TooMany { requested: n, max: self.max }),
            _ => None,
        }
    }

    fn grant(&mut self, seat: usize, side: Side, n: u32) {
        match side {
            Side::Acquire => {
                self.free -= i64::from(n);
                self.held[seat] += n;
            }
            Side::Release => {
                self.loose -= n;
                self.free += i64::from(n);
            }
        }
    }

    fn settle(&mut self, number: u16, stage: Stage) {
        let max = self.max;
        let asked = self.waiters.get_mut(&number).expect("it waits");
        (asked.stage, asked.max) = (stage, max);
        let asked = *asked;
        self.queue(asked.side).retain(|&other| other != number);
        match stage {
            Stage::Granted => self.grant(asked.seat, asked.side, asked.n),
            Stage::Reserved => self.loose -= asked.n,
            _ => {}
        }
    }

    /// Until nothing can be decided.
    fn serve(&mut self) {
        loop {
            let heads = [self.acquirers.first(), self.releasers.first()].map(Option::<&u16>::copied);
            let heads: Vec<u16> = heads.into_iter().flatten().collect();
            let fits = heads.iter().copied().find(|head| self.fits(self.waiters[head].side, self.waiters[head].n));
            if let Some(head) = fits {
                let Asked { side, sleeper, .. } = self.waiters[&head];
                let promised = side == Side::Release && sleeper == Sleeper::Task;
                self.settle(head, if promised { Stage::Reserved } else { Stage::Granted });
            } else if let (true, Some(head)) = (self.closed || self.gone, heads.first().copied()) {
                self.settle(head, if self.closed { Stage::Closed } else { Stage::Gone });
            } else {
                let all = self.acquirers.iter().chain(&self.releasers);
                let Some(number) = all.copied().find(|number| self.waiters[number].n > self.max) else { return };
                self.settle(number, Stage::TooMany);
            }
        }
    }

    /// Asks; the refusal, or whether it is to queue.
    fn ask(&mut self, seat: usize, side: Side, n: u32) -> Result<bool, Refusal> {
        let refusal = self.refusal(n);
        if side == Side::Acquire
            && let Some(refusal) = refusal
        {
            return Err(refusal);
        }
        if n == 0 || self.queue(side).is_empty() && self.fits(side, n) {
            self.grant(seat, side, n);
            return Ok(false);
        }
        refusal.map_or(Ok(true), Err)
    }

    fn collect(&mut self, number: u16, give_up: GiveUp) -> Collected {
        let asked = self.waiters[&number];
        let wholly = give_up == GiveUp::Wholly;
        let collected = match asked.stage {
            Stage::Queued if give_up == GiveUp::No => return Collected::Queued,
            Stage::Queued => Collected::GaveUp,
            Stage::Granted if wholly && asked.side == Side::Acquire => {
                self.held[asked.seat] -= asked.n;
                self.free += i64::from(asked.n);
                Collected::GaveUp
            }
            Stage::Reserved if wholly => {
                self.loose += asked.n;
                Collected::GaveUp
            }
            Stage::Reserved => {
                self.free += i64::from(asked.n);
                Collected::Granted
            }
            Stage::Granted => Collected::Granted,
            Stage::Closed => Collected::Refused(Refusal::Closed),
            Stage::Gone => Collected::Refused(Refusal::Gone),
            Stage::TooMany => Collected::Refused(Refusal::TooMany { requested: asked.n, max: asked.max }),
            Stage::Free => unreachable!("it is in the table"),
        };
        self.queue(asked.side).retain(|&other| other != number);
        self.waiters.remove(&number);
        self.serve();
        collected
    }
}

/// The file beside its plain likeness.
struct History {
    memory: Arc<Memory>,
    processes: [Process; SEATS],
    plain: Plain,
    dice: Dice,
}

impl History {
    fn ask(&mut self, seat: usize, side: Side, sleeper: Sleeper, n: u32) {
        let expected = match self.plain.ask(seat, side, n) {
            Ok(true) if self.plain.waiters.len() == WAITERS => Err(Refusal::Crowded),
            other => other,
        };
        let asked = self.processes[seat].ask(side, sleeper, n);
        assert_eq!(asked.map(|number| number.is_some()), expected);
        if let Ok(Some(number)) = asked {
            let asked = Asked { seat, side, sleeper, n, stage: Stage::Queued, max: 0 };
            assert!(self.plain.waiters.insert(number, asked).is_none(), "nobody else has its place");
            self.plain.queue(side).push(number);
        }
        self.plain.serve();
    }

    fn step(&mut self, last: bool) {
        let seat = self.dice.below(SEATS as u32) as usize;
        // What was granted to somebody who has not been there yet is nobody's to return.
        let granted = self.plain.waiters.values().filter(|asked| asked.seat == seat && asked.side == Side::Acquire);
        let granted: u32 = granted.filter(|asked| asked.stage == Stage::Granted).map(|asked| asked.n).sum();
        let held = self.plain.held[seat] - granted;
        let some = self.dice.below(3) + 1;
        let part = if held == 0 { 0 } else { self.dice.below(held) + 1 };
        let sleeper = if self.dice.below(2) == 0 { Sleeper::Thread } else { Sleeper::Task };
        match self.dice.below(20) {
            0..5 => self.ask(seat, Side::Acquire, sleeper, some),
            5..8 => self.ask(seat, Side::Release, sleeper, some),
            8..10 if part > 0 => {
                self.processes[seat].go_on(self.processes[seat].give_back(part));
                self.plain.held[seat] -= part;
                self.plain.free += i64::from(part);
            }
            10..13 if part > 0 => {
                self.processes[seat].go_on(self.processes[seat].let_go(part));
                self.plain.held[seat] -= part;
                self.plain.loose += part;
            }
            13..16 if !self.plain.waiters.is_empty() => {
                let at = self.dice.below(self.plain.waiters.len() as u32) as usize;
                let number = *self.plain.waiters.keys().nth(at).expect("below their number");
                let give_up = [GiveUp::No, GiveUp::Unless, GiveUp::Wholly][self.dice.below(3) as usize];
                let process = &self.processes[self.plain.waiters[&number].seat];
                let (collected, wakes) = process.collect(number, give_up);
                process.go_on(wakes);
                assert_eq!(collected, self.plain.collect(number, give_up));
            }
            16..18 => {
                let max = self.dice.below(5) + 1;
                self.processes[seat].go_on(self.processes[seat].resize(max));
                self.plain.free += i64::from(max) - i64::from(self.plain.max);
                self.plain.max = max;
            }
            18 => self.dies(seat),
            19 if last && some == 1 => {
                self.processes[seat].go_on(self.processes[seat].close());
                self.plain.closed = true;
            }
            _ => {}
        }
        self.plain.serve();
    }

    /// All that is of a seat goes, one after the other; it is taken anew.
    fn dies(&mut self, dead: usize) {
        let generation = self.memory.look(|tx| tx.status(dead)).generation;
        let reaper = &self.processes[(dead + 1) % SEATS];
        let waiters: Vec<_> = self.plain.waiters.iter().filter(|(_, asked)| asked.seat == dead).collect();
        for number in waiters.into_iter().map(|(&number, _)| number).collect::<Vec<_>>() {
            reaper.go_on(reaper.take_out(dead, generation, number));
            let asked = self.plain.waiters.remove(&number).expect("it is in the table");
            self.plain.queue(asked.side).retain(|&other| other != number);
            if asked.stage == Stage::Reserved {
                self.plain.loose += asked.n;
            }
            self.plain.serve();
        }
        reaper.bury(dead, generation);
        self.plain.free += i64::from(std::mem::take(&mut self.plain.held[dead]));
        self.plain.serve();
        let _ = self.processes[dead].transact(|tx| tx.occupy(dead).map(Outcome::Commit));
    }

    fn is_as_it_should_be(&mut self) {
        let (book, plain) = (self.memory.book(), &self.plain);
        assert_eq!((i64::from(book.free), book.loose, book.max), (plain.free, plain.loose, plain.max), "{book:?}");
        assert_eq!(self.memory.held(), plain.held, "{book:?}");
        assert_eq!(self.memory.queue(Side::Acquire), plain.acquirers);
        assert_eq!(self.memory.queue(Side::Release), plain.releasers);
        for (&number, asked) in &plain.waiters {
            assert_eq!(self.memory.stage(number), asked.stage, "{number}");
        }
        let reserved: u32 = plain.waiters.values().filter(|asked| asked.stage == Stage::Reserved).map(|a| a.n).sum();
        let out = book.loose + reserved + plain.held.iter().sum::<u32>();
        assert_eq!(i64::from(book.free) + i64::from(out), i64::from(book.max), "H1");
        assert!(!book.sweep, "all were looked for");
    }
}

#[test]
fn every_history_is_that_of_a_plain_semaphore() {
    for seed in 1..=HISTORIES {
        check(0, move || {
            let memory = Memory::new(4);
            let processes = std::array::from_fn(|seat| memory.process(seat));
            let plain = Plain { max: 4, free: 4, ..Plain::default() };
            let dice = Dice(seed * 0x9e37_79b9_7f4a_7c15);
            let mut history = History { memory, processes, plain, dice };
            for seat in 0..SEATS {
                let _ = history.processes[seat].transact(|tx| tx.occupy(seat).map(Outcome::Commit));
            }
            for number in 0..ACTS {
                history.step(number > ACTS / 2);
                history.is_as_it_should_be();
            }
        });
    }
}
