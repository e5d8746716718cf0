//! Eight processes that do all at random, links and processes that fail at random, and a referee that knows
//! nothing of the engine: it has what each holder said and when, by the clock that all processes of a machine
//! share.
//!
//! | | must hold |
//! |---|---|
//! | I1 | at each grant, the permits of those who hold one by their own knowledge, and the loose ones, are no more than there are |
//! | I2 | no two grants have one token, and one that was asked for after another was granted has the greater one |
//! | I3 | no use of a permit that its holder takes for valid comes after one with a greater token (N = 1) |
//! | I4 | when all is over nothing is left |
//! | I5 | grants come in the order of their tokens (N = 1) |
//! | I6 | each request ends |

use crate::actor::{Actor, Order};
use crate::churn::now;
use crate::proxy::Proxy;
use crate::scene::{DEADLINE, Scene};
use permits_conformance::Dice;
use permits_conformance::wait::eventually;
use permits_etcd::{ErrorKind, EtcdSemaphore};
use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

/// How many processes take part.
const ACTORS: usize = 8;

/// How long a run takes, in seconds; 10 if it is not set.
const SECONDS: &str = "PERMITS_CHURN_SECONDS";

#[test]
fn referee_finds_no_fault_with_one_permit() {
    run(0x1eaf, 1, &[], 1);
}

#[test]
fn referee_finds_no_fault_with_three_permits() {
    run(0x3eaf, 3, &[], 3);
}

#[test]
fn referee_finds_no_fault_while_the_number_changes() {
    run(0x5eaf, 5, &[2, 7, 5], 3);
}

/// One that takes part, and what became of the processes before it.
struct Place {
    proxy: Proxy,
    actor: Actor,
    generation: usize,
    /// When it goes on, or its link does.
    resumes: Option<Instant>,
    heals: Option<Instant>,
}

impl Place {
    fn new(scene: &Scene, dice: &mut Dice, most: u32) -> Place {
        let proxy = Proxy::before(scene.server());
        let actor = Place::actor(&proxy, scene.other.name(), dice, most);
        Place { proxy, actor, generation: 0, resumes: None, heals: None }
    }

    fn actor(proxy: &Proxy, name: &str, dice: &mut Dice, most: u32) -> Actor {
        let mut actor = Actor::start(&[proxy.address().to_string()], name);
        actor.told(Order::Churn { seed: dice.below(u32::MAX), most });
        actor
    }

    /// Does it some harm.
    fn fail(&mut self, dice: &mut Dice, name: &str, most: u32, log: &mut Log, number: usize) {
        // Those that cost a lease are rare: the queue stands still until it has ended.
        match dice.below(60) {
            0 => {
                self.actor.kill();
                self.collect(log, number);
                self.actor = Place::actor(&self.proxy, name, dice, most);
                self.generation += 1;
                self.resumes = None;
            }
            1 => self.stop(dice),
            2 => self.cut(dice),
            3..10 => self.proxy.delay(Duration::from_millis(u64::from(dice.below(30)))),
            _ => self.proxy.lose_answers("/permits/", 1 + dice.below(3)),
        }
    }

    fn stop(&mut self, dice: &mut Dice) {
        if self.resumes.is_none() {
            self.actor.stop();
            self.resumes = Some(later(dice));
        }
    }

    fn cut(&mut self, dice: &mut Dice) {
        if self.heals.is_none() {
            self.proxy.cut();
            self.heals = Some(later(dice));
        }
    }

    /// Takes over what it has said by now, and does to it what it asks for.
    fn listen(&mut self, dice: &mut Dice, log: &mut Log, number: usize) {
        while let Ok(line) = self.actor.answers.try_recv() {
            match line.as_str() {
                "stop-me" => self.stop(dice),
                "cut-me" => self.cut(dice),
                line => log.add((number, self.generation), line),
            }
        }
    }

    /// Undoes what is over by `time`; all if there is none.
    fn recover(&mut self, time: Option<Instant>) {
        let is_over = |end: &mut Instant| time.is_none_or(|time| time >= *end);
        if self.resumes.take_if(is_over).is_some() {
            self.actor.resume();
        }
        if self.heals.take_if(is_over).is_some() || time.is_none() {
            self.proxy.heal();
        }
        if time.is_none() {
            self.proxy.delay(Duration::ZERO);
            self.proxy.lose_answers("/permits/", 0);
        }
    }

