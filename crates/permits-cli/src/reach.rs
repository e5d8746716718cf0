//! Which reach a name has: a bare name is of this host, an address is of machines.
//!
//! An environment variable never moves a bare name to machines: a command that counted on this host goes on doing
//! so. What the variables say here is for addresses alone.

use std::time::Duration;

use permits_any::{Address, Cluster};
use permits_host::{Removal, State};

use crate::args::{Act, Common, Run};
use crate::failure::{Failure, code};
use crate::values::{Change, Number};

/// Where `@NAME` is.
const BACKEND: &str = "PERMITS_BACKEND";

/// Whether a name is an address of machines.
pub(crate) fn is_of_machines(name: &str) -> bool {
    Address::is_of_machines(name)
}

/// The names that the arguments have.
fn names(act: &Act) -> Vec<&String> {
    match act {
        Act::Run(args) => vec![&args.name],
        Act::Acquire(args) => vec![&args.name],
        Act::Release(args) => vec![&args.name],
        Act::Set(args) => vec![&args.name],
        Act::Wait(args) => vec![&args.name],
        Act::Revoke(args) => vec![&args.name],
        Act::Repair(args) => vec![&args.name],
        Act::Status(args) => args.names.iter().collect(),
        Act::Top(args) => args.names.iter().collect(),
        Act::Remove(args) => args.names.iter().collect(),
        Act::List(args) => args.namespace.iter().collect(),
        Act::Check(args) => args.name.iter().collect(),
        Act::Doctor(args) => args.address.iter().collect(),
        Act::Completions(_) | Act::Man(_) => Vec::new(),
    }
}

/// Refuses what a name cannot have at its reach, by the name of the option.
pub(crate) fn check(act: &Act, common: &Common) -> Result<(), Failure> {
    let names = names(act);
    let Some(address) = names.iter().find(|name| is_of_machines(name)) else {
        return check_on_host(act, &names);
    };
    if cfg!(not(feature = "etcd")) {
        return Err(left_out(address));
    }
    parse(address)?;
    if common.dir.is_some() || common.mode.is_some() {
        let option = if common.dir.is_some() { "--dir" } else { "--mode" };
        return Err(not_there(option, address, "which has no file: give a bare name to use one of this host"));
    }
    let refusal = match act {
        Act::Run(args) => of_run(args),
        Act::Acquire(args) if args.while_pid.is_none() => Some((
            "acquire",
            "where permits are held under a lease, and none would renew it after `permits acquire` has ended: give \
             --while-pid PID to hold them as long as a process lives, or use `permits run`",
        )),
        Act::Acquire(args) if args.terms.spacing.every.is_some() => Some(NO_SPACING),
        Act::Set(args) if args.every.is_some() => Some(NO_SPACING),
        Act::Repair(_) => Some(("repair", "which has no file to repair")),
        _ => None,
    };
    if let Some((what, why)) = refusal {
        return Err(not_there(what, address, why));
    }
    let numbers = match act {
        Act::Run(args) => vec![args.terms.size.max, args.terms.size.create],
        Act::Acquire(args) => vec![args.terms.size.max, args.terms.size.create],
        Act::Release(args) => vec![args.size.max, args.size.create],
        Act::Set(args) => vec![args.max.and_then(|change| if let Change::To(max) = change { Some(max) } else { None })],
        _ => Vec::new(),
    };
    match numbers.into_iter().flatten().any(|number| matches!(number, Number::Percent(_))) {
        true => Err(not_there("a share of the processors", address, "where each machine has its own: give a number")),
        false => Ok(()),
    }
}

const NO_SPACING: (&str, &str) = ("--every", "which does not space starts");

/// What a run on machines cannot have.
fn of_run(args: &Run) -> Option<(&'static str, &'static str)> {
    let cases = [
        (args.exec, "--exec", "where permits are held under a lease, and none would renew it: leave out --exec"),
        (
            args.jobserver.is_some(),
            "--jobserver",
            "whose permits are of all machines: use it in a `permits run` of this host",
        ),
        (args.terms.spacing.every.is_some(), NO_SPACING.0, NO_SPACING.1),
        (args.reentrant, "--reentrant", "which does not know the run around this one"),
        (args.supersede.is_some(), "--supersede", "which knows no keys of runs"),
    ];
    cases.into_iter().find(|(is_given, ..)| *is_given).map(|(_, option, why)| (option, why))
}

