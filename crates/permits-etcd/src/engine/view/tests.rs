//! The view against a model that has a list of requests and serves it from the front after each revision.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What happens at one revision, or at two for what takes two steps.
#[derive(Clone, Debug)]
enum Act {
    /// Requests of one client in one transaction, and for how many permits each.
    Ask {
        client: i64,
        each: Vec<u32>,
    },
    /// One key of what is granted, or all of what waits: which of them.
    Delete(usize),
    Forget(usize),
    Set(u32),
    Close,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (1..4_i64, prop::collection::vec(1..4_u32, 1..3)).prop_map(|(client, each)| Act::Ask { client, each }),
        5 => any::<usize>().prop_map(Act::Delete),
        1 => any::<usize>().prop_map(Act::Forget),
        3 => (1..7_u32).prop_map(Act::Set),
        1 => Just(Act::Close),
    ]
}

/// A request, without those of its keys that are gone.
#[derive(Clone, Debug)]
struct Request {
    create: i64,
    names: Vec<Name>,
    is_granted: bool,
}

/// The server, and who was granted what.
struct Model {
    space: Space,
    revision: i64,
    keys: BTreeMap<Vec<u8>, KeyValue>,
    events: Vec<Event>,
    config: Config,
    requests: Vec<Request>,
    /// What a view must know at each revision from the first on; `None` between two steps of one change.
    known: Vec<Option<(Vec<Rank>, Vec<Rank>)>>,
    /// The keys as they were at each of them.
    lists: Vec<Vec<KeyValue>>,
}

