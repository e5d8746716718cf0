//! What belongs to this process alone, and is not touched in a child of a fork.
//!
//! Threads that a child does not have may have been in the middle of a change of it, with its locks taken.

use crate::here::generation;
use std::mem;

/// A value that a child of a fork neither uses nor drops.
pub(crate) struct Own<T> {
    /// `None` once it is taken out.
    value: Option<T>,
    generation: u64,
}

impl<T> Own<T> {
    pub(crate) fn new(value: T) -> Own<T> {
        Own { value: Some(value), generation: generation() }
    }

    fn is_ours(&self) -> bool {
        self.generation == generation()
    }

    /// `None` in a child.
    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref().filter(|_| self.is_ours())
    }

    /// `None` in a child.
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        if self.is_ours() { self.value.as_mut() } else { None }
    }

    /// `None` in a child.
    pub(crate) fn into_inner(mut self) -> Option<T> {
        if self.is_ours() { self.value.take() } else { None }
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        if !self.is_ours() {
            mem::forget(self.value.take());
        }
    }
}