/// Options that say how machines are reached.
fn check_on_host(act: &Act, names: &[&String]) -> Result<(), Failure> {
    let machines = match act {
        Act::Run(args) => Some(&args.machines),
        Act::Acquire(args) => Some(&args.machines),
        _ => None,
    };
    let given = [
        ("--ttl", "leases", machines.is_some_and(|given| given.ttl.is_some())),
        ("--on-engine-loss", "servers", machines.is_some_and(|given| given.on_engine_loss.is_some())),
    ];
    let given = given.into_iter().find(|(.., is_given)| *is_given);
    let Some(name) = names.first().filter(|_| given.is_some() || matches!(act, Act::List(_) | Act::Doctor(_))) else {
        return Ok(());
    };
    let (option, lacks, _) = given.unwrap_or_default();
    let text = match act {
        Act::List(_) | Act::Doctor(_) => {
            format!(
                "`{name}` is not an address, which looks like `etcd://10.0.0.1:2379/team-a`: leave it out for this host"
            )
        }
        _ => format!(
            "{option} is for addresses, and `{name}` is a semaphore of this host, which has no {lacks}: leave it out"
        ),
    };
    Err(Failure::new(code::USAGE, text))
}

fn not_there(what: &str, address: &str, why: &str) -> Failure {
    let what = if what.starts_with('-') { format!("`{what}`") } else { what.to_owned() };
    Failure::new(code::USAGE, format!("{what} cannot be had for `{address}`, {why}"))
}

/// This program can reach no machine.
pub(crate) fn left_out(address: &str) -> Failure {
    // An address with a password in it is not repeated.
    let shown = parse(address).map_or_else(|_| "an address".to_owned(), |(cluster, _)| format!("`{cluster}`"));
    let text =
        format!("{shown} is of machines, and this program was built without the feature `etcd`: build it with that");
    Failure::new(code::CONFIG, text)
}

/// The cluster of an address, and the name if it has one. An address of a namespace ends with a slash or with its
/// servers, or is `@`.
fn parse(text: &str) -> Result<(Cluster, Option<String>), Failure> {
    let backend = backend()?;
    let path = text.split_once('?').map_or(text, |(path, _)| path);
    let is_without_path = path.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
    let is_namespace = path.ends_with('/') || path == "@" || is_without_path;
    let failed = |error: permits_host::Error| {
        let hint = match text.starts_with('@') && backend.is_none() {
            true => format!(", or set {BACKEND}"),
            false if error.to_string().contains("has a password") => {
                "; PERMITS_PASSWORD, or the file that PERMITS_PASSWORD_FILE names, is for it".to_owned()
            }
            false => String::new(),
        };
        let code = if text.starts_with('@') && backend.is_none() { code::CONFIG } else { code::USAGE };
        Failure::new(code, format!("{error}{hint}"))
    };
    if is_namespace {
        return Ok((Cluster::parse_on(text, backend.as_ref()).map_err(failed)?, None));
    }
    match Address::parse(text, backend.as_ref()).map_err(failed)? {
        Address::Etcd { cluster, name } => Ok((cluster, Some(name))),
        // The caller has looked.
        Address::Host(name) => Err(Failure::new(code::USAGE, format!("`{name}` is not an address"))),
    }
}

fn backend() -> Result<Option<Cluster>, Failure> {
    let Some(text) = variable(BACKEND) else { return Ok(None) };
    let parsed = Cluster::parse(&text).map_err(|error| Failure::new(code::CONFIG, format!("{BACKEND}: {error}")))?;
    Ok(Some(parsed))
}

/// One that is set, and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The status of a semaphore of machines, with its address as its name.
pub(crate) fn status(address: &str) -> Result<permits_host::Status, Failure> {
    #[cfg(feature = "etcd")]
    return Machines::connect(address)?.status();
    #[cfg(not(feature = "etcd"))]
    Err(left_out(address))
}

/// The same, within a time; nothing if there is no such semaphore.
pub(crate) fn status_if_any(address: &str, answer: Duration) -> Result<Option<permits_host::Status>, Failure> {
    #[cfg(feature = "etcd")]
    return Machines::connect_within(address, answer)?.status_if_any();
    #[cfg(not(feature = "etcd"))]
    {
        let _ = answer;
        Err(left_out(address))
    }
}

