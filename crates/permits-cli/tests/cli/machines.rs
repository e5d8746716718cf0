//! Names that are addresses: semaphores of machines, on a server of etcd.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use permits_testbed::etcd::{Engine, Etcd};
use serde_json::Value;

use crate::place::{Place, Running, is_alive, output, shell_code, stderr, stdout, until};

/// Short leases, as a server with the usual times does not grant them.
pub(crate) const QUICK: [&str; 4] = ["--heartbeat-interval", "20", "--election-timeout", "200"];

static SERVER: LazyLock<Option<Etcd>> = LazyLock::new(|| Some(Etcd::start(&Engine::Current.program()?, 1, &QUICK)));

/// A place, and a name of its own on the server of these tests.
pub(crate) struct Machines {
    pub(crate) place: Place,
    pub(crate) address: String,
}

impl Machines {
    /// Nothing, and the test is left out, if there is no server on this machine.
    #[track_caller]
    pub(crate) fn new() -> Option<Machines> {
        // Noted for each test that asks.
        Engine::Current.program()?;
        let endpoint = SERVER.as_ref()?.endpoints().remove(0);
        Some(Machines::on(&endpoint))
    }

    pub(crate) fn on(endpoint: &str) -> Machines {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = NEXT.fetch_add(1, Ordering::Relaxed);
        Machines { place: Place::new(), address: format!("etcd://{endpoint}/tests/{name}") }
    }

    /// Any of our variables that the tests are run with would be another server's.
    pub(crate) fn permits(&self, args: &[&str]) -> Command {
        let mut command = self.place.permits(args);
        for variable in [
            "ETCDCTL_ENDPOINTS",
            "ETCDCTL_USER",
            "ETCDCTL_PASSWORD",
            "ETCDCTL_CACERT",
            "ETCDCTL_CERT",
            "ETCDCTL_KEY",
            "ETCDCTL_INSECURE_SKIP_TLS_VERIFY",
            "PERMITS_BACKEND",
            "PERMITS_PASSWORD",
            "PERMITS_PASSWORD_FILE",
            "PERMITS_TOKEN",
            "PERMITS_TOKEN_OLDEST",
            "PERMITS_VALID_UNTIL",
        ] {
            command.env_remove(variable);
        }
        command
    }

    pub(crate) fn said(&self, args: &[&str]) -> (i32, String, String) {
        let output = output(&mut self.permits(args));
        (shell_code(output.status), stdout(&output), stderr(&output))
    }

    pub(crate) fn status(&self) -> Value {
        let (code, text, why) = self.said(&["status", "--json", &self.address]);
        assert_eq!(code, 0, "{why}");
        serde_json::from_str(&text).expect("status prints JSON")
    }

    pub(crate) fn number(&self, field: &str) -> u64 {
        self.status()[field].as_u64().unwrap_or_else(|| panic!("no number {field} in the status"))
    }

    /// A run that says `held`, and then does as `script` says.
    pub(crate) fn hold(&self, options: &[&str], script: &str) -> Running {
        let script = format!("echo held $$; {script}");
        let args = [&["run"], options, &[&self.address, "--", "sh", "-c", &script]].concat();
        Running::start(self.permits(&args))
    }
}

/// The process id in `held 4711`.
pub(crate) fn held(run: &mut Running) -> u32 {
    let line = run.line();
    line.strip_prefix("held ").and_then(|pid| pid.parse().ok()).unwrap_or_else(|| panic!("it says `{line}`"))
}

