use ldap3::asn1::StructureTag;

/// What a server tells about one thing.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) dn: String,
    attributes: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
}

impl Entry {
    /// From a `SearchResultEntry` (RFC 4511, section 4.5.2); nothing if it is none. The library's own reading ends the program where a name is not UTF-8.
    pub(crate) fn parse(tag: StructureTag) -> Option<Self> {
        let mut parts = tag.expect_constructed()?.into_iter();
        let dn = parts.next()?.expect_primitive()?;
        // It is shown to people, on terminals too.
        let dn = String::from_utf8_lossy(&dn).replace(char::is_control, "\u{fffd}");
        let attribute = |tag: StructureTag| {
            let mut parts = tag.expect_constructed()?.into_iter();
            let name = parts.next()?.expect_primitive()?;
            let values = parts.next()?.expect_constructed()?.into_iter().map(StructureTag::expect_primitive);
            Some((name, values.collect::<Option<_>>()?))
        };
        let attributes = parts.next()?.expect_constructed()?.into_iter().map(attribute).collect::<Option<_>>()?;
        Some(Self { dn, attributes })
    }

    /// The values of an attribute, whose name is compared without case. Variants with options (`displayName;lang-de`) are others.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let attributes = self.attributes.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
        attributes.flat_map(|(_, values)| values).map(Vec::as_slice)
    }
}
