//! What `permits-etcd` promises, on real servers: a file a topic, a test a fact, named for what it shows.

mod cluster;
mod conformance;
mod doubt;
mod frames;
mod late;
mod proxy;
mod scene;
mod secure;