impl Model {
    fn of(acts: &[Act]) -> Model {
        let (space, config) = (Space::new("/p/", "x"), Config::new(3));
        let (keys, events, requests) = (BTreeMap::new(), Vec::new(), Vec::new());
        let (known, lists) = (Vec::new(), Vec::new());
        let mut model = Model { space, revision: 0, keys, events, config, requests, known, lists };
        model.configure(|_| {}, true);
        acts.iter().for_each(|act| model.act(act));
        model
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Ask { .. } if self.config.closed => {}
            Act::Ask { client, each } => self.ask(*client, each),
            Act::Delete(which) => self.delete(*which),
            Act::Forget(which) => self.forget(*which),
            Act::Set(max) if *max < self.config.max => self.end_grants(|config| config.max = *max),
            Act::Set(max) => self.configure(|config| config.max = *max, true),
            Act::Close if self.config.closed => {}
            Act::Close => self.end_grants(|config| config.closed = true),
        }
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>, lease: i64) {
        let before = self.keys.get(&key);
        let create_revision = before.map_or(self.revision, |key| key.create_revision);
        let version = before.map_or(1, |key| key.version + 1);
        let pair = KeyValue { key: key.clone(), create_revision, mod_revision: self.revision, version, value, lease };
        self.keys.insert(key, pair.clone());
        self.events.push(Event { r#type: EventType::Put.into(), kv: Some(pair) });
    }

    fn remove(&mut self, name: Name) {
        let key = self.space.place(name);
        self.keys.remove(&key);
        let pair = KeyValue { key, mod_revision: self.revision, ..KeyValue::default() };
        self.events.push(Event { r#type: EventType::Delete.into(), kv: Some(pair) });
        self.requests.iter_mut().for_each(|request| request.names.retain(|other| *other != name));
        self.requests.retain(|request| !request.names.is_empty());
    }

    fn ask(&mut self, client: i64, each: &[u32]) {
        self.revision += 1;
        // The lowest that are free, as a client does.
        let is_free =
            |number: &u32| !self.keys.contains_key(&self.space.place(Name { lease: client, number: *number }));
        let total = each.iter().sum::<u32>() as usize;
        let mut free: Vec<u32> = (0..).filter(is_free).take(total).collect();
        for k in each {
            let names: Vec<Name> = free.drain(..*k as usize).map(|number| Name { lease: client, number }).collect();
            let value = Asked { k: *k, first: names[0].number, at: 0 }.written();
            names.iter().for_each(|name| self.put(self.space.place(*name), value.clone(), client));
            self.requests.push(Request { create: self.revision, names, is_granted: false });
        }
        self.serve(true);
    }

    fn delete(&mut self, which: usize) {
        let all: Vec<Name> = self.requests.iter().flat_map(|request| request.names.clone()).collect();
        let Some(name) = all.get(which % all.len().max(1)).copied() else { return };
        self.revision += 1;
        let request = self.requests.iter().find(|request| request.names.contains(&name)).expect("it is of one").clone();
        if request.is_granted {
            self.remove(name);
        } else {
            request.names.into_iter().for_each(|name| self.remove(name));
        }
        self.serve(true);
    }

    fn forget(&mut self, which: usize) {
        let granted: Vec<Name> = self.granted().into_iter().map(|(_, name)| name).collect();
        let Some(name) = granted.get(which % granted.len().max(1)).copied() else { return };
        self.revision += 1;
        let key = self.space.place(name);
        let value = self.keys[&key].value.clone();
        self.put(key, value, 0);
        self.serve(true);
    }

    fn configure(&mut self, change: impl FnOnce(&mut Config), is_whole: bool) {
        self.revision += 1;
        change(&mut self.config);
        self.put(self.space.config(), self.config.written(), 0);
        self.serve(is_whole);
    }

    /// Both steps of a change after which places that were granted may not fit any more.
    fn end_grants(&mut self, change: impl FnOnce(&mut Config)) {
        let was = self.config.max;
        let last = self.granted().last().map(|(create, name)| (*create, name.lease, name.number));
        self.configure(
            |config| {
                change(config);
                config.was = Some(was);
            },
            false,
        );
        self.configure(|config| (config.was, config.upto) = (None, last.max(config.upto)), true);
    }

    fn granted(&self) -> Vec<Rank> {
        let granted = self.requests.iter().filter(|request| request.is_granted);
        granted.flat_map(|request| request.names.iter().map(|name| (request.create, *name))).collect()
    }

    fn serve(&mut self, is_whole: bool) {
        let mut out = self.granted().len();
        for request in self.requests.iter_mut().filter(|request| !request.is_granted) {
            out += request.names.len();
            if self.config.closed || out > self.config.max as usize {
                break;
            }
            request.is_granted = true;
        }
        let waiting = self.requests.iter().filter(|request| !request.is_granted);
        let waiting = waiting.flat_map(|request| request.names.iter().map(|name| (request.create, *name))).collect();
        self.known.push(is_whole.then(|| (self.granted(), waiting)));
        self.lists.push(self.keys.values().cloned().collect());
    }

    /// The events after one revision, up to another.
    fn between(&self, from: i64, to: i64) -> Vec<Event> {
        let events = self.events.iter().filter(|event| (from + 1..=to).contains(&revision(event)));
        events.cloned().collect()
    }
}

fn view() -> View {
    View::new(Space::new("/p/", "x"), "x")
}

fn places(view: &View) -> (Vec<Rank>, Vec<Rank>) {
    (view.granted.keys().copied().collect(), view.waiting.keys().copied().collect())
}

/// A list at one revision, and in `replace` what is told of it.
fn list(view: &mut View, model: &Model, at: i64) -> Changes {
    view.replace(at, &model.lists[at as usize - 1]).expect("it is of a semaphore")
}

proptest! {
    /// V1, V2, V3: whatever is listed and followed, wherever one ends and the other begins, and whatever is
    /// told twice or too late (V4).
    #[test]
    fn view_knows_what_was_granted(
        acts in prop::collection::vec(act(), 1..40),
        cut in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        back in 0..5_i64,
    ) {
        let model = Model::of(&acts);
        let last = model.revision;
        let (cut, other) = (1 + cut.index(last as usize) as i64, 1 + other.index(last as usize) as i64);
        let mut followed = view();
        list(&mut followed, &model, 1);
        let mut joined = view();
        list(&mut joined, &model, cut);
        for at in 2..=last {
            followed.follow(&model.between(at - 1, at)).expect("they are of a semaphore");
            if at > cut {
                // What comes twice changes nothing.
                joined.follow(&model.between(at - 1 - back, at)).expect("they are of a semaphore");
            }
            if at == other {
                list(&mut followed, &model, at);
                list(&mut followed, &model, 1.max(at - back));
            }
            prop_assert_eq!(followed.revision, at);
            let Some(known) = &model.known[at as usize - 1] else { continue };
            prop_assert_eq!(&places(&followed), known, "followed, at {}", at);
            if at >= cut {
                prop_assert_eq!(&places(&joined), known, "listed at {}, at {}", cut, at);
            }
            let first_waiting = followed.waiting.keys().next();
            prop_assert!(followed.granted.keys().all(|rank| first_waiting.is_none_or(|first| rank < first)));
        }
        let mut at_once = view();
        list(&mut at_once, &model, 1);
        at_once.follow(&model.between(1, last)).expect("they are of a semaphore");
        prop_assert_eq!(places(&at_once), places(&followed), "many at once");
    }

    /// Each place is told of when it is granted and when it is gone, once.
    #[test]
    fn view_tells_of_each_grant_once(acts in prop::collection::vec(act(), 1..40), cut in any::<prop::sample::Index>()) {
        let model = Model::of(&acts);
        let cut = 1 + cut.index(model.revision as usize) as i64;
        let mut view = view();
        let mut told = list(&mut view, &model, 1);
        for at in 2..=model.revision {
            // A list in the middle, and what was followed before it.
            let changes = if at == cut { list(&mut view, &model, at) } else {
                view.follow(&model.between(at - 1, at)).expect("they are of a semaphore")
            };
            prop_assert!(changes.granted.iter().all(|rank| !told.granted.contains(rank)), "granted twice");
            prop_assert!(changes.gone.iter().all(|rank| !told.gone.contains(rank)), "gone twice");
            told.granted.extend(changes.granted);
            told.gone.extend(changes.gone);
        }
        let granted: Vec<Rank> = told.granted.iter().filter(|rank| !told.gone.contains(rank)).copied().collect();
        let mut there = places(&view).0;
        there.sort_unstable();
        let mut sorted = granted;
        sorted.sort_unstable();
        prop_assert_eq!(sorted, there);
    }
}

/// Some versions of etcd lose events at a compaction.
#[test]
fn name_that_is_used_again_has_one_place_although_its_deletion_was_not_told() {
    let model =
        Model::of(&[Act::Ask { client: 1, each: vec![1] }, Act::Delete(0), Act::Ask { client: 1, each: vec![1] }]);
    let mut view = view();
    list(&mut view, &model, 1);

    view.follow(&model.between(1, 2)).expect("they are of a semaphore");
    view.follow(&model.between(3, 4)).expect("they are of a semaphore");

    assert_eq!(places(&view), (vec![(4, Name { lease: 1, number: 0 })], Vec::new()));
}
