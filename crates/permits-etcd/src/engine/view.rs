//! What a client knows of a semaphore: a function of the keys that it was told of, and of nothing else.
//!
//! # The idea
//!
//! The places of the queue are ordered by the revision at which they were created, and within a revision by
//! name. What was granted is always a prefix of that order: a request is granted at the first revision at
//! which all places before it, and its own, are no more than there are permits. So a grant needs no write,
//! and all clients come to the same.
//!
//! # Invariants
//!
//! - **V1 prefix.** All granted places come before all that wait.
//! - **V2 bound.** A request becomes granted only while the places up to its last one are at most `max`, and
//!   not once it is closed.
//! - **V3 sticky.** What was granted stays so until its key is deleted, whatever `max` becomes.
//! - **V4 forward.** The revision never goes back: a list or an event that is older than what is known
//!   changes nothing. A server may say old things after a change of the leader.
//!
//! A client that was not there when the number of permits became smaller cannot see from the places alone
//! which of them were granted before: `cfg` says up to which one (`upto`). Between the two writes of such a
//! change it says how many permits there were (`was`), and the readings may count a place as granted that
//! waits. No request is ever granted on that ground.

use crate::engine::keys::{Asked, Config, Key, Member, Name, Space};
use crate::engine::stubs::event::EventType;
use crate::engine::stubs::{Event, KeyValue};
use crate::error::Error;
use permits::State;
use std::collections::{BTreeMap, HashMap};

#[cfg(test)]
mod tests;

/// A place in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// 0: a loose permit.
    pub(crate) lease: i64,
    pub(crate) asked: Asked,
}

/// In the order of grants.
pub(crate) type Rank = (i64, Name);

#[derive(Debug)]
pub(crate) struct View {
    space: Space,
    /// Of the semaphore, for errors.
    name: String,
    pub(crate) revision: i64,
    /// And the revision at which it was written.
    pub(crate) config: Option<(Config, i64)>,
    /// The revision at which the configuration was created: that of the semaphore, by which it is told from another
    /// one of that name.
    born: i64,
    pub(crate) granted: BTreeMap<Rank, Place>,
    pub(crate) waiting: BTreeMap<Rank, Place>,
    pub(crate) returns: BTreeMap<Rank, Asked>,
    pub(crate) members: HashMap<i64, Member>,
    /// Where in `granted` or `waiting` a place is, and where in `returns` a return.
    created: HashMap<Name, i64>,
    returned: HashMap<Name, i64>,
}

/// What has changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Places that are granted now and were not before.
    pub(crate) granted: Vec<Rank>,
    /// Places that are no more.
    pub(crate) gone: Vec<Rank>,
    /// Clients that are no more.
    pub(crate) members_gone: Vec<i64>,
}

impl View {
    pub(crate) fn new(space: Space, name: &str) -> View {
        View {
            space,
            name: name.to_owned(),
            revision: 0,
            config: None,
            born: 0,
            granted: BTreeMap::new(),
            waiting: BTreeMap::new(),
            returns: BTreeMap::new(),
            members: HashMap::new(),
            created: HashMap::new(),
            returned: HashMap::new(),
        }
    }

    /// Takes over a list of all keys as they were at `revision`.
    ///
    /// # Errors
    ///
    /// If `cfg` is not that of a semaphore.
    pub(crate) fn replace(&mut self, revision: i64, keys: &[KeyValue]) -> Result<Changes, Error> {
        if revision < self.revision {
            return Ok(Changes::default());
        }
        let before = std::mem::take(&mut self.granted);
        let before_waiting = std::mem::take(&mut self.waiting);
        let members_before = std::mem::take(&mut self.members);
        for map in [&mut self.created, &mut self.returned] {
            map.clear();
        }
        self.returns.clear();
        self.config = None;
        self.revision = revision;
        for key in keys {
            self.put(key)?;
        }
        let mut changes = Changes::default();
        // V3: what was granted before comes first, in the order of the places as before.
        while let Some(group) = self.head()
            && (group.iter().all(|rank| before.contains_key(rank)) || self.is_due(&group))
        {
            self.grant(&group, |rank| {
                if !before.contains_key(&rank) {
                    changes.granted.push(rank);
                }
            });
        }
        let there = |rank: &Rank| self.created.get(&rank.1) == Some(&rank.0);
        changes.gone = before.into_keys().chain(before_waiting.into_keys()).filter(|rank| !there(rank)).collect();
        changes.members_gone = members_before.into_keys().filter(|lease| !self.members.contains_key(lease)).collect();
        Ok(changes)
    }