#[test]
fn run_holds_a_permit_as_long_as_its_command() {
    let Some(machines) = Machines::new() else { return };
    let mut run = machines.hold(&["--max", "2", "--label", "nightly"], "read line; exit 7");
    held(&mut run);

    let status = machines.status();

    let holder = &status["holders"][0];
    assert_eq!((status["max_permits"].as_u64(), status["held"].as_u64()), (Some(2), Some(1)));
    assert_eq!((holder["label"].as_str(), holder["pid"].as_u64()), (Some("nightly"), Some(run.pid().into())));
    assert!(holder["host"].is_string() && holder["token"].is_u64() && status["granted_total"].is_null(), "{status}");
    assert!(status.get("path").is_none(), "{status}");
    run.let_go();
    assert_eq!(run.end().code(), Some(7));
    assert_eq!(machines.number("given_out"), 0);
}

#[test]
fn second_run_waits_in_the_queue_for_the_first() {
    let Some(machines) = Machines::new() else { return };
    let mut first = machines.hold(&["--max", "1"], "read line");
    held(&mut first);
    let mut second = machines.hold(&[], "true");
    until("it waits", || machines.number("waiting_acquirers") == 1);

    let (code, _, busy) = machines.said(&["run", "--try", &machines.address, "--", "true"]);
    let (late, _, why) = machines.said(&["run", "--wait", "0.3", "-E", "3", &machines.address, "--", "true"]);

    assert_eq!((code, late), (75, 3), "{busy}{why}");
    assert!(busy.contains("has `0` of `1` free, 1 ahead in the queue; held by"), "{busy}");
    assert!(why.contains("timed out after 0.") && why.contains("sh -c"), "{why}");
    first.let_go();
    held(&mut second);
    assert!(first.end().success() && second.end().success());
}

#[test]
fn command_finds_a_token_that_grows_and_the_end_of_its_lease() {
    let Some(machines) = Machines::new() else { return };
    let run = || -> (u64, u64) {
        let script = "echo $PERMITS_TOKEN $PERMITS_VALID_UNTIL $PERMITS_GRANT $PERMITS_SLOT";
        let (code, said, why) = machines.said(&["run", "--ttl", "20s", &machines.address, "--", "sh", "-c", script]);
        assert_eq!(code, 0, "{why}");
        let words: Vec<&str> = said.split_whitespace().collect();
        let [token, until, grant] = words[..] else { panic!("{said}") };
        assert!(grant.contains('-'), "{said}");
        (token.parse().expect("a number"), until.parse().expect("a number"))
    };
    let since_boot = || {
        let clock = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).expect("it is there");
        u64::try_from(Duration::from(clock).as_millis()).expect("the boot was not so long ago")
    };

    let began = since_boot();
    let (first, until) = run();
    let (second, _) = run();

    assert!(second > first, "{first} {second}");
    assert!((began + 10_000..=since_boot() + 20_000).contains(&until), "{until} {began}");
}

#[test]
fn command_finds_the_oldest_token_that_is_still_out() {
    let Some(machines) = Machines::new() else { return };
    let tokens = |run: &mut Running| -> (u64, u64) {
        let line = run.line_with("tokens ");
        let (own, oldest) = line["tokens ".len()..].split_once(' ').expect("two words");
        (own.parse().expect("a number"), oldest.parse().expect("a number"))
    };
    let script = "echo tokens $PERMITS_TOKEN $PERMITS_TOKEN_OLDEST; read line";
    let mut first = machines.hold(&["--max", "2"], script);
    let (one, of_one) = tokens(&mut first);
    let mut second = machines.hold(&["--report-fd", "1"], script);
    let granted = second.line_with("granted");
    let (two, of_two) = tokens(&mut second);
    first.let_go();
    assert!(first.end().success());
    let mut third = machines.hold(&[], script);

    let (_, of_three) = tokens(&mut third);

    assert_eq!((of_one, of_two, of_three), (one, one, two));
    assert!(granted.contains(&format!("\"oldest_token\":{one},")), "{granted}");
}

#[test]
fn waiting_run_ends_with_a_signal_and_leaves_no_place() {
    let Some(machines) = Machines::new() else { return };
    let mut holder = machines.hold(&["--max", "1"], "read line");
    held(&mut holder);
    let mut waiter = machines.hold(&[], "true");
    until("it waits", || machines.number("waiting_acquirers") == 1);

    waiter.signal("TERM");

    assert_eq!(waiter.end().signal(), Some(15));
    assert_eq!(machines.number("waiting_acquirers"), 0);
}

