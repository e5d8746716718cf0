//! What a process does for its session: the lease, and the epoch that fences what was sent before.
//!
//! After a request that may still arrive, `s/<lease>` is put again, if its version is still the one known. From
//! then on no request does anything that carries the old version. What such a request did before is swept: its
//! names are deleted. None of them is used again, so a sweep may arrive whenever it likes.

use crate::client::{Step, slot_of};
use crate::rules::Rule;
use crate::state::{Caller, Fence, Name, Names, Process, Stage, What};

impl Step<'_> {
    /// The deadline of the lease has passed on the client's own clock.
    pub(crate) fn lose(&mut self, process: u8) {
        for slot in 0..self.process((process, 0)).slots.len() {
            let at = (process, slot as u8);
            self.end_call(slot_of(at));
            match self.stage(at) {
                _ if !self.configuration.may.renew => self.enter(at, Stage::Lost),
                // Whether it is done is not known.
                stage if stage.takes() && self.rules.has(Rule::EndInDoubt) => self.end_job(at),
                Stage::Held { .. } | Stage::Fencing { .. } | Stage::Loosen { .. } | Stage::Release { .. } => {
                    self.end_job(at);
                }
                Stage::Unqueue { .. } => self.end_job(at),
                // The same again, under the next lease.
                _ => self.enter(at, Stage::Idle),
            }
        }
        for name in 0..Names::BITS as Name {
            self.end_call(Caller::Sweep { process, name });
        }
        self.end_call(Caller::Session { process });
        let process = self.process_mut((process, 0));
        let slots = std::mem::take(&mut process.slots);
        *process = Process { epoch: 0, lost: true, ..Process::new(slots, process.limit) };
    }

    /// A new lease, now that the old one has ended.
    pub(crate) fn renew(&mut self, process: u8) {
        // The lease that they name is no more.
        self.state.messages.retain(|message| message.caller.process() != Some(process));
        let engine = &mut self.state.engine;
        engine.epochs[usize::from(process)] = 1;
        engine.receipts[usize::from(process)] = 0;
        // Its names are other ones than those of the old lease.
        let old = engine.keys.iter().filter(|key| key.process == process).fold(0, |names, key| names | 1 << key.name);
        let now = self.process_mut((process, 0));
        let slots = std::mem::take(&mut now.slots);
        *now = Process { burnt: old, ..Process::new(slots, now.limit) };
    }

    pub(crate) fn receive_session(&mut self, process: u8, reply: What) {
        let (Fence::Bumping { .. }, What::Epoch { epoch }) = (self.process((process, 0)).fence, reply) else { return };
        self.end_call(Caller::Session { process });
        if epoch == 0 {
            return self.lose(process);
        }
        self.learn_epoch(process, epoch);
        self.bumped(process);
    }

    pub(crate) fn receive_swept(&mut self, process: u8, name: Name) {
        self.end_call(Caller::Sweep { process, name });
        self.process_mut((process, 0)).swept &= !(1 << name);
    }

    pub(crate) fn learn_epoch(&mut self, process: u8, epoch: u8) {
        let now = self.process_mut((process, 0));
        now.epoch = now.epoch.max(epoch);
    }

    /// A late request may put a key of this name.
    pub(crate) fn haunt(&mut self, process: u8, name: Name) {
        let is_burnt = self.rules.has(Rule::BurnAsked);
        let now = self.process_mut((process, 0));
        now.ghosts |= 1 << name;
        if is_burnt {
            now.burnt |= 1 << name;
        }
        self.fence(process);
    }

    /// A late request may take a loose permit.
    pub(crate) fn doubt(&mut self, process: u8) {
        if self.rules.has(Rule::DoubtEpoch) {
            self.process_mut((process, 0)).doubt = true;
            self.fence(process);
        }
    }

    /// A new epoch, if one is needed.
    fn fence(&mut self, process: u8) {
        let now = self.process_mut((process, 0));
        if now.fence == Fence::Clean && (now.ghosts != 0 || now.doubt) {
            let epoch = now.epoch;
            now.fence = Fence::Bumping { epoch };
            now.fenced = std::mem::take(&mut now.ghosts);
            now.doubt = false;
            self.state.send(Caller::Session { process }, What::Bump { epoch });
        }
    }

    /// The epoch is a new one: what was sent in earlier ones does nothing any more.
    fn bumped(&mut self, process: u8) {
        let now = self.process_mut((process, 0));
        let fenced = std::mem::take(&mut now.fenced);
        now.fence = Fence::Clean;
        for name in (0..Names::BITS as Name).filter(|name| fenced & 1 << name != 0) {
            if self.process((process, 0)).uses(name) && self.rules.has(Rule::SweepUnused) {
                // It may be that its key is deleted already, and the reply to that is under way.
                self.process_mut((process, 0)).later |= 1 << name;
            } else {
                self.sweep(process, name);
            }
        }
        // For what came in doubt meanwhile.
        self.fence(process);
        if !self.process((process, 0)).is_settled() {
            return;
        }
        for slot in 0..self.process((process, 0)).slots.len() {
            let at = (process, slot as u8);
            self.settle(at);
            if let Stage::Fencing { name, create, fitted } = self.stage(at) {
                self.loosen(at, name, create, fitted);
            }
        }
        self.look(process);
    }

    fn sweep(&mut self, process: u8, name: Name) {
        if self.rules.has(Rule::SweepNames) {
            self.process_mut((process, 0)).swept |= 1 << name;
            self.state.send(Caller::Sweep { process, name }, What::Sweep { name });
        }
    }

    /// Its key was deleted, and a late request may have put it again before the epoch was a new one.
    pub(crate) fn given_back(&mut self, process: u8, name: Name) {
        let now = self.process_mut((process, 0));
        let is_later = now.later & 1 << name != 0;
        now.later &= !(1 << name);
        if is_later && self.rules.has(Rule::SweepLater) {
            self.sweep(process, name);
        }
    }

    pub(crate) fn time_out_session(&mut self, process: u8) {
        let Fence::Bumping { epoch } = self.process((process, 0)).fence else { unreachable!("no reply is waited for") };
        self.state.send(Caller::Session { process }, What::Bump { epoch });
    }

    pub(crate) fn time_out_sweep(&mut self, process: u8, name: Name) {
        self.state.send(Caller::Sweep { process, name }, What::Sweep { name });
    }
}
