//! Addresses: pure text, in and out.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use permits::{Error, ErrorKind, Operation};
use std::fmt;
use std::net::Ipv6Addr;
use std::time::Duration;

/// The semaphore that an address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// One of the processes of this host, by its name.
    Host(String),
    /// One of machines.
    Etcd {
        /// Where it is.
        cluster: Cluster,
        /// Its name.
        name: String,
    },
}

/// Servers of etcd, and a namespace on them: an address without the name of a semaphore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    is_encrypted: bool,
    user: Option<String>,
    /// `HOST:PORT`.
    servers: Vec<String>,
    namespace: Vec<String>,
    ttl: Option<Duration>,
}

/// The port of etcd for its clients.
const PORT: u16 = 2379;

/// The longest name of a semaphore, in bytes. A copy: `permits-etcd` may be left out.
const LONGEST_NAME: usize = 200;

/// The shortest and the longest lease. A copy likewise.
const TTL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

/// What a part of a path has as an escape.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'/').add(b'?').add(b'#').add(b'%').add(b'@').add(b' ');

const EXAMPLE: &str = "it looks like `etcd://10.0.0.1:2379/build`";

impl Address {
    /// Whether a text is an address of machines, and not the name of a semaphore of this host: it contains `://`,
    /// or begins with `@`.
    #[must_use]
    pub fn is_of_machines(text: &str) -> bool {
        text.contains("://") || text.starts_with('@')
    }

    /// Parses an address. `backend` is where `@NAME` is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadName`], or [`ErrorKind::BadInterval`] for the time of a lease. No error contains a
    /// password.
    pub fn parse(text: &str, backend: Option<&Cluster>) -> Result<Address, Error> {
        if !Self::is_of_machines(text) {
            return Ok(Address::Host(text.to_owned()));
        }
        let mut cluster = Cluster::parse_on(text, backend)?;
        let path = text.split_once('?').map_or(text, |(path, _)| path);
        let Some(name) = cluster.namespace.pop().filter(|_| !path.ends_with('/')) else {
            return Err(bad(
                text,
                "it names no semaphore: add the name after a `/`, as in",
                "etcd://10.0.0.1:2379/build",
            ));
        };
        if name.len() > LONGEST_NAME {
            let why = format!(
                "the name has `{}` bytes, at most `{LONGEST_NAME}` are allowed: use a shorter one, as in",
                name.len()
            );
            return Err(bad(text, &why, "etcd://10.0.0.1:2379/build"));
        }
        Ok(Address::Etcd { cluster, name })
    }

    /// The name of the semaphore, without where it is.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Address::Host(name) | Address::Etcd { name, .. } => name,
        }
    }
}

/// As it is parsed.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Host(name) => f.write_str(name),
            Address::Etcd { cluster, name } => cluster.write(f, Some(name)),
        }
    }
}

impl Cluster {
    /// Parses an address that ends with a namespace, as `etcd://10.0.0.1:2379/team-a`, or without one. A slash
    /// at the end changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Address::parse`].
    pub fn parse(text: &str) -> Result<Cluster, Error> {
        Self::parse_on(text.strip_suffix('/').unwrap_or(text), None)
    }

    /// Parses the namespace in an address such as `etcd://10.0.0.1:2379/team-a/`, or `@`.
    ///
    /// # Errors
    ///
    /// As [`Address::parse`].
    pub fn parse_on(text: &str, backend: Option<&Cluster>) -> Result<Cluster, Error> {
        check_for_a_password(text)?;
        if let Some(path) = text.strip_prefix('@') {
            let Some(backend) = backend else {
                return Err(bad(
                    text,
                    "it is on a backend, and none was given: name the servers instead, as in",
                    &format!("etcd://10.0.0.1:2379/{path}"),
                ));
            };
            let mut cluster = backend.clone();
            cluster.add_path(text, path)?;
            return Ok(cluster);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(bad(text, "it is no address of servers:", EXAMPLE));
        };
        let is_encrypted = match scheme {
            "etcd" => false,
            "etcds" => true,
            "http" => return Err(bad(text, "its scheme is `http`: write instead", &format!("etcd://{rest}"))),
            "https" => return Err(bad(text, "its scheme is `https`: write instead", &format!("etcds://{rest}"))),
            _ => {
                let why = format!("its scheme is `{scheme}`, and it can be `etcd`, or `etcds` for TLS:");
                return Err(bad(text, &why, EXAMPLE));
            }
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, servers) = match authority.rsplit_once('@') {
            Some((user, servers)) => (Some(decoded(text, user)?), servers),
            None => (None, authority),
        };
        if user.as_deref() == Some("") {
            return Err(bad(
                text,
                "its user is empty: leave out the `@`, or write",
                "etcd://alice@10.0.0.1:2379/build",
            ));
        }
        let all = servers.split(',').filter(|_| !servers.is_empty());
        let servers = all.map(|server| checked(text, server)).collect::<Result<_, _>>()?;
        let mut cluster = Cluster { is_encrypted, user, servers, namespace: Vec::new(), ttl: None };
        cluster.add_path(text, path.strip_prefix('/').unwrap_or(path))?;
        Ok(cluster)
    }

