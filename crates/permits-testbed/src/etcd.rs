//! Clusters of etcd on free ports of the loopback device, with the engines that `cargo xtask servers` gets.

use crate::left_out;
use crate::sys::{at_exit, before_exec};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// An engine, as `cargo xtask servers` gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The one that the tests use.
    Current,
    /// One with known faults, which what is built on it has to live with.
    Old,
}

impl Engine {
    /// All of them.
    pub const ALL: [Engine; 2] = [Engine::Current, Engine::Old];

    /// Its folder below `target/engines`.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Engine::Current => "etcd",
            Engine::Old => "etcd-old",
        }
    }

    /// Its program, if it is there. A test that needs it returns if it is not.
    #[must_use]
    #[track_caller]
    pub fn program(self) -> Option<PathBuf> {
        let program = engines().join(self.folder()).join("etcd");
        if program.exists() {
            return Some(program);
        }
        left_out(&format!("the server `{}` (`cargo xtask servers` gets it)", self.folder()));
        None
    }
}

/// Where the engines are.
#[must_use]
pub fn engines() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/engines")
}

/// A cluster of its own, whose servers end with this, or with this process.
pub struct Etcd {
    servers: Vec<Server>,
    remains: Arc<Remains>,
}

/// What has to go in the end.
struct Remains {
    children: Vec<Arc<Mutex<Child>>>,
    folder: PathBuf,
}

/// Those that are not dropped yet. A cluster in a static never is, and goes when the process exits.
static REMAINS: Mutex<Vec<Arc<Remains>>> = Mutex::new(Vec::new());

impl Remains {
    fn go(&self) {
        for child in &self.children {
            let mut child = locked(child);
            // It may have ended by itself.
            _ = child.kill();
            _ = child.wait();
        }
        // What is left of it lies in a temporary directory.
        _ = fs::remove_dir_all(&self.folder);
    }
}

