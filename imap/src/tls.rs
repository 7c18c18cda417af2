//! Whom we trust.

use std::sync::Arc;

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Trusts the authorities of the system, and these.
pub(crate) fn settings(authority: Option<&[u8]>) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    // A file or certificate that cannot be read vouches for nobody; if it was the one that is needed, the server's certificate is refused.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = authority {
        let refuse =
            || Error::new(ErrorKind::Config, ErrorClass::Fatal, "set up mailboxes", "it holds no certificates (PEM)").about("ca_file");
        let given: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| refuse().because(error))?;
        if given.is_empty() {
            return Err(refuse());
        }
        for certificate in given {
            roots.add(certificate).map_err(|error| refuse().because(error))?;
        }
    }
    let settings = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Mailbox, ErrorClass::Fatal, "set up mailboxes", "TLS cannot be set up").because(error))?;
    Ok(Arc::new(settings.with_root_certificates(roots).with_no_client_auth()))
}
