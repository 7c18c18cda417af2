//! A real SSH server on the loopback interface.

mod sshd;

pub use self::sshd::Sshd;
