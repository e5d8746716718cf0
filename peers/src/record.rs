//! The file of results: a row a peer, cell and metric.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    pub workload: String,
    pub parameters: String,
    pub metric: String,
    pub peer: String,
    /// What the peer promises about order: `fifo`, `overtakes` (within a bound) or `none`.
    pub order: String,
    pub unit: String,
    pub higher_is_better: bool,
    pub median: f64,
    pub min: f64,
    pub max: f64,
    /// Median over the rounds of this peer's value divided by the reference's value of the same round.
    pub ratio: Option<f64>,
    pub reference: String,
    pub rounds: usize,
    /// Jain's index of the turns: median over the rounds.
    pub jain: Option<f64>,
    /// Longest wait for one permit: median over the rounds of each round's longest.
    pub longest_wait_us: Option<f64>,
    /// Turns of the large request divided by the mean turns of everybody.
    pub share: Option<f64>,
}

pub struct Writer(csv::Writer<File>);

impl Writer {
    pub fn append(path: &Path) -> Result<Self, String> {
        let told = |e: std::io::Error| format!("cannot write results to `{}`: {e}", path.display());
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(told)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(told)?;
        let is_new = file.metadata().map_err(told)?.len() == 0;
        Ok(Self(csv::WriterBuilder::new().has_headers(is_new).from_writer(file)))
    }

    pub fn write(&mut self, row: &Row) -> Result<(), String> {
        self.0.serialize(row).map_err(|e| format!("cannot write a row: {e}"))
    }

    pub fn flush(&mut self) -> Result<(), String> {
        self.0.flush().map_err(|e| format!("cannot write results: {e}"))
    }
}

/// All rows of a file. Where a cell was recorded more than once, its last record stands.
pub fn read(path: &Path) -> Result<Vec<Row>, String> {
    let told = |e: csv::Error| format!("cannot read results from `{}`: {e}", path.display());
    let mut rows: Vec<Row> = Vec::new();
    for row in csv::Reader::from_path(path).map_err(told)?.deserialize() {
        let row: Row = row.map_err(told)?;
        let same = |r: &Row| {
            (&r.workload, &r.parameters, &r.metric, &r.peer) == (&row.workload, &row.parameters, &row.metric, &row.peer)
        };
        match rows.iter_mut().find(|r| same(r)) {
            Some(earlier) => *earlier = row,
            None => rows.push(row),
        }
    }
    Ok(rows)
}
