//! Names that a slip of the fingers turns into one another.

use permits_host::Options;

use crate::people::tame;

/// The semaphore that was probably meant by `name`, if none has it: the one whose name differs by the fewest slips.
///
/// What cannot be listed has no such name: to say so here would hide what went wrong.
pub(crate) fn meant(options: &Options, name: &str) -> Option<String> {
    let names = options.clone().list().unwrap_or_default();
    nearest(name, names.iter().map(String::as_str)).map(tame)
}

/// A slip is a letter too many, too few or wrong, or two that changed places. Names of four letters may differ by
/// one, of six by two. Names that differ in a number are different names: `pr-17`, `pr-18`,
/// or `build`, `build-2`.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = match name.chars().count() {
        0..4 => return None,
        4..6 => 1,
        _ => 2,
    };
    let letters =
        |name: &str| name.replace(|c: char| c.is_ascii_digit(), "").trim_end_matches(['-', '_', '.']).to_owned();
    let slips = |other: &str| strsim::damerau_levenshtein(name, other);
    let near = names.filter(|other| letters(other) != letters(name));
    near.map(|other| (slips(other), other))
        .filter(|(slips, _)| (1..=most).contains(slips))
        .min()
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name_is_found() {
        let near = |name| nearest(name, ["build", "builds", "nightly", "cpu", "pr-17"].into_iter());

        assert_eq!(
            [near("biuld"), near("buil"), near("build2"), near("nihgtyl")],
            [Some("build"), Some("build"), Some("builds"), Some("nightly")]
        );
        assert_eq!(
            [near("gpu"), near("pr-18"), near("pr-1"), near("deploy"), near("build")],
            [None, None, None, None, Some("builds")]
        );
    }
}
