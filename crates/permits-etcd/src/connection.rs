//! A connection to etcd, and the thread that keeps it.

use crate::call::Call;
use crate::engine::base::Settings;
use crate::engine::caller::Calling;
use crate::engine::core;
use crate::engine::keys::Member;
use crate::engine::link::Link;
use crate::engine::names;
use crate::engine::resize::{self, Opening};
use crate::engine::rpc::{Credentials, Rpc};
use crate::engine::servers;
use crate::error::{Error, ErrorKind, Operation};
use crate::semaphore::EtcdSemaphore;
use crate::server::Server;
use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;
use tonic::transport::Endpoint;

/// How to connect to etcd. See the [crate's page](crate) for an example.
#[derive(Clone)]
#[must_use = "options do nothing until they connect"]
pub struct Options {
    endpoints: Vec<String>,
    namespace: String,
    ttl: Duration,
    answer: Duration,
    label: String,
    command: Option<String>,
    user: Option<(String, String)>,
    #[cfg(feature = "tls")]
    tls: Option<tonic::transport::ClientTlsConfig>,
}

impl Options {
    /// The shortest and the longest time of a lease.
    const TTL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

    fn new(endpoints: Vec<String>) -> Options {
        Options {
            endpoints,
            namespace: String::from("/permits/"),
            ttl: Duration::from_secs(15),
            answer: Duration::from_secs(5),
            label: String::new(),
            command: None,
            user: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// The keys of all semaphores lie below this; `/permits/` by default. Users of one namespace see each
    /// other's semaphores.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Options {
        self.namespace = namespace.into();
        self
    }

    /// How long a lease lasts if it is not renewed; whole seconds, 1 s to 10 min, 15 s by default. Permits of
    /// a process that dies come back after this time, and half a second more.
    ///
    /// It is renewed five times in that time. Below 5 s the loss of a leader of etcd can cost a lease.
    pub fn ttl(mut self, ttl: Duration) -> Options {
        self.ttl = ttl;
        self
    }

    /// How long a call waits for the answer of a server; 5 s by default. A wait without a limit has none.
    pub fn answer_within(mut self, time: Duration) -> Options {
        self.answer = time;
        self
    }

    /// A text by which people tell this process from others; empty by default.
    pub fn label(mut self, label: impl Into<String>) -> Options {
        self.label = label.into();
        self
    }

    /// The command that the status shows; the arguments of this process by default.
    pub fn command(mut self, command: impl Into<String>) -> Options {
        self.command = Some(command.into());
        self
    }

    /// A user of etcd, and the password. It needs a role with `readwrite` on the keys of the semaphores that
    /// it uses.
    pub fn user(mut self, user: impl Into<String>, password: impl Into<String>) -> Options {
        self.user = Some((user.into(), password.into()));
        self
    }

    /// Trusts servers whose certificates are signed by one of these, in PEM, instead of the system's own;
    /// used for endpoints that begin with `https://`.
    #[cfg(feature = "tls")]
    pub fn ca_certificate(mut self, pem: impl AsRef<[u8]>) -> Options {
        let certificate = tonic::transport::Certificate::from_pem(pem);
        self.tls = Some(self.tls.unwrap_or_default().ca_certificate(certificate));
        self
    }

    /// Shows this certificate to the servers, in PEM, with its key.
    #[cfg(feature = "tls")]
    pub fn client_certificate(mut self, pem: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Options {
        let identity = tonic::transport::Identity::from_pem(pem, key);
        self.tls = Some(self.tls.unwrap_or_default().identity(identity));
        self
    }

    /// Connects. No server is asked yet: one that is not there is noticed when a semaphore is opened.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadName`] for what is not an endpoint or a namespace, and [`ErrorKind::BadInterval`] for
    /// a lease that is too short or too long; [`ErrorKind::System`] if no thread can be started.
    pub fn connect(self) -> Result<Etcd, Error> {
        let endpoints = self.endpoints()?;
        let root = root(&self.namespace)?;
        let (least, most) = Self::TTL;
        if !(least..=most).contains(&self.ttl) || self.ttl.subsec_nanos() > 0 {
            let what = format!("a lease of `{:?}`: it lasts whole seconds, {least:?} to {most:?}", self.ttl);
            return Err(Error::new(ErrorKind::BadInterval, what).with_operation(Operation::Open));
        }
        let settings = Settings { root, ttl: self.ttl, answer: self.answer, member: self.member() };
        let credentials = self.user.map(|(user, password)| Credentials::new(user, password));
        let (jobs, receiver) = mpsc::unbounded_channel();
        let system = |why: std::io::Error| {
            Error::new(ErrorKind::System, "the thread of a connection cannot be started").with_source(why)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
        let thread = thread::Builder::new().name("permits-etcd".into()).spawn(move || {
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, async move {
                core::serve(Rpc::new(endpoints, credentials), settings, receiver).await;
            });
        });
        thread.map_err(system)?;
        Ok(Etcd { link: Arc::new(Link::new(jobs)) })
    }

    fn endpoints(&self) -> Result<Vec<Endpoint>, Error> {
        if self.endpoints.is_empty() {
            let what = "no endpoint: name one server at least, as `10.0.0.1:2379`";
            return Err(Error::new(ErrorKind::BadName, what).with_operation(Operation::Open));
        }
        self.endpoints.iter().map(|text| self.endpoint(text)).collect()
    }

    fn endpoint(&self, text: &str) -> Result<Endpoint, Error> {
        let bad = |why: &dyn fmt::Display| {
            let what =
                format!("`{text}` is not an endpoint ({why}): it looks like `10.0.0.1:2379` or `https://etcd-1:2379`");
            Error::new(ErrorKind::BadName, what).with_operation(Operation::Open)
        };
        let address = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        if !(address.starts_with("http://") || address.starts_with("https://")) {
            return Err(bad(&"its scheme is neither `http` nor `https`"));
        }
        let endpoint = Endpoint::from_shared(address.clone()).map_err(|why| bad(&why))?;
        if endpoint.uri().host().is_none_or(str::is_empty) || endpoint.uri().path() != "/" {
            return Err(bad(&"it is not a host and a port"));
        }
        let endpoint = endpoint
            .tcp_nodelay(true)
            .connect_timeout(crate::engine::rpc::ATTEMPT)
            // Not more often: a server ends connections that ask every five seconds.
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(2))
            .keep_alive_while_idle(true);
        self.encrypted(endpoint, address.starts_with("https://"), &bad)
    }

    #[cfg(feature = "tls")]
    fn encrypted(
        &self,
        endpoint: Endpoint,
        is_https: bool,
        bad: &dyn Fn(&dyn fmt::Display) -> Error,
    ) -> Result<Endpoint, Error> {
        if !is_https {
            return Ok(endpoint);
        }
        let tls = self.tls.clone().unwrap_or_else(|| tonic::transport::ClientTlsConfig::new().with_native_roots());
        endpoint.tls_config(tls).map_err(|why| bad(&why))
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "as the one with TLS")]
    fn encrypted(
        &self,
        endpoint: Endpoint,
        is_https: bool,
        bad: &dyn Fn(&dyn fmt::Display) -> Error,
    ) -> Result<Endpoint, Error> {
        if is_https { Err(bad(&"this program was built without the feature `tls`")) } else { Ok(endpoint) }
    }

