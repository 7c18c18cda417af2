use jabber_archive_core::{Result, Transfer};

use crate::fault::refuse;

/// The file that tells a root that is there from an empty folder where it should be: what is mounted has it, the folder on which it is mounted has not.
pub const SENTINEL: &str = ".jabber-archive-root";

/// The longest name that Linux gives a file, in bytes.
const LONGEST_NAME: usize = 255;

/// A folder below which files are read, as the transfer log calls it and as it is reached from here.
///
/// ```
/// use jabber_archive_files::Root;
///
/// let root = Root::new("/opt/mftFileStore", "/mnt/mft")?;
/// assert_eq!(root.place(), "/mnt/mft");
/// assert!(Root::new("opt/mftFileStore", "/mnt/mft").is_err(), "whatever lies there would be read");
/// # Ok::<(), jabber_archive_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    logged: String,
    place: String,
    server: Option<String>,
}

impl Root {
    /// What the log calls `logged`, on whatever file server, is read at `place`.
    ///
    /// # Errors
    ///
    /// If one of them is no absolute path without `.`, `..` and doubled slashes.
    pub fn new(logged: impl Into<String>, place: impl Into<String>) -> Result<Self> {
        let (logged, place) = (logged.into(), place.into());
        for path in [&logged, &place] {
            let plain = path.strip_prefix('/').is_some_and(|path| path.is_empty() || path.split('/').all(is_plain));
            if !plain {
                return Err(refuse(format!("`{}` is no root", path.escape_debug()))
                    .about("roots")
                    .advise("write an absolute path without `.`, `..` and a `/` at the end, such as /opt/mftFileStore"));
            }
        }
        if logged == "/" {
            return Err(refuse("`/` as the log's root would let everything be read")
                .about("roots")
                .advise("name the folder of the file store"));
        }
        Ok(Self { logged, place, server: None })
    }

    /// Only what the log says to be on this file server (`file_server`), whatever the case.
    #[must_use]
    pub fn on_server(self, server: impl Into<String>) -> Self {
        Self { server: Some(server.into()), ..self }
    }

    /// Where it is reached.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The names below this root that lead to the file of an upload; none if it does not lie below, or its path is not written as it would be resolved.
    fn below<'t>(&self, transfer: &'t Transfer) -> Option<Vec<&'t str>> {
        let on_server = match (&self.server, &transfer.server) {
            (None, _) => true,
            (Some(ours), Some(theirs)) => ours.eq_ignore_ascii_case(theirs.trim()),
            (Some(_), None) => false,
        };
        let below = transfer.path.as_deref()?.strip_prefix(self.logged.as_str())?.strip_prefix('/').filter(|_| on_server)?;
        let names: Vec<&str> = below.split('/').collect();
        names.iter().all(|name| is_plain(name)).then_some(names)
    }
}

/// The root that a file lies below, and the names that lead to it from there. Of roots within each other the inner one counts.
pub(crate) fn locate<'r, 't>(roots: &'r [Root], transfer: &'t Transfer) -> Option<(&'r Root, Vec<&'t str>)> {
    let found = roots.iter().filter_map(|root| Some((root, root.below(transfer)?)));
    found.max_by_key(|(root, _)| root.logged.len())
}

/// Whether a name in a path is the name of a file or folder and nothing else, here and on systems that part paths by backslashes.
fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.len() <= LONGEST_NAME && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(path: &str) -> Transfer {
        let mut transfer = Transfer::new(1, "x");
        transfer.path = Some(path.to_owned());
        transfer
    }

    fn below(path: &str) -> Option<Vec<String>> {
        let root = Root::new("/opt/mft", "/mnt/mft").unwrap();
        root.below(&at(path)).map(|names| names.into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn only_what_lies_below_the_root_is_below_it() {
        assert_eq!(below("/opt/mft/files/im/x.pdf").unwrap(), ["files", "im", "x.pdf"]);
        for path in ["/opt/mft", "/opt/mft/", "/opt/mftx/y", "/opt/mft2", "opt/mft/x", " /opt/mft/x", "//opt/mft/x", "/OPT/mft/x", ""] {
            assert_eq!(below(path), None, "{path}");
        }
        assert_eq!(Root::new("/opt/mft", "/mnt").unwrap().below(&Transfer::new(1, "x")), None);
    }

    #[test]
    fn a_root_of_a_server_has_the_files_of_that_server() {
        let root = Root::new("/opt/mft", "/mnt/one").unwrap().on_server("Files1.example.com");
        let mut transfer = at("/opt/mft/x");
        assert_eq!(root.below(&transfer), None);
        transfer.server = Some("files1.EXAMPLE.com ".to_owned());
        assert_eq!(root.below(&transfer), Some(vec!["x"]));
        transfer.server = Some("files2.example.com".to_owned());
        assert_eq!(root.below(&transfer), None);
    }

    #[test]
    fn of_roots_within_each_other_the_inner_one_counts() {
        let roots = [Root::new("/opt/mft", "/mnt/outer").unwrap(), Root::new("/opt/mft/files", "/mnt/inner").unwrap()];
        let place = |path: &str| locate(&roots, &at(path)).map(|(root, names)| (root.place(), names.concat()));
        assert_eq!(place("/opt/mft/files/x"), Some(("/mnt/inner", "x".to_owned())));
        assert_eq!(place("/opt/mft/other/x"), Some(("/mnt/outer", "otherx".to_owned())));
        assert_eq!(place("/etc/passwd"), None);
    }

    #[test]
    fn a_root_is_an_absolute_path() {
        for root in ["", "x", "/x/", "/x/../y", "/./x", "//x", "/x\0", "C:\\x", "/x\\y"] {
            let error = Root::new(root, "/mnt").unwrap_err();
            assert!(error.to_string().contains("is no root"), "{error}");
            assert!(Root::new("/mnt", root).is_err());
        }
        assert!(Root::new("/", "/mnt").is_err() && Root::new("/mnt", "/").is_ok(), "an account may be confined to the store");
    }

    proptest! {
        #[test]
        fn whatever_is_below_is_led_to_by_its_own_names(rest in "[a.\\\\/\0é]{0,12}") {
            let path = format!("/opt/mft/{rest}");
            if let Some(names) = below(&path) {
                prop_assert_eq!(names.join("/"), rest);
                prop_assert!(names.iter().all(|name| !name.is_empty() && name != "." && name != ".." && !name.contains(['\\', '\0'])));
            }
        }
    }
}
