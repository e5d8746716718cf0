//! `cargo +nightly fuzz run --features fuzzer pages -- -timeout=10`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    permits_fuzz::run(bytes);
    permits_fuzz::wait_for_threads();
});
