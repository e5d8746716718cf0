//! How a request or a permit refers to its semaphore.

use crate::semaphore::{HostSemaphore, Shared};
use std::sync::Arc;

/// How a request or a permit refers to its semaphore: by a reference, or by a handle of its own. Implemented
/// for `&HostSemaphore` and `HostSemaphore`, and for nothing else.
pub trait Handle: Clone + sealed::Handle {}

impl Handle for &HostSemaphore {}
impl Handle for HostSemaphore {}

#[allow(private_interfaces, reason = "the trait is sealed, and cannot be named outside")]
mod sealed {
    use super::{Arc, HostSemaphore, Shared};

    pub trait Handle {
        fn shared(&self) -> &Arc<Shared>;
    }

    impl Handle for &HostSemaphore {
        #[inline]
        fn shared(&self) -> &Arc<Shared> {
            &self.shared
        }
    }

    impl Handle for HostSemaphore {
        #[inline]
        fn shared(&self) -> &Arc<Shared> {
            &self.shared
        }
    }
}
