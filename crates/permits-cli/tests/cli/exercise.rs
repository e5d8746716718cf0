//! The exercise: one permit, a taker that takes three times, a giver that gives three times with pauses.
//!
//! Two things keep the words in order. The giver pauses until the taker has said its word, as the pause of the
//! exercise is long beside the taker's steps. And each word is said under a second semaphore, `word`, which the
//! giver takes before it gives: the next taker cannot be printed before the giver is.
//!
//! Either side says the number of permits, since either may come first, and `release` alone creates no semaphore.

use crate::place::{Place, Running, output, stdout};

const TAKER: &str = r#"
for turn in 1 2 3; do
    "$PERMITS" acquire --max 1 exercise && "$PERMITS" run word -- sh -c 'echo acquiring; echo >>"$HOME/said"'
done
"#;

const GIVER: &str = r#"
for turn in 1 2 3; do
    until [ "$(wc -l <"$HOME/said")" -ge "$turn" ]; do sleep 0.02; done
    "$PERMITS" run word -- sh -c '"$PERMITS" release --max 1 exercise && echo releasing'
done
"#;

#[test]
fn words_alternate() {
    let place = Place::new();

    let both = format!(r#": >"$HOME/said"; ({TAKER}) & ({GIVER}) & wait"#);
    let output = output(place.command("sh").args(["-c", &both]));

    let expected = "acquiring\nreleasing\nacquiring\nreleasing\nacquiring\nreleasing\n";
    assert_eq!(stdout(&output), expected);
    assert_eq!(place.number("exercise", "free"), 1);
}

#[test]
fn turns_alternate_without_any_pause() {
    let place = Place::new();
    let script = |act: &str| {
        let mut command = place.command("sh");
        command.args([
            "-c",
            &format!(r#"for turn in 1 2 3 4 5 6 7 8; do "$PERMITS" {act} --max 1 exercise || exit; echo done; done"#),
        ]);
        Running::start(command)
    };

    // Whoever is too early waits: with one permit, neither can get two turns ahead of the other.
    let (mut taker, mut giver) = (script("acquire"), script("release"));

    assert!(taker.end().success() && giver.end().success());
    assert_eq!((taker.rest().len(), giver.rest().len()), (8, 8));
    assert_eq!((place.number("exercise", "free"), place.number("exercise", "granted_total")), (1, 8));
}
