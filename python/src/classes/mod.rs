//! The classes that Python sees.

pub(crate) mod aio;
pub(crate) mod coroutine;
pub(crate) mod count;
pub(crate) mod done;
pub(crate) mod permit;
pub(crate) mod request;
pub(crate) mod threading;
pub(crate) mod valued;
