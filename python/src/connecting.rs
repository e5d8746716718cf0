//! What is known beside an address of machines, as `permits/_machines.py` has it.

use crate::arguments::time;
use permits_any::Options;
use pyo3::prelude::*;
use std::time::Duration;

/// The longest time in which servers have to answer: longer than anything that is meant.
const DAY: Duration = Duration::from_secs(86_400);

#[derive(FromPyObject)]
pub(crate) struct Connecting<'py> {
    endpoints: Vec<String>,
    user: Option<String>,
    password: Option<String>,
    ca: Option<Vec<u8>>,
    certificate: Option<(Vec<u8>, Vec<u8>)>,
    ttl: Option<Bound<'py, PyAny>>,
    connect_timeout: Option<Bound<'py, PyAny>>,
    label: Option<String>,
}

impl Connecting<'_> {
    pub(crate) fn options(self) -> PyResult<Options> {
        let options = Options::new().endpoints(self.endpoints);
        let options = self.user.into_iter().fold(options, Options::user);
        let options = self.password.into_iter().fold(options, Options::password);
        let options = self.ca.into_iter().fold(options, Options::ca_certificate);
        let options =
            self.certificate.into_iter().fold(options, |options, (pem, key)| options.client_certificate(pem, key));
        let options = self.label.into_iter().fold(options, Options::label);
        // Which of these a lease can have is the library's word.
        let ttl = self.ttl.map(|ttl| time(&ttl, "ttl", Duration::MAX)).transpose()?;
        let options = ttl.into_iter().fold(options, Options::ttl);
        let answer = self.connect_timeout.map(|limit| time(&limit, "connect_timeout", DAY)).transpose()?;
        Ok(answer.into_iter().fold(options, Options::answer_within))
    }
}
