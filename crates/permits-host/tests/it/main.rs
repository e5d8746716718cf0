//! What `permits-host` promises: a file a topic, a test a fact, named for what it shows.

mod conformance;
mod place;
