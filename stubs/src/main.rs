//! `cargo run --manifest-path stubs/Cargo.toml` writes the stubs anew.

use std::error::Error;
use std::fs;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let text = permits_stubs::make(folder.path())?;
    fs::write(permits_stubs::checked_in(), text)?;
    Ok(())
}
