//! What `permits-etcd` promises, on real servers: a file a topic, a test a fact, named for what it shows.

mod actor;
mod churn;
mod cluster;
mod conformance;
mod deaths;
mod doubt;
mod ending;
mod fork;
mod frames;
mod late;
mod naming;
mod proxy;
mod referee;
mod removal;
mod scene;
mod secure;
mod servers;
mod space;
