//! Ground truth: what really happened, written apart from the system under test.
//!
//! In: what the world did. Out: JSON lines, one [`Record`] a line, and the same [`Truth`] back.
//! All times are Unix milliseconds in the server's time.
//! Promises: `heard` counts what a gateway's socket took or the server accepted, never what was
//! merely sent; it names anchor and person by a hash alone, so that it can be compared with a
//! system's own counts without listing who was where.
//! Invariant: nothing in here was asked from engine, server or gateway.

use std::io::{BufRead, Write};

use protocol::{AnchorId, Sku, StoreId, ZoneId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::phone::Consent;

/// One line of the truth file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// The run itself; the first line.
    Run(Run),
    /// Someone with the app.
    Person(Person),
    /// Someone was in the store.
    Visit(Visit),
    /// Someone was in a zone.
    ZoneStay(ZoneStay),
    /// Someone came for a ready order.
    Arrival(Arrival),
    /// What may be offered to someone.
    Offers(Offers),
    /// What someone did online.
    Intent(Intent),
    /// How often an anchor and a person heard each other.
    Heard(Heard),
}

/// The run itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The seed that everything follows from.
    pub seed: u64,
    /// The store.
    pub store: StoreId,
    /// When it began.
    pub started_ms: u64,
    /// When it ended.
    pub ended_ms: u64,
}

/// What someone is here for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Comes in.
    Shopper,
    /// Opted in, walks by, never enters.
    PasserBy,
}

/// Someone with the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// As the shop knows her.
    pub external_id: String,
    /// Shopper or passer-by.
    pub role: Role,
    /// Advertises nothing.
    pub silent: bool,
    /// How often her phone advertises.
    pub advertises_every_ms: Option<u64>,
    /// Reports shelf beacons.
    pub reports_beacons: bool,
    /// Presses "Ik ben er".
    pub presses_here: bool,
    /// Her switches.
    pub consent: Consent,
}

/// Someone was in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Who.
    pub external_id: String,
    /// Crossed the door line inwards.
    pub entered_ms: u64,
    /// Crossed it outwards; none: the run ended first.
    pub left_ms: Option<u64>,
    /// Her phone advertises nothing.
    pub silent: bool,
    /// Her switches.
    pub consent: Consent,
}

/// Someone was in a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneStay {
    /// Who.
    pub external_id: String,
    /// Where.
    pub zone: ZoneId,
    /// Since when.
    pub from_ms: u64,
    /// Until when.
    pub to_ms: u64,
}

/// Someone with consent for it came for a ready order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Who.
    pub external_id: String,
    /// The order as the shop numbers it.
    pub order: String,
    /// Crossed the door line inwards.
    pub door_line_ms: u64,
    /// Her phone advertises every 250 ms: the kind that promises on speed are about.
    pub advertises_250ms: bool,
}

/// All that may be offered to someone: she did something with it online, this store has it in
/// that zone, in stock, and she agreed. Everything else is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offers {
    /// Who.
    pub external_id: String,
    /// Zone and product.
    pub allowed: Vec<(ZoneId, Sku)>,
}

/// What shoppers do online.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentKind {
    /// Looked at it.
    Viewed,
    /// Put it on the wishlist.
    Wishlisted,
    /// Put it in the cart.
    Carted,
    /// Bought it: it must not be offered any more.
    Ordered,
}

/// What someone did online.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Who.
    pub external_id: String,
    /// What.
    pub kind: IntentKind,
    /// With which product.
    pub sku: Sku,
    /// When.
    pub at_ms: u64,
}

/// How often an anchor and a person heard each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// [`heard_key`] of anchor and person.
    pub key: String,
    /// Advertisements that a gateway's socket took, or counts that the server accepted.
    pub count: u64,
    /// Counts of which the phone does not know whether the server took them: the answer was lost.
    pub unsure: u64,
}

/// SHA-256 over anchor, a zero byte and the person's external id, in hexadecimal.
pub fn heard_key(anchor: &AnchorId, external_id: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(anchor.as_str());
    hash.update([0]);
    hash.update(external_id);
    hex::encode(hash.finalize())
}

