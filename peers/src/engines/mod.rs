//! One file a peer. What each of them promises about order stands in its `Engine::ORDER`.

pub mod async_lock;
pub mod crossbeam;
pub mod floor;
pub mod flume;
pub mod futures_intrusive;
pub mod java;
pub mod mea;
pub mod naive;
pub mod permits;
pub mod pipes;
pub mod saa;
pub mod sem_t;
pub mod std_semaphore;
pub mod task_pipes;
pub mod tokio;
pub mod well;

pub use self::{
    async_lock::AsyncLock, crossbeam::Crossbeam, flume::Flume, futures_intrusive::FuturesIntrusive, mea::Mea,
    naive::Naive, permits::Permits, saa::Saa, sem_t::SemT, std_semaphore::StdSemaphore, tokio::Tokio, well::Well,
};
