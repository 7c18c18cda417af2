#![doc = include_str!("../README.md")]

mod fault;
mod folder;
mod root;
#[cfg(feature = "sftp")]
mod sftp;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "sftp")]
pub use self::sftp::{HostKey, Sftp, SftpConfig, SignIn};
pub use self::{
    folder::Folder,
    root::{Root, SENTINEL},
};