#[test]
fn keeper_holds_while_a_process_lives() {
    let Some(machines) = Machines::new() else { return };
    let process = Running::start(machines.place.command("cat"));
    let pid = process.pid().to_string();

    let args = ["acquire", "--max", "2", "-u", "2", "--while-pid", &pid, "--json", &machines.address];
    let (code, said, why) = machines.said(&args);

    assert_eq!(code, 0, "{why}");
    let taken: Value = serde_json::from_str(&said).expect("it prints JSON");
    let status = machines.status();
    assert_eq!((status["held"].as_u64(), &status["holders"][0]["grant"]), (Some(2), &taken["grant"]));
    let keeper = taken["keeper_pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a process id");
    process.signal("KILL");
    until("it came back", || machines.number("given_out") == 0);
    until("the keeper has ended", || !is_alive(keeper));
}

#[test]
fn acquire_without_a_keeper_says_what_to_use() {
    let Some(machines) = Machines::new() else { return };

    let (code, _, why) = machines.said(&["acquire", &machines.address]);

    assert_eq!(code, 64, "{why}");
    assert!(why.contains("under a lease") && why.contains("--while-pid PID"), "{why}");
}

#[test]
fn what_machines_do_not_have_is_refused_by_its_name() {
    let Some(machines) = Machines::new() else { return };
    let address = machines.address.as_str();
    let cases: &[(&[&str], &str)] = &[
        (&["run", "--exec", address, "--", "true"], "`--exec`"),
        (&["run", "--jobserver", address, "--", "true"], "`--jobserver`"),
        (&["run", "--every", "1s", address, "--", "true"], "`--every`"),
        (&["run", "--reentrant", address, "--", "true"], "`--reentrant`"),
        (&["run", "--supersede", "k", address, "--", "true"], "`--supersede`"),
        (&["run", "--max", "50%", address, "--", "true"], "a share of the processors"),
        (&["run", "--create", "nproc", address, "--", "true"], "a share of the processors"),
        (&["run", "--ttl", "10s", address, "--", "true"], "--grace `5s` is too long for a lease of `10s`"),
        (&["run", "--ttl", "0.5s", address, "--", "true"], "a lease of `0.5s` cannot be had"),
        (&["--dir", "/tmp", "status", address], "`--dir`"),
        (&["--mode", "600", "run", address, "--", "true"], "`--mode`"),
        (&["acquire", "--every", "1s", "--while-pid", "1", address], "`--every`"),
        (&["set", address, "--every", "1s"], "`--every`"),
        (&["set", address, "50%"], "a share of the processors"),
        (&["repair", address], "no file to repair"),
        (&["run", "--ttl", "15s", "build", "--", "true"], "--ttl is for addresses"),
        (&["run", "--on-engine-loss", "fail", "build", "--", "true"], "this host, which has no servers"),
        (&["list", "build"], "`build` is not an address"),
        (&["doctor", "build"], "`build` is not an address"),
    ];
    for (args, part) in cases {
        let (code, _, why) = machines.said(args);
        assert_eq!(code, 64, "{args:?}: {why}");
        assert!(why.contains(part), "{args:?}: {why}");
    }
}

