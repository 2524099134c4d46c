//! How a gateway is set up: its one-time code, the text of the QR code, and what both sides say.
//!
//! In: what somebody typed or scanned, JSON. Out: a [`Code`], a [`Ticket`], a question, an answer.
//! A code has 60 bits in twelve letters of Crockford's base 32: no I, L, O or U in it, and who
//! types O for 0, or I or L for 1, is understood.
//! Invariant: neither code nor password prints itself for a log; only `Display` of a code does.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::seal::{PublicKey, TrustKey};

/// The letters of a code, each five bits.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Letters of a code.
const CODE_LEN: usize = 12;
/// They stand in groups of so many.
const GROUP_LEN: usize = 4;

/// A one-time code: `K7QF-2M9X-4TBD`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Code([u8; CODE_LEN]);

impl Code {
    /// The lower 60 bits as letters.
    pub fn from_bits(bits: u64) -> Self {
        let mut letters = [0; CODE_LEN];
        for (place, letter) in letters.iter_mut().enumerate() {
            let five = (bits >> (5 * place)) & 31;
            *letter = LETTERS[usize::try_from(five).unwrap_or(0)];
        }
        Self(letters)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, group) in self.0.chunks(GROUP_LEN).enumerate() {
            let dash = if n == 0 { "" } else { "-" };
            write!(f, "{dash}{}", String::from_utf8_lossy(group))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(secret)")
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.to_string()
    }
}

impl TryFrom<String> for Code {
    type Error = TicketError;
    fn try_from(text: String) -> Result<Self, TicketError> {
        text.parse()
    }
}

impl FromStr for Code {
    type Err = TicketError;
    /// Small letters, spaces and dashes anywhere are as good.
    fn from_str(text: &str) -> Result<Self, TicketError> {
        let mut letters = [0; CODE_LEN];
        let mut count = 0;
        for typed in text.bytes() {
            let letter = match typed.to_ascii_uppercase() {
                b'-' | b' ' => continue,
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            };
            if count == CODE_LEN || !LETTERS.contains(&letter) {
                return Err(TicketError::Code);
            }
            letters[count] = letter;
            count += 1;
        }
        if count == CODE_LEN {
            Ok(Self(letters))
        } else {
            Err(TicketError::Code)
        }
    }
}

/// The SHA-256 of a certificate's DER bytes, by which it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for Fingerprint {
    type Err = TicketError;
    /// With colons too, as `openssl x509 -fingerprint -sha256` writes it.
    fn from_str(text: &str) -> Result<Self, TicketError> {
        let digits: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != ':')
            .collect();
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| TicketError::Fingerprint)?;
        Ok(Self(bytes))
    }
}

/// Why a text is no ticket, or no part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Not twelve letters.
    #[error("a code has twelve letters and digits, such as K7QF-2M9X-4TBD")]
    Code,
    /// Not 64 hexadecimal digits.
    #[error("a fingerprint has 64 hexadecimal digits, with or without colons")]
    Fingerprint,
    /// Neither http nor https.
    #[error("an address begins with https://, such as https://welkom.kade9.nl:8443")]
    Server,
    /// An address alone.
    #[error("there is no code: give it after the address")]
    NoCode,
}

/// What the QR code says: `https://server/page#code=K7QF-2M9X-4TBD&sha256=…`. A telephone opens the
/// page; what stands after `#` is sent to no server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Scheme, host and port: `https://welkom.kade9.nl:8443`.
    pub server: String,
    /// The page of the gateway there; begins with `/`, or is empty.
    pub page: String,
    /// The code.
    pub code: Code,
    /// The server's certificate; none: whoever signed it is asked for.
    pub sha256: Option<Fingerprint>,
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}#code={}", self.server, self.page, self.code)?;
        match self.sha256 {
            Some(sha256) => write!(f, "&sha256={sha256}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Ticket {
    type Err = TicketError;
    fn from_str(text: &str) -> Result<Self, TicketError> {
        let (address, secrets) = text.trim().split_once('#').ok_or(TicketError::NoCode)?;
        let (server, page) = origin(address)?;
        let (mut code, mut sha256) = (None, None);
        for part in secrets.split('&') {
            match part.split_once('=') {
                Some(("code", value)) => code = Some(value.parse()?),
                Some(("sha256", value)) => sha256 = Some(value.parse()?),
                // A later server may say more.
                _ => {}
            }
        }
        Ok(Self {
            server: server.to_owned(),
            page: page.to_owned(),
            code: code.ok_or(TicketError::NoCode)?,
            sha256,
        })
    }
}

/// Scheme, host and port of an address, and the rest of it.
pub fn origin(address: &str) -> Result<(&str, &str), TicketError> {
    let rest = address
        .strip_prefix("https://")
        .or_else(|| address.strip_prefix("http://"))
        .ok_or(TicketError::Server)?;
    let host_len = rest.find('/').unwrap_or(rest.len());
    let host = &rest[..host_len];
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "@?#".contains(c)) {
        return Err(TicketError::Server);
    }
    Ok(address.split_at(address.len() - rest.len() + host_len))
}

