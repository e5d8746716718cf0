//! How a request or a permit refers to its semaphore.

use crate::semaphore::Semaphore;
use std::ops::Deref;
use std::sync::Arc;

/// How a request or a permit refers to its semaphore: by a reference or by an `Arc`. Implemented for
/// `&Semaphore` and `Arc<Semaphore>`, and for nothing else.
pub trait Handle: Deref<Target = Semaphore> + Clone + sealed::Sealed {}

impl Handle for &Semaphore {}
impl Handle for Arc<Semaphore> {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for &super::Semaphore {}
    impl Sealed for std::sync::Arc<super::Semaphore> {}
}
