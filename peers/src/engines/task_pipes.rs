//! Producers and consumers that are tasks: the same buffers as in `pipes`, through their asynchronous doors.

use std::future::Future;
use std::sync::Arc;

use super::permits::Buffer;
use super::pipes::Two;
pub use super::pipes::{FlumePipe, copies};
use crate::engine::*;

pub trait PutTask: Send {
    fn put(&mut self) -> impl Future<Output = ()> + Send;
}

pub trait TakeTaskEnd: Send {
    fn take(&mut self) -> impl Future<Output = ()> + Send;
}

pub trait TaskPipe {
    /// Some channels have one receiver that cannot be shared.
    const ONE_TAKER: bool = false;
    type Put: PutTask + 'static;
    type Take: TakeTaskEnd + 'static;

    fn name() -> String;
    fn order() -> Order;
    fn ends(capacity: u32, putters: usize, takers: usize) -> (Vec<Self::Put>, Vec<Self::Take>);
}

const KEPT: &str = "the other end outlives the count of units";

/// One semaphore of ours.
impl<const FAIR: bool> TaskPipe for Buffer<FAIR> {
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

impl<const FAIR: bool> PutTask for Arc<Buffer<FAIR>> {
    fn put(&mut self) -> impl Future<Output = ()> + Send {
        self.put_task()
    }
}

impl<const FAIR: bool> TakeTaskEnd for Arc<Buffer<FAIR>> {
    fn take(&mut self) -> impl Future<Output = ()> + Send {
        self.take_task()
    }
}

impl<E: TakeTask> TaskPipe for Two<E> {
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

impl<E: TakeTask> PutTask for Arc<Two<E>> {
    async fn put(&mut self) {
        self.room.take_task().await;
        self.units.give();
    }
}

impl<E: TakeTask> TakeTaskEnd for Arc<Two<E>> {
    async fn take(&mut self) {
        self.units.take_task().await;
        self.room.give();
    }
}

impl TaskPipe for FlumePipe {
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

impl PutTask for flume::Sender<()> {
    async fn put(&mut self) {
        self.send_async(()).await.expect(KEPT);
    }
}

impl TakeTaskEnd for flume::Receiver<()> {
    async fn take(&mut self) {
        self.recv_async().await.expect(KEPT);
    }
}

pub struct AsyncChannelPipe;

impl TaskPipe for AsyncChannelPipe {
    type Put = async_channel::Sender<()>;
    type Take = async_channel::Receiver<()>;

    fn name() -> String {
        "async-channel".into()
    }

    fn order() -> Order {
        Order::None
    }

    fn ends(capacity: u32, putters: usize, takers: usize) -> (Vec<Self::Put>, Vec<Self::Take>) {
        let (put, take) = async_channel::bounded(capacity as usize);
        (copies(put, putters), copies(take, takers))
    }
}

impl PutTask for async_channel::Sender<()> {
    async fn put(&mut self) {
        self.send(()).await.expect(KEPT);
    }
}

impl TakeTaskEnd for async_channel::Receiver<()> {
    async fn take(&mut self) {
        self.recv().await.expect(KEPT);
    }
}

pub struct TokioChannel;

impl TaskPipe for TokioChannel {
    const ONE_TAKER: bool = true;
    type Put = ::tokio::sync::mpsc::Sender<()>;
    type Take = ::tokio::sync::mpsc::Receiver<()>;

    fn name() -> String {
        "tokio mpsc".into()
    }

    fn order() -> Order {
        Order::Fifo
    }

    fn ends(capacity: u32, putters: usize, _takers: usize) -> (Vec<Self::Put>, Vec<Self::Take>) {
        let (put, take) = ::tokio::sync::mpsc::channel(capacity as usize);
        (copies(put, putters), vec![take])
    }
}

impl PutTask for ::tokio::sync::mpsc::Sender<()> {
    async fn put(&mut self) {
        self.send(()).await.expect(KEPT);
    }
}

impl TakeTaskEnd for ::tokio::sync::mpsc::Receiver<()> {
    async fn take(&mut self) {
        self.recv().await.expect(KEPT);
    }
}