/// `POST /v1/enrol`: a gateway asks for what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What somebody typed.
    pub code: Code,
    /// 64 hexadecimal digits that this gateway made for this code and nobody else knows: with them
    /// it may ask again if the answer was lost.
    pub nonce: String,
    /// What the machine is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<String>,
}

/// The answer: all that stands in a gateway's settings. Fields that are not known are let be, so
/// that an older gateway can be set up by a later server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The store.
    pub store: crate::StoreId,
    /// The gateway's name.
    pub gateway: crate::GatewayId,
    /// Where the broker is.
    pub mqtt_host: String,
    /// And on which port.
    pub mqtt_port: u16,
    /// Who the gateway is there.
    pub mqtt_username: String,
    /// And its password.
    pub mqtt_password: String,
    /// What the gateway must trust there, as PEM; none: the broker has no TLS.
    pub ca_pem: Option<String>,
    /// Who signs the keys that sightings are sealed to.
    pub seal_trust: TrustKey,
    /// What to seal to until a later key is told.
    pub seal_key: PublicKey,
    /// The chain's iBeacons and AltBeacons.
    #[serde(default)]
    pub chain_uuids: Vec<Uuid>,
    /// The chain's Eddystone beacons.
    #[serde(default)]
    pub chain_namespaces: Vec<String>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("store", &self.store)
            .field("gateway", &self.gateway)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_holds_sixty_bits_and_reads_as_it_is_written() {
        let all = Code::from_bits((1 << 60) - 1);
        assert_eq!(all.to_string(), "ZZZZ-ZZZZ-ZZZZ");
        assert_eq!(Code::from_bits(0).to_string(), "0000-0000-0000");
        let codes: Vec<Code> = (0..60).map(|bit| Code::from_bits(1 << bit)).collect();
        for (n, code) in codes.iter().enumerate() {
            assert_eq!(code.to_string().parse::<Code>().unwrap(), *code);
            assert!(!codes[..n].contains(code), "bit {n} makes no difference");
        }
    }

    #[test]
    fn a_code_is_understood_as_people_type_it() {
        let code: Code = "K10F-2M9X-4T01".parse().unwrap();
        for typed in [
            "k1of2m9x4tol",
            " kiof 2m9x 4toi ",
            "K-1-0-F-2-M-9-X-4-T-O-L",
        ] {
            assert_eq!(typed.parse::<Code>().unwrap(), code, "{typed}");
        }
        for wrong in [
            "",
            "K7QF-2M9X",
            "K7QF-2M9X-4TBD-A",
            "K7QF-2M9X-4TBU",
            "K7QF-2M9X-4TB€",
        ] {
            assert_eq!(wrong.parse::<Code>(), Err(TicketError::Code), "{wrong}");
        }
    }

    #[test]
    fn a_ticket_goes_there_and_back() {
        let ticket = Ticket {
            server: "https://welkom.kade9.nl:8443".into(),
            page: "/manage/kade-9/gateways/door".into(),
            code: Code::from_bits(0x0123_4567_89ab_cdef),
            sha256: Some(Fingerprint([7; 32])),
        };
        let without = Ticket {
            sha256: None,
            page: String::new(),
            ..ticket.clone()
        };
        for ticket in [ticket, without] {
            assert_eq!(ticket.to_string().parse::<Ticket>().unwrap(), ticket);
        }
        for (wrong, why) in [
            ("https://a.nl", TicketError::NoCode),
            ("https://a.nl#sha256=00", TicketError::Fingerprint),
            ("https://a.nl#", TicketError::NoCode),
            ("ftp://a.nl#code=K7QF-2M9X-4TBD", TicketError::Server),
            ("https://#code=K7QF-2M9X-4TBD", TicketError::Server),
            ("https://a@b#code=K7QF-2M9X-4TBD", TicketError::Server),
        ] {
            assert_eq!(wrong.parse::<Ticket>(), Err(why), "{wrong}");
        }
    }

    #[test]
    fn a_fingerprint_reads_as_openssl_writes_it() {
        let text = ["AB"; 32].join(":");
        assert_eq!(text.parse(), Ok(Fingerprint([0xab; 32])));
        assert!("AB:CD".parse::<Fingerprint>().is_err());
    }

    #[test]
    fn a_code_and_a_password_do_not_print_themselves() {
        let question = Question {
            code: "K7QF-2M9X-4TBD".parse().unwrap(),
            nonce: String::new(),
            hardware: None,
        };
        assert!(!format!("{question:?}").contains("K7QF"));
    }
}
