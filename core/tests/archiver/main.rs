//! What an archiver leaves behind, whatever happens to it.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod audit;
mod cancelled;
mod changing;
mod dead_letters;
mod files;
mod filtered;
mod in_flight;
mod killed;
mod late;
mod limits;
mod patience;
mod per_message;
mod raced;
mod reading;
mod recorded;
mod rehearsed;
mod sent_files;
mod several;
mod spilled;
mod windows;
mod world;
