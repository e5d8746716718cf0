//! What is known beside the address, and opening.

use crate::address::{Address, Cluster};
use crate::any::AnySemaphore;
use permits::blocking::block_on;
use permits::{Error, ErrorKind, Operation};
use permits_host as host;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// What an address does not say: what the process calls itself, the secrets, and how each reach is used.
#[derive(Clone, Default)]
#[must_use = "options do nothing until they open a semaphore"]
pub struct Options {
    host: host::Options,
    endpoints: Vec<String>,
    user: Option<String>,
    password: Option<String>,
    ca: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
    ttl: Option<Duration>,
    answer: Option<Duration>,
    label: Option<String>,
    command: Option<String>,
}

/// How a semaphore is opened.
#[derive(Clone, Copy)]
enum Terms {
    Max(u32),
    Resized(u32),
    Existing,
}

impl Options {
    /// Options with their defaults.
    pub fn new() -> Options {
        Options::default()
    }

    /// How semaphores of this host are opened.
    pub fn host(mut self, options: host::Options) -> Options {
        self.host = options;
        self
    }

    /// The servers for addresses that name none, as `10.0.0.1:2379` or `https://etcd-1:2379`.
    pub fn endpoints<E: Into<String>>(mut self, endpoints: impl IntoIterator<Item = E>) -> Options {
        self.endpoints = endpoints.into_iter().map(Into::into).collect();
        self
    }

    /// The user for addresses that name none.
    pub fn user(mut self, user: impl Into<String>) -> Options {
        self.user = Some(user.into());
        self
    }

    /// The password of the user. It is in no error, in no status, and not in the text of `Debug`.
    pub fn password(mut self, password: impl Into<String>) -> Options {
        self.password = Some(password.into());
        self
    }

    /// Trusts servers whose certificates are signed by one of these, in PEM, instead of the system's own.
    pub fn ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Options {
        self.ca = Some(pem.into());
        self
    }