/// Everything that really happened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Truth {
    /// The run; none in a file that was cut.
    pub run: Option<Run>,
    /// People with the app.
    pub people: Vec<Person>,
    /// Visits.
    pub visits: Vec<Visit>,
    /// Zone stays.
    pub zone_stays: Vec<ZoneStay>,
    /// Arrivals.
    pub arrivals: Vec<Arrival>,
    /// Allowed offers.
    pub offers: Vec<Offers>,
    /// Intents.
    pub intents: Vec<Intent>,
    /// The heard audit.
    pub heard: Vec<Heard>,
}

/// Why a truth file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum TruthError {
    /// Writing failed.
    #[error("write a line of truth")]
    Write(#[source] std::io::Error),
    /// Reading failed.
    #[error("read line {line} of the truth")]
    Read {
        /// The line, from 1.
        line: usize,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line is no record.
    #[error("line {line} of the truth is no record")]
    Line {
        /// The line, from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Truth {
    /// Sorts one record in.
    pub fn push(&mut self, record: Record) {
        match record {
            Record::Run(run) => self.run = Some(run),
            Record::Person(person) => self.people.push(person),
            Record::Visit(visit) => self.visits.push(visit),
            Record::ZoneStay(stay) => self.zone_stays.push(stay),
            Record::Arrival(arrival) => self.arrivals.push(arrival),
            Record::Offers(offers) => self.offers.push(offers),
            Record::Intent(intent) => self.intents.push(intent),
            Record::Heard(heard) => self.heard.push(heard),
        }
    }

    /// All records, the run first.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let run = self.run.iter().cloned().map(Record::Run);
        run.chain(self.people.iter().cloned().map(Record::Person))
            .chain(self.visits.iter().cloned().map(Record::Visit))
            .chain(self.zone_stays.iter().cloned().map(Record::ZoneStay))
            .chain(self.arrivals.iter().cloned().map(Record::Arrival))
            .chain(self.offers.iter().cloned().map(Record::Offers))
            .chain(self.intents.iter().cloned().map(Record::Intent))
            .chain(self.heard.iter().cloned().map(Record::Heard))
    }

    /// Writes JSON lines.
    pub fn write(&self, mut out: impl Write) -> Result<(), TruthError> {
        for record in self.records() {
            let line = protocol::message::to_json(&record);
            out.write_all(&line).map_err(TruthError::Write)?;
            out.write_all(b"\n").map_err(TruthError::Write)?;
        }
        out.flush().map_err(TruthError::Write)
    }

    /// Reads JSON lines.
    pub fn read(input: impl BufRead) -> Result<Self, TruthError> {
        let mut truth = Self::default();
        for (index, text) in input.lines().enumerate() {
            let line = index + 1;
            let text = text.map_err(|source| TruthError::Read { line, source })?;
            let record =
                serde_json::from_str(&text).map_err(|source| TruthError::Line { line, source })?;
            truth.push(record);
        }
        Ok(truth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth() -> Truth {
        let mut truth = Truth::default();
        truth.push(Record::Run(Run {
            seed: 7,
            store: "kade-9".parse().unwrap(),
            started_ms: 1,
            ended_ms: 2,
        }));
        truth.push(Record::Offers(Offers {
            external_id: "c-1".into(),
            allowed: vec![("lampen".parse().unwrap(), "LAMP-BOOG".parse().unwrap())],
        }));
        truth.push(Record::Heard(Heard {
            key: heard_key(&"door".parse().unwrap(), "c-1"),
            count: 5,
            unsure: 0,
        }));
        truth
    }

    #[test]
    fn truth_goes_there_and_back() {
        let mut file = Vec::new();
        truth().write(&mut file).unwrap();
        assert_eq!(Truth::read(file.as_slice()).unwrap(), truth());
    }

    #[test]
    fn a_broken_line_is_named() {
        let error = Truth::read("{\"record\":\"run\"}\n".as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "line 1 of the truth is no record");
    }

    #[test]
    fn keys_tell_anchors_and_people_apart() {
        let key = |anchor: &str, who| heard_key(&anchor.parse().unwrap(), who);
        assert_ne!(key("door", "c-1"), key("back", "c-1"));
        assert_ne!(key("door", "1c"), key("door1", "c"));
    }
}
