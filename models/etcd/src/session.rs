//! What a process does for its session: the lease, and the epoch that fences what was sent before.
//!
//! After a request that may still arrive, `s/<lease>` is put again, if its version is still the one known. From
//! then on no request does anything that carries the old version. What such a request did before is swept: its
//! names are deleted, in the new epoch. Only then are the names used again.

use crate::client::{Step, slot_of};
use crate::rules::Rule;
use crate::state::{Caller, Fence, Process, Stage, What};

impl Step<'_> {
    /// The deadline of the lease has passed on the client's own clock.
    pub(crate) fn lose(&mut self, process: u8) {
        for slot in 0..self.state.processes[usize::from(process)].slots.len() {
            let at = (process, slot as u8);
            self.end_call(slot_of(at));
            self.enter(at, Stage::Lost);
        }
        self.end_call(Caller::Session { process });
        let process = &mut self.state.processes[usize::from(process)];
        let slots = std::mem::take(&mut process.slots);
        *process = Process {
            slots,
            epoch: 0,
            fence: Fence::Clean,
            dirty: 0,
            swept: 0,
            burnt: 0,
            view: None,
            late: None,
            lost: true,
        };
    }

    pub(crate) fn receive_session(&mut self, process: u8, reply: What) {
        let at = usize::from(process);
        match (self.state.processes[at].fence, reply) {
            (Fence::Bumping, What::Epoch { epoch }) => {
                self.end_call(Caller::Session { process });
                if epoch == 0 {
                    return self.lose(process);
                }
                self.state.processes[at].epoch = epoch;
                self.bumped(process);
            }
            (Fence::Sweeping, What::Swept { done }) => {
                self.end_call(Caller::Session { process });
                let process_now = &mut self.state.processes[at];
                if !done {
                    process_now.dirty |= process_now.swept;
                }
                process_now.swept = 0;
                process_now.fence = Fence::Clean;
                let is_fencing = process_now.slots.iter().any(|slot| matches!(slot.stage, Stage::Fencing { .. }));
                if process_now.dirty != 0 || is_fencing {
                    self.fence(process);
                }
            }
            _ => {}
        }
    }

    /// A new epoch is wanted.
    pub(crate) fn fence(&mut self, process: u8) {
        let now = &mut self.state.processes[usize::from(process)];
        if now.fence == Fence::Clean {
            now.fence = Fence::Bumping;
            let epoch = now.epoch;
            self.state.send(Caller::Session { process }, What::Bump { epoch });
        }
    }

    /// The epoch is a new one: what was sent in earlier ones does nothing any more.
    fn bumped(&mut self, process: u8) {
        let now = &mut self.state.processes[usize::from(process)];
        now.swept = if self.rules.has(Rule::SweepNames) { now.dirty } else { 0 };
        now.dirty = 0;
        now.fence = if now.swept == 0 { Fence::Clean } else { Fence::Sweeping };
        let sweep = What::Sweep { names: now.swept, epoch: now.epoch };
        if now.swept != 0 {
            self.state.send(Caller::Session { process }, sweep);
        }
        for slot in 0..self.state.processes[usize::from(process)].slots.len() {
            let at = (process, slot as u8);
            let mut stage = self.stage(at);
            match &mut stage {
                // The key is known, and no other will be put.
                Stage::Wait { ambiguous, .. }
                | Stage::Held { ambiguous, .. }
                | Stage::Blocked { ambiguous, .. }
                | Stage::Take { ambiguous, .. } => {
                    *ambiguous = false;
                    self.enter(at, stage);
                }
                Stage::Acquire { refused: true, .. } | Stage::Queue { refused: true, .. } => self.send_anew(at, stage),
                Stage::Fencing { name, create, fitted } => self.loosen(at, *name, *create, *fitted),
                _ => {}
            }
        }
    }

    pub(crate) fn time_out_session(&mut self, process: u8) {
        let caller = Caller::Session { process };
        let now = &mut self.state.processes[usize::from(process)];
        let epoch = now.epoch;
        match now.fence {
            Fence::Bumping => self.state.send(caller, What::Bump { epoch }),
            Fence::Sweeping if !self.rules.has(Rule::SweepAnew) => {
                let names = now.swept;
                self.state.send(caller, What::Sweep { names, epoch });
            }
            Fence::Sweeping => {
                now.dirty |= std::mem::take(&mut now.swept);
                now.fence = Fence::Clean;
                self.end_call(caller);
                self.fence(process);
            }
            Fence::Clean => unreachable!("no reply is waited for"),
        }
    }
}