    /// Takes over what the actor has said until it was killed or has ended.
    fn collect(&mut self, log: &mut Log, number: usize) {
        // The thread that reads it ends with the actor.
        while let Ok(line) = self.actor.answers.recv_timeout(DEADLINE) {
            log.add((number, self.generation), &line);
        }
    }
}

/// Up to twice as long as a lease lasts.
fn later(dice: &mut Dice) -> Instant {
    Instant::now() + Duration::from_millis(u64::from(300 + dice.below(3700)))
}

#[expect(clippy::print_stdout, reason = "figures")]
fn run(seed: u64, max: u32, sizes: &[u32], most: u32) {
    let Some(scene) = Scene::new(max) else { return };
    let mut dice = Dice::seeded(seed);
    let seconds = std::env::var(SECONDS).map_or(10, |text| text.parse().expect("it is a number of seconds"));
    let mut log = Log::default();
    log.sizes.push((0, 0, max));
    let mut places: Vec<Place> = (0..ACTORS).map(|_| Place::new(&scene, &mut dice, most)).collect();
    let mut sizes = sizes.iter().cycle();
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        // Between two faults.
        for _ in 0..=dice.below(10) {
            thread::park_timeout(Duration::from_millis(20));
            places.iter_mut().enumerate().for_each(|(number, place)| place.listen(&mut dice, &mut log, number));
        }
        let number = dice.below(ACTORS as u32) as usize;
        places[number].fail(&mut dice, scene.other.name(), most, &mut log, number);
        places.iter_mut().for_each(|place| place.recover(Some(Instant::now())));
        // So that a loose permit does not keep all of them waiting.
        log.returns(&scene.other);
        if dice.below(3) == 0
            && let Some(size) = sizes.next()
        {
            let start = now();
            scene.other.set_max_permits(*size).wait().expect("a server is there");
            log.sizes.push((start, now(), *size));
        }
    }
    let ended = Instant::now();
    places.iter_mut().for_each(|place| place.recover(None));
    places.iter_mut().for_each(|place| place.actor.told(Order::Stop));
    for (number, place) in places.iter_mut().enumerate() {
        // I6: none waits for as long as it would.
        let line = loop {
            match place.actor.answers.recv_timeout(Duration::from_millis(100)) {
                Ok(line) if line == "done" => break Some(line),
                Ok(line) => log.add((number, place.generation), &line),
                Err(_) if ended.elapsed() >= DEADLINE / 2 => break None,
                // Loose permits, which all of them may wait for.
                Err(_) => log.returns(&scene.other),
            }
        };
        assert!(line.is_some(), "I6: a request does not end: {:?}", scene.other.status().wait());
        place.actor.kill();
        place.collect(&mut log, number);
    }
    drain(&scene.other);
    // I4.
    scene.is_empty();
    let counts = format!("{} requests, {} grants, {} uses", log.asked.len(), log.grants.len(), log.uses.len());
    println!("{counts}; all over after {:?}", ended.elapsed());
    log.judge(max);
}

/// Returns what is loose, also what those who have died left.
fn drain(semaphore: &EtcdSemaphore) {
    let is_drained = || {
        _ = semaphore.release().try_now().wait();
        semaphore.state().wait().is_ok_and(|state| state.loose == 0)
    };
    assert!(eventually(DEADLINE, is_drained), "{:?}", semaphore.state().wait());
}

/// A request: the process, the number of the process in its place, and its own number.
type Id = (usize, usize, u64);

#[derive(Default)]
struct Log {
    asked: HashMap<Id, u64>,
    grants: HashMap<Id, Grant>,
    uses: Vec<(u64, Id)>,
    /// When a permit was loose for certain, and when one may have been returned.
    loose: Vec<(u64, i64)>,
    /// When a change of the number of permits has begun and was over.
    sizes: Vec<(u64, u64, u32)>,
}

/// As its holder saw it.
struct Grant {
    asked: u64,
    got: u64,
    k: u32,
    token: u64,
    /// The latest time that the holder took it for valid until.
    until: u64,
    over: u64,
}

impl Grant {
    fn is_valid_at(&self, time: u64) -> bool {
        (self.got..self.until.min(self.over)).contains(&time)
    }
}

impl Log {
    /// Returns a loose permit, if one is out.
    fn returns(&mut self, semaphore: &EtcdSemaphore) {
        self.loose.push((now(), -1));
        if semaphore.release().try_now().wait().is_err_and(|why| why.kind() == ErrorKind::NotNow) {
            self.loose.push((now(), 1));
        }
    }

