use jabber_archive_core::Finding;
use serde::Deserialize;

/// Kinds of findings that somebody has looked at and lives with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct Expected(Vec<String>);

impl TryFrom<Vec<String>> for Expected {
    type Error = String;

    fn try_from(kinds: Vec<String>) -> Result<Self, String> {
        match kinds.iter().find(|kind| !Finding::KINDS.contains(&kind.as_str())) {
            None => Ok(Self(kinds)),
            Some(unknown) => {
                let likeness = |kind: &&&str| strsim::jaro_winkler(kind, unknown);
                let nearest = Finding::KINDS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or(&"");
                Err(format!("no finding is called `{unknown}`; did you mean `{nearest}`?"))
            }
        }
    }
}

impl Expected {
    /// Whether findings of this kind are no news.
    pub(crate) fn names(&self, kind: &str) -> bool {
        self.0.iter().any(|expected| expected == kind)
    }

    /// Whether a finding is no news.
    pub(crate) fn knows(&self, finding: &Finding) -> bool {
        self.names(finding.kind())
    }

    /// Whether somebody has to look at one of them.
    pub(crate) fn leaves(&self, findings: &[Finding]) -> bool {
        findings.iter().any(|finding| !self.knows(finding))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_a_finding_can_be_expected_and_the_nearest_is_named() {
        let of = |kinds: &[&str]| Expected::try_from(kinds.iter().map(|kind| (*kind).to_owned()).collect::<Vec<_>>());
        let expected = of(&["no-outgoing", "clock-skew"]).unwrap();
        assert!(expected.knows(&Finding::NoOutgoing { rows: 100 }) && !expected.knows(&Finding::LateCopy { rows: 1 }));
        let both = [Finding::NoOutgoing { rows: 100 }, Finding::LateCopy { rows: 1 }];
        assert!(expected.leaves(&both) && !expected.leaves(&both[..1]) && !expected.leaves(&[]));
        assert_eq!(of(&["no_outgoin"]).unwrap_err(), "no finding is called `no_outgoin`; did you mean `no-outgoing`?");
    }
}
