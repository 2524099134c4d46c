//! Whether a server is the one that is meant.
//!
//! In: its certificate. Out: yes if its SHA-256 is the one that was said; without one, if somebody
//! signed it whom this machine trusts. What it showed is remembered, for people to compare.
//! A certificate that is known by its SHA-256 needs no clock: a new Pi has none.
//! Invariant: the handshake's signature is checked either way.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use protocol::enrol::Fingerprint;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

/// Whom Debian trusts; `SSL_CERT_FILE` says another.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Whom to trust.
#[derive(Debug)]
pub(super) struct Trust {
    wanted: Option<Fingerprint>,
    seen: Mutex<Option<Fingerprint>>,
    signed: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Trust {
    /// This certificate; none: whom this machine trusts.
    pub(super) fn new(wanted: Option<Fingerprint>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let signed = match wanted {
            Some(_) => None,
            None => authorities(&provider),
        };
        Self {
            wanted,
            seen: Mutex::default(),
            signed,
            provider,
        }
    }

    pub(super) fn wanted(&self) -> Option<Fingerprint> {
        self.wanted
    }

    /// What the server showed.
    pub(super) fn seen(&self) -> Option<Fingerprint> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn client(self: &Arc<Self>) -> Result<Arc<ClientConfig>, Error> {
        let config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(self.clone())
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

/// None: this machine trusts nobody.
fn authorities(provider: &Arc<CryptoProvider>) -> Option<Arc<WebPkiServerVerifier>> {
    let file = std::env::var_os("SSL_CERT_FILE").map_or_else(|| AUTHORITIES.into(), PathBuf::from);
    let roots = Arc::new(roots(&file));
    WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
        .build()
        .ok()
}

/// What cannot be read is left out, as other programs do.
fn roots(file: &Path) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).into_iter().flatten() {
        let _ = certificate.map(|certificate| roots.add(certificate));
    }
    roots
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let digest = ring::digest::digest(&ring::digest::SHA256, end_entity);
        let mut seen = Fingerprint([0; 32]);
        seen.0.copy_from_slice(digest.as_ref());
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        match (self.wanted, &self.signed) {
            (Some(wanted), _) if wanted == seen => Ok(ServerCertVerified::assertion()),
            (None, Some(signed)) => signed.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            _ => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
