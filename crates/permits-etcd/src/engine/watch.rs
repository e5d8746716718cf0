//! Following the keys of a semaphore while a request waits here: a list, then all that is written after it.
//!
//! A list at revision R is followed by a watch from R+1: one from R would hear of the first event a tenth of
//! a second late, since etcd serves those that look back in turns. Whatever ends the stream, the next list
//! makes good for it; and there is a list from time to time in any case, since some versions of etcd lose
//! events at a compaction (17612, 18474, 19249).

use crate::engine::keys::Range;
use crate::engine::ops;
use crate::engine::room::Room;
use crate::engine::rpc::ATTEMPT;
use crate::engine::stubs::watch_create_request::FilterType;
use crate::engine::stubs::watch_request::RequestUnion;
use crate::engine::stubs::{WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse};
use crate::engine::view::View;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// After which silence a server is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(5);

/// Between two lists.
const LIST_EVERY: Duration = Duration::from_secs(15);

/// How long the stream stays when no request waits any more: the next one may come soon.
const LINGER: Duration = Duration::from_secs(2);

/// A stream of events.
pub(crate) struct Stream {
    requests: mpsc::Sender<WatchRequest>,
    answers: Streaming<WatchResponse>,
    /// Until when its server has to say something.
    due: Instant,
    is_asked: bool,
}

impl Stream {
    /// All that happens in `range` from `revision` on; `None` if it cannot be had now.
    pub(crate) async fn open(room: &Room, range: &Range, revision: i64, filters: Vec<FilterType>) -> Option<Stream> {
        let (requests, receiver) = mpsc::channel(2);
        let create = WatchCreateRequest {
            key: range.start.clone(),
            range_end: range.end.clone(),
            start_revision: revision,
            progress_notify: false,
            filters: filters.into_iter().map(Into::into).collect(),
        };
        // In the stream before it is opened: etcd sends its headers with its first answer.
        requests.try_send(request(RequestUnion::CreateRequest(create))).ok()?;
        let answers = room.base.rpc.watch(ReceiverStream::new(receiver)).await.ok()?;
        Some(Stream { requests, answers, due: Instant::now() + SILENCE, is_asked: false })
    }

    /// What comes next; `None` if the stream has ended, or its server says nothing any more. If this is dropped
    /// nothing is lost.
    pub(crate) async fn next(&mut self) -> Option<WatchResponse> {
        loop {
            // Those who wait here look up more often than a server may be silent.
            match timeout_at(self.due, self.answers.message()).await {
                Ok(Ok(Some(answer))) => {
                    (self.due, self.is_asked) = (Instant::now() + SILENCE, false);
                    return (!answer.canceled).then_some(answer);
                }
                Ok(_) => return None,
                Err(_) if self.is_asked => return None,
                Err(_) => {
                    (self.due, self.is_asked) = (Instant::now() + ATTEMPT, true);
                    self.requests.try_send(request(RequestUnion::ProgressRequest(WatchProgressRequest {}))).ok()?;
                }
            }
        }
    }
}

fn request(union: RequestUnion) -> WatchRequest {
    WatchRequest { request_union: Some(union) }
}

/// Has the keys followed, if they are not.
pub(crate) fn start(room: &Rc<Room>) {
    if !room.is_watched.replace(true) {
        tokio::task::spawn_local(follow(Rc::clone(room)));
    }
}

async fn follow(room: Rc<Room>) {
    let mut quiet_since = Instant::now();
    while !is_over(&room, &mut quiet_since) {
        if !list(&room).await {
            sleep(Duration::from_millis(50)).await;
            continue;
        }
        let next = room.view.borrow().revision + 1;
        let Some(mut stream) = Stream::open(&room, &room.space.all(), next, Vec::new()).await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let mut listed = Instant::now();
        loop {
            let due = listed + LIST_EVERY;
            let next = timeout(LINGER.min(due.saturating_duration_since(Instant::now())), stream.next());
            match next.await {
                Ok(Some(answer)) => {
                    if !take_over(&room, &answer) {
                        break;
                    }
                }
                Ok(None) => {
                    room.base.rpc.turn();
                    break;
                }
                // Between two answers; dropping what waits for one loses none.
                Err(_) if is_over(&room, &mut quiet_since) => break,
                Err(_) if Instant::now() >= due => {
                    listed = Instant::now();
                    list(&room).await;
                }
                Err(_) => {}
            }
        }
    }
    // What it knows grows old from here on.
    *room.view.borrow_mut() = View::new(room.space.clone(), &room.name);
    room.is_watched.set(false);
    // Somebody may have come since the last look.
    if is_wanted(&room) {
        start(&room);
    }
}

fn is_wanted(room: &Room) -> bool {
    !room.waiters.borrow().is_empty() || !room.releasers.borrow().is_empty()
}

/// Whether no request has waited for a while.
fn is_over(room: &Room, quiet_since: &mut Instant) -> bool {
    if is_wanted(room) {
        *quiet_since = Instant::now();
    }
    quiet_since.elapsed() >= LINGER
}

/// Reads all keys again; whether they could be read.
async fn list(room: &Rc<Room>) -> bool {
    let until = room.patience();
    let Ok(answer) = room.base.rpc.read(ops::all(&room.space.all()), until).await else { return false };
    let revision = answer.header.as_ref().map_or(0, |header| header.revision);
    let changes = room.view.borrow_mut().replace(revision, &answer.kvs);
    heard(room);
    if let Ok(changes) = changes {
        room.tell(&changes);
    }
    room.tell_all();
    true
}

/// Whether the stream is still good for something.
fn take_over(room: &Rc<Room>, answer: &WatchResponse) -> bool {
    if let Some(header) = &answer.header {
        room.base.rpc.note(header.revision);
    }
    let before = room.view.borrow().config.as_ref().map(|(_, written)| *written);
    let changes = room.view.borrow_mut().follow(&answer.events);
    let Ok(changes) = changes else { return false };
    let after = room.view.borrow().config.as_ref().map(|(_, written)| *written);
    if before != after {
        heard(room);
        room.tell_all();
    }
    room.tell(&changes);
    true
}

/// The view has heard of the configuration: so has the room.
fn heard(room: &Room) {
    match room.view.borrow().config.clone() {
        Some(config) => room.knows(config),
        // If another one was created since, the next request reads that.
        None => room.forget(),
    }
}
