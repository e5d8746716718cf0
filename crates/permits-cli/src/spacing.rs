//! Starts that are spaced apart, in words.

use std::time::Duration;

/// `starts 2s apart, next in 1.2 s`; nothing if they are not spaced.
pub(crate) fn text(interval: Option<Duration>, next_start: Option<Duration>) -> Option<String> {
    let text = format!("starts {} apart", humantime::format_duration(interval?));
    Some(match next_start {
        // A tenth of a second at least, as it is not now.
        Some(rest) => format!("{text}, next in {:.1} s", (rest.as_secs_f64() * 10.0).ceil() / 10.0),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_start_is_never_in_no_time() {
        let two = Some(Duration::from_secs(2));
        let after = |milliseconds| Some(Duration::from_millis(milliseconds));

        assert_eq!(text(two, after(1200)).unwrap(), "starts 2s apart, next in 1.2 s");
        assert_eq!(text(two, after(1)).unwrap(), "starts 2s apart, next in 0.1 s");
        assert_eq!(text(after(1500), None).unwrap(), "starts 1s 500ms apart");
        assert_eq!(text(None, None), None);
    }
}
