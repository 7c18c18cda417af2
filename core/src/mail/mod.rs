//! What every mail is written with: leaves that we encode ourselves, header fields that nothing can break, exact sizes.

mod address;
mod domain;
mod field;
mod leaf;
mod write;

pub(crate) use self::{
    address::header_address,
    domain::check_domain,
    field::{name_field, text_field},
    leaf::{Leaf, Weight},
    write::{part_size, size, write},
};
