//! Calls to etcd: which server is asked, for how long, and what is known when none has answered.
//!
//! A call that was not answered may have taken effect, or may take effect later: it is *in doubt*. So may one
//! that was answered at the second try. What follows from that is for the caller, who knows what was asked.

use crate::engine::stubs::auth_client::AuthClient;
use crate::engine::stubs::kv_client::KvClient;
use crate::engine::stubs::lease_client::LeaseClient;
use crate::engine::stubs::maintenance_client::MaintenanceClient;
use crate::engine::stubs::watch_client::WatchClient;
use crate::engine::stubs::{
    AuthenticateRequest, DeleteRangeRequest, LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest,
    LeaseRevokeRequest, RangeRequest, RangeResponse, StatusRequest, StatusResponse, TxnRequest, TxnResponse,
    WatchRequest, WatchResponse,
};
use crate::error::{self, Error};
use permits::lease::Lease;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};

/// How long one try may take before the next server is asked. Longer than a round trip to another continent
/// and a write; shorter than an election, so that a leader that hangs costs no more than that.
pub(crate) const ATTEMPT: Duration = Duration::from_millis(700);

/// Between two rounds over all servers, doubled each time up to the second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// An answer, and whether an earlier try of the same call is in doubt.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub(crate) value: T,
    pub(crate) in_doubt: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A server has refused. An earlier try may be in doubt.
    Refused { status: Status, in_doubt: bool },
    /// No answer in time: in doubt, or not, if no try was sent.
    Unanswered { in_doubt: bool, last: Option<Status> },
}

/// Until when a call is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until<'l> {
    Time(Instant),
    /// As long as this lease is held: without it the call could not take effect.
    Lost(&'l Lease),
    /// Until the first of both.
    Either(Instant, &'l Lease),
}

impl Until<'_> {
    fn is_over(&self) -> bool {
        match self {
            Until::Time(end) => Instant::now() >= *end,
            Until::Lost(lease) => lease.is_lost(),
            Until::Either(end, lease) => Instant::now() >= *end || lease.is_lost(),
        }
    }

    /// The end of a try that begins now.
    fn attempt(&self) -> Instant {
        let end = Instant::now() + ATTEMPT;
        match self {
            Until::Time(last) | Until::Either(last, _) => end.min(*last),
            Until::Lost(_) => end,
        }
    }
}

/// A user, and what etcd gave for the password.
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
    token: RefCell<Option<MetadataValue<Ascii>>>,
}

impl Credentials {
    pub(crate) fn new(user: String, password: String) -> Credentials {
        Credentials { user, password, token: RefCell::new(None) }
    }
}

pub(crate) struct Rpc {
    endpoints: Vec<Endpoint>,
    channels: RefCell<Vec<Channel>>,
    /// The one that is asked first.
    current: Cell<usize>,
    credentials: Option<Credentials>,
    /// The largest revision that a server has told. What is read must not be older than what was known when
    /// it was asked for: a server can say old things after a change of the leader (etcd 20418).
    seen: Cell<i64>,
}

impl Rpc {
    /// There is one endpoint at least. Inside the runtime: its tasks drive the channels.
    pub(crate) fn new(endpoints: Vec<Endpoint>, credentials: Option<Credentials>) -> Rpc {
        let channels = RefCell::new(endpoints.iter().map(Endpoint::connect_lazy).collect());
        Rpc { endpoints, channels, current: Cell::new(0), credentials, seen: Cell::new(0) }
    }

    /// A transaction that writes.
    pub(crate) async fn write(&self, request: TxnRequest, until: Until<'_>) -> Result<Answer<TxnResponse>, Failure> {
        let answer = self
            .until(until, |channel| {
                let request = self.signed(request.clone());
                async move { Ok(KvClient::new(channel).txn(request?).await?.into_inner()) }
            })
            .await?;
        self.note(answer.value.header.as_ref().map_or(0, |header| header.revision));
        Ok(answer)
    }

    /// Deletes one key, and says whether it was there. For etcd this is cheaper than a transaction.
    pub(crate) async fn delete(&self, key: Vec<u8>, until: Until<'_>) -> Result<Answer<bool>, Failure> {
        let request = DeleteRangeRequest { key, range_end: Vec::new() };
        let answer = self
            .until(until, |channel| {
                let request = self.signed(request.clone());
                async move { Ok(KvClient::new(channel).delete_range(request?).await?.into_inner()) }
            })
            .await?;
        let Answer { value, in_doubt } = answer;
        self.note(value.header.as_ref().map_or(0, |header| header.revision));
        Ok(Answer { value: value.deleted == 1, in_doubt })
    }

