//! Producers and consumers: what holds units between them. A unit passes as soon as it lies in the buffer, whose size
//! is the capacity; putting waits for room, taking waits for a unit.

use std::sync::Arc;

use super::permits::Buffer;
use super::{Naive, Well};
use crate::engine::*;

pub trait PutEnd: Send {
    fn put(&mut self);
}

pub trait TakeEnd: Send {
    fn take(&mut self);
}

pub trait Pipe {
    /// Some channels have one receiver that cannot be shared.
    const ONE_TAKER: bool = false;
    type Put: PutEnd + 'static;
    type Take: TakeEnd + 'static;

    fn name() -> String;
    fn order() -> Order;
    fn ends(capacity: u32, putters: usize, takers: usize) -> (Vec<Self::Put>, Vec<Self::Take>);
}

pub fn copies<T: Clone>(of: T, count: usize) -> Vec<T> {
    vec![of; count]
}

/// One semaphore of ours.
impl<const FAIR: bool> Pipe for Buffer<FAIR> {
    type Put = Arc<Self>;
    type Take = Arc<Self>;

    fn name() -> String {
        Self::NAME.into()
    }

    fn order() -> Order {
        Buffer::<FAIR>::order()
    }

    fn ends(capacity: u32, putters: usize, takers: usize) -> (Vec<Arc<Self>>, Vec<Arc<Self>>) {
        let buffer = Arc::new(Self::empty(capacity));
        (copies(buffer.clone(), putters), copies(buffer, takers))
    }
}

impl<const FAIR: bool> PutEnd for Arc<Buffer<FAIR>> {
    fn put(&mut self) {
        Buffer::put(self);
    }
}

impl<const FAIR: bool> TakeEnd for Arc<Buffer<FAIR>> {
    fn take(&mut self) {
        Buffer::take(self);
    }
}

/// One semaphore whose `give` waits when nothing is out, as ours does.
pub struct One<E>(E);

pub trait GiveWaits: Take {}
impl GiveWaits for Naive {}
impl GiveWaits for Well {}

impl<E: GiveWaits> Pipe for One<E> {
    type Put = Arc<Self>;
    type Take = Arc<Self>;

    fn name() -> String {
        E::NAME.into()
    }

    fn order() -> Order {
        E::ORDER
    }

    fn ends(capacity: u32, putters: usize, takers: usize) -> (Vec<Arc<Self>>, Vec<Arc<Self>>) {
        let one = Arc::new(One(E::drained(capacity)));
        (copies(one.clone(), putters), copies(one, takers))
    }
}

impl<E: GiveWaits> PutEnd for Arc<One<E>> {
    fn put(&mut self) {
        self.0.give();
    }
}

impl<E: GiveWaits> TakeEnd for Arc<One<E>> {
    fn take(&mut self) {
        self.0.take();
    }
}

/// The classical pair: one semaphore counts the room, the other the units.
pub struct Two<E> {
    pub room: E,
    pub units: E,
}

impl<E: Take> Pipe for Two<E> {
    type Put = Arc<Self>;
    type Take = Arc<Self>;

    fn name() -> String {
        format!("{} x2", E::NAME)
    }

    fn order() -> Order {
        E::ORDER
    }

    fn ends(capacity: u32, putters: usize, takers: usize) -> (Vec<Arc<Self>>, Vec<Arc<Self>>) {
        let two = Arc::new(Self::new(capacity));
        (copies(two.clone(), putters), copies(two, takers))
    }
}

impl<E: Give> Two<E> {
    pub fn new(capacity: u32) -> Self {
        // Made drained and then filled: what is taken from it is taken without guards from the start.
        let room = E::drained(capacity);
        for _ in 0..capacity {
            room.give();
        }
        Self { room, units: E::drained(capacity) }
    }
}

impl<E: Take> PutEnd for Arc<Two<E>> {
    fn put(&mut self) {
        self.room.take();
        self.units.give();
    }
}

impl<E: Take> TakeEnd for Arc<Two<E>> {
    fn take(&mut self) {
        self.units.take();
        self.room.give();
    }
}

const KEPT: &str = "the other end outlives the count of units";

pub struct CrossbeamPipe;

impl Pipe for CrossbeamPipe {
    type Put = crossbeam_channel::Sender<()>;
    type Take = crossbeam_channel::Receiver<()>;

    fn name() -> String {
        "crossbeam-channel".into()
    }

    fn order() -> Order {
        Order::None
    }

    fn ends(capacity: u32, putters: usize, takers: usize) -> (Vec<Self::Put>, Vec<Self::Take>) {
        let (put, take) = crossbeam_channel::bounded(capacity as usize);
        (copies(put, putters), copies(take, takers))
    }
}

impl PutEnd for crossbeam_channel::Sender<()> {
    fn put(&mut self) {
        self.send(()).expect(KEPT);
    }
}

impl TakeEnd for crossbeam_channel::Receiver<()> {
    fn take(&mut self) {
        self.recv().expect(KEPT);
    }
}

pub struct FlumePipe;

impl Pipe for FlumePipe {
    type Put = flume::Sender<()>;
    type Take = flume::Receiver<()>;

    fn name() -> String {
        "flume".into()
    }

    fn order() -> Order {
        Order::None
    }

    fn ends(capacity: u32, putters: usize, takers: usize) -> (Vec<Self::Put>, Vec<Self::Take>) {
        let (put, take) = flume::bounded(capacity as usize);
        (copies(put, putters), copies(take, takers))
    }
}

impl PutEnd for flume::Sender<()> {
    fn put(&mut self) {
        self.send(()).expect(KEPT);
    }
}

impl TakeEnd for flume::Receiver<()> {
    fn take(&mut self) {
        self.recv().expect(KEPT);
    }
}

pub struct SyncChannel;

impl Pipe for SyncChannel {
    const ONE_TAKER: bool = true;
    type Put = std::sync::mpsc::SyncSender<()>;
    type Take = std::sync::mpsc::Receiver<()>;

    fn name() -> String {
        "std sync_channel".into()
    }

    fn order() -> Order {
        Order::None
    }

    fn ends(capacity: u32, putters: usize, _takers: usize) -> (Vec<Self::Put>, Vec<Self::Take>) {
        let (put, take) = std::sync::mpsc::sync_channel(capacity as usize);
        (copies(put, putters), vec![take])
    }
}

impl PutEnd for std::sync::mpsc::SyncSender<()> {
    fn put(&mut self) {
        self.send(()).expect(KEPT);
    }
}

impl TakeEnd for std::sync::mpsc::Receiver<()> {
    fn take(&mut self) {
        self.recv().expect(KEPT);
    }
}