/// The addresses that begin as a text does that ends within a name: those of its namespace. None if they cannot be had.
pub(crate) fn beginning_with(begun: &str, answer: Duration) -> Vec<String> {
    #[cfg(feature = "etcd")]
    return Machines::beginning_with(begun, answer).unwrap_or_default();
    #[cfg(not(feature = "etcd"))]
    {
        let _ = (begun, answer);
        Vec::new()
    }
}

/// Removes a semaphore of machines, and says what it was like.
pub(crate) fn remove(address: &str, removal: Removal) -> Result<State, Failure> {
    #[cfg(feature = "etcd")]
    {
        let removed = Machines::connect(address)?.existing()?.remove(removal).wait();
        removed.map_err(|error| Failure::of_machines(error, address))
    }
    #[cfg(not(feature = "etcd"))]
    {
        let _ = removal;
        Err(left_out(address))
    }
}

#[cfg(feature = "etcd")]
pub(crate) use connected::Machines;

/// A connection, and what the environment says of it.
#[cfg(feature = "etcd")]
mod connected {
    use std::fs;
    use std::time::Duration;

    use permits_any::{Cluster, Options};
    use permits_etcd::{ErrorKind, Etcd, EtcdSemaphore, Status};

    use super::{parse, variable};
    use crate::args::Machines as Settings;
    use crate::failure::{Failure, code};

    /// An address of machines, and the connection to them.
    pub(crate) struct Machines {
        pub(crate) etcd: Etcd,
        pub(crate) cluster: Cluster,
        /// As it was given.
        pub(crate) address: String,
        name: Option<String>,
    }

    impl Machines {
        /// Connects, to look or to change something. No server is asked yet.
        pub(crate) fn connect(address: &str) -> Result<Machines, Failure> {
            Self::connect_with(address, Options::new())
        }

        /// The same, for calls that end when no server answers in that time.
        pub(crate) fn connect_within(address: &str, answer: Duration) -> Result<Machines, Failure> {
            Self::connect_with(address, Options::new().answer_within(answer))
        }

        /// Connects, to hold permits.
        pub(crate) fn connect_as(
            address: &str,
            settings: &Settings,
            label: Option<&str>,
            command: Option<String>,
        ) -> Result<Machines, Failure> {
            let options = settings.ttl.into_iter().fold(Options::new(), Options::ttl);
            let options = label.into_iter().fold(options.answer_within(settings.connect_timeout), Options::label);
            Self::connect_with(address, command.into_iter().fold(options, Options::command))
        }

        fn connect_with(address: &str, options: Options) -> Result<Machines, Failure> {
            let (cluster, name) = parse(address)?;
            let options = from_environment(options)?;
            let etcd = options.connect(&cluster).map_err(|error| Failure::of_machines(error, address))?;
            Ok(Machines { etcd, cluster, address: address.to_owned(), name })
        }

        /// The name of the semaphore.
        pub(crate) fn name(&self) -> Result<&str, Failure> {
            self.name.as_deref().ok_or_else(|| {
                let text = format!("`{}` is a namespace: add the name of a semaphore to it", self.address);
                Failure::new(code::USAGE, text)
            })
        }

        /// The semaphore, which has to exist.
        pub(crate) fn existing(&self) -> Result<EtcdSemaphore, Failure> {
            let opened = self.etcd.open_existing(self.name()?).wait();
            opened.map_err(|error| Failure::of_machines(error, &self.address))
        }

        pub(crate) fn status(&self) -> Result<Status, Failure> {
            let status = self.existing()?.status().wait();
            status.map_err(|error| Failure::of_machines(error, &self.address))
        }

        /// The same; nothing if there is no such semaphore.
        pub(crate) fn status_if_any(&self) -> Result<Option<Status>, Failure> {
            let read = self.etcd.open_existing(self.name()?).wait().and_then(|semaphore| semaphore.status().wait());
            match read {
                Ok(status) => Ok(Some(status)),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Gone) => Ok(None),
                Err(error) => Err(Failure::of_machines(error, &self.address)),
            }
        }