    /// Reads what a majority of the servers agrees on.
    pub(crate) async fn read(&self, request: RangeRequest, until: Until<'_>) -> Result<RangeResponse, Failure> {
        let answer = self
            .until(until, |channel| {
                let (request, seen) = (self.signed(request.clone()), self.seen.get());
                async move {
                    let answer = KvClient::new(channel).range(request?).await?.into_inner();
                    let revision = answer.header.as_ref().map_or(0, |header| header.revision);
                    if revision < seen {
                        let what = format!("it is at revision {revision}, and {seen} was seen before");
                        return Err(Status::unavailable(what));
                    }
                    Ok(answer)
                }
            })
            .await?;
        self.note(answer.value.header.as_ref().map_or(0, |header| header.revision));
        Ok(answer.value)
    }

    pub(crate) async fn grant(&self, seconds: i64, until: Until<'_>) -> Result<LeaseGrantResponse, Failure> {
        let request = LeaseGrantRequest { ttl: seconds, id: 0 };
        let granted = self.until(until, |channel| {
            let request = self.signed(request);
            async move { Ok(LeaseClient::new(channel).lease_grant(request?).await?.into_inner()) }
        });
        Ok(granted.await?.value)
    }

    pub(crate) async fn revoke(&self, lease: i64, until: Until<'_>) -> Result<(), Failure> {
        let request = LeaseRevokeRequest { id: lease };
        let revoked = self.until(until, |channel| {
            let request = self.signed(request);
            async move { Ok(LeaseClient::new(channel).lease_revoke(request?).await?.into_inner()) }
        });
        revoked.await.map(drop)
    }

    /// Renews a lease once, by the server whose turn it is, on a stream of its own: one that hangs behind a
    /// leader that does not answer holds up no other. Returns what is left of the lease, in seconds; 0 or
    /// less if there is none.
    pub(crate) async fn renew(&self, lease: i64, time: Duration) -> Result<i64, Status> {
        let renewed = timeout(time, async {
            // In the stream before it is opened: etcd sends its headers with its first answer.
            let request = self.signed(tokio_stream::once(LeaseKeepAliveRequest { id: lease }))?;
            let mut answers = LeaseClient::new(self.channel()).lease_keep_alive(request).await?.into_inner();
            let answer = answers.message().await?;
            answer.map(|answer| answer.ttl).ok_or_else(|| Status::unavailable("the stream ended"))
        });
        let outcome = renewed.await.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
        if let Err(status) = &outcome {
            self.after(status).await;
        }
        outcome
    }

    /// Opens a stream of events, by the server whose turn it is. The first request is the first of
    /// `requests`.
    pub(crate) async fn watch<S>(&self, requests: S) -> Result<Streaming<WatchResponse>, Status>
    where
        S: tokio_stream::Stream<Item = WatchRequest> + Send + 'static,
    {
        let mut request = self.signed(requests)?;
        // A server without a leader ends the stream, instead of waiting for one.
        request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
        let mut client = WatchClient::new(self.channel());
        let outcome = timeout(ATTEMPT, client.watch(request))
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
        match outcome {
            Ok(stream) => Ok(stream.into_inner()),
            Err(status) => {
                self.after(&status).await;
                Err(status)
            }
        }
    }

    /// Where the servers are.
    pub(crate) fn names(&self) -> Vec<String> {
        self.endpoints.iter().map(|endpoint| endpoint.uri().to_string().trim_end_matches('/').to_owned()).collect()
    }

    /// What the server at that place says of itself.
    pub(crate) async fn status(&self, place: usize, end: Instant) -> Result<StatusResponse, Failure> {
        self.sign_in(Until::Time(end)).await?;
        let channel = self.channels.borrow()[place].clone();
        let asked = async {
            let request = self.signed(StatusRequest {})?;
            Ok(MaintenanceClient::new(channel).status(request).await?.into_inner())
        };
        match timeout_at(end, asked).await {
            Ok(Ok(said)) => Ok(said),
            Ok(Err(status)) if Status::code(&status) != Code::Unavailable => {
                Err(Failure::Refused { status, in_doubt: false })
            }
            Ok(Err(status)) => Err(Failure::Unanswered { in_doubt: false, last: Some(status) }),
            Err(_) => Err(Failure::Unanswered { in_doubt: false, last: None }),
        }
    }

    /// The next server has its turn.
    pub(crate) fn turn(&self) {
        self.current.set((self.current.get() + 1) % self.endpoints.len());
    }

    /// A revision that a server has told.
    pub(crate) fn note(&self, revision: i64) {
        self.seen.set(self.seen.get().max(revision));
    }

    fn channel(&self) -> Channel {
        self.channels.borrow()[self.current.get()].clone()
    }