    /// Adds parts to the namespace, and takes over what a query says.
    fn add_path(&mut self, text: &str, path: &str) -> Result<(), Error> {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        if path.contains('#') {
            return Err(bad(text, "it has a `#`, which begins a fragment: write it as", "%23"));
        }
        // A slash at the end is one of a namespace; the name that is missing there is noticed by the caller.
        let path = path.strip_suffix('/').map_or(path, |before| if before.is_empty() { path } else { before });
        for part in path.split('/').filter(|_| !path.is_empty()) {
            let part = decoded(text, part)?;
            if part.is_empty() || part.chars().any(char::is_control) {
                let why = format!(
                    "its path has the part `{}`: parts are not empty and have no control characters, as in",
                    part.escape_debug()
                );
                return Err(bad(text, &why, "etcd://10.0.0.1:2379/team-a/build"));
            }
            self.namespace.push(part);
        }
        for (key, value) in
            query.into_iter().flat_map(|query| query.split('&')).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        {
            if key != "ttl" {
                // Not its value, which may be a secret.
                let why = format!("it has the option `{key}`, and the only one is `ttl`, as in");
                return Err(bad(text, &why, "etcd://10.0.0.1:2379/build?ttl=30s"));
            }
            self.ttl = Some(ttl(value)?);
        }
        Ok(())
    }

    /// Whether the servers are reached over TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// The user, if the address has one.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The servers, as `HOST:PORT`; none if the address leaves them out.
    #[must_use]
    pub fn servers(&self) -> &[String] {
        &self.servers
    }

    /// Where the keys of its semaphores are: `/permits/` if the address has no namespace.
    #[must_use]
    pub fn namespace(&self) -> String {
        if self.namespace.is_empty() { "/permits/".to_owned() } else { format!("/{}/", self.namespace.join("/")) }
    }

    /// How long a lease lasts, if the address says it.
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    /// The address of a semaphore of its namespace.
    #[must_use]
    pub fn semaphore(&self, name: impl Into<String>) -> Address {
        Address::Etcd { cluster: self.clone(), name: name.into() }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, name: Option<&str>) -> fmt::Result {
        f.write_str(if self.is_encrypted { "etcds://" } else { "etcd://" })?;
        if let Some(user) = &self.user {
            write!(f, "{}@", utf8_percent_encode(user, ESCAPED))?;
        }
        f.write_str(&self.servers.join(","))?;
        for part in self.namespace.iter().map(String::as_str).chain(name) {
            write!(f, "/{}", utf8_percent_encode(part, ESCAPED))?;
        }
        match self.ttl {
            Some(ttl) => write!(f, "?ttl={}s", ttl.as_secs()),
            None => Ok(()),
        }
    }
}

/// As it is parsed.
impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, None)
    }
}

/// Refuses all that may be a password, wherever the parts of the address end: an error about one of them could
/// quote a piece of it.
fn check_for_a_password(text: &str) -> Result<(), Error> {
    let Some((_, rest)) = text.split_once("://") else { return Ok(()) };
    let Some((before, _)) = rest.rsplit_once('@') else { return Ok(()) };
    let decoded = percent_decode_str(before).decode_utf8_lossy();
    if !decoded.contains(':') {
        return Ok(());
    }
    let what = format!(
        "the address `{}` has a password in it, which the list of processes would show: leave it out, and pass it in \
         another way; an `@` in a name is written `%40`",
        shown(text)
    );
    Err(Error::new(ErrorKind::BadName, what).with_operation(Operation::Open))
}

