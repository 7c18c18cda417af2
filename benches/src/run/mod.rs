//! What a run is compared with: the same statements sent by the driver alone, and the program that an administrator would script.

mod archive;
mod chats;
mod drain;
mod script;

pub use self::{
    archive::archive,
    chats::{chats, end},
    drain::drain,
    script::Script,
};
