//! Servers that speak TLS and want to know their users: what the environment says of both, and that no secret is shown.

use std::process::Command;

use permits_testbed::etcd::{Engine, Etcd};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;

use crate::machines::{Machines, held};
use crate::place::{Running, output, shell_code, stderr, stdout};

const SECRET: &str = "hunter2";

/// A server with certificates on both sides, on which only alice may use `build`.
struct Secured {
    _etcd: Etcd,
    machines: Machines,
    endpoint: String,
}

impl Secured {
    #[track_caller]
    fn new() -> Option<Secured> {
        let program = Engine::Current.program()?;
        let machines = Machines::on("unused");
        let folder = machines.place.dir().to_owned();
        let mut parameters = CertificateParams::new([]).expect("no name is a good list of names");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("there is randomness");
        let authority = CertifiedIssuer::self_signed(parameters, key).expect("the parameters are good");
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("there is room");
            path.to_str().expect("its name is text").to_owned()
        };
        write("ca.pem", &authority.pem());
        for (name, of) in [("server", "127.0.0.1"), ("client", "client")] {
            let parameters = CertificateParams::new([of.to_owned()]).expect("it is a name");
            let key = KeyPair::generate().expect("there is randomness");
            let signed = parameters.signed_by(&key, &authority).expect("the parameters are good");
            write(&format!("{name}.pem"), &signed.pem());
            write(&format!("{name}.key"), &key.serialize_pem());
        }
        let path = |name: &str| folder.join(name).to_str().expect("its name is text").to_owned();
        let [ca, certificate, key] = ["ca.pem", "server.pem", "server.key"].map(path);
        let arguments =
            ["--client-cert-auth", "--trusted-ca-file", &ca, "--cert-file", &certificate, "--key-file", &key];
        let etcd = Etcd::start_encrypted(&program, &arguments);
        let endpoint = etcd.endpoints().remove(0);
        let secured = Secured { _etcd: etcd, machines, endpoint };
        for words in [
            &["user", "add", "root:toor"][..],
            &["user", "grant-role", "root", "root"],
            &["user", "add", &format!("alice:{SECRET}")],
            &["role", "add", "builds"],
            &["role", "grant-permission", "--prefix=true", "builds", "readwrite", "/permits/v1/build/"],
            &["user", "grant-role", "alice", "builds"],
            &["auth", "enable"],
        ] {
            let control = program.with_file_name("etcdctl");
            let mut etcdctl = Command::new(control);
            etcdctl.env("ETCDCTL_API", "3").arg(format!("--endpoints=https://{}", secured.endpoint));
            etcdctl.args(["--cacert", &ca, "--cert", &path("client.pem"), "--key", &path("client.key")]);
            let done = output(etcdctl.args(words));
            assert!(done.status.success(), "{words:?}: {}", stderr(&done));
        }
        Some(secured)
    }

    /// With the certificates, and the password.
    fn permits(&self, args: &[&str]) -> Command {
        let mut command = self.machines.permits(args);
        let path = |name: &str| self.machines.place.dir().join(name);
        command.env("ETCDCTL_CACERT", path("ca.pem")).env("ETCDCTL_CERT", path("client.pem"));
        command.env("ETCDCTL_KEY", path("client.key")).env("PERMITS_PASSWORD", SECRET);
        command
    }

    fn address(&self) -> String {
        format!("etcds://alice@{}/build", self.endpoint)
    }
}

fn said(command: &mut Command) -> (i32, String, String) {
    let output = output(command);
    (shell_code(output.status), stdout(&output), stderr(&output))
}

#[test]
fn run_holds_over_tls_as_its_user_and_shows_no_secret() {
    let Some(secured) = Secured::new() else { return };
    let address = secured.address();
    let args =
        ["run", "-v", "--max", "2", &address, "--", "sh", "-c", "echo held $$; \"$PERMITS\" check; echo $?; read l"];
    let mut run = Running::start(secured.permits(&args));
    let command = held(&mut run);
    assert_eq!(run.line(), "0");

    let shown = said(&mut secured.permits(&["status", &address]));
    let json = said(&mut secured.permits(&["status", "--json", &address]));
    let process = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("it lives");

    assert_eq!((shown.0, json.0), (0, 0), "{}", shown.2);
    let status: Value = serde_json::from_str(&json.1).expect("it prints JSON");
    assert_eq!(status["held"].as_u64(), Some(1), "{status}");
    for text in [&shown.1, &json.1, &process(run.pid()), &process(command)] {
        assert!(!text.contains(SECRET) && !text.contains("PRIVATE"), "{text}");
    }
    run.let_go();
    assert_eq!(run.end().code(), Some(0));
    assert_eq!(said(&mut secured.permits(&["remove", &address])).0, 0);
}

#[test]
fn what_is_wrong_with_certificates_and_users_is_said_without_the_secret() {
    let Some(secured) = Secured::new() else { return };
    let address = secured.address();
    type Change<'a> = &'a dyn Fn(&mut Command) -> &mut Command;
    let run_within = |time: &str, address: &str, change: Change<'_>| {
        let mut command = secured.permits(&["run", "--connect-timeout", time, address, "--", "true"]);
        change(&mut command);
        let (code, text, why) = said(&mut command);
        assert!(!why.contains(SECRET) && !text.contains(SECRET) && !why.contains("PRIVATE"), "{why}");
        (code, why)
    };
    let run = |address: &str, change: Change<'_>| run_within("30", address, change);
    let key = secured.machines.place.dir().join("client.key");

    let refused = |code: i32, (found, why): (i32, String), part: &str| {
        assert_eq!(found, code, "{why}");
        assert!(why.contains(part), "{why}");
    };
    let untrusted = run_within("8", &address, &|command| command.env_remove("ETCDCTL_CACERT"));
    refused(69, untrusted, "invalid peer certificate");
    let without: Change<'_> = &|command| command.env_remove("ETCDCTL_CERT").env_remove("ETCDCTL_KEY");
    refused(69, run_within("1", &address, without), "no server answered");
    refused(78, run(&address, &|command| command.env_remove("ETCDCTL_KEY")), "ETCDCTL_KEY is not");
    refused(64, run(&address, &|command| command.env("ETCDCTL_CERT", &key)), "is not an endpoint");
    refused(77, run(&address, &|command| command.env("PERMITS_PASSWORD", "wrong")), "check user and password");
    refused(77, run(&address, &|command| command.env_remove("PERMITS_PASSWORD")), "has no password");
    refused(77, run(&address.replace("/build", "/other"), &|command| command), "role with `readwrite`");
    refused(69, run_within("1", &address.replace("etcds", "etcd"), &|command| command), "no server answered");
}

#[test]
fn doctor_asks_over_tls_and_says_what_a_user_is_not_told() {
    let Some(secured) = Secured::new() else { return };

    let (code, told, why) = said(&mut secured.permits(&["doctor", &secured.address()]));
    let root = secured.address().replace("alice", "root");
    let (as_root, all, _) = said(secured.permits(&["doctor", &root]).env("PERMITS_PASSWORD", "toor"));

    assert_eq!((code, as_root), (0, 0), "{told}{all}{why}");
    assert!(told.contains("server https://127.0.0.1:") && told.contains("reading: "), "{told}");
    assert!(all.contains("etcd 3.") && all.contains("its database has `0."), "{all}");
    assert!(all.contains("compaction: it cannot be seen before revision `10000`"), "{all}");
    assert!(!told.contains(SECRET) && !all.contains("toor"), "{told}{all}");
}
