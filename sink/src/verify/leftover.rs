use object_store::path::Path;

/// The path that a put was on its way to when it was killed: local stores write to `<path>#1` first. They hide such names, but a copy of the archive in another store shows them.
pub(crate) fn killed_put(path: &Path) -> Option<Path> {
    let (target, number) = path.as_ref().rsplit_once('#').or_else(|| path.as_ref().rsplit_once("%23"))?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    Path::parse(target).ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_put_is_known_by_the_number_behind_its_name() {
        let of = |path: &str| killed_put(&Path::parse(path).unwrap()).map(|path| path.to_string());
        assert_eq!(of("items/undated/a.eml#1").as_deref(), Some("items/undated/a.eml"));
        assert_eq!(of("ledger/00000001.json%2312").as_deref(), Some("ledger/00000001.json"));
        for other in ["items/undated/a.eml", "items/undated/a.eml#", "items/undated/a.eml#b", "items/un#1/a.eml"] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
