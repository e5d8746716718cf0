//! `java.util.concurrent.Semaphore`, in a process of its own that stays for the whole run: it is warm, its virtual
//! machine starts once, and its turns are interleaved with everybody else's.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::harness::Sample;
use crate::workloads::crowd_cell::Cell;

pub struct Java(RefCell<Talk>);

struct Talk {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("java/Peers.java")
}

impl Java {
    pub fn start() -> Result<Self, String> {
        let mut child = Command::new("java")
            .arg(program())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot start `java`: {e}"))?;
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().ok_or("java has no output")?);
        let mut talk = Talk { child, to, from };
        match talk.read()?.as_str() {
            "ready" => Ok(Self(RefCell::new(talk))),
            other => Err(format!("java said `{other}`; a JDK is needed to run a source file")),
        }
    }

    pub fn crowd(&self, fair: bool, cell: &Cell) -> Sample {
        let ask = format!(
            "{} {} {} {} {} {}",
            if fair { "fair" } else { "nonfair" },
            cell.threads,
            cell.permits,
            cell.section_ns,
            cell.window.as_millis(),
            cell.clocked_window.as_millis()
        );
        let answer = self.0.borrow_mut().ask(&ask).expect("java answers until it is told to end");
        let figures: Vec<f64> = answer.split(' ').filter_map(|f| f.parse().ok()).collect();
        let [ops, jain, longest] = figures[..] else {
            panic!("java answered `{answer}` to `{ask}`");
        };
        Sample { values: vec![ops], jain: Some(jain), longest_wait_us: Some(longest), share: None }
    }
}

impl Talk {
    fn read(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.from.read_line(&mut line).map_err(|e| format!("cannot hear java: {e}"))?;
        Ok(line.trim().to_string())
    }

    fn ask(&mut self, line: &str) -> Result<String, String> {
        let to = self.to.as_mut().ok_or("java was told to end")?;
        writeln!(to, "{line}").map_err(|e| format!("cannot ask java: {e}"))?;
        self.read()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // The end of its input ends the program; a process that is not waited for would stay as a zombie.
        self.to = None;
        let _ = self.child.wait();
    }
}
