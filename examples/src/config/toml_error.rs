use jabber_archive_core::Error;

/// Says what is wrong in a configuration and in which line; never shows the line, which may hold a secret in the wrong place.
pub(super) fn explain(text: &str, error: &toml::de::Error, refuse: &dyn Fn(String) -> Error) -> Error {
    let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let what = format!("line {line}: {}", error.message().trim_end().replace('\n', "; "));
    match unknown_key(error.message()) {
        Some((unknown, Some(nearest))) => {
            refuse(format!("line {line}: there is no key `{unknown}` here")).advise(format!("did you mean `{nearest}`?"))
        }
        Some((unknown, None)) => refuse(format!("line {line}: there is no key `{unknown}` here")).advise("remove it"),
        None => refuse(what),
    }
}

/// The unknown key that serde names, and the nearest of those that it knows.
fn unknown_key(message: &str) -> Option<(&str, Option<&str>)> {
    let named = message.strip_prefix("unknown field ")?;
    let mut keys = named.split('`').skip(1).step_by(2);
    let unknown = keys.next()?;
    let nearest = keys.max_by(|a, b| strsim::jaro_winkler(a, unknown).total_cmp(&strsim::jaro_winkler(b, unknown)));
    Some((unknown, nearest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_named() {
        let message = "unknown field `pasword`, expected one of `host`, `port`, `password`, `user`";
        assert_eq!(unknown_key(message), Some(("pasword", Some("password"))));
        assert_eq!(unknown_key("unknown field `x`, there are no fields"), Some(("x", None)));
        assert_eq!(unknown_key("missing field `host`"), None);
    }
}
