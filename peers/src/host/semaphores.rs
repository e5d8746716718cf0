//! The system's counting semaphores, and what is used as one.

use std::io::{PipeReader, PipeWriter, Read, Write};

use super::peer::*;
use super::sys;
use crate::engine::Order;

/// `sem_open`.
pub struct Posix(sys::NamedSemaphore);

impl Peer for Posix {
    const NAME: &'static str = "POSIX sem";
    const ORDER: Order = Order::None;
    type Handle<'a> = &'a Posix;

    fn new(permits: u32) -> Self {
        Self(sys::NamedSemaphore::new(permits))
    }

    fn open(&self) -> &Self {
        self
    }
}

impl Gives for Posix {
    fn drained() -> Self {
        Self::new(0)
    }
}

impl Handle for &Posix {
    fn acquire(&mut self) {
        self.0.wait();
    }

    fn release(&mut self) {
        self.0.post();
    }
}

/// `semop`, with SEM_UNDO or without. The kernel serves requests for one in their order, though no standard says so.
pub struct SystemV<const UNDO: bool>(sys::SystemV);

impl<const UNDO: bool> Peer for SystemV<UNDO> {
    const NAME: &'static str = if UNDO { "System V undo" } else { "System V" };
    const ORDER: Order = Order::Fifo;
    type Handle<'a> = &'a Self;

    fn new(permits: u32) -> Self {
        Self(sys::SystemV::new(permits, UNDO))
    }

    fn open(&self) -> &Self {
        self
    }
}

impl Gives for SystemV<false> {
    fn drained() -> Self {
        Self::new(0)
    }
}

impl<const UNDO: bool> Handle for &SystemV<UNDO> {
    fn acquire(&mut self) {
        self.0.wait();
    }

    fn release(&mut self) {
        self.0.post();
    }
}

/// A byte in a pipe for each free permit, as `make -j` has it.
pub struct Pipe(PipeReader, PipeWriter);

impl Peer for Pipe {
    const NAME: &'static str = "pipe";
    const ORDER: Order = Order::None;
    type Handle<'a> = &'a Pipe;

    fn new(permits: u32) -> Self {
        let (reader, mut writer) = std::io::pipe().expect("a pipe can be made");
        for _ in 0..permits {
            writer.write_all(&[0]).expect("a pipe has room for some bytes");
        }
        Self(reader, writer)
    }

    fn open(&self) -> &Self {
        self
    }
}

impl Gives for Pipe {
    fn drained() -> Self {
        Self::new(0)
    }
}

impl Handle for &Pipe {
    fn acquire(&mut self) {
        (&self.0).read_exact(&mut [0]).expect("the pipe stays open");
    }

    fn release(&mut self) {
        (&self.1).write_all(&[0]).expect("the pipe stays open");
    }
}

/// `eventfd` with EFD_SEMAPHORE.
pub struct EventFd(sys::EventFd);

impl Peer for EventFd {
    const NAME: &'static str = "eventfd";
    const ORDER: Order = Order::None;
    type Handle<'a> = &'a EventFd;

    fn new(permits: u32) -> Self {
        Self(sys::EventFd::new(permits))
    }

    fn open(&self) -> &Self {
        self
    }
}

impl Gives for EventFd {
    fn drained() -> Self {
        Self::new(0)
    }
}

impl Handle for &EventFd {
    fn acquire(&mut self) {
        (&self.0.0).read_exact(&mut [0; 8]).expect("an eventfd stays open");
    }

    fn release(&mut self) {
        (&self.0.0).write_all(&1_u64.to_ne_bytes()).expect("an eventfd stays open");
    }
}
