//! Temporary directories in statics, which are never dropped.

use crate::sys::at_exit;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, Once, PoisonError};

static DIRECTORIES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes the directory, with all that is in it, when this process exits.
pub fn remove_at_exit(directory: impl Into<PathBuf>) {
    static AT_EXIT: Once = Once::new();
    AT_EXIT.call_once(|| at_exit(remove_all));
    DIRECTORIES.lock().unwrap_or_else(PoisonError::into_inner).push(directory.into());
}

extern "C" fn remove_all() {
    for directory in DIRECTORIES.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        // It is a temporary one, and may be gone.
        _ = fs::remove_dir_all(directory);
    }
}
