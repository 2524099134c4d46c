//! What gateway and server say to each other over MQTT 5, as JSON.
//!
//! In: payload bytes. Out: a message, or a [`MessageError`] that says which field was wrong.
//! Times that end in `_mono_ms` are milliseconds of the gateway machine's `CLOCK_BOOTTIME`: they
//! mean nothing without the [`ClockAnchor`] that ties that machine boot to the server's time.
//! Invariant: a message of another version is refused, never guessed at.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    air::Transmitter,
    id::{AnchorId, BootId, GatewayId, StoreId},
    ranges::Ranges,
    seal::{RECIPIENTS_MAX, Sealed, Statement},
    settings::{SettingsState, SignedSettings},
};

/// The version of every message here.
pub const VERSION: u8 = 1;

/// Sightings in one batch at most; with it a batch stays under [`BATCH_LEN_MAX`].
pub const BATCH_SIGHTINGS_MAX: usize = 1_000;

/// Fixed beacons of one store at most; with them a status stays under [`BATCH_LEN_MAX`].
pub const BEACONS_MAX: usize = 512;

/// Bytes of one MQTT payload at most. The broker's packet limit stands just above it.
pub const BATCH_LEN_MAX: usize = 240 * 1024;

/// What one anchor and one mobile radio had of each other in a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sighting {
    /// The antenna that heard.
    pub anchor: AnchorId,
    /// What was heard: an identity that the server may resolve.
    pub transmitter: Transmitter,
    /// When the first advertisement of the window was heard.
    pub heard_first_mono_ms: u64,
    /// When the last one was heard.
    pub heard_last_mono_ms: u64,
    /// How many advertisements, at least 1.
    pub count: u32,
    /// The median of their received signal strengths.
    pub rssi_dbm_median: i8,
}

/// One batch: what the spool holds under one sequence number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// [`VERSION`].
    pub v: u8,
    /// The store of the gateway; must equal the topic's.
    pub store: StoreId,
    /// The gateway; must equal the topic's.
    pub gateway: GatewayId,
    /// The run of the gateway's process within which `seq` counts.
    pub boot: BootId,
    /// 1, 2, 3, … within the boot.
    pub seq: u64,
    /// What ties this batch's monotonic times to the server's time; absent if the machine was
    /// switched off before it ever heard from the server: then the time is unknown for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockAnchor>,
    /// Up to [`BATCH_SIGHTINGS_MAX`] sightings; none in clear if they are sealed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sightings: Vec<Sighting>,
    /// The same for the server's eyes alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
}

/// One moment in two clocks: the gateway's machine and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockAnchor {
    /// Milliseconds of the gateway machine's boot clock.
    pub mono_ms: u64,
    /// The server's Unix time in milliseconds at that moment.
    pub server_ms: u64,
}

impl ClockAnchor {
    /// A monotonic time of the same machine boot in the server's time.
    pub fn server_ms_of(&self, mono_ms: u64) -> u64 {
        if mono_ms >= self.mono_ms {
            self.server_ms.saturating_add(mono_ms - self.mono_ms)
        } else {
            self.server_ms.saturating_sub(self.mono_ms - mono_ms)
        }
    }
}

/// How a gateway does. Retained; the broker publishes the last will `offline` in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// [`VERSION`].
    pub v: u8,
    /// `online`, or `offline` as last will.
    pub state: LinkState,
    /// The run of the gateway's process.
    pub boot: BootId,
    /// The gateway machine's boot clock when this was sent; the server echoes it in its answer,
    /// which gives the gateway a round trip to judge its clock anchor by. 0 in a last will.
    pub sent_mono_ms: u64,
    /// The gateway's version.
    pub version: String,
    /// Its sightings are not sealed: whoever has its disk or the broker reads who was where.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
    /// What came of [`Config::settings`]; none: it was never told any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<SettingsState>,
    /// Counts since the process started.
    pub counts: Counts,
    /// The fixed beacons of [`Config::beacons`], in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beacons: Vec<BeaconHealth>,
}

/// What a gateway knows of one fixed beacon. Times are of the same clock as
/// [`Status::sent_mono_ms`], so that their difference is an age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeaconHealth {
    /// Which beacon.
    pub transmitter: Transmitter,
    /// When it was last heard; none: not once since the gateway listens for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_last_mono_ms: Option<u64>,
    /// Advertisements since the status before.
    pub count: u32,
    /// The median of their received signal strengths; none if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rssi_dbm_median: Option<i8>,
    /// What it last said of itself, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<BeaconTelemetry>,
}

/// Eddystone-TLM of a beacon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeaconTelemetry {
    /// When it was heard.
    pub heard_mono_ms: u64,
    /// Battery voltage; none: it has no battery, or does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery_mv: Option<u16>,
    /// Temperature in hundredths of a degree Celsius; none: it has no thermometer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_centi_c: Option<i16>,
    /// Frames that it has sent since it was switched on.
    pub adv_count: u32,
    /// Milliseconds since it was switched on.
    pub uptime_ms: u64,
}

