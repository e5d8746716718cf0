//! `permits doctor ADDRESS`: whether each server answers, how fast, whether its version is fit, and what it lacks.
//!
//! It changes nothing, and needs no right beyond that to read.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use permits_etcd::{Error, ErrorKind, Server};
use permits_host::{Finding, Level};

use crate::args::Doctor;
use crate::commands::doctor::{level_word, verdict_of_machines};
use crate::end::End;
use crate::failure::{Failure, code};
use crate::json::{self, Examined, FindingLine};
use crate::out;
use crate::people::tame;
use crate::place::Scene;
use crate::reach::Machines;

/// A server that takes longer to say its version alone says none.
const PATIENCE: Duration = Duration::from_secs(2);

/// One that takes longer may answer too late for a renewal.
const SLOW: Duration = Duration::from_millis(350);

/// The quota of a server that was given none, in bytes.
const QUOTA: u64 = 2 << 30;

/// A server that compacts by itself, as the guide says, keeps fewer.
const MANY_REVISIONS: i64 = 10_000;

/// From which patch release on a minor version answers reads as it should (etcd 20418).
const FIT: [((u32, u32), u32); 3] = [((3, 4), 42), ((3, 5), 28), ((3, 6), 9)];

/// Versions that lose data (etcd 13908).
const UNFIT: [(u32, u32, u32); 3] = [(3, 5, 0), (3, 5, 1), (3, 5, 2)];

pub(super) fn run(_: Scene<'_>, args: &Doctor, address: &str) -> Result<End, Failure> {
    let machines = Machines::connect(address)?;
    let mut findings = of_servers(&machines);
    findings.push(of_reading(&machines));
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (bad, warnings) = (count(Level::Bad), count(Level::Warning));
    let lines: Vec<_> =
        findings.iter().map(|f| FindingLine { level: level_word(f.level), about: &f.about, text: &f.text }).collect();
    if args.json {
        out::print(&json::line(Examined { dir: machines.cluster.to_string(), good: bad == 0, findings: lines }))?;
    } else {
        let mut text = format!("address: {}\n", tame(address));
        for FindingLine { level, about, text: said } in lines {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{level:<8} {}: {}", tame(about), tame(said));
        }
        out::print(&(text + &verdict_of_machines(bad, warnings)))?;
    }
    Ok(End::Code(if bad > 0 { code::UNAVAILABLE } else { 0 }))
}

/// What a majority of the servers agrees on: the semaphore, or the names of the namespace.
fn of_reading(machines: &Machines) -> Finding {
    let began = Instant::now();
    let read = match machines.name() {
        Ok(name) => machines.etcd.open_existing(name).wait().and_then(|semaphore| semaphore.state().wait()).map(|_| ()),
        Err(_) => machines.etcd.list().wait().map(|_| ()),
    };
    let time = format!("{:.1} ms", began.elapsed().as_secs_f64() * 1000.0);
    match read {
        Ok(()) => Finding::new(Level::Good, "reading", format!("the keys can be read, in {time}")),
        Err(error) if error.kind() == ErrorKind::NotFound => Finding::new(
            Level::Good,
            "reading",
            format!("the servers answered in {time}, and there is no such semaphore yet"),
        ),
        Err(error) => Finding::new(Level::Bad, "reading", Failure::of_machines(error, &machines.address).text),
    }
}

/// Each server, by its own words.
fn of_servers(machines: &Machines) -> Vec<Finding> {
    let servers = match machines.etcd.servers().wait() {
        Ok(servers) => servers,
        Err(error) => {
            return vec![Finding::new(Level::Bad, "servers", Failure::of_machines(error, &machines.address).text)];
        }
    };
    let newest = servers.iter().filter_map(|(_, server)| server.as_ref().ok()).map(|server| server.revision).max();
    let mut findings: Vec<Finding> = servers.iter().flat_map(|(at, server)| of_server(at, server)).collect();
    findings.extend(newest.map(|newest| of_compaction(machines, newest)));
    findings
}

