//! What was granted: it gives itself back.

use crate::engine::keys::Name;
use crate::engine::link::Link;
use crate::engine::release;
use permits::Token;
use permits::lease::Lease;
use std::num::NonZeroU64;
use std::sync::Arc;

/// How many bits of a token tell the grants of one revision apart.
const INDEX_BITS: u32 = 7;

/// The token of a grant: the revision of its place, and its number in that revision.
pub(crate) fn token(create: i64, index: u8) -> Token {
    let number = (create.cast_unsigned() << INDEX_BITS) | u64::from(index);
    Token::new(NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN))
}

/// One permit.
pub(crate) struct Part {
    pub(crate) name: Name,
    pub(crate) create: i64,
    /// The number of the first permit of its request: by it the status tells requests apart.
    pub(crate) first: u32,
    /// Says that its key was deleted by another; of all parts of one grant.
    pub(crate) gone: Arc<Lease>,
}

/// Places that are granted, under the lease of their connection. Dropping it returns them (C5).
pub(crate) struct Grant {
    pub(crate) link: Arc<Link>,
    pub(crate) name: Arc<str>,
    pub(crate) lease: Arc<Lease>,
    pub(crate) token: Token,
    pub(crate) parts: Vec<Part>,
}

impl Grant {
    pub(crate) fn new(link: &Arc<Link>, name: &str, lease: &Arc<Lease>, token: Token, parts: Vec<Part>) -> Grant {
        Grant { link: Arc::clone(link), name: name.into(), lease: Arc::clone(lease), token, parts }
    }

    /// Its names, which it does not return any more.
    pub(crate) fn taken(&mut self) -> Vec<Name> {
        std::mem::take(&mut self.parts).into_iter().map(|part| part.name).collect()
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lease.is_lost() || self.parts.iter().any(|part| part.gone.is_lost())
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if self.parts.is_empty() {
            return;
        }
        let (name, names) = (Arc::clone(&self.name), self.taken());
        // In a child of a fork it is the parent's; after the end it came back with the lease.
        _ = self.link.run(move |core| release::dropped(&core.room(&name), &names));
    }
}
