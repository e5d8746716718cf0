//! The semaphore, its requests and its permits: each is that of some reach.

use permits::blocking::block_on;
use permits::{Error, Removal, State};
use permits_host as host;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Declares an enum of the reaches.
macro_rules! of_each_reach {
    ($(#[$doc:meta])* $name:ident, $host:ty, $etcd:ty) => {
        $(#[$doc])*
        #[non_exhaustive]
        pub enum $name {
            /// Of the processes of this host.
            Host($host),
            /// Of machines, on etcd.
            #[cfg(feature = "etcd")]
            Etcd($etcd),
        }
    };
}

of_each_reach! {
    /// A counting semaphore of the reach that its address has chosen. Its calls are those of
    /// [`Limit`](permits::limit::Limit).
    ///
    /// Match on it for what one reach has beyond the contract.
    #[derive(Clone, Debug)]
    AnySemaphore, host::HostSemaphore, permits_etcd::EtcdSemaphore
}

of_each_reach! {
    /// A request for permits.
    #[derive(Debug)]
    #[must_use = "a request does nothing until it is waited for: `.await` it, or call `.wait()`"]
    AnyAcquire, host::AcquireOwned, permits_etcd::Acquire
}

of_each_reach! {
    /// A request to return loose permits.
    #[derive(Debug)]
    #[must_use = "a request does nothing until it is waited for: `.await` it, or call `.wait()`"]
    AnyRelease, host::ReleaseOwned, permits_etcd::Release
}

of_each_reach! {
    /// Permits that are held. Dropping it returns them (C5).
    #[derive(Debug)]
    #[must_use = "if unused the permits come back at once"]
    AnyPermit, host::OwnedPermit, permits_etcd::EtcdPermit
}

of_each_reach! {
    /// A request for permits, as a future.
    ///
    /// # Cancel safety
    ///
    /// Dropping it gives up its place; if it was granted already, the grant goes to the next (C10).
    #[must_use = "a future does nothing until it is awaited"]
    Acquiring, host::AcquireOwned, permits_etcd::Waiting<permits_etcd::EtcdPermit>
}

of_each_reach! {
    /// A request to return loose permits, as a future.
    ///
    /// # Cancel safety
    ///
    /// As that of [`Acquiring`].
    #[must_use = "a future does nothing until it is awaited"]
    Releasing, host::ReleaseOwned, permits_etcd::Waiting<()>
}

/// Does the same with the part of each reach.
macro_rules! each {
    ($on:expr, $it:pat => $act:expr) => {
        match $on {
            Self::Host($it) => $act,
            #[cfg(feature = "etcd")]
            Self::Etcd($it) => $act,
        }
    };
}
pub(crate) use each;

impl Future for Acquiring {
    type Output = Result<AnyPermit, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        each!(&mut *self, it => Pin::new(it).poll(context).map_ok(AnyPermit::from))
    }
}

impl Future for Releasing {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        each!(&mut *self, it => Pin::new(it).poll(context))
    }
}

impl fmt::Debug for Acquiring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquiring").finish_non_exhaustive()
    }
}

impl fmt::Debug for Releasing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Releasing").finish_non_exhaustive()
    }
}

impl From<host::OwnedPermit> for AnyPermit {
    fn from(permit: host::OwnedPermit) -> AnyPermit {
        AnyPermit::Host(permit)
    }
}

#[cfg(feature = "etcd")]
impl From<permits_etcd::EtcdPermit> for AnyPermit {
    fn from(permit: permits_etcd::EtcdPermit) -> AnyPermit {
        AnyPermit::Etcd(permit)
    }
}

/// A semaphore that is being removed: a future, of what it was like.
#[must_use = "a future does nothing until it is awaited: `.await` it, or call `.wait()`"]
pub struct Removing(Progress);

enum Progress {
    Over(Option<Result<State, Error>>),
    #[cfg(feature = "etcd")]
    Etcd(permits_etcd::Call<State>),
}

impl AnySemaphore {
    /// Removes it, and says what it was like. See [`permits_host::HostSemaphore::remove`] and
    /// `permits_etcd::EtcdSemaphore::remove` for those who use it, or come at the same moment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InUse`](permits::ErrorKind::InUse) with [`Removal::IfIdle`] if permits are out, or there are
    /// waiters: then it stays. Those of the two.
    pub fn remove(&self, removal: Removal) -> Removing {
        Removing(match self {
            AnySemaphore::Host(it) => Progress::Over(Some(it.remove(removal))),
            #[cfg(feature = "etcd")]
            AnySemaphore::Etcd(it) => Progress::Etcd(it.remove(removal)),
        })
    }
}

impl Removing {
    /// Blocks the thread until it is removed, or that has failed.
    ///
    /// # Errors
    ///
    /// As [`AnySemaphore::remove`].
    pub fn wait(self) -> Result<State, Error> {
        block_on(self)
    }
}

impl Future for Removing {
    type Output = Result<State, Error>;

    #[cfg_attr(not(feature = "etcd"), expect(unused_variables, reason = "one of a host is removed at once"))]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Progress::Over(removed) => Poll::Ready(removed.take().expect("a future is not polled after it was ready")),
            #[cfg(feature = "etcd")]
            Progress::Etcd(call) => Pin::new(call).poll(context),
        }
    }
}

impl fmt::Debug for Removing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Removing").finish_non_exhaustive()
    }
}

/// A future that is ready once permits are lost; on one host it never is.
#[must_use = "a future does nothing until it is awaited"]
#[derive(Debug)]
pub struct Lost(Losing);

#[derive(Debug)]
enum Losing {
    Never,
    #[cfg(feature = "etcd")]
    Etcd(permits_etcd::Lost),
}

impl AnyPermit {
    pub(crate) fn lost(&self) -> Lost {
        match self {
            AnyPermit::Host(_) => Lost(Losing::Never),
            #[cfg(feature = "etcd")]
            AnyPermit::Etcd(permit) => Lost(Losing::Etcd(permit.lost())),
        }
    }
}

impl Future for Lost {
    type Output = ();

    #[cfg_attr(not(feature = "etcd"), expect(unused, reason = "no permit of a host is lost"))]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Losing::Never => Poll::Pending,
            #[cfg(feature = "etcd")]
            Losing::Etcd(lost) => Pin::new(lost).poll(context),
        }
    }
}
