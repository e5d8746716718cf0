//! The contract at the reaches that Python has: this process, the processes of this host, and machines.

use crate::errors::Failure;
use crate::here::Here;
#[cfg(target_os = "linux")]
use crate::machines::{Lent, Machines, answer};
#[cfg(target_os = "linux")]
use crate::own::Own;
#[cfg(target_os = "linux")]
use permits::limit::{Limit, Wait};
use permits::{Handle, Kind, Request, Semaphore, State};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Permits that any caller may return.
    Loose,
    /// Permits that a guard holds.
    Held,
    /// To return loose ones.
    Back,
}

/// In whose manner it is waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Task,
    Thread,
}

/// What a granted request yields.
pub(crate) enum Granted {
    Nothing,
    Here(permits::OwnedPermit),
    #[cfg(target_os = "linux")]
    Host(permits_host::OwnedPermit),
    #[cfg(target_os = "linux")]
    Machines(Own<permits_any::AnyPermit>),
}

/// A request that waits, at any reach. Dropping it gives up its place, or passes on what it was granted
/// (C10).
pub(crate) trait Waiting: Send {
    fn poll(self: Pin<&mut Self>, manner: Manner, context: &mut Context<'_>) -> Poll<Result<Granted, Failure>>;
}

pub(crate) type BoxedWaiting = Pin<Box<dyn Waiting>>;

pub(crate) trait Yield {
    fn granted(self) -> Granted;
}

impl Yield for () {
    fn granted(self) -> Granted {
        Granted::Nothing
    }
}

impl Yield for permits::OwnedPermit {
    fn granted(self) -> Granted {
        Granted::Here(self)
    }
}

impl<K> Waiting for Request<Arc<Semaphore>, K>
where
    K: Kind<Error: Into<Failure>> + Send + 'static,
    K::Output<Arc<Semaphore>>: Yield,
{
    fn poll(self: Pin<&mut Self>, manner: Manner, context: &mut Context<'_>) -> Poll<Result<Granted, Failure>> {
        let polled = match manner {
            Manner::Task => Future::poll(self, context),
            Manner::Thread => self.poll_passing(context),
        };
        polled.map(|outcome| outcome.map(Yield::granted).map_err(Into::into))
    }
}

/// What never comes about.
pub(crate) struct Never;

impl Waiting for Never {
    fn poll(self: Pin<&mut Self>, _: Manner, _: &mut Context<'_>) -> Poll<Result<Granted, Failure>> {
        Poll::Pending
    }
}

pub(crate) enum Reach {
    Here(Arc<Here>),
    #[cfg(target_os = "linux")]
    Host(permits_host::HostSemaphore),
    #[cfg(target_os = "linux")]
    Machines(Arc<Machines>),
}

impl Reach {
    /// Asks without waiting. A running thread may pass others in doing so, within the bound (C8).
    #[inline]
    pub(crate) fn try_now(&self, ask: Ask, n: u32) -> Result<Granted, Failure> {
        match self {
            Reach::Here(here) => {
                let sem = here.sem();
                match ask {
                    Ask::Loose => sem.acquire_many(n).loose().try_now().map(Yield::granted).map_err(Into::into),
                    Ask::Held => sem.try_acquire_many_owned(n).map(Yield::granted).map_err(Into::into),
                    Ask::Back => sem.try_release_many(n).map(Yield::granted).map_err(Into::into),
                }
            }
            #[cfg(target_os = "linux")]
            Reach::Host(host) => match ask {
                Ask::Loose => Ok(host.acquire_many(n).loose().try_now()?.granted()),
                Ask::Held => Ok(host.try_acquire_many_owned(n)?.granted()),
                Ask::Back => Ok(host.try_release_many(n)?.granted()),
            },
            #[cfg(target_os = "linux")]
            Reach::Machines(of) => match ask {
                Ask::Loose => {
                    let held = answer(of.sem()?.acquire_many(n).try_now())?;
                    Lent::new(of, Own::new(held)).forget()?;
                    Ok(Granted::Nothing)
                }
                Ask::Held => Ok(answer(of.sem()?.acquire_many(n).try_now())?.granted()),
                Ask::Back => Ok(answer(of.sem()?.release_many(n).try_now())?.granted()),
            },
        }
    }

