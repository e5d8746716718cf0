//! Servers that speak TLS, and servers that want to know who is there.

use permits::ErrorKind;
use permits_etcd::{Error, Etcd, EtcdSemaphore, Options};
use permits_testbed::etcd::{Engine, Etcd as Cluster};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A pair of a certificate and its key, in PEM.
struct Pair {
    certificate: String,
    key: String,
}

/// An authority that signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut parameters = CertificateParams::new([]).expect("no name is a good list of names");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("there is randomness");
        Authority(CertifiedIssuer::self_signed(parameters, key).expect("the parameters are good"))
    }

    fn sign(&self, name: &str) -> Pair {
        let parameters = CertificateParams::new([name.to_owned()]).expect("it is a name");
        let key = KeyPair::generate().expect("there is randomness");
        let certificate = parameters.signed_by(&key, &self.0).expect("the parameters are good");
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

/// Files of one test, which go with it.
struct Files(PathBuf);

impl Files {
    fn new(test: &str) -> Files {
        let folder = std::env::temp_dir().join(format!("permits-etcd-{test}-{}", std::process::id()));
        std::fs::create_dir(&folder).expect("no other test has that name");
        Files(folder)
    }

    fn add(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("there is room");
        path.to_str().expect("its name is text").to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

fn quick(options: Options) -> Etcd {
    options.answer_within(Duration::from_secs(3)).connect().expect("the options are good")
}

fn opened(etcd: &Etcd) -> Result<EtcdSemaphore, Error> {
    etcd.open("a", 1).wait()
}

/// Acquires and releases, so that a lease, a transaction, a delete and a list have passed.
#[track_caller]
fn works(etcd: &Etcd) {
    let semaphore = opened(etcd).expect("it can be opened");
    let permit = semaphore.acquire().wait().expect("it is free");
    permit.release().wait().expect("it is held");
    assert_eq!(semaphore.state().wait().expect("it can be read").given_out, 0);
}

#[track_caller]
fn fails(outcome: Result<EtcdSemaphore, Error>, kind: ErrorKind) -> String {
    let error = outcome.expect_err("it must not be let in");
    assert_eq!(error.kind(), kind, "{error}");
    error.to_string()
}

#[test]
fn server_and_client_know_each_other_by_certificates() {
    let Some(program) = Engine::Current.program() else { return };
    let (authority, stranger, files) = (Authority::new(), Authority::new(), Files::new("tls"));
    let server = authority.sign("127.0.0.1");
    let [ca, certificate, key] = [
        files.add("ca.pem", &authority.pem()),
        files.add("server.pem", &server.certificate),
        files.add("server.key", &server.key),
    ];
    let arguments = ["--client-cert-auth", "--trusted-ca-file", &ca, "--cert-file", &certificate, "--key-file", &key];
    let cluster = Cluster::start_encrypted(&program, &arguments);
    let endpoint = format!("https://{}", cluster.endpoints()[0]);
    let client = authority.sign("client");
    let options = || Etcd::options([&endpoint]);

    works(&quick(options().ca_certificate(authority.pem()).client_certificate(&client.certificate, &client.key)));

    // Without a certificate, with one of another authority, and to a server of another authority.
    let without = quick(options().ca_certificate(authority.pem()));
    fails(opened(&without), ErrorKind::Unreachable);
    let other = stranger.sign("client");
    let other = quick(options().ca_certificate(authority.pem()).client_certificate(&other.certificate, &other.key));
    fails(opened(&other), ErrorKind::Unreachable);
    let misled = quick(options().ca_certificate(stranger.pem()).client_certificate(&client.certificate, &client.key));
    let text = fails(opened(&misled), ErrorKind::Unreachable);
    assert!(text.contains("invalid peer certificate"), "{text}");
}

/// Runs etcdctl, which comes with the server.
#[track_caller]
fn control(program: &Path, endpoint: &str, words: &[&str]) {
    let output = Command::new(program.with_file_name("etcdctl"))
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", endpoint])
        .args(words)
        .output()
        .expect("it comes with the server");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn user_needs_a_password_and_a_right_on_the_keys() {
    let Some(program) = Engine::Current.program() else { return };
    let cluster = Cluster::start(&program, 1, &[]);
    let endpoint = cluster.endpoints().remove(0);
    let root = ["--user", "root:secret"];
    for words in [
        &["user", "add", "root:secret"][..],
        &["user", "grant-role", "root", "root"],
        &["role", "add", "deploys"],
        &["role", "grant-permission", "deploys", "--prefix=true", "readwrite", "/permits/v1/a/"],
        &["user", "add", "ann:pass"],
        &["user", "grant-role", "ann", "deploys"],
        &["auth", "enable"],
    ] {
        control(&program, &endpoint, words);
    }
    let options = |user: &str, password: &str| Etcd::options([&endpoint]).user(user, password);

    let ann = quick(options("ann", "pass"));
    works(&ann);
    let denied = fails(ann.open("b", 1).wait(), ErrorKind::Denied);
    assert!(denied.contains("role with `readwrite`"), "{denied}");
    let wrong = fails(opened(&quick(options("ann", "wrong"))), ErrorKind::Denied);
    assert!(wrong.contains("check user and password") && !wrong.contains("wrong"), "{wrong}");
    fails(opened(&quick(Etcd::options([&endpoint]))), ErrorKind::Denied);

    // With a change of the rights all tokens are void: it signs in again.
    let semaphore = opened(&ann).expect("it can be opened");
    let permit = semaphore.acquire().wait().expect("it is free");
    let more = ["role", "grant-permission", "deploys", "--prefix=true", "readwrite", "/permits/v1/b/"];
    control(&program, &endpoint, &[&root[..], &more].concat());
    permit.release().wait().expect("it is held");
    works(&ann);
    ann.open("b", 1).wait().expect("it has the right by now");
}

#[test]
fn no_error_and_no_debug_text_shows_a_password() {
    let options = Etcd::options(["127.0.0.1:1"]).user("ann", "hunter2");
    assert!(!format!("{options:?}").contains("hunter2"));
    let error = opened(&quick(options)).expect_err("no server is there");
    assert!(!format!("{error:?} {error}").contains("hunter2"), "{error}");
}