    /// Shows this certificate to the servers, in PEM, with its key.
    pub fn client_certificate(mut self, pem: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Options {
        self.identity = Some((pem.into(), key.into()));
        self
    }

    /// How long a lease lasts if it is not renewed, for addresses that do not say it; 15 s by default. Whole
    /// seconds, 1 s to 10 min.
    pub fn ttl(mut self, ttl: Duration) -> Options {
        self.ttl = Some(ttl);
        self
    }

    /// How long a call waits for the answer of a server; 5 s by default.
    pub fn answer_within(mut self, time: Duration) -> Options {
        self.answer = Some(time);
        self
    }

    /// A text by which people tell this process from others, on machines. On a host it is an option of
    /// [`host`](Self::host).
    pub fn label(mut self, label: impl Into<String>) -> Options {
        self.label = Some(label.into());
        self
    }

    /// The command that the status shows on machines; the arguments of this process by default.
    pub fn command(mut self, command: impl Into<String>) -> Options {
        self.command = Some(command.into());
        self
    }

    /// Opens a semaphore of `max` permits, and creates it if it is not there.
    ///
    /// # Errors
    ///
    /// Those of [`permits_host::Options::open`] and `permits_etcd::Etcd::open`;
    /// [`ErrorKind::System`] for machines without the feature `etcd`.
    pub fn open(&self, address: &Address, max: u32) -> Opening {
        self.opening(address, Terms::Max(max))
    }

    /// Opens a semaphore, and changes its number of permits to `max`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), without [`ErrorKind::MaxDiffers`].
    pub fn open_resized(&self, address: &Address, max: u32) -> Opening {
        self.opening(address, Terms::Resized(max))
    }

    /// Opens a semaphore that exists.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`ErrorKind::NotFound`].
    pub fn open_existing(&self, address: &Address) -> Opening {
        self.opening(address, Terms::Existing)
    }

    fn opening(&self, address: &Address, terms: Terms) -> Opening {
        match address {
            Address::Host(name) => {
                let options = self.host.clone();
                let opened = match terms {
                    Terms::Max(max) => options.open(name, max),
                    Terms::Resized(max) => options.resize(true).open(name, max),
                    Terms::Existing => options.open_existing(name),
                };
                Opening(Progress::Over(Some(opened.map(AnySemaphore::Host))))
            }
            Address::Etcd { cluster, name } => self.opening_etcd(cluster, name, terms),
        }
    }

    #[cfg(feature = "etcd")]
    fn opening_etcd(&self, cluster: &Cluster, name: &str, terms: Terms) -> Opening {
        let etcd = match self.connect(cluster) {
            Ok(etcd) => etcd,
            Err(why) => return Opening(Progress::Over(Some(Err(why)))),
        };
        Opening(Progress::Etcd(match terms {
            Terms::Max(max) => etcd.open(name, max),
            Terms::Resized(max) => etcd.open_resized(name, max),
            Terms::Existing => etcd.open_existing(name),
        }))
    }

    #[cfg(not(feature = "etcd"))]
    #[expect(clippy::unused_self, reason = "as the one with etcd")]
    fn opening_etcd(&self, _: &Cluster, name: &str, _: Terms) -> Opening {
        let what =
            "it is on etcd, and this program was built without the feature `etcd` of permits-any: build it with that";
        let why = Error::new(ErrorKind::System, what).with_semaphore(name).with_operation(Operation::Open);
        Opening(Progress::Over(Some(Err(why))))
    }

    /// Connects to a cluster, to open several semaphores through one connection.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadName`] without any server, [`ErrorKind::Denied`] for a user without a password; those of
    /// [`permits_etcd::Options::connect`].
    #[cfg(feature = "etcd")]
    pub fn connect(&self, cluster: &Cluster) -> Result<permits_etcd::Etcd, Error> {
        let named: Vec<String> = match cluster.servers() {
            [] => self.endpoints.clone(),
            servers => servers.to_vec(),
        };
        if named.is_empty() {
            let what = format!(
                "the address `{cluster}` names no server, and no endpoints were given: write one before the path, as in \
                 `etcd://10.0.0.1:2379/build`"
            );
            return Err(Error::new(ErrorKind::BadName, what).with_operation(Operation::Open));
        }
        let with_scheme = |server: String| {
            if cluster.is_encrypted() && !server.contains("://") { format!("https://{server}") } else { server }
        };
        let mut options =
            permits_etcd::Etcd::options(named.into_iter().map(with_scheme)).namespace(cluster.namespace());
        if let Some(user) = cluster.user().or(self.user.as_deref()) {
            let Some(password) = &self.password else {
                let what = format!("the user `{user}` has no password: pass it beside the address");
                return Err(Error::new(ErrorKind::Denied, what).with_operation(Operation::Open));
            };
            options = options.user(user, password);
        }
        options = self.ca.iter().fold(options, permits_etcd::Options::ca_certificate);
        options = self.identity.iter().fold(options, |options, (pem, key)| options.client_certificate(pem, key));
        options = cluster.ttl().or(self.ttl).into_iter().fold(options, permits_etcd::Options::ttl);
        options = self.answer.into_iter().fold(options, permits_etcd::Options::answer_within);
        options = self.label.iter().fold(options, permits_etcd::Options::label);
        options = self.command.iter().fold(options, permits_etcd::Options::command);
        options.connect()
    }
}

/// Without the password, and without the key of a certificate.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("endpoints", &self.endpoints)
            .field("user", &self.user)
            .field("ttl", &self.ttl)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// A semaphore that is being opened: a future.
#[must_use = "a future does nothing until it is awaited: `.await` it, or call `.wait()`"]
pub struct Opening(Progress);

enum Progress {
    Over(Option<Result<AnySemaphore, Error>>),
    #[cfg(feature = "etcd")]
    Etcd(permits_etcd::Call<permits_etcd::EtcdSemaphore>),
}

impl Opening {
    /// Blocks the thread until it is open, or has failed.
    ///
    /// # Errors
    ///
    /// Those of the call that made it.
    pub fn wait(self) -> Result<AnySemaphore, Error> {
        block_on(self)
    }
}

impl Future for Opening {
    type Output = Result<AnySemaphore, Error>;

    #[cfg_attr(not(feature = "etcd"), expect(unused_variables, reason = "a semaphore of a host is open at once"))]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Progress::Over(opened) => Poll::Ready(opened.take().expect("a future is not polled after it was ready")),
            #[cfg(feature = "etcd")]
            Progress::Etcd(call) => Pin::new(call).poll(context).map_ok(AnySemaphore::Etcd),
        }
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "etcd"))]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_in_no_text() {
        let options = Options::new().user("alice").password("hunter2").client_certificate("PEM", "hunter2");
        let cluster = Cluster::parse("etcd:///team-a").expect("it is one");

        assert!(!format!("{options:?}").contains("hunter2"));
        let said = options.connect(&cluster).expect_err("it names no server").to_string();
        assert!(said.contains("names no server") && said.contains("`etcd:///team-a`"), "{said}");
    }

    #[test]
    fn user_without_a_password_is_refused_before_any_server_is_asked() {
        let Ok(Address::Etcd { cluster, .. }) = Address::parse("etcd://alice@127.0.0.1:1/x", None) else { panic!() };

        let why = Options::new().connect(&cluster).expect_err("there is no password");

        assert_eq!(why.kind(), ErrorKind::Denied);
        assert!(why.to_string().contains("`alice` has no password"), "{why}");
    }
}
