//! C19: tokens that grow.

use crate::rig::{Policy, Rig};
use crate::trial::Trial;
use crate::wait::Running;
use permits::Token;
use permits::limit::{Held, Limit, WaitBlocking};
use std::sync::{Arc, Mutex};

/// How many take turns.
const HANDLES: u32 = 4;

/// C19 every grant's token is greater than that of every earlier one; a reach that has no tokens shows none.
///
/// With one permit, so that grants are in the order of their holders; where permits are numbered the token
/// grows per slot, and that is the reach's own to test.
pub fn c19_fencing<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    if !trial.limit.traits().fenced {
        assert_eq!(trial.take(1).token(), None, "a reach that is not fenced has no tokens");
        return;
    }
    tokens_grow_from_holder_to_holder(&trial);
    a_token_stays_with_its_permit(&trial);
    a_split_permit_has_the_token_of_the_whole(rig, policy);
    a_merged_permit_has_the_greater_token(rig, policy);
}

fn tokens_grow_from_holder_to_holder<R: Rig>(trial: &Trial<'_, R>) {
    let tokens: Arc<Mutex<Vec<Token>>> = Arc::default();
    let turns = trial.rig.rounds().div_ceil(HANDLES);
    let takers: Vec<_> = (0..HANDLES)
        .map(|_| {
            let (limit, tokens) = (trial.rig.another(&trial.limit), Arc::clone(&tokens));
            Running::start(move || {
                for _ in 0..turns {
                    let permit = limit.acquire().wait().expect("it is not closed");
                    // While the permit is held, so that the order of the list is that of the holders.
                    tokens.lock().expect("no thread panics there").push(permit.token().expect("it is fenced"));
                }
            })
        })
        .collect();
    for mut taker in takers {
        taker.outcome(trial.rig.deadline()).expect("each gets its turns");
    }

    let tokens = tokens.lock().expect("no thread panics there");
    assert_eq!(tokens.len(), (turns * HANDLES) as usize);
    let falls = tokens.windows(2).find(|pair| pair[0] >= pair[1]);
    assert_eq!(falls, None, "a token is not greater than the one before it");
}

fn a_token_stays_with_its_permit<R: Rig>(trial: &Trial<'_, R>) {
    let permit = trial.take(1);
    let token = permit.token();

    trial.stays(0, 1, 0);

    assert_eq!(permit.token(), token);
    drop(permit);
    assert!(trial.take(1).token() > token);
}

fn a_split_permit_has_the_token_of_the_whole<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 3);
    let mut whole = trial.take(3);
    let token = whole.token();

    let part = whole.split(1).expect("it has three");

    // Where permits are numbered each part has the greatest token of its own.
    assert_eq!(whole.token().max(part.token()), token, "the parts are of the same grant");
    assert!(whole.token().is_some() && part.token().is_some(), "each part has a token");
}

/// The later one into the earlier, and the earlier into the later.
fn a_merged_permit_has_the_greater_token<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 4);
    let [mut first, second, third, mut fourth] = [(); 4].map(|()| trial.take(1));
    let (later, latest) = (second.token(), fourth.token());

    assert!(first.merge(second).is_ok() && fourth.merge(third).is_ok(), "they are of one handle");

    assert_eq!((first.token(), fourth.token()), (later, latest), "a merged permit has the greater of the two tokens");
}
