//! Between a request, which is polled wherever its user likes, and what is done about it on the thread of the
//! connection.

use crate::engine::core::Core;
use crate::engine::link::{Link, Ours};
use crate::engine::room::Room;
use crate::error::{self, Error};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What a request is told.
enum Step<T> {
    /// It can be granted now. It is, if its user comes for it: until then it has not happened (C10).
    Ready,
    Done(Result<T, Error>),
}

/// The end on the thread of the connection.
pub(crate) struct Caller<T> {
    pub(crate) link: Arc<Link>,
    steps: UnboundedSender<Step<T>>,
    go: UnboundedReceiver<()>,
}

impl<T> Caller<T> {
    /// Ready when the request was dropped.
    pub(crate) async fn is_gone(&self) {
        self.steps.closed().await;
    }

    /// Asks the user to come; `false` if the request was dropped.
    pub(crate) async fn comes(&mut self) -> bool {
        _ = self.steps.send(Step::Ready);
        self.go.recv().await.is_some()
    }

    pub(crate) fn done(self, outcome: Result<T, Error>) {
        // To nobody, if the request was dropped: a permit gives itself back.
        _ = self.steps.send(Step::Done(outcome));
    }
}

/// The end of the user: a future, which does nothing before its first poll, and takes all back when it is
/// dropped.
#[must_use = "a future does nothing until it is awaited"]
pub(crate) struct Calling<T>(State<T>);

type Start<T> = Box<dyn FnOnce(Rc<Room>, Caller<T>) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

enum State<T> {
    New { link: Arc<Link>, name: Arc<str>, start: Start<T> },
    Running(Ours<Ends<T>>),
    Over,
}

/// What a request that has begun hears, and says.
struct Ends<T> {
    steps: UnboundedReceiver<Step<T>>,
    go: UnboundedSender<()>,
}

impl<T: Send + 'static> Calling<T> {
    /// A call that `act` answers.
    pub(crate) fn new<F>(
        link: &Arc<Link>,
        name: &Arc<str>,
        act: impl FnOnce(Rc<Room>, Caller<T>) -> F + Send + 'static,
    ) -> Calling<T>
    where
        F: Future<Output = ()> + 'static,
    {
        let start: Start<T> = Box::new(|room, caller| Box::pin(act(room, caller)));
        Calling(State::New { link: Arc::clone(link), name: Arc::clone(name), start })
    }

    /// A call whose outcome is that of `act`, which goes on if this is dropped.
    pub(crate) fn answer<F>(
        link: &Arc<Link>,
        name: &Arc<str>,
        act: impl FnOnce(Rc<Room>) -> F + Send + 'static,
    ) -> Calling<T>
    where
        F: Future<Output = Result<T, Error>> + 'static,
    {
        Calling::new(link, name, |room, caller| async move { caller.done(act(room).await) })
    }
}

impl<T: Send + 'static> Future for Calling<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match std::mem::replace(&mut self.0, State::Over) {
                State::New { link, name, start } => {
                    let (to_user, steps) = unbounded_channel();
                    let (go, to_core) = unbounded_channel();
                    let caller = Caller { link: Arc::clone(&link), steps: to_user, go: to_core };
                    let job = move |core: &Rc<Core>| {
                        tokio::task::spawn_local(start(core.room(&name), caller));
                    };
                    if let Err(why) = link.run(job) {
                        return Poll::Ready(Err(why));
                    }
                    self.0 = State::Running(Ours::new(Ends { steps, go }));
                }
                State::Running(mut ends) => {
                    let Ends { steps, go } = ends.get_mut()?;
                    match steps.poll_recv(context) {
                        Poll::Ready(Some(Step::Done(outcome))) => return Poll::Ready(outcome),
                        Poll::Ready(Some(Step::Ready)) => {
                            _ = go.send(());
                            self.0 = State::Running(ends);
                        }
                        Poll::Ready(None) => return Poll::Ready(Err(error::disconnected())),
                        Poll::Pending => {
                            self.0 = State::Running(ends);
                            return Poll::Pending;
                        }
                    }
                }
                State::Over => panic!("a future was polled after it was ready"),
            }
        }
    }
}