#[test]
fn number_is_compared_changed_and_listed() {
    let Some(machines) = Machines::new() else { return };
    let address = machines.address.as_str();
    let max = || machines.number("max_permits");

    assert_eq!(machines.said(&["run", "--existing", address, "--", "true"]).0, 69);
    assert_eq!(machines.said(&["set", "--create", address, "3"]).0, 0);
    let (code, _, why) = machines.said(&["run", "--max", "2", address, "--", "true"]);
    assert_eq!(code, 78, "{why}");
    assert!(why.contains("it has `3`") && why.contains(&format!("`permits set {address} N`")), "{why}");
    assert_eq!(machines.said(&["run", "--max", "2", "--resize", address, "--", "true"]).0, 0);
    assert_eq!(max(), 2);
    assert_eq!(machines.said(&["set", address, "+3"]).0, 0);
    assert_eq!(max(), 5);
    assert_eq!(machines.said(&["set", address, "--", "-1"]).0, 0);
    assert_eq!(machines.said(&["run", "-u", "5", address, "--", "true"]).0, 78);
    let (namespace, name) = address.rsplit_once('/').expect("it has a path");
    let (code, listed, why) = machines.said(&["list", "--names", namespace]);
    assert_eq!(code, 0, "{why}");
    assert!(listed.lines().any(|line| line == name), "{listed}");
    let servers = namespace.strip_suffix("/tests").expect("it is the namespace of the tests");
    let (code, listed, why) = machines.said(&["list", "--names", servers]);
    assert_eq!((code, listed.as_str()), (0, ""), "{why}");
    let (code, _, why) = machines.said(&["status", servers]);
    assert_eq!(code, 64, "{why}");
    assert!(why.contains("is a namespace: add the name of a semaphore"), "{why}");
    let (_, listed, _) = machines.said(&["list", namespace]);
    assert!(listed.lines().any(|line| line.starts_with(name) && line.contains(" - ")), "{listed}");
}

#[test]
fn idle_is_waited_for() {
    let Some(machines) = Machines::new() else { return };
    let mut run = machines.hold(&["--max", "1"], "read line");
    held(&mut run);
    let address = machines.address.as_str();

    let (code, _, why) = machines.said(&["wait", "--try", address]);
    let mut wait = Running::start(machines.permits(&["wait", address]));
    run.let_go();

    assert_eq!(code, 75, "{why}");
    assert_eq!(wait.end().code(), Some(0));
    assert_eq!(run.end().code(), Some(0));
}

#[test]
fn top_shows_machines_beside_this_host() {
    let Some(machines) = Machines::new() else { return };
    let mut run = machines.hold(&["--max", "2"], "read line");
    held(&mut run);
    assert_eq!(machines.place.code(&["set", "--create", "here", "3"]), 0);

    let (code, said, why) = machines.said(&["top", "--json", "here", &machines.address]);

    assert_eq!(code, 0, "{why}");
    let tick: Value = serde_json::from_str(&said).expect("it prints JSON");
    let [here, there] = &tick["semaphores"].as_array().expect("a list")[..] else { panic!("{tick}") };
    assert_eq!((here["max_permits"].as_u64(), here["granted_total"].as_u64()), (Some(3), Some(0)));
    assert_eq!((there["held"].as_u64(), there["holders"][0]["pid"].as_u64()), (Some(1), Some(run.pid().into())));
    assert!(there["granted_total"].is_null() && there["holders"][0]["token"].is_u64(), "{tick}");
    let (_, table, _) = machines.said(&["top", &machines.address]);
    assert!(table.lines().last().is_some_and(|line| line.ends_with(" -")), "{table}");
}

#[test]
fn at_sign_is_on_the_backend_and_a_bare_name_stays_here() {
    let Some(machines) = Machines::new() else { return };
    let (backend, name) = machines.address.rsplit_once('/').expect("it has a path");
    let on = |args: &[&str], backend: &str| output(machines.permits(args).env("PERMITS_BACKEND", backend));
    let at = format!("@{name}");

    assert!(on(&["run", "--max", "4", &at, "--", "true"], backend).status.success());
    assert!(on(&["run", "--max", "2", name, "--", "true"], backend).status.success());

    assert_eq!(machines.number("max_permits"), 4);
    assert_eq!(machines.place.number(name, "max_permits"), 2);
    let listed = stdout(&on(&["list", "--names", "@"], backend));
    assert!(listed.lines().any(|line| line == name), "{listed}");
    let none = output(&mut machines.permits(&["status", &at]));
    assert_eq!(none.status.code(), Some(78));
    assert!(stderr(&none).contains("or set PERMITS_BACKEND"), "{}", stderr(&none));
    let bad = on(&["status", &at], "redis://h/x");
    assert_eq!(bad.status.code(), Some(78));
    assert!(stderr(&bad).contains("PERMITS_BACKEND: ") && stderr(&bad).contains("`redis`"), "{}", stderr(&bad));
}

