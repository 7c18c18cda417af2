use serde::{Deserialize, Deserializer, de::Error};

/// Public keys, one or several. Nothing else is taken for one, so that a private key that was written here by mistake is neither kept nor shown.
#[derive(Debug)]
pub(crate) struct Recipients(pub(crate) Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrSeveral {
    One(String),
    Several(Vec<String>),
}

impl<'de> Deserialize<'de> for Recipients {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = "public keys of age begin with age1: `age-keygen` prints one";
        let keys = match OneOrSeveral::deserialize(deserializer) {
            Ok(OneOrSeveral::One(key)) => vec![key],
            Ok(OneOrSeveral::Several(keys)) => keys,
            Err(_) => return Err(D::Error::custom(form)),
        };
        if keys.is_empty() || keys.iter().any(|key| !key.starts_with("age1")) {
            return Err(D::Error::custom(form));
        }
        Ok(Self(keys))
    }
}
