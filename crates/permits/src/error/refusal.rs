//! Why the engine did not grant a request.

/// Why a request failed, inside; the public enums are its subsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Closed,
    TooMany { requested: u32, max: u32 },
    NotNow { requested: u32, at_hand: u32 },
    TimedOut,
}
