//! What `permits-host` promises: a file a topic, a test a fact, named for what it shows.

mod actor;
mod conformance;
mod death;
mod fork;
mod hazards;
mod place;
mod sys;
