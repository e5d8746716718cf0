//! The program as its users see it: started as a process, and judged by what it prints, how it ends and what it leaves.

mod arguments;
mod background;
mod death;
mod doctor;
mod exercise;
mod exit_codes;
mod family;
mod jobserver;
mod limits;
mod manual;
mod nested;
mod output;
mod peers;
mod place;
mod queue;
mod remove;
mod report;
mod signals;
mod size;
mod spacing;
mod strangers;
mod streams;
mod supersede;
mod surroundings;
mod terminal;
mod top;