    fn member(&self) -> Member {
        let command = self.command.clone().unwrap_or_else(|| {
            let arguments: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
            arguments.join(" ")
        });
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let (pid, uid) = (std::process::id(), rustix::process::getuid().as_raw());
        Member { host, pid, uid, command, label: self.label.clone() }
    }
}

/// A namespace as the beginning of all keys.
fn root(namespace: &str) -> Result<String, Error> {
    let inner = namespace.trim_matches('/');
    if inner.is_empty() || inner.chars().any(char::is_control) {
        let what = format!("`{}` is not a namespace: it looks like `/permits/team-a/`", namespace.escape_debug());
        return Err(Error::new(ErrorKind::BadName, what).with_operation(Operation::Open));
    }
    Ok(format!("/{inner}/"))
}

/// A connection to etcd: a thread of its own, with one lease for all that is held through it. A clone is
/// another handle on the same.
///
/// It lives as long as a handle, a semaphore, a request or a permit of it does. Then its lease is given back,
/// by its thread: a process that ends at once should call [`disconnect`](Self::disconnect) before, or its
/// permits come back when the lease ends.
///
/// # After a fork
///
/// A child has no such thread: all calls fail with [`ErrorKind::NotOurs`], and what it drops is not returned.
#[derive(Clone)]
pub struct Etcd {
    link: Arc<Link>,
}

impl Etcd {
    /// Options for connecting to these servers, all of one cluster, as `10.0.0.1:2379` or
    /// `https://etcd-1:2379`.
    pub fn options<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Options {
        Options::new(endpoints.into_iter().map(Into::into).collect())
    }

