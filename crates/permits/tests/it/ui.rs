//! Programs that must not compile, and what the compiler says of them.
//!
//! The texts are the compiler's own: where a new version has other words for the same thing,
//! `TRYBUILD=overwrite` writes them anew, and the difference is to be read.

#[test]
fn misuse_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
