//! One way to break a package.

pub(super) struct Mutant {
    /// What is broken, in words.
    pub(super) name: &'static str,
    pub(super) file: &'static str,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    /// A model that must fail then.
    pub(super) model: &'static str,
}
