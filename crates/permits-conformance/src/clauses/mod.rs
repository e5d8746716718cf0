//! A function a clause. Each runs the facts that the clause states, a private function a fact, on semaphores
//! of their own.

mod bounds;
mod cancel;
mod close;
mod death;
mod fencing;
mod guards;
mod impossible;
mod loss;
mod memory;
mod mixed;
mod order;
mod overtaking;
mod requests;
mod resize;
mod time;
mod truth;
mod unreachable;

pub use bounds::{c01_bounds, c02_start, c21_bad_input};
pub use cancel::c10_cancel;
pub use close::c12_close;
pub use death::c18_death;
pub use fencing::c19_fencing;
pub use guards::{c05_guards, c06_forget};
pub use impossible::c07_impossible;
pub use loss::c20_loss;
pub use memory::c14_memory;
pub use mixed::c17_mixed_waits;
pub use order::{c08_order, c09_no_starvation};
pub use requests::{c03_acquire, c04_release};
pub use resize::c13_resize;
pub use time::c11_time;
pub use truth::{c15_truth, c22_batches};
pub use unreachable::c21_unreachable;