    fn add(&mut self, (number, generation): (usize, usize), line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let numbers: Vec<u64> = words[1..].iter().filter_map(|word| word.parse().ok()).collect();
        let id = |own: u64| (number, generation, own);
        match (words[0], &numbers[..]) {
            ("asked", [time, own, _]) => drop(self.asked.insert(id(*own), *time)),
            ("got", [time, own, k, token]) => {
                let asked = self.asked[&id(*own)];
                let grant = Grant { asked, got: *time, k: *k as u32, token: *token, until: *time, over: u64::MAX };
                self.grants.insert(id(*own), grant);
            }
            ("valid", [_, own, until]) => {
                let grant = self.grants.get_mut(&id(*own)).expect("it was granted");
                grant.until = grant.until.max(*until);
            }
            ("use", [time, own]) => self.uses.push((*time, id(*own))),
            ("over", [time, own]) => self.grants.get_mut(&id(*own)).expect("it was granted").over = *time,
            ("loose" | "kept", [time, k]) => self.loose.push((*time, *k as i64)),
            ("return", [time, k]) => self.loose.push((*time, -(*k as i64))),
            // The last line of one that was killed may be cut.
            _ => assert!(!line.starts_with("wrong"), "{line}"),
        }
    }

    /// The most permits that there may have been at some time between the two.
    fn most_between(&self, from: u64, to: u64) -> u32 {
        let ends = self.sizes.iter().skip(1).map(|(_, end, _)| *end).chain([u64::MAX]);
        let in_force = self.sizes.iter().zip(ends).filter(|((start, ..), end)| *start <= to && from <= *end);
        in_force.map(|((.., size), _)| *size).max().expect("there is one at each time")
    }

    fn judge(mut self, max: u32) {
        self.loose.sort_unstable();
        let mut all: Vec<&Grant> = self.grants.values().collect();
        all.sort_unstable_by_key(|grant| grant.got);
        self.bound(&all);
        tokens_grow(&all);
        if max == 1 && self.sizes.len() == 1 {
            // Those that were seen to be valid: one that was stopped may have got what it had lost already.
            let seen: Vec<_> = all.iter().filter(|grant| grant.until > grant.got).collect();
            assert!(seen.is_sorted_by_key(|grant| grant.token), "I5: grants are in the order of their tokens");
            self.no_stale_use();
        }
    }

    fn bound(&self, all: &[&Grant]) {
        let loose_at = |time: u64| {
            let before = self.loose.iter().take_while(|(at, _)| *at <= time);
            before.map(|(_, k)| k).sum::<i64>().max(0) as u32
        };
        for (place, grant) in all.iter().enumerate() {
            let time = grant.got;
            // None that was granted later is valid at that time.
            let valid: Vec<_> = all[..=place].iter().filter(|other| other.is_valid_at(time)).collect();
            let Some(last) = valid.iter().max_by_key(|grant| grant.token) else { continue };
            let out: u32 = valid.iter().map(|grant| grant.k).sum::<u32>() + loose_at(time);
            let limit = self.most_between(last.asked, time);
            assert!(out <= limit, "I1: {out} of {limit} permits are out at {time}: {}", tokens(&valid));
        }
    }

    fn no_stale_use(&self) {
        let mut uses: Vec<_> = self.uses.iter().map(|(time, id)| (*time, &self.grants[id])).collect();
        uses.sort_unstable_by_key(|(time, _)| *time);
        let valid = uses.iter().filter(|(time, grant)| grant.is_valid_at(*time));
        assert!(valid.map(|(_, grant)| grant.token).is_sorted(), "I3: a stale token was used");
    }
}

/// I2.
fn tokens_grow(all: &[&Grant]) {
    let mut by_asked = all.to_vec();
    by_asked.sort_unstable_by_key(|grant| grant.asked);
    let (mut greatest, mut before) = (0, all.iter().peekable());
    for grant in by_asked {
        while let Some(earlier) = before.next_if(|earlier| earlier.got < grant.asked) {
            greatest = greatest.max(earlier.token);
        }
        assert!(grant.token > greatest, "I2: {} was granted after {greatest}", grant.token);
    }
    let mut tokens: Vec<u64> = all.iter().map(|grant| grant.token).collect();
    tokens.sort_unstable();
    assert!(tokens.windows(2).all(|pair| pair[0] < pair[1]), "I2: two grants have one token");
}

fn tokens(grants: &[&&Grant]) -> String {
    let each = grants.iter().map(|grant| format!("{} permits of {} since {}", grant.k, grant.token, grant.got));
    each.collect::<Vec<_>>().join(", ")
}
