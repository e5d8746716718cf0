//! `cargo +nightly fuzz run --features fuzzer pages -- -timeout=10`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let before = permits_fuzz::threads();
    permits_fuzz::run(bytes);
    permits_fuzz::wait_for_threads(&before);
});
