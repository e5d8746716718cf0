//! A mistyped name: it makes no semaphore unseen, and is none that a command waits for.

use crate::place::{Place, stderr, stdout};

fn with_build() -> Place {
    let place = Place::new();
    assert_eq!(place.code(&["set", "--create", "build", "2"]), 0);
    place
}

#[test]
fn existing_creates_no_semaphore() {
    let place = with_build();

    for args in [&["run", "--existing", "biuld", "--", "echo", "never"][..], &["acquire", "--existing", "biuld"]] {
        let output = place.output(args);
        let said = stderr(&output);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(69), ""), "{args:?}: {said}");
        assert!(said.ends_with("; did you mean `build`?\n"), "{said}");
    }
    assert_eq!(stdout(&place.output(&["list", "--names"])), "build\n");
    assert_eq!(place.code(&["run", "--existing", "build", "--", "true"]), 0);
    assert_eq!(place.code(&["acquire", "--existing", "build"]), 0);
    assert_eq!(place.code(&["run", "--existing", "--max", "2", "build", "--", "true"]), 64);
}

#[test]
fn creation_beside_a_similar_name_is_told_once() {
    let place = with_build();
    let run = ["run", "biuld", "--", "true"];

    let [first, second] = [(); 2].map(|()| stderr(&place.output(&run)));

    assert!(first.contains("created `biuld` with `1` permit; did you mean `build`?"), "{first}");
    assert!(first.contains("`permits remove biuld`") && first.lines().count() == 1, "{first}");
    assert_eq!(second, "");
}

#[test]
fn creation_that_is_meant_is_not_told() {
    let silent: [&[&str]; 5] = [
        &["--quiet", "run", "biuld", "--", "true"],
        &["run", "--max", "1", "bulid", "--", "true"],
        &["run", "--create", "1", "uild", "--", "true"],
        &["run", "build-2", "--", "true"],
        &["run", "build2", "--", "true"],
    ];

    for args in silent {
        let output = with_build().output(args);
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn every_command_says_which_name_was_probably_meant() {
    let place = with_build();

    for args in [
        &["status", "biuld"][..],
        &["set", "biuld", "2"],
        &["wait", "biuld"],
        &["release", "biuld"],
        &["revoke", "biuld", "0-1"],
        &["remove", "biuld"],
        &["repair", "biuld"],
        &["top", "biuld"],
    ] {
        let output = place.output(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(69), "{args:?}: {said}");
        assert!(said.contains("did you mean `build`?"), "{args:?}: {said}");
    }
}