#[test]
fn endpoints_of_etcdctl_are_those_of_an_address_without_servers() {
    let Some(machines) = Machines::new() else { return };
    let (servers, path) = machines.address["etcd://".len()..].split_once('/').expect("it has a path");

    let run =
        output(machines.permits(&["run", &format!("etcd:///{path}"), "--", "true"]).env("ETCDCTL_ENDPOINTS", servers));

    assert_eq!(run.status.code(), Some(0), "{}", stderr(&run));
    assert_eq!(machines.number("max_permits"), 1);
}

#[test]
fn server_that_cannot_be_reached_is_69() {
    let Some(machines) = Machines::new() else { return };
    let began = Instant::now();

    let args = ["run", "--connect-timeout", "0.5", "etcd://127.0.0.1:1/x", "--", "true"];
    let (code, _, why) = machines.said(&args);

    assert_eq!(code, 69, "{why}");
    assert!(
        why.contains("no server answered within 500ms") && why.contains("permits doctor etcd://127.0.0.1:1/x"),
        "{why}"
    );
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn password_in_an_address_is_refused_and_not_repeated() {
    let Some(machines) = Machines::new() else { return };
    for args in
        [&["run", "etcd://a:hunter2@127.0.0.1:1/x", "--", "true"][..], &["status", "etcd://a:hunter2@127.0.0.1:1/x"]]
    {
        let (code, said, why) = machines.said(args);
        assert_eq!(code, 64, "{why}");
        assert!(!why.contains("hunter2") && !said.contains("hunter2"), "{why}");
        assert!(why.contains("PERMITS_PASSWORD_FILE"), "{why}");
    }
}

#[test]
fn user_needs_the_right_password() {
    let Some(program) = Engine::Current.program() else { return };
    let server = Etcd::start(&program, 1, &[]);
    let endpoint = server.endpoints().remove(0);
    let etcdctl = |args: &[&str]| {
        let control = program.with_file_name("etcdctl");
        let mut command = Command::new(control);
        let done = output(command.env("ETCDCTL_API", "3").arg(format!("--endpoints={endpoint}")).args(args));
        assert!(done.status.success(), "{args:?}: {}", stderr(&done));
    };
    etcdctl(&["user", "add", "root:toor"]);
    etcdctl(&["user", "grant-role", "root", "root"]);
    etcdctl(&["user", "add", "alice:hunter2"]);
    etcdctl(&["role", "add", "builds"]);
    etcdctl(&["role", "grant-permission", "--prefix=true", "builds", "readwrite", "/permits/v1/build/"]);
    etcdctl(&["user", "grant-role", "alice", "builds"]);
    etcdctl(&["auth", "enable"]);
    let machines = Machines::on(&endpoint);
    let run = |name: &str, variables: &[(&str, &str)]| {
        let address = format!("etcd://alice@{endpoint}/{name}");
        let run = output(machines.permits(&["run", &address, "--", "true"]).envs(variables.iter().copied()));
        (shell_code(run.status), stderr(&run))
    };
    let file = machines.place.dir().join("password");
    std::fs::write(&file, "hunter2\n").expect("it can be written");

    let file = file.to_str().expect("it is UTF-8");
    assert_eq!(run("build", &[("PERMITS_PASSWORD", "hunter2")]), (0, String::new()));
    assert_eq!(run("build", &[("ETCDCTL_PASSWORD", "hunter2")]), (0, String::new()));
    assert_eq!(run("build", &[("PERMITS_PASSWORD_FILE", file)]), (0, String::new()));
    for (name, variables) in [
        ("build", &[][..]),
        ("build", &[("PERMITS_PASSWORD", "hunter3")]),
        ("other", &[("PERMITS_PASSWORD", "hunter2")]),
    ] {
        let (code, why) = run(name, variables);
        assert_eq!(code, 77, "{variables:?}: {why}");
        assert!(!why.contains("hunter"), "{why}");
    }
    let mut doctor = machines.permits(&["doctor", &format!("etcd://alice@{endpoint}/build")]);
    let examined = output(doctor.env("PERMITS_PASSWORD", "hunter2"));
    assert_eq!(examined.status.code(), Some(0), "{}", stdout(&examined));
    assert!(stdout(&examined).contains("etcd 3."), "{}", stdout(&examined));
}

#[test]
fn doctor_says_what_each_server_is() {
    let Some(machines) = Machines::new() else { return };
    let dead = machines.address.replacen("etcd://", "etcd://127.0.0.1:1,", 1);

    let (code, said, why) = machines.said(&["doctor", &machines.address]);
    let (bad, told, _) = machines.said(&["doctor", "--json", &dead]);

    assert_eq!(code, 0, "{said}{why}");
    assert!(said.contains("etcd 3.") && said.contains("verdict: good, the servers answer"), "{said}");
    assert_eq!(bad, 69, "{told}");
    let told: Value = serde_json::from_str(&told).expect("it prints JSON");
    assert_eq!((told["good"].as_bool(), told["findings"][0]["level"].as_str()), (Some(false), Some("bad")), "{told}");
}

#[test]
fn doctor_names_an_alarm() {
    let Some(program) = Engine::Current.program() else { return };
    let server = Etcd::start(&program, 1, &[&QUICK[..], &["--quota-backend-bytes", "4194304"]].concat());
    let endpoint = server.endpoints().remove(0);
    let machines = Machines::on(&endpoint);
    let large = "x".repeat(100_000);
    let fills = |number: usize| {
        let mut put = Command::new(program.with_file_name("etcdctl"));
        put.env("ETCDCTL_API", "3").arg(format!("--endpoints={endpoint}"));
        !output(put.args(["put", &format!("/large/{number}"), &large])).status.success()
    };
    assert!((0..200).any(fills), "it is full some time");

    let (code, said, why) = machines.said(&["doctor", &machines.address]);

    assert_eq!(code, 69, "{said}{why}");
    assert!(said.lines().any(|line| line.starts_with("bad") && line.contains("NOSPACE")), "{said}");
}

#[test]
fn stopped_wait_gives_up_its_place() {
    let Some(machines) = Machines::new() else { return };
    let mut holder = machines.hold(&["--max", "1"], "read line");
    held(&mut holder);
    let mut waiter = machines.hold(&[], "true");
    until("it waits", || machines.number("waiting_acquirers") == 1);

    waiter.signal("TSTP");
    until("its place is given up", || machines.number("waiting_acquirers") == 0);
    waiter.signal("CONT");

    until("it waits again", || machines.number("waiting_acquirers") == 1);
    holder.let_go();
    held(&mut waiter);
    assert!(waiter.end().success());
}

#[test]
fn secrets_of_the_environment_are_in_no_status() {
    let Some(machines) = Machines::new() else { return };
    let mut command = machines.permits(&["run", &machines.address, "--", "sh", "-c", "echo held $$; read line"]);
    command.env("PERMITS_PASSWORD", "hunter2");
    let mut run = Running::start(command);
    held(&mut run);

    let shown = machines.said(&["status", &machines.address]);

    assert_eq!(shown.0, 0);
    assert!(shown.1.contains("sh -c") && !shown.1.contains("hunter2"), "{}", shown.1);
}
