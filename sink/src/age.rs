use std::{io::Write, str::FromStr};

use age::{
    Encryptor as AgeEncryptor, Recipient,
    armor::{ArmoredWriter, Format},
    x25519,
};
use jabber_archive_core::{Encryptor, Error, ErrorClass, ErrorKind, Result};

/// Encrypts to public keys of [age](https://age-encryption.org/v1), `age1…`, as ASCII armor: what the program `age` decrypts.
#[derive(Debug, Clone)]
pub struct AgeRecipients(Vec<PublicKey>);

/// A key, and as it is written.
#[derive(Clone)]
struct PublicKey(x25519::Recipient);

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl AgeRecipients {
    /// For who has the private key of any of these.
    ///
    /// # Errors
    ///
    /// If there is none, or one is no public key of age. It is not shown: it may be the private one.
    pub fn new<'k>(keys: impl IntoIterator<Item = &'k str>) -> Result<Self> {
        let refuse = |what: &str| {
            Error::new(ErrorKind::Config, ErrorClass::Fatal, "read recipients", what)
                .advise("give the public key that `age-keygen` prints: age1 and 58 letters and digits behind it")
        };
        let keys: Vec<PublicKey> = (1..)
            .zip(keys)
            .map(|(number, key)| {
                let wrong = |_| refuse("not a public key of age").about(format_args!("recipient {number}"));
                x25519::Recipient::from_str(key.trim()).map(PublicKey).map_err(wrong)
            })
            .collect::<Result<_>>()?;
        if keys.is_empty() { Err(refuse("there is no recipient")) } else { Ok(Self(keys)) }
    }
}

impl Encryptor for AgeRecipients {
    fn recipients(&self) -> Vec<String> {
        self.0.iter().map(|key| key.0.to_string()).collect()
    }

    fn encrypt(&self, content: &[u8]) -> Result<String> {
        let failed = || Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "encrypt dead letter", "age cannot encrypt it");
        let encryptor = AgeEncryptor::with_recipients(self.0.iter().map(|key| &key.0 as &dyn Recipient));
        let encryptor = encryptor.map_err(|error| failed().because(error))?;
        let encrypted = || -> std::io::Result<Vec<u8>> {
            let mut writer = encryptor.wrap_output(ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?)?;
            writer.write_all(content)?;
            writer.finish()?.finish()
        };
        let encrypted = encrypted().map_err(|error| failed().because(error))?;
        String::from_utf8(encrypted).map_err(|error| failed().because(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_one_of_the_private_keys_opens_it_and_another_does_not() {
        let [one, other, nobody] = [0; 3].map(|_| x25519::Identity::generate());
        let keys = [one.to_public().to_string(), other.to_public().to_string()];
        let recipients = AgeRecipients::new(keys.iter().map(String::as_str)).unwrap();
        assert_eq!(recipients.recipients(), keys);
        let content = "values 好的".repeat(10_000);
        let text = recipients.encrypt(content.as_bytes()).unwrap();
        assert!(text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n") && !text.contains("values"));
        for identity in [one, other] {
            assert_eq!(age::decrypt(&identity, text.as_bytes()).unwrap(), content.as_bytes());
        }
        assert!(age::decrypt(&nobody, text.as_bytes()).is_err());
    }

    #[test]
    fn a_private_key_is_refused_and_not_shown() {
        use age::secrecy::ExposeSecret;

        let identity = x25519::Identity::generate();
        let public = identity.to_public().to_string();
        let secret = identity.to_string();
        let error = AgeRecipients::new([public.as_str(), secret.expose_secret()]).unwrap_err().to_string();
        assert!(error.contains("recipient 2") && error.contains("not a public key") && !error.contains("SECRET"), "{error}");
        for wrong in ["", "age1", &public[..30], "ssh-ed25519 AAAA"] {
            assert!(AgeRecipients::new([wrong]).is_err(), "{wrong}");
        }
        assert!(AgeRecipients::new([]).unwrap_err().to_string().contains("no recipient"));
    }
}
