use std::{
    env, fmt, fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, Secret, SecretSource};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::Config;

/// Where a secret is: `{ env = "NAME" }` or `{ file = "path" }`. One that is written out is refused.
#[derive(Debug, Clone)]
pub(crate) enum SecretRef {
    Env(String),
    File(PathBuf),
    /// Known to the program itself; not to be had from a file.
    Given(Secret),
}

impl SecretRef {
    /// Fetches it; `setting` names it in errors.
    pub(crate) fn fetch(&self, config: &Config, setting: &'static str) -> Result<Secret> {
        self.read(&config.folder, setting)
    }

    /// Where it is to be fetched again and again. It is fetched once here, so that one that is not there is told of at once.
    pub(crate) fn source(&self, config: &Config, setting: &'static str) -> Result<SecretSource> {
        self.fetch(config, setting)?;
        let (place, folder) = (self.clone(), config.folder.clone());
        Ok(SecretSource::new(move || place.read(&folder, setting)))
    }

    fn read(&self, folder: &Path, setting: &'static str) -> Result<Secret> {
        let refuse = |what: String| Error::new(ErrorKind::Config, ErrorClass::Fatal, "fetch secret", what).about(setting);
        match self {
            Self::Given(secret) => Ok(secret.clone()),
            Self::Env(name) => match env::var(name) {
                Ok(secret) if !secret.is_empty() => Ok(Secret::new(secret)),
                _ => Err(refuse(format!("the environment has no variable `{name}`")).advise("set it for the account that runs this")),
            },
            Self::File(path) => {
                let path = folder.join(path);
                let unreadable = |error| refuse(format!("the file {} cannot be read", path.display())).because(error);
                if is_open_to_others(&path).map_err(unreadable)? {
                    return Err(refuse(format!("the file {} can be read by others", path.display())).advise("chmod 600 it"));
                }
                let text = fs::read_to_string(&path).map_err(unreadable)?;
                let secret = text.trim_end_matches(['\r', '\n']);
                if secret.is_empty() {
                    return Err(refuse(format!("the file {} is empty", path.display())));
                }
                Ok(Secret::new(secret))
            }
        }
    }
}

fn is_open_to_others(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Place)
    }
}

struct Place;

const FORM: &str = "a secret is never written here: use { env = \"NAME\" } or { file = \"path\" }";

impl<'de> Visitor<'de> for Place {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ env = \"NAME\" } or { file = \"path\" }")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<SecretRef, E> {
        Err(E::custom(FORM))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<SecretRef, E> {
        Err(E::custom(FORM))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let place = match map.next_entry::<String, String>()? {
            Some((key, name)) if key == "env" => SecretRef::Env(name),
            Some((key, path)) if key == "file" => SecretRef::File(path.into()),
            _ => return Err(serde::de::Error::custom(FORM)),
        };
        match map.next_key::<String>()? {
            None => Ok(place),
            Some(_) => Err(serde::de::Error::custom("a secret is in one place: `env` or `file`")),
        }
    }
}