fn of_server(at: &str, server: &Result<Server, Error>) -> Vec<Finding> {
    let about = format!("server {at}");
    let finding = |level, text: String| Finding::new(level, &about, text);
    let server = match server {
        Ok(server) => server,
        Err(error) if error.kind() == ErrorKind::Denied && error.to_string().contains("permission denied") => {
            return vec![match at.strip_prefix("http://").and_then(|plain| version(plain).ok()) {
                Some(version) => {
                    let (level, judged) = judged(&version);
                    finding(level, format!("etcd {version}, which does not tell this user its state{judged}"))
                }
                None => {
                    let text =
                        "it tells this user neither its version nor its state: see `etcdctl endpoint status` as root";
                    finding(Level::Warning, text.to_owned())
                }
            }];
        }
        Err(error) => return vec![finding(Level::Bad, error.to_string())],
    };
    let time = format!("{:.1} ms", server.took.as_secs_f64() * 1000.0);
    let (level, judged) = judged(&server.version);
    let mut findings = vec![finding(level, format!("etcd {}, which answered in {time}{judged}", server.version))];
    if server.took > SLOW {
        let text = "it is so slow that leases may be lost: look at its disk and its network";
        findings.push(finding(Level::Warning, text.to_owned()));
    }
    if !server.has_leader {
        let text = "it knows no leader: a majority of the servers has to reach each other";
        findings.push(finding(Level::Bad, text.to_owned()));
    }
    for alarm in &server.alarms {
        let way_out = "with NOSPACE no permit can be taken: compact and defragment etcd, then disarm the alarm";
        findings.push(finding(Level::Bad, format!("`{alarm}`; {way_out}")));
    }
    let size = format!("its database has `{}.{}` MB", server.database / 1_000_000, server.database / 100_000 % 10);
    findings.push(match server.database > QUOTA / 5 * 4 {
        true => finding(
            Level::Warning,
            format!("{size}, near the default quota of 2 GiB: defragment it, or raise the quota"),
        ),
        false => finding(Level::Good, format!("{size}; it does not tell its quota, which is 2 GiB by default")),
    });
    findings
}

/// Servers do not tell whether they compact by themselves: what they remember shows it.
fn of_compaction(machines: &Machines, newest: i64) -> Finding {
    let about = "compaction";
    if newest <= MANY_REVISIONS {
        let text = format!("it cannot be seen before revision `{MANY_REVISIONS}`, and the newest is `{newest}`");
        return Finding::new(Level::Good, about, text);
    }
    match machines.etcd.is_compacted(newest - MANY_REVISIONS).wait() {
        Ok(true) => Finding::new(Level::Good, about, format!("fewer than `{MANY_REVISIONS}` old revisions are kept")),
        Ok(false) => {
            let text = format!(
                "more than `{MANY_REVISIONS}` old revisions are kept, which slows permits down: start etcd with \
                 `--auto-compaction-mode revision --auto-compaction-retention 1000`"
            );
            Finding::new(Level::Warning, about, text)
        }
        Err(error) => Finding::new(Level::Warning, about, format!("it cannot be seen: {error}")),
    }
}

/// Its version, which without TLS it tells everyone.
fn version(server: &str) -> std::io::Result<String> {
    let other = |what: &str| std::io::Error::other(what.to_owned());
    let address = server.to_socket_addrs()?.next().ok_or_else(|| other("its host has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET /version HTTP/1.0\r\nHost: {server}\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    // What is longer is no version.
    stream.take(4096).read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).ok_or_else(|| other("its answer is not HTTP"))?;
    let said: serde_json::Value = serde_json::from_str(body).map_err(|_| other("it is not etcd"))?;
    said["etcdserver"].as_str().map(str::to_owned).ok_or_else(|| other("it is not etcd"))
}

/// How good a version is, and what to do about it.
fn judged(text: &str) -> (Level, &'static str) {
    let mut numbers = text.split('.').map(|part| part.parse::<u32>().ok());
    let (Some(Some(major)), Some(Some(minor)), Some(Some(patch))) = (numbers.next(), numbers.next(), numbers.next())
    else {
        return (Level::Warning, "; it is not known whether this version is fit: use 3.5.28, 3.6.9 or newer");
    };
    if UNFIT.contains(&(major, minor, patch)) {
        return (Level::Bad, "; this version can lose what it has written: use 3.5.28, 3.6.9 or newer");
    }
    if (major, minor) < (3, 4) {
        return (Level::Bad, "; it is too old: use 3.5.28, 3.6.9 or newer");
    }
    let least = FIT.iter().find(|(series, _)| *series == (major, minor)).map_or(0, |(_, patch)| *patch);
    if patch < least {
        return (
            Level::Warning,
            "; this version can answer with old data after a change of the leader, which costs time: use \
                                 3.5.28, 3.6.9 or newer",
        );
    }
    (Level::Good, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_judged_by_what_is_known_of_them() {
        for (text, level) in [
            ("3.5.30", Level::Good),
            ("3.5.28", Level::Good),
            ("3.7.0", Level::Good),
            ("4.0.0", Level::Good),
            ("3.4.23", Level::Warning),
            ("3.5.27", Level::Warning),
            ("3.6.8", Level::Warning),
            ("3.6.0-rc.1", Level::Warning),
            ("new", Level::Warning),
            ("3.5.1", Level::Bad),
            ("3.3.27", Level::Bad),
        ] {
            assert_eq!(judged(text).0, level, "{text}");
        }
    }
}