    /// Takes over what was written or deleted since, in the order in which it was. What is known already
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// If `cfg` is not that of a semaphore.
    pub(crate) fn follow(&mut self, events: &[Event]) -> Result<Changes, Error> {
        let mut changes = Changes::default();
        let new = |event: &&Event| event.kv.as_ref().is_some_and(|key| key.mod_revision > self.revision);
        let new: Vec<&Event> = events.iter().filter(new).collect();
        // A revision at a time: the keys of one request are written at one.
        for at_one in new.chunk_by(|one, other| revision(one) == revision(other)) {
            for event in at_one {
                let Some(key) = &event.kv else { continue };
                match event.r#type() {
                    EventType::Put => self.put(key)?,
                    EventType::Delete => self.delete(key, &mut changes),
                }
            }
            self.revision = at_one.last().map_or(self.revision, |event| revision(event));
            self.serve(&mut changes);
        }
        Ok(changes)
    }

    /// Whether this place is known, at its revision or a later one; `None` before that.
    pub(crate) fn is_granted(&self, rank: Rank) -> Option<bool> {
        if self.granted.contains_key(&rank) {
            return Some(true);
        }
        self.waiting.contains_key(&rank).then_some(false)
    }

    /// How many permits there are; 1 if that is not known yet.
    pub(crate) fn max(&self) -> u32 {
        self.config.as_ref().map_or(1, |(config, _)| config.max)
    }

    /// Whether the semaphore was removed in which a request was placed at that revision, which is known.
    pub(crate) fn is_removed(&self, create: i64) -> bool {
        self.config.is_none() || self.born > create
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.config.as_ref().is_some_and(|(config, _)| config.closed)
    }

    /// The loose permits that are out, oldest first.
    pub(crate) fn loose(&self) -> impl Iterator<Item = Rank> + '_ {
        self.granted.iter().filter(|(_, place)| place.lease == 0).map(|(rank, _)| *rank)
    }

    /// The releases that can be granted, in their order, and how many loose permits go to those before each.
    /// They have not happened until their users come for them (C10).
    fn granted_returns(&self) -> impl Iterator<Item = (Rank, usize)> + '_ {
        let mut left = self.loose().count();
        let mut before = 0;
        self.returns.iter().map_while(move |(rank, asked)| {
            left = left.checked_sub(asked.k as usize)?;
            let own = before;
            before += asked.k as usize;
            Some((*rank, own))
        })
    }

    /// Whether a release can be granted, and how many loose permits go to those before it.
    pub(crate) fn returnable(&self, own: Rank) -> Option<usize> {
        self.granted_returns().find(|(rank, _)| *rank == own).map(|(_, before)| before)
    }

    /// The last place that was granted.
    pub(crate) fn frontier(&self) -> Option<Rank> {
        self.granted.last_key_value().map(|(rank, _)| *rank)
    }

    /// All readings (C15).
    pub(crate) fn state(&self) -> State {
        let (requests, presumed) = self.presumed();
        let given_out = (self.granted.len() + presumed) as u32;
        let acquirers = groups(&self.waiting).split_off(requests);
        let granted_returns = self.granted_returns().count();
        let mut releasers = self.returns.values().skip(granted_returns);
        let returning: u32 = self.returns.values().take(granted_returns).map(|asked| asked.k).sum();
        State {
            max_permits: self.max(),
            available_permits: self.max().saturating_sub(given_out),
            given_out,
            // What a release was granted is no longer loose, and not back before its user comes.
            loose: self.loose().count() as u32 - returning,
            waiting_acquirers: acquirers.len() as u32,
            next_acquirer: acquirers.first().map_or(0, |group| group.len() as u32),
            waiting_releasers: (self.returns.len() - granted_returns) as u32,
            next_releaser: releasers.next().map_or(0, |asked| asked.k),
            closed: self.is_closed(),
        }
    }

    fn put(&mut self, key: &KeyValue) -> Result<(), Error> {
        match self.space.parse(&key.key) {
            Key::Config => {
                self.config = Some((Config::parse(&key.value, &self.name)?, key.mod_revision));
                self.born = key.create_revision;
            }
            Key::Member(lease) => {
                // What it says of itself is for people: if it is not to be read, it says nothing.
                let member = serde_json::from_slice(&key.value).unwrap_or_default();
                self.members.insert(lease, member);
            }
            Key::Place(name) => {
                let rank = (key.create_revision, name);
                let asked = asked(key, name);
                let place = Place { lease: key.lease, asked };
                if let Some(before) = self.created.insert(name, key.create_revision).filter(|at| *at != rank.0) {
                    // Its deletion was not told: some versions of etcd lose events.
                    self.granted.remove(&(before, name));
                    self.waiting.remove(&(before, name));
                }
                if let Some(known) = self.granted.get_mut(&rank) {
                    *known = place;
                } else {
                    self.waiting.insert(rank, place);
                }
            }
            Key::Return(name) => {
                self.returned.insert(name, key.create_revision);
                self.returns.insert((key.create_revision, name), asked(key, name));
            }
            Key::Other => {}
        }
        Ok(())
    }

    fn delete(&mut self, key: &KeyValue, changes: &mut Changes) {
        match self.space.parse(&key.key) {
            Key::Config => self.config = None,
            Key::Member(lease) => {
                self.members.remove(&lease);
                changes.members_gone.push(lease);
            }
            Key::Place(name) => {
                if let Some(create) = self.created.remove(&name) {
                    let rank = (create, name);
                    self.granted.remove(&rank);
                    self.waiting.remove(&rank);
                    changes.granted.retain(|granted| *granted != rank);
                    changes.gone.push(rank);
                }
            }
            Key::Return(name) => {
                if let Some(create) = self.returned.remove(&name) {
                    self.returns.remove(&(create, name));
                }
            }
            Key::Other => {}
        }
    }

    /// Until no head is due any more.
    fn serve(&mut self, changes: &mut Changes) {
        while let Some(group) = self.head()
            && self.is_due(&group)
        {
            self.grant(&group, |rank| changes.granted.push(rank));
        }
    }

    /// Whether the head is granted: it fits (V2), or is known to have fitted.
    fn is_due(&self, group: &[Rank]) -> bool {
        let (Some((config, _)), Some(last)) = (&self.config, group.last()) else { return false };
        let fits = self.granted.len() + group.len() <= config.max as usize;
        fits && !config.closed || config.was_granted(last.0, last.1)
    }

    /// How many of the first requests that wait were granted, as far as `was` says, and their permits.
    fn presumed(&self) -> (usize, usize) {
        let (mut requests, mut permits) = (0, 0);
        if let Some((Config { was: Some(was), .. }, written)) = &self.config {
            for group in groups(&self.waiting) {
                let is_older = group.iter().all(|((create, _), _)| create < written);
                if !is_older || self.granted.len() + permits + group.len() > *was as usize {
                    break;
                }
                (requests, permits) = (requests + 1, permits + group.len());
            }
        }
        (requests, permits)
    }

    /// The places of the first request that waits.
    fn head(&self) -> Option<Vec<Rank>> {
        let (&(create, name), place) = self.waiting.first_key_value()?;
        let is_of_it = |(rank, other): &(&Rank, &Place)| {
            rank.0 == create && rank.1.lease == name.lease && other.asked.first == place.asked.first
        };
        Some(self.waiting.iter().take_while(is_of_it).map(|(rank, _)| *rank).collect())
    }

    fn grant(&mut self, group: &[Rank], mut told: impl FnMut(Rank)) {
        for rank in group {
            if let Some(place) = self.waiting.remove(rank) {
                self.granted.insert(*rank, place);
                told(*rank);
            }
        }
    }
}

/// The places of requests, a request each.
pub(crate) fn groups(places: &BTreeMap<Rank, Place>) -> Vec<Vec<(Rank, &Place)>> {
    let all: Vec<(Rank, &Place)> = places.iter().map(|(rank, place)| (*rank, place)).collect();
    let is_of_one = |one: &(Rank, &Place), other: &(Rank, &Place)| {
        (one.0.0, one.0.1.lease, one.1.asked.first) == (other.0.0, other.0.1.lease, other.1.asked.first)
    };
    all.chunk_by(is_of_one).map(<[_]>::to_vec).collect()
}

/// What was asked for; a value that is not to be read is a request for one.
fn asked(key: &KeyValue, name: Name) -> Asked {
    serde_json::from_slice(&key.value).unwrap_or(Asked { k: 1, first: name.number, at: 0 })
}

fn revision(event: &Event) -> i64 {
    event.kv.as_ref().map_or(0, |key| key.mod_revision)
}