    /// A last try, when the time is over; the error tells what both sides wait for (C22).
    pub(crate) fn try_at_the_end(&self, ask: Ask, n: u32) -> Result<Granted, Failure> {
        match self {
            Reach::Here(here) => {
                let sem = here.sem();
                match ask {
                    Ask::Loose => Ok(sem.acquire_many(n).loose().wait_timeout(Duration::ZERO)?.granted()),
                    Ask::Held => Ok(sem.acquire_many_owned(n).wait_timeout(Duration::ZERO)?.granted()),
                    Ask::Back => Ok(sem.release_many(n).wait_timeout(Duration::ZERO)?.granted()),
                }
            }
            #[cfg(target_os = "linux")]
            Reach::Host(host) => match ask {
                Ask::Loose => Ok(host.acquire_many(n).loose().wait_timeout(Duration::ZERO)?.granted()),
                Ask::Held => Ok(host.acquire_many_owned(n).wait_timeout(Duration::ZERO)?.granted()),
                Ask::Back => Ok(host.release_many(n).wait_timeout(Duration::ZERO)?.granted()),
            },
            #[cfg(target_os = "linux")]
            Reach::Machines(of) => match ask {
                Ask::Loose => {
                    let held = of.last_try(of.sem()?.acquire_many(n))?;
                    Lent::new(of, Own::new(held)).forget()?;
                    Ok(Granted::Nothing)
                }
                Ask::Held => Ok(of.last_try(of.sem()?.acquire_many(n))?.granted()),
                Ask::Back => Ok(of.last_try(of.sem()?.release_many(n))?.granted()),
            },
        }
    }

    /// A request to wait for.
    pub(crate) fn request(&self, ask: Ask, n: u32) -> BoxedWaiting {
        match self {
            Reach::Here(here) => {
                let sem = here.sem();
                match ask {
                    Ask::Loose => Box::pin(sem.acquire_many_owned(n).loose()),
                    Ask::Held => Box::pin(sem.acquire_many_owned(n)),
                    Ask::Back => Box::pin(sem.release_many_owned(n)),
                }
            }
            #[cfg(target_os = "linux")]
            Reach::Host(host) => match ask {
                Ask::Loose => Box::pin(host.acquire_many_owned(n).loose()),
                Ask::Held => Box::pin(host.acquire_many_owned(n)),
                Ask::Back => Box::pin(host.release_many_owned(n)),
            },
            #[cfg(target_os = "linux")]
            Reach::Machines(of) => machines::request(of, ask, n),
        }
    }

    /// Asks in the manner of a task; `None` if it has to wait.
    #[inline]
    pub(crate) fn try_as_task(&self, ask: Ask, n: u32) -> Option<Result<Granted, Failure>> {
        match self {
            Reach::Here(here) => {
                let sem = here.sem();
                match ask {
                    Ask::Loose => ready_now(sem.available_permits() >= n, || sem.acquire_many(n).loose()),
                    Ask::Held => ready_now(sem.available_permits() >= n, || sem.acquire_many_owned(n)),
                    Ask::Back => ready_now(sem.loose() >= n, || sem.release_many(n)),
                }
            }
            // First come, first served, by a try as well.
            #[cfg(target_os = "linux")]
            Reach::Host(_) => match self.try_now(ask, n) {
                Err(failure) if failure.is_not_now() => None,
                outcome => Some(outcome),
            },
            // A task does not wait for an answer.
            #[cfg(target_os = "linux")]
            Reach::Machines(_) => None,
        }
    }

    pub(crate) fn state(&self) -> Result<State, Failure> {
        match self {
            Reach::Here(here) => Ok(here.sem().state()),
            #[cfg(target_os = "linux")]
            Reach::Host(host) => Ok(host.state()?),
            #[cfg(target_os = "linux")]
            Reach::Machines(of) => of.state(),
        }
    }

    pub(crate) fn close(&self) -> Result<(), Failure> {
        match self {
            Reach::Here(here) => here.sem().close(),
            #[cfg(target_os = "linux")]
            Reach::Host(host) => host.close()?,
            #[cfg(target_os = "linux")]
            Reach::Machines(of) => answer(of.sem()?.close())?,
        }
        Ok(())
    }

    pub(crate) fn is_closed(&self) -> Result<bool, Failure> {
        match self {
            Reach::Here(here) => Ok(here.sem().is_closed()),
            #[cfg(target_os = "linux")]
            Reach::Host(host) => Ok(host.is_closed()?),
            #[cfg(target_os = "linux")]
            Reach::Machines(of) => Ok(of.state()?.closed),
        }
    }

    pub(crate) fn resize(&self, change: Change, n: u32) -> Result<(), Failure> {
        match self {
            Reach::Here(here) => match change {
                Change::Set => here.sem().set_max_permits(n)?,
                Change::Grow => here.sem().grow(n)?,
                Change::Shrink => here.sem().shrink(n)?,
            },
            #[cfg(target_os = "linux")]
            Reach::Host(host) => match change {
                Change::Set => host.set_max_permits(n)?,
                Change::Grow => host.grow(n)?,
                Change::Shrink => host.shrink(n)?,
            },
            #[cfg(target_os = "linux")]
            Reach::Machines(of) => {
                let sem = of.sem()?;
                match change {
                    Change::Set => answer(sem.set_max_permits(n))?,
                    Change::Grow => answer(sem.grow(n))?,
                    Change::Shrink => answer(sem.shrink(n))?,
                }
            }
        }
        Ok(())
    }