/// A server as `HOST:PORT`.
fn checked(text: &str, server: &str) -> Result<String, Error> {
    let refused = |why: &str| {
        let why = format!("its server `{server}` {why}: a server is a host and a port, as in");
        Err(bad(text, &why, "etcd://10.0.0.1:2379,[::1]:2379/build"))
    };
    let (host, port) = match server.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(None) => return refused("has no `]`"),
        Some(Some((host, _))) if host.parse::<Ipv6Addr>().is_err() => {
            return refused("is no address between `[` and `]`");
        }
        Some(Some((host, rest))) => (format!("[{host}]"), rest.strip_prefix(':').or(rest.is_empty().then_some(""))),
        None => match server.split_once(':') {
            Some((_, port)) if port.contains(':') => return refused("has several `:` without `[` and `]`"),
            Some((host, port)) => (host.to_owned(), Some(port).filter(|port| !port.is_empty())),
            None => (server.to_owned(), Some("")),
        },
    };
    let is_of_hosts = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
    if host.is_empty() || !host.chars().all(is_of_hosts) {
        return refused("has no host");
    }
    match port {
        Some("") => Ok(format!("{host}:{PORT}")),
        Some(port_text) => match port_text.parse::<u16>() {
            Ok(port @ 1..) if !port_text.starts_with('+') => Ok(format!("{host}:{port}")),
            _ => refused("has no port from `1` to `65535`"),
        },
        None => refused("has no port behind the `:`"),
    }
}