/// Server to gateway, retained: what a gateway cannot know by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// [`VERSION`].
    pub v: u8,
    /// The store's fixed beacons, at most [`BEACONS_MAX`]: the gateway tells how they do, and
    /// keeps them out of its sightings.
    pub beacons: Vec<Transmitter>,
    /// The keys that its sightings are sealed to, all of them; at most
    /// [`RECIPIENTS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seal: Vec<Statement>,
    /// What it is to do otherwise than its file says; none: the server never said anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<SignedSettings>,
}

/// Whether a gateway is connected to its broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    /// Connected.
    Online,
    /// Gone without a goodbye, or stopped.
    Offline,
}

/// A gateway's counts since its process started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Advertisements from the source.
    pub heard_total: u64,
    /// Those in none of our layouts, or with a UUID that is not on the chain's list.
    pub foreign_total: u64,
    /// Those of the foreign ones that were iPhone apps in the background (Apple's overflow area):
    /// how much of the air gateways alone cannot tell apart.
    pub apple_overflow_total: u64,
    /// Those that broke the rules of their own layout.
    pub malformed_total: u64,
    /// Those of the store's fixed beacons, telemetry included.
    pub beacon_total: u64,
    /// Advertisements dropped because more transmitters were in the air than are tracked.
    pub shed_total: u64,
    /// Sightings that the spool has on disk, ever since the process started.
    pub spooled_total: u64,
    /// Sightings that the spool gave up for lack of space.
    pub evicted_total: u64,
    /// Sightings that still wait for the server's acknowledgement.
    pub waiting: u64,
}

/// Server to gateway: what is committed, and what time it is. Sent after each commit, and in
/// answer to each status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// [`VERSION`].
    pub v: u8,
    /// The server's Unix time when this was sent.
    pub server_ms: u64,
    /// `sent_mono_ms` of the status that this answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo_mono_ms: Option<u64>,
    /// Whose sequence numbers `applied` are.
    pub boot: BootId,
    /// Numbers that are committed, or set aside for good: the gateway may forget them.
    pub applied: Ranges,
    /// Numbers that a machine in the store has used, and that the central server does not have yet:
    /// the gateway keeps them, and need not send them again before it is asked to.
    #[serde(default, skip_serializing_if = "Ranges::is_empty")]
    pub held: Ranges,
    /// The line to the central server is back: all that is kept is wanted again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// Why a payload is no message of ours.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Longer than [`BATCH_LEN_MAX`].
    #[error("{len_bytes} bytes, at most {BATCH_LEN_MAX} are read")]
    TooLong {
        /// The payload's length.
        len_bytes: usize,
    },
    /// Not JSON, or not this message.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A version that this program does not speak.
    #[error("version {0}, this program speaks {VERSION}")]
    Version(u8),
    /// More than [`BATCH_SIGHTINGS_MAX`] sightings.
    #[error("{0} sightings in one batch, at most {BATCH_SIGHTINGS_MAX}")]
    TooMany(usize),
    /// More than [`BEACONS_MAX`] fixed beacons.
    #[error("{0} fixed beacons, at most {BEACONS_MAX}")]
    TooManyBeacons(usize),
    /// A sighting that contradicts itself.
    #[error("sighting {index}: {what}")]
    Sighting {
        /// Its place in the batch, from 0.
        index: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Sequence numbers start at 1.
    #[error("sequence number 0")]
    SeqZero,
    /// What was sealed stands in clear beside it.
    #[error("sightings both sealed and in clear")]
    SealedAndClear,
    /// More keys than [`RECIPIENTS_MAX`].
    #[error("{0} keys to seal to")]
    TooManyKeys(usize),
}

/// Writes a message.
///
/// Our messages have string keys and finite numbers alone, so writing them cannot fail.
pub fn to_json<T: Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).unwrap_or_default()
}

impl Batch {
    /// Reads a batch and checks what types cannot.
    pub fn from_json(payload: &[u8]) -> Result<Self, MessageError> {
        let batch: Self = read(payload)?;
        batch.check()?;
        Ok(batch)
    }

    /// Checks what types cannot.
    pub fn check(&self) -> Result<(), MessageError> {
        if self.v != VERSION {
            return Err(MessageError::Version(self.v));
        }
        if self.seq == 0 {
            return Err(MessageError::SeqZero);
        }
        if self.sealed.is_some() && !self.sightings.is_empty() {
            return Err(MessageError::SealedAndClear);
        }
        if self.sightings.len() > BATCH_SIGHTINGS_MAX {
            return Err(MessageError::TooMany(self.sightings.len()));
        }
        for (index, s) in self.sightings.iter().enumerate() {
            if s.count == 0 {
                return Err(MessageError::Sighting {
                    index,
                    what: "count is 0",
                });
            }
            if s.heard_last_mono_ms < s.heard_first_mono_ms {
                return Err(MessageError::Sighting {
                    index,
                    what: "last heard before first",
                });
            }
        }
        Ok(())
    }
}

