//! Why a machine could not be set up, and what to type next.
//!
//! In: what happened. Out: a word for scripts, an exit code, two sentences for people.
//! Invariant: every refusal says what to do; none holds the code or a password.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use protocol::enrol::Fingerprint;

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// What was typed cannot be right.
    #[error("{what}")]
    Typed {
        /// What is wrong with it.
        what: String,
    },
    /// There are settings already.
    #[error("{} is there already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{what} {}: {source}", path.display())]
    File {
        /// What was attempted.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The code would go over the line for all to read.
    #[error("{server} is plain http: the code and the password would go over the line in clear")]
    InClear {
        /// Which server.
        server: String,
    },
    /// No way to the server, or it broke.
    #[error("{server} cannot be reached: {why}")]
    Unreachable {
        /// Which server.
        server: String,
        /// What the system said.
        why: String,
    },
    /// Nobody whom this machine trusts signed the certificate.
    #[error("the certificate of {server} is not trusted: {why}. Its SHA-256 is {seen}")]
    Untrusted {
        /// Which server.
        server: String,
        /// Why.
        why: String,
        /// The certificate that it showed.
        seen: Fingerprint,
    },
    /// It is another certificate than was said.
    #[error("{server} shows another certificate than it should: {seen}, not {wanted}")]
    OtherCertificate {
        /// Which server.
        server: String,
        /// The certificate that it showed.
        seen: Fingerprint,
        /// The one that was said.
        wanted: Fingerprint,
    },
    /// Nobody gave out this code.
    #[error("the server says: {said}")]
    WrongCode {
        /// In the server's words.
        said: String,
    },
    /// It was used.
    #[error("the server says: {said}")]
    UsedCode {
        /// In the server's words.
        said: String,
    },
    /// Its time is over.
    #[error("the server says: {said}")]
    ExpiredCode {
        /// In the server's words.
        said: String,
    },
    /// Too many tries.
    #[error("the server says: {said}")]
    TooMany {
        /// In the server's words.
        said: String,
        /// How long to wait.
        wait: Duration,
    },
    /// Something else that it said.
    #[error("{server} answered {status}: {said}")]
    Server {
        /// Which server.
        server: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        said: String,
    },
    /// What it answered makes no settings.
    #[error("what the server answered makes no settings: {what}")]
    Settings {
        /// What is wrong.
        what: String,
    },
}

impl Refusal {
    /// Names what was attempted, for `map_err`.
    pub(super) fn file(what: &'static str, path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File {
            what,
            path: path.clone(),
            source,
        }
    }

    /// A word for scripts.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Typed { .. } => "typed",
            Self::Exists { .. } => "exists",
            Self::File { .. } => "file",
            Self::InClear { .. } => "in-clear",
            Self::Unreachable { .. } => "unreachable",
            Self::Untrusted { .. } => "untrusted",
            Self::OtherCertificate { .. } => "other-certificate",
            Self::WrongCode { .. } => "wrong-code",
            Self::UsedCode { .. } => "used-code",
            Self::ExpiredCode { .. } => "expired-code",
            Self::TooMany { .. } => "too-many",
            Self::Server { .. } => "server",
            Self::Settings { .. } => "settings",
        }
    }

    /// 1: the server was not reached, or failed, or a file did; 2: wrong arguments, or settings that
    /// are there; 3: the code is refused; 4: the certificate is not trusted.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unreachable { .. }
            | Self::File { .. }
            | Self::Server { .. }
            | Self::Settings { .. }
            | Self::TooMany { .. } => 1,
            Self::Typed { .. } | Self::Exists { .. } | Self::InClear { .. } => 2,
            Self::WrongCode { .. } | Self::UsedCode { .. } | Self::ExpiredCode { .. } => 3,
            Self::Untrusted { .. } | Self::OtherCertificate { .. } => 4,
        }
    }

    /// Whether trying again in a moment may help.
    pub(super) fn is_of_the_line(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// What to do, or to type.
    pub fn todo(&self) -> String {
        match self {
            Self::Typed { .. } => {
                "Type: welkom-gateway enroll https://SERVER CODE, or the QR code's text between quotes."
                    .into()
            }
            Self::Exists { .. } => {
                "This machine is set up. To replace that (it is kept beside), add --force. \
                 The code is not used up."
                    .into()
            }
            Self::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "Type sudo before it.".into()
            }
            Self::File { .. } => "Look at the disk: df -h, and whether the folder is there.".into(),
            Self::InClear { .. } => {
                "Use the address with https://. In a network of your own where nobody listens, \
                 add --insecure-http."
                    .into()
            }
            Self::Unreachable { .. } => {
                "Look at the address, the network cable or Wi-Fi, and the port in the firewall; then \
                 type the same again: the code is still good as long as its time is."
                    .into()
            }
            Self::Untrusted { seen, .. } => format!(
                "Compare that with the page that shows the code. If it is the same, add \
                 --trust {seen}. If it is not, somebody stands between: do not go on. Where the \
                 reason is a time, look at the clock first: timedatectl."
            ),
            Self::OtherCertificate { .. } => {
                "Make another code, and use what its page says. If it is still another, somebody \
                 stands between this machine and the server: do not go on."
                    .into()
            }
            Self::WrongCode { .. } => {
                "Type the code as it stands on the page: three times four letters and digits."
                    .into()
            }
            Self::UsedCode { .. } | Self::ExpiredCode { .. } => {
                "Make another code on the page of the store's gateways, and type that.".into()
            }
            Self::TooMany { wait, .. } => {
                format!("Wait {} s, then type the code as it stands on the page.", wait.as_secs())
            }
            Self::Server { .. } => {
                "Look whether the address is that of the Welkom server; its log says more.".into()
            }
            Self::Settings { .. } => {
                "Nothing was written. This program may be older than the server: bring it up to \
                 date, make another code, and type that."
                    .into()
            }
        }
    }
}