/// Whole seconds: `15s`, `15` or `2m`.
fn ttl(value: &str) -> Result<Duration, Error> {
    let (least, most) = TTL;
    let (digits, unit) = match value.strip_suffix('m') {
        Some(digits) => (digits, 60),
        None => (value.strip_suffix('s').unwrap_or(value), 1),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = digits.parse::<u64>().ok().filter(|_| is_number).and_then(|number| number.checked_mul(unit));
    match seconds.map(Duration::from_secs) {
        Some(time) if (least..=most).contains(&time) => Ok(time),
        _ => {
            let what = format!("a lease of `{value}`: it lasts whole seconds, `1s` to `10m`, such as `ttl=15s`");
            Err(Error::new(ErrorKind::BadInterval, what).with_operation(Operation::Open))
        }
    }
}

fn decoded(text: &str, part: &str) -> Result<String, Error> {
    let is_hex = |at: usize| part.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
    let is_written_well = part.match_indices('%').all(|(at, _)| is_hex(at + 1) && is_hex(at + 2));
    match percent_decode_str(part).decode_utf8() {
        Ok(decoded) if is_written_well => Ok(decoded.into_owned()),
        _ => {
            let why =
                format!("`{part}` in it is not UTF-8, or has a `%` without two hexadecimal digits: write a `%` as");
            Err(bad(text, &why, "%25"))
        }
    }
}

fn bad(text: &str, why: &str, instead: &str) -> Error {
    let instead = if instead.contains('`') { instead.to_owned() } else { format!("`{instead}`") };
    let what = format!("the address `{}` is not one: {why} {instead}", shown(text));
    Error::new(ErrorKind::BadName, what).with_operation(Operation::Open)
}

/// An address as it may be repeated: what stands before an `@` may be a secret, and the value of an option.
fn shown(text: &str) -> String {
    let text = match text.split_once('?') {
        Some((path, _)) => &format!("{path}?…"),
        None => text,
    };
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Address {
        Address::parse(text, None).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    fn cluster(text: &str) -> Cluster {
        match parsed(text) {
            Address::Etcd { cluster, .. } => cluster,
            Address::Host(name) => panic!("`{name}` is of this host"),
        }
    }

    fn refusal(text: &str) -> String {
        let why = Address::parse(text, None).expect_err(text);
        assert!(matches!(why.kind(), ErrorKind::BadName | ErrorKind::BadInterval), "{why}");
        why.to_string()
    }

    #[test]
    fn bare_name_is_of_this_host_whatever_it_is() {
        for name in ["build", "a b", "a:1", "a@b", ""] {
            assert_eq!(parsed(name), Address::Host(name.to_owned()));
        }
    }

    #[test]
    fn address_has_servers_a_namespace_and_a_name() {
        let all = cluster("etcds://alice@h:1,10.0.0.2,[::1]:7/team-a/x/build?ttl=2m");

        assert!(all.is_encrypted());
        assert_eq!(all.user(), Some("alice"));
        assert_eq!(all.servers(), ["h:1", "10.0.0.2:2379", "[::1]:7"]);
        assert_eq!((all.namespace().as_str(), all.ttl()), ("/team-a/x/", Some(Duration::from_secs(120))));
        assert_eq!(parsed("etcd://h/team-a/build").name(), "build");
        assert_eq!(cluster("etcd://h/build").namespace(), "/permits/");
        assert!(cluster("etcd:///build").servers().is_empty());
    }

    #[test]
    fn name_may_have_any_character_as_an_escape() {
        assert_eq!(parsed("etcd://h/a%2Fb%20c").name(), "a/b c");
        assert_eq!(parsed("etcd://h/%E5%BB%BA").name(), "建");
        assert_eq!(cluster("etcd://a%40b@h/x").user(), Some("a@b"));
    }

    #[test]
    fn address_is_written_as_it_is_parsed() {
        for text in ["build", "etcd://h:1/x", "etcds://a%40b@h:1,[::1]:2/n/a%2Fb%3F?ttl=15s", "etcd:///x"] {
            assert_eq!(parsed(text).to_string(), text);
            assert_eq!(parsed(&parsed(text).to_string()), parsed(text));
        }
        assert_eq!(Cluster::parse("etcd://h/n/").expect("it is one").to_string(), "etcd://h:2379/n");
    }

    #[test]
    fn at_sign_is_on_the_backend() {
        let backend = Cluster::parse("etcds://alice@h:1/team-a?ttl=5s").expect("it is one");
        let on = |text| Address::parse(text, Some(&backend)).map(|address| address.to_string());

        assert_eq!(on("@build").expect("it is one"), "etcds://alice@h:1/team-a/build?ttl=5s");
        assert_eq!(on("@x/build?ttl=9s").expect("it is one"), "etcds://alice@h:1/team-a/x/build?ttl=9s");
        assert_eq!(Cluster::parse_on("@", Some(&backend)).expect("it is one"), backend);
        assert!(
            refusal("@build").contains("none was given: name the servers instead, as in `etcd://10.0.0.1:2379/build`")
        );
    }

    #[test]
    fn refusal_names_the_value_and_the_way_out() {
        let long = format!("etcd://h/{}", "x".repeat(201));
        let cases = [
            (
                "redis://h/x",
                "its scheme is `redis`, and it can be `etcd`, or `etcds` for TLS: it looks like `etcd://10.0.0.1:2379/build`",
            ),
            ("http://h:1/x", "its scheme is `http`: write instead `etcd://h:1/x`"),
            ("https://h:1/x", "write instead `etcds://h:1/x`"),
            ("etcd://h:2379", "it names no semaphore: add the name after a `/`"),
            ("etcd://h:2379/team-a/", "it names no semaphore: add the name after a `/`"),
            ("etcd://h:99999/x", "its server `h:99999` has no port from `1` to `65535`"),
            ("etcd://h:0/x", "`h:0`"),
            ("etcd://h:+1/x", "`h:+1`"),
            ("etcd://h:/x", "its server `h:` has no port behind the `:`"),
            ("etcd://h,,i/x", "its server `` has no host"),
            ("etcd://::1/x", "`::1` has several `:` without `[` and `]`"),
            ("etcd://[::1/x", "has no `]`"),
            ("etcd://[x]:1/x", "is no address between `[` and `]`"),
            ("etcd://a b/x", "its server `a b` has no host"),
            ("etcd://@h/x", "its user is empty: leave out the `@`"),
            ("etcd://h/a//b", "its path has the part ``"),
            ("etcd://h/a%0Ab", "its path has the part `a\\nb`"),
            ("etcd://h/a%b", "write a `%` as `%25`"),
            ("etcd://h/%ff", "is not UTF-8"),
            ("etcd://h/a#b", "write it as `%23`"),
            (
                "etcd://h/x?ca=y",
                "it has the option `ca`, and the only one is `ttl`, as in `etcd://10.0.0.1:2379/build?ttl=30s`",
            ),
            ("etcd://h/x?ttl=0s", "a lease of `0s`: it lasts whole seconds, `1s` to `10m`, such as `ttl=15s`"),
            ("etcd://h/x?ttl=11m", "`11m`"),
            ("etcd://h/x?ttl=1.5s", "`1.5s`"),
            ("etcd://h/x?ttl=+5s", "`+5s`"),
            ("etcd://h/x?ttl", "a lease of ``"),
            (long.as_str(), "the name has `201` bytes, at most `200` are allowed"),
        ];
        for (text, part) in cases {
            let said = refusal(text);
            assert!(said.contains(part), "{text}: {said}");
        }
    }

    #[test]
    fn password_is_refused_and_in_no_error() {
        for text in [
            "etcd://alice:hunter2@h/x",
            "etcd://alice%3Ahunter2@h/x",
            "etcd://alice:hun@ter2@h/x",
            "etcd://alice:hunter2/@h/x",
            "etcd://alice:hunter2/x@h",
            "etcd://:hunter2@h/x",
            "redis://alice:hunter2@h/x",
            "etcd://alice:hunter2@h/x?ttl=no",
            "etcd://h/x?password=hunter2",
            "etcd://h/x?ttl=1s&token=hunter2",
        ] {
            let said = refusal(text);
            assert!(!said.contains("hun") && !said.contains("ter2"), "{said}");
        }
        let said = refusal("etcd://alice:hunter2@h/x");
        assert!(said.contains("`etcd://…@h/x` has a password in it") && said.contains("leave it out"), "{said}");
        assert!(refusal("etcd://h:1/a@b").contains("an `@` in a name is written `%40`"));
    }
}