    /// Connects to these servers, as [`Options::connect`] does.
    ///
    /// # Errors
    ///
    /// As [`Options::connect`].
    pub fn connect<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Result<Etcd, Error> {
        Self::options(endpoints).connect()
    }

    /// Opens a semaphore of `max` permits, and creates it if it is not there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadMax`], [`ErrorKind::BadName`], [`ErrorKind::MaxDiffers`] if it has another number of
    /// permits, [`ErrorKind::Unreachable`], [`ErrorKind::Denied`], [`ErrorKind::Damaged`],
    /// [`ErrorKind::ForeignFormat`].
    pub fn open(&self, name: &str, max: u32) -> Call<EtcdSemaphore> {
        self.opened(name, resize::checked(max.into()).map(Opening::With))
    }

    /// Opens a semaphore that exists.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`ErrorKind::NotFound`].
    pub fn open_existing(&self, name: &str) -> Call<EtcdSemaphore> {
        self.opened(name, Ok(Opening::Existing))
    }

    /// Opens a semaphore, and changes its number of permits to `max`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), but for [`ErrorKind::MaxDiffers`].
    pub fn open_resized(&self, name: &str, max: u32) -> Call<EtcdSemaphore> {
        self.opened(name, resize::checked(max.into()).map(Opening::Resized))
    }

    fn opened(&self, name: &str, opening: Result<Opening, Error>) -> Call<EtcdSemaphore> {
        let opening = match checked(name).and(opening) {
            Ok(opening) => opening,
            Err(why) => return Call::refused(why.with_operation(Operation::Open)),
        };
        let (link, name): (_, Arc<str>) = (Arc::clone(&self.link), name.into());
        Call::of(Calling::answer(&self.link, &Arc::clone(&name), move |room| async move {
            resize::open(&room, opening).await.map_err(|why| why.with_operation(Operation::Open))?;
            Ok(EtcdSemaphore::new(&link, &name))
        }))
    }

    /// The names of the semaphores of the namespace, sorted as their keys are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreachable`], [`ErrorKind::Denied`]: the user needs the right to read the whole
    /// namespace.
    pub fn list(&self) -> Call<Vec<String>> {
        Call::of(Calling::answer(&self.link, &Arc::from(""), |room| async move {
            names::list(&room.base).await.map_err(|why| why.with_operation(Operation::Read))
        }))
    }

    /// Asks each server for its version and state, one after the other, and waits for each as long as for an
    /// [answer](Options::answer_within).
    ///
    /// # Errors
    ///
    /// For each server: [`ErrorKind::Unreachable`]; [`ErrorKind::Denied`] for a user whom it does not tell, as most
    /// versions before 3.5.32 and 3.6.12.
    pub fn servers(&self) -> Call<Vec<(String, Result<Server, Error>)>> {
        Call::of(Calling::answer(&self.link, &Arc::from(""), |room| async move { Ok(servers::all(&room.base).await) }))
    }

    /// Whether the servers have forgotten what was written at that revision: by a compaction, without which etcd
    /// becomes slower with each permit.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreachable`], [`ErrorKind::Denied`]: the user needs the right to read the whole namespace.
    pub fn is_compacted(&self, revision: i64) -> Call<bool> {
        Call::of(Calling::answer(&self.link, &Arc::from(""), move |room| async move {
            servers::is_compacted(&room.base, revision).await.map_err(|why| why.with_operation(Operation::Read))
        }))
    }

    /// Gives the lease back, with all permits that are held and all places in queues, and ends the
    /// connection. Requests that wait, and later ones for permits, fail with [`ErrorKind::Unreachable`].
    pub fn disconnect(&self) -> Call<()> {
        Call::of(Calling::answer(&self.link, &Arc::from(""), |room| async move {
            room.base.end().await;
            Ok(())
        }))
    }
}

impl fmt::Debug for Etcd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Etcd").finish_non_exhaustive()
    }
}

/// Without the password.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map(|(user, _)| user);
        f.debug_struct("Options")
            .field("endpoints", &self.endpoints)
            .field("namespace", &self.namespace)
            .field("ttl", &self.ttl)
            .field("user", &user)
            .finish_non_exhaustive()
    }
}

/// The longest name of a semaphore, in bytes.
const LONGEST_NAME: usize = 200;

/// A name that a semaphore can have: any text without control characters, of 1 to 200 bytes.
fn checked(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        let what = format!(
            "`{}` is not a name: it has 1 to {LONGEST_NAME} bytes, and no control characters",
            name.escape_debug()
        );
        return Err(Error::new(ErrorKind::BadName, what));
    }
    Ok(())
}
