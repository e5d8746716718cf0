//! What `permits-host` promises: a file a topic, a test a fact, named for what it shows.

mod actor;
mod conformance;
mod crowd;
mod death;
mod files;
mod fork;
mod handles;
mod hazards;
mod place;
mod premises;
mod repair;
mod status;
mod sys;
