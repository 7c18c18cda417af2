//! A real LDAP server on the loopback interface.

mod certificate;
mod slapd;

pub use self::slapd::Slapd;