        /// Addresses as they were begun to be written, each with a name of the namespace at its end.
        pub(crate) fn beginning_with(begun: &str, answer: Duration) -> Option<Vec<String>> {
            let end = begun.rfind('/').map_or(usize::from(begun.starts_with('@')), |slash| slash + 1);
            let namespace = &begun[..end];
            // The second slash of a scheme ends no server.
            let machines = Some(namespace).filter(|it| !it.ends_with("://") || begun.contains(":///"))?;
            let machines = Machines::connect_within(machines, answer).ok()?;
            let names = machines.etcd.list().wait().ok()?;
            let written = names.into_iter().filter_map(|name| {
                let address = machines.cluster.semaphore(name).to_string();
                let (address, _) = address.split_once('?').unwrap_or((&address, ""));
                Some(format!("{namespace}{}", address.rsplit_once('/')?.1))
            });
            Some(written.collect())
        }

        /// How long its leases last.
        pub(crate) fn ttl(&self, settings: &Settings) -> Duration {
            self.cluster.ttl().or(settings.ttl).unwrap_or(Duration::from_secs(15))
        }
    }

    /// The variables of etcdctl, as it has them, and ours.
    fn from_environment(mut options: Options) -> Result<Options, Failure> {
        if let Some(endpoints) = variable("ETCDCTL_ENDPOINTS") {
            options = options.endpoints(endpoints.split(',').map(str::trim).filter(|one| !one.is_empty()));
        }
        let is_on = |value: &String| !matches!(value.as_str(), "0" | "false" | "f" | "F" | "FALSE" | "False");
        if variable("ETCDCTL_INSECURE_SKIP_TLS_VERIFY").filter(is_on).is_some() {
            let text = "ETCDCTL_INSECURE_SKIP_TLS_VERIFY cannot be had: name the certificate to trust in ETCDCTL_CACERT, and \
                        unset it";
            return Err(Failure::new(code::CONFIG, text));
        }
        let user = variable("ETCDCTL_USER");
        let (user, beside) = match user.as_deref().map(|user| user.split_once(':')) {
            Some(Some((user, password))) => (Some(user.to_owned()), Some(password.to_owned())),
            _ => (user, None),
        };
        options = user.into_iter().fold(options, Options::user);
        let in_file = variable("PERMITS_PASSWORD_FILE").map(|path| read("PERMITS_PASSWORD_FILE", &path)).transpose()?;
        let in_file = in_file.map(|bytes| String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned());
        let password = variable("PERMITS_PASSWORD").or(in_file).or_else(|| variable("ETCDCTL_PASSWORD")).or(beside);
        options = password.into_iter().fold(options, Options::password);
        if let Some(path) = variable("ETCDCTL_CACERT") {
            options = options.ca_certificate(read("ETCDCTL_CACERT", &path)?);
        }
        match (variable("ETCDCTL_CERT"), variable("ETCDCTL_KEY")) {
            (Some(certificate), Some(key)) => {
                let (certificate, key) = (read("ETCDCTL_CERT", &certificate)?, read("ETCDCTL_KEY", &key)?);
                Ok(options.client_certificate(certificate, key))
            }
            (None, None) => Ok(options),
            (certificate, _) => {
                let (there, missing) = if certificate.is_some() {
                    ("ETCDCTL_CERT", "ETCDCTL_KEY")
                } else {
                    ("ETCDCTL_KEY", "ETCDCTL_CERT")
                };
                Err(Failure::new(code::CONFIG, format!("{there} is set and {missing} is not: set both, or none")))
            }
        }
    }

    fn read(variable: &str, path: &str) -> Result<Vec<u8>, Failure> {
        fs::read(path).map_err(|error| {
            Failure::new(code::CONFIG, format!("the file `{path}`, which {variable} names, cannot be read: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_without_machines_names_the_feature_and_no_password() {
        let failure = left_out("etcds://alice@h/team-a/x");
        assert_eq!(failure.code, code::CONFIG);
        assert!(failure.text.contains("`etcds://alice@h:2379/team-a` is of machines"), "{failure}");
        assert!(failure.text.contains("feature `etcd`"), "{failure}");

        assert!(!left_out("etcd://alice:hunter2@h/x").text.contains("hunter2"));
    }
}
