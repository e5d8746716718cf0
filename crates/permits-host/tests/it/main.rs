//! What `permits-host` promises: a file a topic, a test a fact, named for what it shows.

mod actor;
mod boot;
mod command;
mod conformance;
mod crowd;
mod death;
mod descriptors;
mod files;
mod fork;
mod format;
mod gone;
mod handles;
mod locks;
mod look;
mod mount;
mod namespace;
mod place;
mod remove;
mod repair;
mod slots;
mod spacing;
mod status;
mod strangers;
mod sys;
mod undone;
mod victim;
