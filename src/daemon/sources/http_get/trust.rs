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
    let unreadable = |cause: String| TrustError::Unreadable {
        path: pem.to_owned(),
        cause,
    };
    let certificates = CertificateDer::pem_file_iter(pem)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(error.to_string()))?;
    let listed: Vec<CertificateDer<'static>> = certificates;
    if listed.is_empty() {
        return Err(TrustError::Empty {
            path: pem.to_owned(),
        });
    }
    let mut authorities = RootCertStore::empty();
    for certificate in &listed {
        authorities
            .add(certificate.clone())
            .map_err(|error| unreadable(error.to_string()))?;
    }
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

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
    use reqwest::Url;
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use serde::de::IgnoredAny;
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::daemon::sources::error::SourceError;
    use crate::daemon::sources::http_get::{HttpGet, TimeLimit};

    /// A certificate and its key.
    struct Shown {
        certificate: CertificateDer<'static>,
        key: Vec<u8>,
        pem: String,
    }

    /// An authority with only a common name, as `openssl req -x509 -subj '/CN=*.ec2.internal'`
    /// makes it.
    fn authority() -> (Shown, CertifiedIssuer<'static, KeyPair>) {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "*.ec2.internal");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let shown = Shown {
            certificate: issuer.der().clone(),
            key: issuer.key().serialize_der(),
            pem: issuer.pem(),
        };
        (shown, issuer)
    }

    fn issued_by(issuer: &CertifiedIssuer<'static, KeyPair>, host: &str) -> Shown {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([host.to_owned()])
            .unwrap()
            .signed_by(&key, issuer)
            .unwrap();
        Shown {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
            pem: certificate.pem(),
        }
    }

    async fn serve(shown: &Shown) -> Url {
        let key = PrivateKeyDer::try_from(shown.key.clone()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = builder
            .with_no_client_auth()
            .with_single_cert(vec![shown.certificate.clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("https://{}", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let Ok(mut connection) = acceptor.accept(connection).await else {
                    continue;
                };
                let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
                let _ = connection.write_all(answer).await;
                let _ = connection.shutdown().await;
            }
        });
        url
    }

    async fn get(url: &Url, trusted: Option<&str>) -> Result<IgnoredAny, SourceError> {
        let file = trusted.map(|pem| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(pem.as_bytes()).unwrap();
            file
        });
        let http = HttpGet::new(file.as_ref().map(|file| file.path())).unwrap();
        http.json(url, 1 << 10, TimeLimit::start(Duration::from_secs(5)))
            .await
    }

    #[tokio::test]
    async fn a_certificate_in_the_file_is_believed_and_no_other_one() {
        let ((ours, _), (other, _)) = (authority(), authority());
        let url = serve(&ours).await;
        get(&url, Some(&ours.pem)).await.unwrap();
        get(&url, Some(&(other.pem.clone() + &ours.pem)))
            .await
            .unwrap();
        for trusted in [None, Some(other.pem.as_str())] {
            let error = get(&url, trusted).await.unwrap_err();
            assert_eq!(error.label(), "unreachable");
            assert!(error.to_string().contains("certificate"), "{error}");
        }
    }

    #[tokio::test]
    async fn an_authority_in_the_file_is_believed_for_the_hosts_it_names() {
        let (authority, issuer) = authority();
        get(
            &serve(&issued_by(&issuer, "127.0.0.1")).await,
            Some(&authority.pem),
        )
        .await
        .unwrap();
        let error = get(
            &serve(&issued_by(&issuer, "elsewhere.example")).await,
            Some(&authority.pem),
        )
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
