//! Makes records of rows: pure functions of the values.

mod dated;
mod rooms;
mod transfers;

pub(crate) use self::{
    dated::{jm, tc_msgarchive, tc_timelog},
    rooms::{add_room, add_user},
    transfers::upload,
};
