//! Producers and consumers as threads.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::engines::permits::Buffer;
use crate::engines::pipes::*;
use crate::engines::*;
use crate::harness::{Bench, CellInfo, Entry, Sample};
use crate::threads::Place;
use crate::workloads::units::{CAPACITIES, UNIT, enough};

struct Cell {
    capacity: u32,
    a_side: usize,
    place: Place,
    window: Duration,
}

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let entries = [
        entry::<Buffer<false>>(),
        entry::<Buffer<true>>(),
        entry::<CrossbeamPipe>(),
        entry::<FlumePipe>(),
        entry::<SyncChannel>(),
        entry::<One<Naive>>(),
        entry::<One<Well>>(),
        entry::<Two<SemT>>(),
        entry::<Two<Tokio>>(),
        // Two releases before its one woken waiter has run end only one wait, so with several on a side it
        // comes to a halt.
        entry::<Two<AsyncLock>>().fits(|cell| cell.a_side == 1),
        entry::<Two<Saa>>().fits(|cell| cell.capacity <= 63),
        entry::<Two<Permits<false>>>(),
    ];
    for (a_side, place) in [(1, Place::TwoCores), (1, Place::OneCore), (4, Place::Anywhere)] {
        if !place.is_possible() {
            eprintln!("w9: no rows for {}: the process may use one core only", place.name());
            continue;
        }
        for &capacity in CAPACITIES {
            let cell = Cell { capacity, a_side, place, window: Duration::from_millis(bench.pick(40, 15)) };
            let info = CellInfo {
                workload: "w9",
                parameters: format!("threads={a_side}:{a_side} on={} capacity={capacity}", place.name()),
                metrics: &[UNIT],
                reference: Buffer::<false>::NAME,
            };
            bench.cell(&info, &entries, &cell)?;
        }
    }
    Ok(())
}

fn entry<P: Pipe>() -> Entry<Cell> {
    Entry::new(P::name(), P::order(), |cell: &Cell| {
        const PROBE: u64 = 1_000;
        let took = pass::<P>(cell, PROBE);
        if took >= cell.window / 2 {
            return Sample::of(took.as_nanos() as f64 / PROBE as f64);
        }
        let units = enough(PROBE, took, cell.window).next_multiple_of(cell.a_side as u64);
        Sample::of(pass::<P>(cell, units).as_nanos() as f64 / units as f64)
    })
    .fits(|cell| cell.a_side == 1 || !P::ONE_TAKER)
}

/// The time from the common start until the last thread is done.
fn pass<P: Pipe>(cell: &Cell, units: u64) -> Duration {
    let (puts, takes) = P::ends(cell.capacity, cell.a_side, cell.a_side);
    let each = units / cell.a_side as u64;
    let together = Barrier::new(puts.len() + takes.len());
    let together = &together;
    let timed = |core: usize, act: &mut dyn FnMut()| {
        cell.place.pin(core);
        together.wait();
        let start = Instant::now();
        act();
        (start, Instant::now())
    };
    let timed = &timed;

    thread::scope(|scope| {
        let mut running = Vec::new();
        for mut end in puts {
            running.push(scope.spawn(move || timed(0, &mut || (0..each).for_each(|_| end.put()))));
        }
        for mut end in takes {
            running.push(scope.spawn(move || timed(1, &mut || (0..each).for_each(|_| end.take()))));
        }
        let done: Vec<_> = running.into_iter().map(|t| t.join().expect("a unit passes without a panic")).collect();
        let start = done.iter().map(|d| d.0).min().expect("there are threads");
        let end = done.iter().map(|d| d.1).max().expect("there are threads");
        end - start
    })
}
