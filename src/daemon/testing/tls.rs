//! Certificates of a private authority, and services that show them.

use std::io::Write;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use reqwest::Url;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::NamedTempFile;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// A certificate and its key.
pub struct Shown {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

/// An authority that the machine does not know.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// An authority with only a common name, as `openssl req -x509 -subj '/CN=*.ec2.internal'` makes
    /// it.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "*.ec2.internal");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Its certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A file with its certificate.
    pub fn file(&self) -> NamedTempFile {
        let mut file = NamedTempFile::new().expect("a file");
        file.write_all(self.pem().as_bytes()).expect("writes");
        file
    }

    /// Its own certificate as that of a service.
    pub fn itself(&self) -> Shown {
        Shown {
            certificate: self.0.der().clone(),
            key: self.0.key().serialize_der(),
        }
    }

    /// A certificate for a host.
    pub fn issues(&self, host: &str) -> Shown {
        self.issue(CertificateParams::new([host.to_owned()]).expect("a name"))
    }

    /// A certificate for this machine of the past.
    pub fn issued_in_2020(&self) -> Shown {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 12, 31);
        self.issue(params)
    }

    fn issue(&self, params: CertificateParams) -> Shown {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Shown {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
        }
    }
}

/// The address at which a plain service can be reached by https, with this certificate.
pub async fn front(shown: &Shown, plain: &Url) -> Url {
    let key = PrivateKeyDer::try_from(shown.key.clone()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![shown.certificate.clone()], key)
        .expect("a certificate");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let behind = plain.socket_addrs(|| None).expect("an address")[0];
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Clients that do not trust the certificate hang up.
                if let Ok(mut outside) = acceptor.accept(connection).await
                    && let Ok(mut inside) = TcpStream::connect(behind).await
                {
                    let _ = copy_bidirectional(&mut outside, &mut inside).await;
                }
            });
        }
    });
    Url::parse(&format!("https://{address}")).expect("an address")
}