    /// The server whose turn it is has not answered in time: the next call to it has a connection of its own.
    /// The old one may be cut without a word, or hang behind what TCP sends again later and later.
    fn reconnect(&self) {
        let current = self.current.get();
        self.channels.borrow_mut()[current] = self.endpoints[current].connect_lazy();
    }

    /// Tries one server after the other until one answers.
    async fn until<T, F>(&self, until: Until<'_>, mut call: impl FnMut(Channel) -> F) -> Result<Answer<T>, Failure>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let mut in_doubt = false;
        let mut last = None;
        let mut pause = PAUSE.0;
        for attempt in 1.. {
            if until.is_over() {
                break;
            }
            let status = match timeout_at(until.attempt(), call(self.channel())).await {
                Ok(Ok(value)) => return Ok(Answer { value, in_doubt }),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("no answer in time"),
            };
            match self.after(&status).await {
                Next::Refused => return Err(Failure::Refused { status, in_doubt }),
                Next::Again => {}
                Next::Doubt => in_doubt = true,
            }
            last = Some(status);
            if attempt % self.endpoints.len() == 0 {
                sleep(pause).await;
                pause = PAUSE.1.min(pause * 2);
            }
        }
        Err(Failure::Unanswered { in_doubt, last })
    }

    /// What a status means for the call, and which server is asked next.
    async fn after(&self, status: &Status) -> Next {
        let says = |part: &str| status.message().contains(part);
        match status.code() {
            // A token lives some minutes, and ends with each change of the users and roles.
            Code::Unauthenticated | Code::InvalidArgument
                if self.credentials.is_some()
                    && ["invalid auth token", "user name is empty", "auth store is old"].into_iter().any(says) =>
            {
                self.authenticate().await;
                Next::Again
            }
            // The server's own: another may do it.
            Code::ResourceExhausted if says("too many requests") => {
                self.turn();
                Next::Again
            }
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Unauthenticated => Next::Refused,
            Code::DeadlineExceeded => {
                self.reconnect();
                self.turn();
                Next::Doubt
            }
            _ => {
                self.turn();
                Next::Doubt
            }
        }
    }

    /// Asks for a token. If that fails the call fails as it did, and says why.
    async fn authenticate(&self) {
        let Some(credentials) = &self.credentials else { return };
        let request = AuthenticateRequest { name: credentials.user.clone(), password: credentials.password.clone() };
        let mut auth = AuthClient::new(self.channel());
        match timeout(ATTEMPT, auth.authenticate(request)).await {
            Ok(Ok(answer)) => *credentials.token.borrow_mut() = answer.into_inner().token.parse().ok(),
            _ => self.turn(),
        }
    }

    fn signed<T>(&self, message: T) -> Result<Request<T>, Status> {
        let mut request = Request::new(message);
        if let Some(credentials) = &self.credentials
            && let Some(token) = &*credentials.token.borrow()
        {
            request.metadata_mut().insert("token", token.clone());
        }
        Ok(request)
    }

    /// Signs in, if there is a user.
    ///
    /// # Errors
    ///
    /// If user or password are refused, or no server answers.
    pub(crate) async fn sign_in(&self, until: Until<'_>) -> Result<(), Failure> {
        let Some(credentials) = &self.credentials else { return Ok(()) };
        let request = AuthenticateRequest { name: credentials.user.clone(), password: credentials.password.clone() };
        let answer = self
            .until(until, |channel| {
                let request = request.clone();
                async move { Ok(AuthClient::new(channel).authenticate(request).await?.into_inner()) }
            })
            .await?;
        *credentials.token.borrow_mut() = answer.value.token.parse().ok();
        Ok(())
    }
}

/// After a try that failed.
enum Next {
    /// It has had no effect, and no other try would have one.
    Refused,
    /// It has had no effect, and another try may have one.
    Again,
    /// It may have had an effect, or may have one later.
    Doubt,
}

impl Failure {
    pub(crate) fn in_doubt(&self) -> bool {
        match self {
            Failure::Refused { in_doubt, .. } | Failure::Unanswered { in_doubt, .. } => *in_doubt,
        }
    }

    /// Whether the lease of the call is no more.
    pub(crate) fn is_of_a_lost_lease(&self) -> bool {
        matches!(self, Failure::Refused { status, .. } if status.message().contains("requested lease not found"))
    }

    /// As an error, where the time was `limit`.
    pub(crate) fn into_error(self, limit: Duration) -> Error {
        match self {
            Failure::Refused { status, .. } => error::refused(&status),
            Failure::Unanswered { last, .. } => error::unreachable(limit, last.as_ref()),
        }
    }
}
