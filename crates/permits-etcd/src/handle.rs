//! What the clones of a handle share, with the requests that they make.

use crate::engine::link::Link;
use std::sync::Arc;

pub(crate) struct Shared {
    pub(crate) link: Arc<Link>,
    pub(crate) name: Arc<str>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        let name = Arc::clone(&self.name);
        // In a child of a fork, or after the end, there is nothing to tidy up.
        _ = self.link.run(move |core| core.left(&name));
    }
}
