use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    rsa::KeyPair,
    signature::RSA_PSS_SHA256,
};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject};

/// How long an assertion may be used.
const LASTS: Duration = Duration::from_mins(10);

/// What signs that we are who we say: a certificate's key.
///
/// The form is that of "Microsoft identity platform application authentication certificate credentials" on Microsoft Learn: RS256 with PSS padding (PS256), and the certificate's SHA-256 in `x5t#S256`.
pub(super) struct Assertion {
    key: KeyPair,
    thumbprint: String,
}

fn refuse(what: &str) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "read client_certificate", what)
        .advise("give one PEM file with the certificate and its RSA key, unencrypted (`BEGIN PRIVATE KEY`)")
}

impl Assertion {
    /// By a certificate and its key, both as PEM.
    pub(super) fn new(pem: &str) -> Result<Self> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| refuse("it holds no certificate"))?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| refuse("it holds no key"))?;
        let key = KeyPair::from_pkcs8(key.secret_pkcs8_der()).map_err(|_| refuse("its key is no RSA key of 2048 bits or more"))?;
        Ok(Self { key, thumbprint: BASE64URL_NOPAD.encode(digest(&SHA256, &certificate).as_ref()) })
    }

    /// For this audience, as this application.
    pub(super) fn sign(&self, audience: &str, client: &str, now: SystemTime) -> Result<String> {
        let random = SystemRandom::new();
        let mut number = [0; 16];
        aws_lc_rs::rand::fill(&mut number).map_err(|_| refuse("there are no random numbers"))?;
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint });
        let claims = json!({
            "aud": audience, "iss": client, "sub": client, "jti": HEXLOWER.encode(&number),
            "nbf": seconds, "exp": seconds + LASTS.as_secs(),
        });
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PSS_SHA256, &random, signed.as_bytes(), &mut signature).map_err(|_| refuse("its key does not sign"))?;
        Ok(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)))
    }
}
