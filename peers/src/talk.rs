//! A program of its own that is told what to do by lines, and answers by lines. It stays for a whole run: it is warm,
//! it starts once, and its turns are interleaved with everybody else's.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub struct Talk {
    name: String,
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Talk {
    /// Starts a program that ends with its input, and says `ready` when it can be asked.
    pub fn start(name: &str, command: &mut Command) -> Result<Self, String> {
        let mut talk = Self::start_unready(name, command)?;
        match talk.read()?.as_str() {
            "ready" => Ok(talk),
            other => Err(format!("{name} said `{other}` instead of `ready`")),
        }
    }

    /// The same, for many that get ready at once: the first line of each is still to be read.
    pub fn start_unready(name: &str, command: &mut Command) -> Result<Self, String> {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|e| format!("cannot start {name}: {e}"))?;
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().ok_or_else(|| format!("{name} has no output"))?);
        Ok(Self { name: name.into(), child, to, from })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn read(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.from.read_line(&mut line) {
            Ok(0) => Err(format!("{} has ended", self.name)),
            Ok(_) => Ok(line.trim().to_string()),
            Err(e) => Err(format!("cannot hear {}: {e}", self.name)),
        }
    }

    pub fn tell(&mut self, line: &str) -> Result<(), String> {
        let to = self.to.as_mut().ok_or_else(|| format!("{} was told to end", self.name))?;
        writeln!(to, "{line}").map_err(|e| format!("cannot ask {}: {e}", self.name))
    }

    pub fn ask(&mut self, line: &str) -> Result<String, String> {
        self.tell(line)?;
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
