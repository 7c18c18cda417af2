//! Putting items into Azurite: by our sink, by the library that it stands on, and by other programs.

mod azcopy;
mod items;
mod place;
mod programs;
mod round;
mod way;

pub use self::{
    items::Items,
    programs::Programs,
    round::{Rounds, Spread},
    way::Way,
};
