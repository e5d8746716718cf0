//! What `permits-any` promises: that each reach keeps the contract behind an address, too.

mod addresses;
#[cfg(feature = "etcd")]
mod on_etcd;
mod on_host;
