//! What servers say of themselves, and how far back they remember.

use crate::engine::base::Base;
use crate::engine::keys::Space;
use crate::engine::ops;
use crate::engine::rpc::{Failure, Until};
use crate::engine::stubs::RangeRequest;
use crate::error::Error;
use crate::server::Server;
use std::rc::Rc;
use tokio::time::Instant;
use tonic::Code;

/// Each server, and what it says or why it says nothing, in the order of the endpoints.
pub(crate) async fn all(base: &Rc<Base>) -> Vec<(String, Result<Server, Error>)> {
    let limit = base.settings.answer;
    let mut servers = Vec::new();
    for (place, endpoint) in base.rpc.names().into_iter().enumerate() {
        let began = Instant::now();
        let said = base.rpc.status(place, began + limit).await;
        let server = said.map_err(|failure| failure.into_error(limit)).map(|said| Server {
            version: said.version,
            database: u64::try_from(said.db_size).unwrap_or(0),
            revision: said.header.map_or(0, |header| header.revision),
            has_leader: said.leader != 0,
            alarms: said.errors,
            took: began.elapsed(),
        });
        servers.push((endpoint, server));
    }
    servers
}

/// Whether what was written at that revision is forgotten.
pub(crate) async fn is_compacted(base: &Rc<Base>, revision: i64) -> Result<bool, Error> {
    let limit = base.settings.answer;
    let range = ops::all(&Space::every(&base.settings.root));
    let request = RangeRequest { revision, limit: 1, keys_only: true, ..range };
    match base.rpc.read(request, Until::Time(Instant::now() + limit)).await {
        Ok(_) => Ok(false),
        Err(Failure::Refused { status, .. }) if status.code() == Code::OutOfRange => Ok(true),
        Err(failure) => Err(failure.into_error(limit)),
    }
}
