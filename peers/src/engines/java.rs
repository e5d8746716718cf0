//! `java.util.concurrent.Semaphore`, in a process of its own.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::Command;

use crate::harness::Sample;
use crate::talk::Talk;
use crate::workloads::crowd_cell::Cell;

pub struct Java(RefCell<Talk>);

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("java/Peers.java")
}

impl Java {
    pub fn start() -> Result<Self, String> {
        let talk = Talk::start("java", Command::new("java").arg(program()));
        talk.map(|talk| Self(RefCell::new(talk))).map_err(|why| format!("{why}; a JDK is needed to run a source file"))
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
