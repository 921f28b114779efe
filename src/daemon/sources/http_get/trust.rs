//! Trusts the certificates of a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Why a file of trusted certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("{}: cannot be read as PEM certificates: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: String },
    #[error("{}: contains no certificate; expected a block that begins with -----BEGIN CERTIFICATE-----", path.display())]
    Empty { path: PathBuf },
    #[error("cannot set up TLS: {cause}; check that CA certificates are installed on this machine")]
    Unusable { cause: String },
}

/// A TLS configuration that trusts the certificates in the PEM file, and no others.
///
/// # Errors
/// When the file cannot be read or contains no certificate.
pub fn only(pem: &Path) -> Result<ClientConfig, TrustError> {
    let Trusted {
        listed,
        authorities,
        ..
    } = Trusted::read(pem)?;
    let provider = Arc::new(default_provider());
    let unusable = |cause: String| TrustError::Unusable { cause };
    let issued =
        WebPkiServerVerifier::builder_with_provider(Arc::new(authorities), provider.clone())
            .build();
    let verifier = Listed {
        issued: issued.map_err(|error| unusable(error.to_string()))?,
        listed,
    };
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| unusable(error.to_string()))?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// The certificates of a PEM file, each of which can be that of an authority.
#[derive(Debug)]
pub struct Trusted {
    /// The file's content.
    pub pem: Vec<u8>,
    listed: Vec<CertificateDer<'static>>,
    authorities: RootCertStore,
}

impl Trusted {
    /// Reads the certificates.
    ///
    /// # Errors
    /// When the file cannot be read or contains no certificate.
    pub fn read(file: &Path) -> Result<Self, TrustError> {
        let unreadable = |cause: String| TrustError::Unreadable {
            path: file.to_owned(),
            cause,
        };
        let pem = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let listed = certificates.map_err(|error| unreadable(error.to_string()))?;
        if listed.is_empty() {
            return Err(TrustError::Empty {
                path: file.to_owned(),
            });
        }
        let mut authorities = RootCertStore::empty();
        for certificate in &listed {
            authorities
                .add(certificate.clone())
                .map_err(|error| unreadable(error.to_string()))?;
        }
        Ok(Self {
            pem,
            listed,
            authorities,
        })
    }
}

/// Accepts a certificate that is itself in the file, or that an authority in the file issued for
/// the host.
///
/// The first case is for the self-signed certificate from EMR's documentation of encryption in
/// transit. It has no subject alternative name, so the usual check refuses it. The server must
/// still prove that it has the private key.
#[derive(Debug)]
struct Listed {
    listed: Vec<CertificateDer<'static>>,
    issued: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Listed {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.listed.iter().any(|listed| listed == shown) {
            return Ok(ServerCertVerified::assertion());
        }
        self.issued
            .verify_server_cert(shown, intermediates, host, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.issued.verify_tls12_signature(message, shown, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.issued.verify_tls13_signature(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.issued.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use reqwest::Url;
    use serde::de::IgnoredAny;

    use super::*;
    use crate::daemon::sources::error::SourceError;
    use crate::daemon::sources::http_get::{HttpGet, TimeLimit};
    use crate::daemon::testing::tls::{Authority, Shown, front};
    use crate::daemon::testing::{Canned, Fake};

    async fn get(shown: &Shown, trusted: Option<&str>) -> Result<IgnoredAny, SourceError> {
        let file = trusted.map(|pem| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(pem.as_bytes()).unwrap();
            file
        });
        let fake = Fake::start().await;
        fake.answers("/", Canned::json("{}"));
        let url: Url = front(shown, &fake.url).await;
        let http = HttpGet::new(file.as_ref().map(|file| file.path())).unwrap();
        http.json(&url, 1 << 10, TimeLimit::start(Duration::from_secs(20)))
            .await
    }

    #[tokio::test]
    async fn a_certificate_in_the_file_is_believed_and_no_other_one() {
        let (ours, other) = (Authority::new(), Authority::new());
        let shown = ours.itself();
        get(&shown, Some(&ours.pem())).await.unwrap();
        get(&shown, Some(&(other.pem() + &ours.pem())))
            .await
            .unwrap();
        for trusted in [None, Some(other.pem())] {
            let error = get(&shown, trusted.as_deref()).await.unwrap_err();
            assert_eq!(error.label(), "untrusted");
            assert!(error.to_string().contains("certificate"), "{error}");
        }
    }

    #[tokio::test]
    async fn an_authority_in_the_file_is_believed_for_the_hosts_it_names() {
        let authority = Authority::new();
        let pem = authority.pem();
        get(&authority.issues("127.0.0.1"), Some(&pem))
            .await
            .unwrap();
        let error = get(&authority.issues("elsewhere.example"), Some(&pem))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("not valid for name"), "{error}");
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let refused = |text: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            HttpGet::new(Some(file.path())).unwrap_err()
        };
        assert!(matches!(refused(""), TrustError::Empty { .. }));
        assert!(matches!(
            refused("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            TrustError::Unreadable { .. }
        ));
        let missing = HttpGet::new(Some(Path::new("/nonexistent/ca.pem"))).unwrap_err();
        assert!(
            missing
                .to_string()
                .starts_with("/nonexistent/ca.pem: cannot be read"),
            "{missing}"
        );
    }
}
