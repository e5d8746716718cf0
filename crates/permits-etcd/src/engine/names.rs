//! Which semaphores a namespace has.

use crate::engine::base::Base;
use crate::engine::keys::Space;
use crate::engine::rpc::Until;
use crate::engine::stubs::RangeRequest;
use crate::error::Error;
use std::rc::Rc;
use tokio::time::Instant;

/// The names of those that have a configuration, in the order of their keys.
///
/// A call for each key that is looked at, and one for each semaphore: those of the queues are passed over, of
/// which there may be millions.
pub(crate) async fn list(base: &Rc<Base>) -> Result<Vec<String>, Error> {
    let root = &base.settings.root;
    let mut range = Space::every(root);
    let mut names = Vec::new();
    loop {
        let until = Until::Time(Instant::now() + base.settings.answer);
        let request = RangeRequest {
            key: range.start.clone(),
            range_end: range.end.clone(),
            limit: 1,
            keys_only: true,
            ..RangeRequest::default()
        };
        let answer = base.rpc.read(request, until).await;
        let answer = answer.map_err(|failure| failure.into_error(base.settings.answer))?;
        let Some(found) = answer.kvs.first() else { return Ok(names) };
        let Some(name) = Space::name_of(root, &found.key) else {
            // Behind a key that is not ours.
            range.start = [&found.key[..], &[0]].concat();
            continue;
        };
        let space = Space::new(root, &name);
        let request = RangeRequest { key: space.config(), count_only: true, ..RangeRequest::default() };
        let answer = base.rpc.read(request, until).await;
        if answer.map_err(|failure| failure.into_error(base.settings.answer))?.count > 0 {
            names.push(name);
        }
        range.start = space.all().end;
    }
}
