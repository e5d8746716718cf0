//! Many futures of one type in one pinned allocation, the same for every peer.
#![allow(unsafe_code)] // Pins the elements of a slice, for which std has no safe way.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

pub struct Slab<F>(Box<[Option<F>]>);

impl<F: Future> Slab<F> {
    pub fn new(len: usize) -> Self {
        Self((0..len).map(|_| None).collect())
    }

    fn slot(&mut self, i: usize) -> Pin<&mut Option<F>> {
        // SAFETY: the box is never moved out of, grown or handed out; an element leaves its place only by being
        // dropped there, through this pin or with the box.
        unsafe { Pin::new_unchecked(&mut self.0[i]) }
    }

    pub fn put(&mut self, i: usize, future: F) {
        self.slot(i).set(Some(future));
    }

    pub fn remove(&mut self, i: usize) {
        self.slot(i).set(None);
    }

    /// Polls with a waker that does nothing: who is next is known here, and waking is not what is measured.
    pub fn poll(&mut self, i: usize) -> Poll<F::Output> {
        let future = self.slot(i).as_pin_mut().expect("only futures that were put are polled");
        future.poll(&mut Context::from_waker(Waker::noop()))
    }
}