impl Status {
    /// Reads a status.
    pub fn from_json(payload: &[u8]) -> Result<Self, MessageError> {
        let status: Self = read(payload)?;
        if status.v != VERSION {
            return Err(MessageError::Version(status.v));
        }
        if status.beacons.len() > BEACONS_MAX {
            return Err(MessageError::TooManyBeacons(status.beacons.len()));
        }
        Ok(status)
    }
}

impl Config {
    /// Reads a gateway's settings.
    pub fn from_json(payload: &[u8]) -> Result<Self, MessageError> {
        let config: Self = read(payload)?;
        if config.v != VERSION {
            return Err(MessageError::Version(config.v));
        }
        if config.beacons.len() > BEACONS_MAX {
            return Err(MessageError::TooManyBeacons(config.beacons.len()));
        }
        if config.seal.len() > RECIPIENTS_MAX {
            return Err(MessageError::TooManyKeys(config.seal.len()));
        }
        Ok(config)
    }
}

impl Ack {
    /// Reads an acknowledgement.
    pub fn from_json(payload: &[u8]) -> Result<Self, MessageError> {
        let ack: Self = read(payload)?;
        if ack.v == VERSION {
            Ok(ack)
        } else {
            Err(MessageError::Version(ack.v))
        }
    }
}

fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, MessageError> {
    if payload.len() > BATCH_LEN_MAX {
        return Err(MessageError::TooLong {
            len_bytes: payload.len(),
        });
    }
    // The version first: a later version may well have other fields, and "unknown field" would
    // send somebody on the wrong search.
    #[derive(Deserialize)]
    struct Version {
        v: u8,
    }
    match serde_json::from_slice(payload) {
        Ok(message) => Ok(message),
        Err(error) => match serde_json::from_slice::<Version>(payload) {
            Ok(Version { v }) if v != VERSION => Err(MessageError::Version(v)),
            _ => Err(error.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Refused, VERSION_MAX, WORDS_LEN_MAX, Why};

    fn batch() -> Batch {
        Batch::from_json(include_bytes!("../tests/fixtures/sightings_v1.json")).unwrap()
    }

    #[test]
    fn fixture_goes_there_and_back() {
        assert_eq!(Batch::from_json(&to_json(&batch())).unwrap(), batch());
    }

    #[test]
    fn status_of_a_store_full_of_beacons_stays_under_the_limit() {
        let transmitter = Transmitter::IBeacon {
            uuid: uuid::Uuid::max(),
            major: u16::MAX,
            minor: u16::MAX,
        };
        let telemetry = BeaconTelemetry {
            heard_mono_ms: u64::MAX,
            battery_mv: Some(u16::MAX),
            temperature_centi_c: Some(i16::MIN),
            adv_count: u32::MAX,
            uptime_ms: u64::from(u32::MAX) * 100,
        };
        let beacon = BeaconHealth {
            transmitter,
            heard_last_mono_ms: Some(u64::MAX),
            count: u32::MAX,
            rssi_dbm_median: Some(i8::MIN),
            telemetry: Some(telemetry),
        };
        let status = Status {
            v: VERSION,
            state: LinkState::Online,
            boot: BootId(uuid::Uuid::max()),
            sent_mono_ms: u64::MAX,
            version: "0.1.0".into(),
            plain: false,
            settings: Some(SettingsState {
                version: Some(VERSION_MAX),
                trying: Some(VERSION_MAX),
                refused: Some(Refused {
                    version: VERSION_MAX,
                    why: Why::Wrong {
                        key: "k".repeat(WORDS_LEN_MAX),
                        what: "\"".repeat(WORDS_LEN_MAX),
                    },
                }),
                damaged: true,
            }),
            counts: Counts::default(),
            beacons: vec![beacon; BEACONS_MAX],
        };
        let json = to_json(&status);
        assert!(json.len() < BATCH_LEN_MAX, "{} bytes", json.len());
        assert_eq!(Status::from_json(&json).unwrap(), status);
    }

    #[test]
    fn every_truncation_is_an_error_and_no_panic() {
        let json = to_json(&batch());
        assert!((0..json.len()).all(|cut| Batch::from_json(&json[..cut]).is_err()));
    }

    #[test]
    fn times_before_the_anchor_are_converted_too() {
        let clock = ClockAnchor {
            mono_ms: 1_000,
            server_ms: 50_000,
        };
        assert_eq!(clock.server_ms_of(1_500), 50_500);
        assert_eq!(clock.server_ms_of(400), 49_400);
    }
}