    /// Are its waiters woken by threads that are not Python's?
    pub(crate) fn wakes_from_outside(&self) -> bool {
        self.here().is_none()
    }

    /// The semaphore, if it is this process's own.
    pub(crate) fn here(&self) -> Option<&Arc<Here>> {
        match self {
            Reach::Here(here) => Some(here),
            #[cfg(target_os = "linux")]
            Reach::Host(_) | Reach::Machines(_) => None,
        }
    }

    /// Does every call wait for an answer from elsewhere?
    #[inline]
    pub(crate) fn asks_servers(&self) -> bool {
        #[cfg(target_os = "linux")]
        return matches!(self, Reach::Machines(_));
        #[cfg(not(target_os = "linux"))]
        false
    }

    /// The semaphore, if it is one of machines.
    #[cfg(target_os = "linux")]
    pub(crate) fn machines(&self) -> Option<&Arc<Machines>> {
        match self {
            Reach::Machines(of) => Some(of),
            _ => None,
        }
    }
}

/// Polls a request once, if it has a chance. No wake is needed: either it is ready, or it is dropped here.
fn ready_now<H: Handle, K: Kind<Error: Into<Failure>>>(
    has_a_chance: bool,
    request: impl FnOnce() -> Request<H, K>,
) -> Option<Result<Granted, Failure>>
where
    K::Output<H>: Yield,
{
    if !has_a_chance {
        return None;
    }
    match pin!(request()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Some(outcome.map(Yield::granted).map_err(Into::into)),
        Poll::Pending => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Set,
    Grow,
    Shrink,
}

#[cfg(target_os = "linux")]
mod host {
    use super::{Context, Failure, Granted, Manner, Pin, Poll, Waiting, Yield};
    use permits_host::{HostSemaphore, Kind, Request};

    impl Yield for permits_host::OwnedPermit {
        fn granted(self) -> Granted {
            Granted::Host(self)
        }
    }

    impl<K> Waiting for Request<HostSemaphore, K>
    where
        K: Kind,
        K::Output<HostSemaphore>: Yield,
        Request<HostSemaphore, K>: Send,
    {
        /// First come, first served, threads and tasks alike: there is one manner.
        fn poll(self: Pin<&mut Self>, _: Manner, context: &mut Context<'_>) -> Poll<Result<Granted, Failure>> {
            Future::poll(self, context).map(|outcome| Ok(outcome?.granted()))
        }
    }
}

#[cfg(target_os = "linux")]
pub(crate) use machines::loss_of;

#[cfg(target_os = "linux")]
mod machines {
    use super::{
        Arc, Ask, BoxedWaiting, Context, Failure, Granted, Lent, Limit, Machines, Manner, Own, Pin, Poll, Waiting,
        Yield,
    };
    use crate::machines::not_ours;
    use permits::Error;
    use permits_any::AnyPermit;

    impl Yield for AnyPermit {
        fn granted(self) -> Granted {
            Granted::Machines(Own::new(self))
        }
    }

    type Call = Pin<Box<dyn Future<Output = Result<Granted, Error>> + Send>>;

    /// A request, which a child of a fork neither polls nor drops.
    struct Asked {
        /// `None` if it was made in a child.
        call: Option<Own<Call>>,
        // After the call: the last of these gives the lease back.
        of: Arc<Machines>,
    }

    impl Waiting for Asked {
        /// First come, first served, threads and tasks alike: there is one manner.
        fn poll(self: Pin<&mut Self>, _: Manner, context: &mut Context<'_>) -> Poll<Result<Granted, Failure>> {
            let Asked { call, of } = self.get_mut();
            match call.as_mut().and_then(Own::get_mut) {
                Some(call) => call.as_mut().poll(context).map_err(Failure::Machines),
                None => Poll::Ready(Err(not_ours(of.name()))),
            }
        }
    }

    pub(super) fn request(of: &Arc<Machines>, ask: Ask, n: u32) -> BoxedWaiting {
        let call = of.sem().ok().map(|sem| match ask {
            Ask::Loose => call(sem.acquire_loose_many(n)),
            Ask::Held => call(sem.acquire_many(n).into_future()),
            Ask::Back => call(sem.release_many(n).into_future()),
        });
        Box::pin(Asked { call: call.map(Own::new), of: Arc::clone(of) })
    }

    fn call<T: Yield>(asked: impl Future<Output = Result<T, Error>> + Send + 'static) -> Call {
        Box::pin(async move { Ok(asked.await?.granted()) })
    }

    /// A request that is granted once permits are lost. It does not hold them.
    pub(crate) fn loss_of(permit: &Lent) -> BoxedWaiting {
        let call = permit.lost().map(|lost| -> Call {
            Box::pin(async move {
                lost.await;
                Ok(Granted::Nothing)
            })
        });
        Box::pin(Asked { call: call.map(Own::new), of: Arc::clone(permit.of()) })
    }
}
