use std::{
    collections::BTreeMap,
    env, fmt, fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, Secret, SecretSource};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::Config;

/// Where a secret is: `{ env = "NAME" }`, `{ file = "path" }` or `{ credential = "name" }`. One that is written out is refused.
#[derive(Debug, Clone)]
pub(crate) enum SecretRef {
    Env(String),
    File(PathBuf),
    /// A credential that systemd passes to a service (`LoadCredential=`).
    Credential(String),
    /// Known to the program itself; not to be had from a file.
    Given(Secret),
}

/// Secrets by their places, for a trial of a configuration whose places have none yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct GivenSecrets(Arc<BTreeMap<String, Secret>>);

impl GivenSecrets {
    pub(crate) fn new(secrets: BTreeMap<String, Secret>) -> Self {
        Self(Arc::new(secrets))
    }

    /// What a place is called: `env NAME`, `file path`, `credential name`.
    pub(crate) fn place(kind: &str, name: &str) -> String {
        format!("{kind} {name}")
    }

    fn at(&self, place: &SecretRef) -> Option<Secret> {
        let place = match place {
            SecretRef::Env(name) => Self::place("env", name),
            SecretRef::File(path) => Self::place("file", &path.to_string_lossy()),
            SecretRef::Credential(name) => Self::place("credential", name),
            SecretRef::Given(_) => return None,
        };
        self.0.get(&place).cloned()
    }
}

impl SecretRef {
    /// The place of a kind, if there is such a kind.
    pub(crate) fn of(kind: &str, name: &str) -> Option<Self> {
        match kind {
            "env" => Some(Self::Env(name.to_owned())),
            "file" => Some(Self::File(name.into())),
            "credential" => Some(Self::Credential(name.to_owned())),
            _ => None,
        }
    }

    /// Whether it can be fetched now; paths begin in `folder`.
    pub(crate) fn is_there(&self, folder: &Path) -> bool {
        self.read(folder, "secret").is_ok()
    }

    /// Fetches it; `setting` names it in errors.
    pub(crate) fn fetch(&self, config: &Config, setting: &'static str) -> Result<Secret> {
        match config.given.at(self) {
            Some(given) => Ok(given),
            None => self.read(&config.folder, setting),
        }
    }

    /// Where it is to be fetched again and again. It is fetched once here, so that one that is not there is told of at once.
    pub(crate) fn source(&self, config: &Config, setting: &'static str) -> Result<SecretSource> {
        let fetched = self.fetch(config, setting)?;
        if config.given.at(self).is_some() {
            return Ok(SecretSource::new(move || Ok(fetched.clone())));
        }
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
                content(&path).map_err(unreadable)?.ok_or_else(|| refuse(format!("the file {} is empty", path.display())))
            }
            Self::Credential(name) => {
                let Some(folder) = env::var_os("CREDENTIALS_DIRECTORY") else {
                    return Err(refuse(format!("there is no credential `{name}`: systemd has not started this"))
                        .advise("name it in `LoadCredential=` of the unit, or use { env = \"NAME\" } or { file = \"path\" }"));
                };
                if name.contains('/') || name.starts_with('.') {
                    return Err(
                        refuse(format!("`{name}` is no name of a credential")).advise("use the name that stands in `LoadCredential=`")
                    );
                }
                // Nobody else can enter the folder; the mode of a file in it shows the mask of its access list.
                let secret = content(&Path::new(&folder).join(name)).map_err(|error| {
                    refuse(format!("the credential `{name}` cannot be read"))
                        .advise("name it in `LoadCredential=` of the unit")
                        .because(error)
                })?;
                secret.ok_or_else(|| refuse(format!("the credential `{name}` is empty")))
            }
        }
    }
}

/// What a file holds but for the end of the line; none if that is nothing.
fn content(path: &Path) -> io::Result<Option<Secret>> {
    let text = fs::read_to_string(path)?;
    let secret = text.trim_end_matches(['\r', '\n']);
    Ok((!secret.is_empty()).then(|| Secret::new(secret)))
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

const FORM: &str = "a secret is never written here: use { env = \"NAME\" }, { file = \"path\" } or { credential = \"name\" }";

impl<'de> Visitor<'de> for Place {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ env = \"NAME\" }, { file = \"path\" } or { credential = \"name\" }")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<SecretRef, E> {
        Err(E::custom(FORM))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<SecretRef, E> {
        Err(E::custom(FORM))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let place = match map.next_entry::<String, String>()? {
            Some((kind, name)) => SecretRef::of(&kind, &name).ok_or_else(|| serde::de::Error::custom(FORM))?,
            None => return Err(serde::de::Error::custom(FORM)),
        };
        match map.next_key::<String>()? {
            None => Ok(place),
            Some(_) => Err(serde::de::Error::custom("a secret is in one place: `env`, `file` or `credential`")),
        }
    }
}
