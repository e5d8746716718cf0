//! Completions of addresses: the names on their servers, soon or not at all.

use std::time::{Duration, Instant};

use crate::completions::offered;
use crate::machines::Machines;
use crate::place::Running;

#[test]
fn completions_have_the_names_and_holders_on_the_servers() {
    let Some(machines) = Machines::new() else { return };
    let (namespace, name) = machines.address.rsplit_once('/').expect("it has a path");
    let namespace = format!("{namespace}/completed-{name}");
    for name in ["build", "bulk", "a/b"] {
        let address = format!("{namespace}/{}", name.replace('/', "%2F"));
        assert_eq!(machines.said(&["set", "--create", &address, "2"]).0, 0);
    }
    let grant = |words: &[&str]| {
        let args = [&["completions", "fish", "--word", "3", "--", "permits", "revoke"], words].concat();
        machines.said(&args)
    };
    let offered = |before: &str, line: &str| offered(&machines.place, before, line);
    // bash replaces what stands behind the last colon.
    let behind = |name: &str| format!("{}/{name}", namespace.rsplit_once(':').expect("it has a port").1);
    let backend = format!("export PERMITS_BACKEND={namespace}");

    assert_eq!(offered(":", &format!("permits status {namespace}/bu")), [behind("build"), behind("bulk")]);
    assert_eq!(offered(":", &format!("permits remove {namespace}/a")), [behind("a%2Fb")]);
    assert_eq!(offered(&backend, "permits run @bu"), ["@build", "@bulk"]);
    assert_eq!(offered(":", "permits run @bu"), [""; 0]);
    let address = format!("{namespace}/build");
    let mut run =
        Running::start(machines.permits(&["run", &address, "--", "sh", "-c", "echo $PERMITS_GRANT; read line"]));
    let held = run.line();
    let (code, said, why) = grant(&[&address, ""]);
    assert_eq!((code, why.as_str()), (0, ""), "{said}");
    assert!(said.starts_with(&format!("{held}\tholds: ")), "{said}");
}

#[test]
fn completions_of_servers_that_do_not_answer_are_none_and_soon() {
    let Some(machines) = Machines::new() else { return };
    // It takes connections, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("there are free ports");
    let address = format!("etcd://{}/x/", silent.local_addr().expect("it is bound"));

    for begun in
        [address.as_str(), "etcd://127.0.0.1:1/", "etcd://a:hunter2@127.0.0.1:1/", "etcds://127.0.0.1:1/x", "@x"]
    {
        let began = Instant::now();
        let said = machines.said(&["completions", "fish", "--word", "2", "--", "permits", "status", begun]);

        assert_eq!(said, (0, String::new(), String::new()), "{begun}");
        assert!(began.elapsed() < Duration::from_secs(20), "{begun}: {:?}", began.elapsed());
    }
}
