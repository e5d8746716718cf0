//! `concurrency.Mutex` of etcd's own client for Go, in processes of their own.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::talk::Talk;

/// Where Debian has the sources of packages for Go.
const SOURCES: &str = "/usr/share/gocode";

/// A process of it that waits to be told what to do.
pub struct Go(RefCell<Talk>);

impl Go {
    pub const NAME: &str = "Go concurrency.Mutex";

    /// `words` are its arguments. Nothing if there is no Go.
    pub fn start(words: &str) -> Option<Self> {
        Some(Self(RefCell::new(Talk::start("go", &mut command(words)?).expect("a program that was built starts"))))
    }

    /// Microseconds that it says one act took.
    pub fn us(&self, act: &str) -> f64 {
        let answer = self.0.borrow_mut().ask(act).expect("go answers until it is told to end");
        answer.parse().unwrap_or_else(|_| panic!("go answered `{answer}` to `{act}`"))
    }
}

/// Starts it with these arguments; nothing if there is no Go.
pub fn command(words: &str) -> Option<Command> {
    static PROGRAM: OnceLock<Option<Program>> = OnceLock::new();
    let built = || {
        let built = Program::build();
        built.inspect_err(|why| eprintln!("no rows of {}: {why}", Go::NAME)).ok()
    };
    let program = PROGRAM.get_or_init(built).as_ref()?;
    let mut command = Command::new(&program.0);
    command.args(words.split(' '));
    Some(command)
}

/// Which Go it is, and which client, if they are there.
pub fn version() -> Option<String> {
    let first = |program: &str, words: &[&str]| {
        let output = Command::new(program).args(words).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let client = first("dpkg-query", &["--show", "golang-etcd-server-dev"])?;
    Some(format!("{}, {}", first("go", &["version"])?, client.replace('\t', " ")))
}

struct Program(PathBuf);

impl Program {
    /// Builds it with what Debian has, without a network.
    fn build() -> Result<Self, String> {
        const NEEDS: &str = "it needs `apt-get install --no-install-recommends golang-go golang-etcd-server-dev`";
        if !Path::new(SOURCES).join("src/go.etcd.io/etcd/clientv3").is_dir() {
            return Err(NEEDS.into());
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("go/mutex.go");
        let own = std::env::current_exe().map_err(|why| format!("cannot find this program: {why}"))?;
        let program = own.with_file_name("peers-go");
        let output = Command::new("go")
            .args(["build", "-o"])
            .args([&program, &source])
            .env("GO111MODULE", "off")
            .env("GOPATH", SOURCES)
            .output()
            .map_err(|why| format!("cannot start `go`: {why}; {NEEDS}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().into());
        }
        Ok(Self(program))
    }
}
