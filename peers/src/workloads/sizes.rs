//! Sizes of the types that a user stores: nothing is run. What a peer keeps on the heap is not in them.

use std::mem::{size_of, size_of_val};

use crate::engine::*;
use crate::engines::*;
use crate::harness::{Bench, CellInfo, Entry, Metric, Sample};

const fn bytes(name: &'static str) -> Metric {
    Metric { name, unit: "bytes", higher_is_better: false }
}

const METRICS: [Metric; 4] =
    [bytes("semaphore"), bytes("borrowed permit"), bytes("acquire future"), bytes("release future")];

/// Where a peer has no such type.
const NONE: f64 = f64::NAN;

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let entries = [
        ours::<false>(),
        ours::<true>(),
        with_future::<Tokio>(),
        with_future::<Mea>(),
        with_future::<AsyncLock>(),
        with_future::<FuturesIntrusive<true>>(),
        saa(),
        entry::<StdSemaphore>([
            size_of::<StdSemaphore>() as f64,
            size_of::<<StdSemaphore as Guarded>::Permit<'_>>() as f64,
            NONE,
            NONE,
        ]),
        entry::<SemT>([size_of::<libc::sem_t>() as f64, NONE, NONE, NONE]),
    ];
    let info =
        CellInfo { workload: "w8", parameters: "size_of".into(), metrics: &METRICS, reference: Permits::<false>::NAME };
    bench.once(&info, &entries, &())
}

fn entry<E: Engine>(sizes: [f64; 4]) -> Entry<()> {
    Entry::new(E::NAME, E::ORDER, move |()| Sample { values: sizes.to_vec(), ..Sample::default() })
}

/// The adapters of these wrap nothing around the peer's semaphore, permit and future.
fn with_future<E: Await + Guarded>() -> Entry<()> {
    let semaphore = E::new(1);
    let future = size_of_val(&semaphore.acquire());
    entry::<E>([size_of::<E>() as f64, size_of::<E::Permit<'_>>() as f64, future as f64, NONE])
}

fn ours<const FAIR: bool>() -> Entry<()> {
    let semaphore = Permits::<FAIR>::new(1);
    entry::<Permits<FAIR>>([
        size_of_val(&semaphore) as f64,
        size_of::<::permits::Permit<'_>>() as f64,
        size_of_val(&semaphore.0.acquire()) as f64,
        size_of_val(&semaphore.0.release()) as f64,
    ])
}

/// It has no guard, and its future is that of the call inside our adapter's.
fn saa() -> Entry<()> {
    let semaphore = Saa::new(1);
    let future = size_of_val(&semaphore.0.acquire_async());
    entry::<Saa>([size_of::<Saa>() as f64, NONE, future as f64, NONE])
}
