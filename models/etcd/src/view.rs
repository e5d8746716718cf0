//! What a process knows of the semaphore, and what it concludes from it.

use crate::engine;
use crate::rules::{Rule, Rules};
use crate::state::{Change, Engine, Event, Key, Limit, Return, Revision, View};

impl View {
    /// By a range over all keys, at the revision of now.
    pub(crate) fn list(engine: &Engine) -> View {
        View {
            revision: engine.revision,
            is_doubtful: false,
            keys: engine.keys.iter().map(|key| Key { fitted: 0, ..*key }).collect(),
            returns: engine.returns.iter().map(|key| Return { fitted: false, ..*key }).collect(),
            limit: engine.limit,
        }
    }

    /// By the events of a revision.
    pub(crate) fn apply(&mut self, change: &Change) {
        for event in &change.events {
            let event = match *event {
                Event::Put(key) => Event::Put(Key { fitted: 0, ..key }),
                Event::ReturnPut(key) => Event::ReturnPut(Return { fitted: false, ..key }),
                event => event,
            };
            engine::apply(event, &mut self.keys, &mut self.returns, &mut self.limit);
        }
    }

    /// Whether the group with this token is granted, at the revision of the view.
    pub(crate) fn grants(&self, rules: Rules, token: Revision, units: u8, limit: Limit) -> bool {
        if !rules.has(Rule::Prefix) {
            return self.grants_what_fits(token, units, limit);
        }
        let before = self.keys.iter().filter(|key| key.create < token).map(|key| key.units).sum();
        grants(rules, before, units, limit) || token <= limit.upto
    }

    /// The loose permit that a blocked release takes now.
    pub(crate) fn part(&self, rules: Rules, create: Revision) -> Option<Revision> {
        let place = self.returns.iter().position(|key| key.create == create)?;
        let before = if rules.has(Rule::OwnPart) { place } else { 0 };
        self.keys.iter().filter(|key| key.loose).nth(before).map(|key| key.create)
    }

    /// A wrong rule: what fits passes what does not.
    fn grants_what_fits(&self, token: Revision, units: u8, limit: Limit) -> bool {
        let older = self.keys.iter().filter(|key| key.create < token);
        let taken = older.fold(0, |taken, key| if taken + key.units <= limit.max { taken + key.units } else { taken });
        taken + units <= limit.max
    }
}

/// Whether a group is granted, with this number of keys before it.
pub(crate) fn grants(rules: Rules, before: u8, units: u8, limit: Limit) -> bool {
    let needed = if rules.has(Rule::WholeGroup) { units } else { 1 };
    before + needed <= limit.max && !(limit.closed && rules.has(Rule::Closed))
}