extern "C" fn all_go() {
    for remains in locked(&REMAINS).drain(..) {
        remains.go();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One server.
pub struct Server {
    child: Arc<Mutex<Child>>,
    address: SocketAddr,
    /// Where it says how it is.
    health: SocketAddr,
    program: PathBuf,
    arguments: Vec<OsString>,
    log: PathBuf,
}

/// How long a cluster may take to answer. Longer than on a machine that does nothing else.
const PATIENCE: Duration = Duration::from_secs(60);

impl Etcd {
    /// Starts `nodes` servers, and waits until they answer. More arguments are for each of them.
    ///
    /// # Panics
    ///
    /// If they do not answer.
    #[must_use]
    pub fn start(program: &Path, nodes: usize, arguments: &[&str]) -> Etcd {
        Etcd::start_as("http", program, nodes, arguments)
    }

    /// Starts one server that speaks TLS to its clients; the arguments name its certificates.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_encrypted(program: &Path, arguments: &[&str]) -> Etcd {
        Etcd::start_as("https", program, 1, arguments)
    }

    fn start_as(scheme: &str, program: &Path, nodes: usize, arguments: &[&str]) -> Etcd {
        // A port that was free when it was asked for can be another's when it is used.
        for _ in 0..5 {
            let mut cluster = Etcd::spawn(scheme, program, nodes, arguments);
            if cluster.answers() {
                return cluster;
            }
        }
        panic!("{nodes} servers of {} do not answer within {PATIENCE:?}", program.display());
    }

    fn spawn(scheme: &str, program: &Path, nodes: usize, arguments: &[&str]) -> Etcd {
        let folder = folder();
        let ports: Vec<[u16; 3]> = (0..nodes).map(|_| [(); 3].map(|()| free_port())).collect();
        let peers = ports.iter().enumerate().map(|(node, [_, peer, _])| format!("n{node}=http://127.0.0.1:{peer}"));
        let peers = peers.collect::<Vec<_>>().join(",");
        let servers = ports.iter().enumerate().map(|(node, [client, peer, health])| {
            let client_url = format!("{scheme}://127.0.0.1:{client}");
            let [peer_url, health_url] = [peer, health].map(|port| format!("http://127.0.0.1:{port}"));
            let mut all: Vec<OsString> = Vec::new();
            let mut add = |words: &[&str]| all.extend(words.iter().map(OsString::from));
            add(&["--name", &format!("n{node}")]);
            add(&["--listen-client-urls", &client_url, "--advertise-client-urls", &client_url]);
            add(&["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url]);
            add(&["--initial-cluster", &peers]);
            // Told without TLS as well.
            add(&["--listen-metrics-urls", &health_url]);
            add(&["--auto-compaction-mode", "revision", "--auto-compaction-retention", "1000"]);
            add(arguments);
            all.extend(["--data-dir".into(), folder.join(format!("n{node}")).into()]);
            let [address, health] = [client, health].map(|port| (Ipv4Addr::LOCALHOST, *port).into());
            let log = folder.join(format!("n{node}.log"));
            let child = Arc::new(Mutex::new(start(program, &all, &log)));
            Server { child, address, health, program: program.to_owned(), arguments: all, log }
        });
        let servers: Vec<_> = servers.collect();
        let children = servers.iter().map(|server| Arc::clone(&server.child)).collect();
        let remains = Arc::new(Remains { children, folder });
        static AT_EXIT: Once = Once::new();
        AT_EXIT.call_once(|| at_exit(all_go));
        locked(&REMAINS).push(Arc::clone(&remains));
        Etcd { servers, remains }
    }

    /// Waits until each of them answers, or one has ended.
    fn answers(&mut self) -> bool {
        let end = Instant::now() + PATIENCE;
        self.servers.iter_mut().all(|server| {
            while Instant::now() < end {
                if server.is_healthy() {
                    return true;
                }
                if !matches!(locked(&server.child).try_wait(), Ok(None)) {
                    return false;
                }
                thread::sleep(Duration::from_millis(10));
            }
            false
        })
    }

    /// Its servers.
    pub fn servers(&mut self) -> &mut [Server] {
        &mut self.servers
    }

    /// Where its servers listen for clients, as `127.0.0.1:2379`.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        self.servers.iter().map(|server| server.address.to_string()).collect()
    }

    /// Where its data and its logs are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.remains.folder
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        locked(&REMAINS).retain(|remains| !Arc::ptr_eq(remains, &self.remains));
        self.remains.go();
    }
}

impl Server {
    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        locked(&self.child).id()
    }

    /// Where it listens for clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it, and waits until nothing is left of it.
    pub fn kill(&mut self) {
        let mut child = locked(&self.child);
        child.kill().expect("it is a child of ours");
        child.wait().expect("it is a child of ours");
    }

    /// Starts it again with what it has on disk, after it was killed. It may take some seconds to answer.
    pub fn restart(&mut self) {
        *locked(&self.child) = start(&self.program, &self.arguments, &self.log);
    }

    /// Whether it says that it can do its work.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.said("/health").is_ok_and(|answer| answer.contains("\"health\":\"true\""))
    }

    /// Asks by HTTP, and waits for a second at most.
    fn said(&self, path: &str) -> io::Result<String> {
        let second = Duration::from_secs(1);
        let mut stream = TcpStream::connect_timeout(&self.health, second)?;
        stream.set_read_timeout(Some(second))?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

/// Starts a server that is killed when this process ends, however it does.
fn start(program: &Path, arguments: &[OsString], log: &Path) -> Child {
    let log = fs::File::options().create(true).append(true).open(log).expect("there is room for a log");
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command.stdout(log.try_clone().expect("a file can be had twice")).stderr(log);
    before_exec(&mut command, || nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL).map_err(Into::into));
    let (report, started) = channel();
    // The kernel counts the thread that has started it as its parent. This one lasts as long as the process.
    thread::spawn(move || {
        _ = report.send(command.spawn());
        loop {
            thread::park();
        }
    });
    let outcome = started.recv().expect("the thread says what became of it");
    outcome.unwrap_or_else(|why| panic!("a server cannot be started: {why}"))
}

/// A port at which no process listens.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are free ports");
    listener.local_addr().expect("it is bound").port()
}

/// A new temporary directory.
fn folder() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("permits-etcd-{}-{number}", std::process::id()));
    fs::create_dir(&folder).expect("no other has that name");
    folder
}
