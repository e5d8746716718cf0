//! What `permits-etcd` promises, on real servers: a file a topic, a test a fact, named for what it shows.

mod cluster;
mod conformance;
mod proxy;
mod secure;
