use std::{cmp::Ordering, sync::Arc};

/// The flags of a collation on the wire (MS-TDS, 2.2.5.1.2), behind the number of its locale.
const IGNORE_CASE: u32 = 0x0010_0000;
const IGNORE_KANA_AND_WIDTH: u32 = 0x00C0_0000;
const BINARY: u32 = 0x0100_0000;
const BINARY2: u32 = 0x0200_0000;
const UTF8: u32 = 0x0400_0000;
const VERSION_100: u32 = 0x2000_0000;
const ENGLISH: u32 = 0x0409;
/// The order of `SQL_Latin1_General_CP1_CI_AS`.
const SORT_ORDER: u8 = 0x34;

/// How a database compares texts, the names of its tables and columns among them, as far as the name of the collation tells.
#[derive(Debug, Clone)]
pub(super) struct Collation {
    pub(super) name: Arc<str>,
    sensitive: bool,
    /// Whether `char` and `varchar` are UTF-8.
    pub(super) utf8: bool,
    pub(super) bytes: [u8; 5],
}

impl Collation {
    /// By name: `SQL_Latin1_General_CP1_CI_AS`, or one of `Latin1_General` and `Latin1_General_100` with `_CI_`, `_CS_`, `_BIN`, `_BIN2`, `_SC`, `_UTF8`.
    pub(super) fn new(name: &str) -> Option<Self> {
        let (rest, of_windows) = match name.strip_prefix("SQL_Latin1_General_CP1_") {
            Some(rest) => (rest, false),
            None => (name.strip_prefix("Latin1_General_")?, true),
        };
        let version = if rest.starts_with("100_") { VERSION_100 } else { 0 };
        let parts: Vec<&str> = rest.trim_start_matches("100_").split('_').collect();
        let has = |part: &str| parts.contains(&part);
        let binary = match (has("BIN"), has("BIN2")) {
            (true, _) => BINARY,
            (_, true) => BINARY2,
            _ => 0,
        };
        let order = if has("CI") { IGNORE_CASE | IGNORE_KANA_AND_WIDTH } else { IGNORE_KANA_AND_WIDTH };
        if binary == 0 && has("CI") == has("CS") {
            return None;
        }
        let utf8 = has("UTF8");
        let info = ENGLISH | version | if binary == 0 { order } else { binary } | if utf8 { UTF8 } else { 0 };
        let [a, b, c, d] = info.to_le_bytes();
        let sort_order = if of_windows { 0 } else { SORT_ORDER };
        Some(Self { name: name.into(), sensitive: !has("CI"), utf8, bytes: [a, b, c, d, sort_order] })
    }

    /// Whether two names are one.
    pub(super) fn same(&self, left: &str, right: &str) -> bool {
        if self.sensitive { left == right } else { left.to_lowercase() == right.to_lowercase() }
    }

    /// The order of two texts. Spaces at the end never matter.
    pub(super) fn compare(&self, left: &str, right: &str) -> Ordering {
        let (left, right) = (left.trim_end_matches(' '), right.trim_end_matches(' '));
        if self.sensitive { left.cmp(right) } else { left.to_lowercase().cmp(&right.to_lowercase()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_as_sql_server_sends_it() {
        let collation = Collation::new("SQL_Latin1_General_CP1_CI_AS").unwrap();
        assert_eq!(collation.bytes, [0x09, 0x04, 0xD0, 0x00, 0x34]);
        assert!(collation.same("jm", "JM"));
    }

    #[test]
    fn case_matters_where_the_name_says_so() {
        for name in ["Latin1_General_CS_AS", "Latin1_General_100_CS_AS_SC", "Latin1_General_BIN", "Latin1_General_100_BIN2"] {
            let collation = Collation::new(name).unwrap();
            assert!(!collation.same("jm", "JM") && collation.same("jm", "jm"), "{name}");
            assert!(collation.compare("a", "A").is_ne() && collation.compare("a ", "a").is_eq(), "{name}");
        }
        assert!(Collation::new("Latin1_General_100_CI_AS_SC_UTF8").unwrap().utf8);
        for unknown in ["Turkish_CI_AS", "Latin1_General_AS", ""] {
            assert!(Collation::new(unknown).is_none(), "{unknown}");
        }
    }
}
