//! The certificate that tablets and phones see.
//!
//! In: given PEM files, or nothing. Out: a certificate and key on disk, and a TLS configuration.
//! A self-made authority signs a server certificate once and is kept: devices that trust its
//! `ca.pem` stay trusting. Its own key is not kept, so nobody can sign more with it.
//! Invariant: private keys are readable by the server's user alone.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use protocol::enrol::Fingerprint;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use sha2::{Digest, Sha256};

use crate::config::{Http, Tls};

/// Where the PEM files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The certificate chain.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// What devices must trust; none with a given certificate.
    pub ca: Option<PathBuf>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Making one failed.
    #[error("make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// It could not be kept.
    #[error("write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be read.
    #[error("read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds none.
    #[error("{path} holds no certificate in PEM")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
}

/// What a gateway that is set up must trust.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// The certificate of pages and API; none: plain http.
    pub certificate_sha256: Option<Fingerprint>,
    /// Who signed the broker's, as PEM; none: the broker has no TLS.
    pub ca_pem: Option<String>,
}

/// By what the certificate that is served is known.
pub fn fingerprint(files: &Files) -> Result<Fingerprint, TlsError> {
    let pem = read(&files.cert)?;
    let none = || TlsError::NoCertificate {
        path: files.cert.clone(),
    };
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| none())?;
    Ok(Fingerprint(Sha256::digest(&der).into()))
}

/// What devices must trust, as PEM: our own authority; of a certificate that was given the last of
/// its chain, which stands next to whoever signed it.
pub fn ca(files: &Files) -> Result<String, TlsError> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    if let Some(ca) = &files.ca {
        return read(ca);
    }
    let chain = read(&files.cert)?;
    let last = chain.rfind(BEGIN).and_then(|at| chain.get(at..));
    last.map(str::to_owned)
        .ok_or_else(|| TlsError::NoCertificate {
            path: files.cert.clone(),
        })
}

/// A file, as text.
pub fn read(path: &Path) -> Result<String, TlsError> {
    fs::read_to_string(path).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

/// The files to serve with; none for plain http.
pub fn files(http: &Http, data_dir: &Path) -> Result<Option<Files>, TlsError> {
    match (http.tls, &http.cert, &http.key) {
        (Tls::Given, Some(cert), Some(key)) => Ok(Some(Files {
            cert: cert.clone(),
            key: key.clone(),
            ca: None,
        })),
        (Tls::SelfMade, ..) => self_made(&data_dir.join("tls"), &http.names).map(Some),
        _ => Ok(None),
    }
}

fn self_made(dir: &Path, names: &[String]) -> Result<Files, TlsError> {
    let [cert, key, ca] = ["cert.pem", "key.pem", "ca.pem"].map(|name| dir.join(name));
    if !(cert.exists() && key.exists() && ca.exists()) {
        make(dir, names, [&cert, &key, &ca])?;
    }
    Ok(Files {
        cert,
        key,
        ca: Some(ca),
    })
}

fn make(dir: &Path, names: &[String], files: [&Path; 3]) -> Result<(), TlsError> {
    let wrote = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Write { path, source }
    };
    fs::create_dir_all(dir).map_err(wrote(dir))?;
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::default();
    authority
        .distinguished_name
        .push(DnType::CommonName, "Welkom, self-made authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_cert = authority.self_signed(&authority_key)?;

    let mut all = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    all.extend(names.iter().cloned());
    let mut server = CertificateParams::new(all)?;
    server.distinguished_name.push(DnType::CommonName, "Welkom");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let server_key = KeyPair::generate()?;
    let issuer = Issuer::from_params(&authority, &authority_key);
    let server_cert = server.signed_by(&server_key, &issuer)?;

    let [cert, key, ca] = files;
    write_private(key, &server_key.serialize_pem()).map_err(wrote(key))?;
    fs::write(ca, authority_cert.pem()).map_err(wrote(ca))?;
    fs::write(cert, server_cert.pem()).map_err(wrote(cert))?;
    Ok(())
}

/// Writes a file that the server's user alone can read.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_self_made_certificate_is_made_once_and_its_key_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = self_made(dir.path(), &["192.0.2.7".into(), "kade9.local".into()]).unwrap();
        let pem = fs::read(&first.cert).unwrap();
        assert_eq!(self_made(dir.path(), &[]).unwrap(), first);
        assert_eq!(fs::read(&first.cert).unwrap(), pem);
        let mode = fs::metadata(&first.key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
