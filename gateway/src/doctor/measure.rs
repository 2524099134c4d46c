//! Which way to the radio hears more here, and what each takes.
//!
//! In: settings, a while. Out: a [`Measured`] for BlueZ and for the raw socket, listened to one after the
//! other on the same adapter, and an [`Advice`].
//! The air changes meanwhile: shares of a tenth are luck, and no advice follows from them.
//! Invariant: nothing of what is heard is kept but counts.

use std::{collections::HashSet, time::Duration};

use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use crate::{
    beacons::Beacons,
    config::{BtleplugConfig, Config, HciAdapter, HciConfig, SourceConfig},
    counts::Counters,
    intake::Intake,
    source::Source,
};

/// A way that hears so much more is the better one, in percent.
const CLEARLY_MORE_PERCENT: u64 = 120;

/// What one way heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// As `source.kind` has it.
    pub source: &'static str,
    /// Advertisements.
    pub heard: u64,
    /// Of these, in a layout of ours: phones of customers and the chain's beacons.
    pub ours: u64,
    /// Addresses; phones change theirs.
    pub radios: u64,
    /// Processor time of this process; what BlueZ itself takes is not in it.
    pub cpu_ms: u64,
    /// For how long was listened.
    pub for_ms: u64,
    /// Why it could not be listened to.
    pub error: Option<String>,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// `kind = "btleplug"`, which needs no right beyond the bus.
    Btleplug,
    /// `kind = "hci"`.
    Hci,
    /// Neither can be listened to: `doctor` without `--measure` says why.
    Neither,
    /// Both can, and nothing is on the air: no advice.
    NothingHeard,
}

impl Advice {
    /// For a terminal.
    pub fn text(self) -> &'static str {
        match self {
            Self::Btleplug => {
                "Advice: source.kind = \"btleplug\". The raw socket does not hear clearly more."
            }
            Self::Hci => "Advice: source.kind = \"hci\". It hears clearly more.",
            Self::Neither => "Neither can be listened to; doctor without --measure says why.",
            Self::NothingHeard => {
                "Nothing is on the air: bring a phone or a beacon near, and measure again."
            }
        }
    }
}

/// BlueZ is the better way unless the raw socket hears clearly more.
pub fn advice(btleplug: &Measured, hci: &Measured) -> Advice {
    match (&btleplug.error, &hci.error) {
        (Some(_), Some(_)) => Advice::Neither,
        (Some(_), None) => Advice::Hci,
        (None, Some(_)) => Advice::Btleplug,
        (None, None) if btleplug.heard + hci.heard == 0 => Advice::NothingHeard,
        (None, None) if hci.heard * 100 >= btleplug.heard * CLEARLY_MORE_PERCENT => Advice::Hci,
        (None, None) => Advice::Btleplug,
    }
}

/// Both ways to the adapter of these settings; none: their source is no radio.
pub fn both(config: &SourceConfig) -> Option<[(&'static str, SourceConfig); 2]> {
    let (bluez, raw) = match config {
        SourceConfig::Btleplug(bluez) => {
            let number = bluez.adapter.strip_prefix("hci")?.parse().ok()?;
            (bluez.clone(), HciAdapter::Kernel(number))
        }
        SourceConfig::Hci(hci) => {
            let raw = hci.adapters.first()?.clone();
            let adapter = raw.to_string();
            let silence_ms = hci.silence_ms;
            (
                BtleplugConfig {
                    adapter,
                    silence_ms,
                },
                raw,
            )
        }
        SourceConfig::Sim { .. } | SourceConfig::Replay { .. } => return None,
    };
    let silence_ms = bluez.silence_ms;
    let adapters = vec![raw];
    Some([
        ("btleplug", SourceConfig::Btleplug(bluez)),
        (
            "hci",
            SourceConfig::Hci(HciConfig {
                adapters,
                silence_ms,
            }),
        ),
    ])
}

/// Listens one way for a while.
pub async fn listen(
    name: &'static str,
    source: &SourceConfig,
    config: &Config,
    for_how_long: Duration,
) -> Measured {
    let counts = Counters::default();
    let intake = Intake::new(config.chain.clone(), Beacons::default(), counts.clone());
    let (mut ours, mut radios) = (0, HashSet::new());
    let (began, cpu_before_ms) = (Instant::now(), cpu_ms());
    let mut source = Source::start(source, config.anchor.clone(), counts.clone());
    let until = began + for_how_long;
    while let Ok(Some(advertisement)) = timeout_at(until, source.next()).await {
        ours += u64::from(intake.admit(&advertisement).is_some());
        radios.insert(advertisement.radio);
    }
    let stopped = source.stop().await;
    Measured {
        source: name,
        heard: counts.snapshot().heard_total,
        ours,
        radios: radios.len() as u64,
        cpu_ms: cpu_ms().saturating_sub(cpu_before_ms),
        for_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        error: stopped.err().map(|error| {
            let error = anyhow::Error::from(error);
            format!("{error:#}")
        }),
    }
}

/// Processor time of this process so far.
fn cpu_ms() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let (s, ns) = (time.tv_sec.max(0), time.tv_nsec.max(0));
    u64::try_from(s * 1_000 + ns / 1_000_000).unwrap_or(0)
}

/// A table for a terminal.
pub fn table(measured: &[Measured; 2]) -> String {
    let mut text = format!(
        "{:<10} {:>10} {:>8} {:>8} {:>12}\n",
        "source", "adverts/s", "radios", "of ours", "processor"
    );
    for one in measured {
        if let Some(error) = &one.error {
            text += &format!("{:<10} cannot be listened to: {error}\n", one.source);
            continue;
        }
        let per_s = |count: u64| count as f64 * 1_000.0 / one.for_ms.max(1) as f64;
        text += &format!(
            "{:<10} {:>10.1} {:>8} {:>8} {:>10.1} %\n",
            one.source,
            per_s(one.heard),
            one.radios,
            one.ours,
            100.0 * one.cpu_ms as f64 / one.for_ms.max(1) as f64
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(heard: u64, error: Option<&str>) -> Measured {
        Measured {
            source: "hci",
            heard,
            ours: heard / 2,
            radios: 3,
            cpu_ms: 20,
            for_ms: 20_000,
            error: error.map(str::to_owned),
        }
    }

    #[test]
    fn the_raw_socket_is_advised_where_it_hears_clearly_more_or_is_all_there_is() {
        let no = Some("no");
        for (btleplug, hci, wanted) in [
            ((84, None), (719, None), Advice::Hci),
            ((700, None), (719, None), Advice::Btleplug),
            ((0, None), (5, None), Advice::Hci),
            ((0, None), (0, None), Advice::NothingHeard),
            ((0, no), (5, None), Advice::Hci),
            ((5, None), (0, no), Advice::Btleplug),
            ((0, no), (0, no), Advice::Neither),
        ] {
            let both = [btleplug, hci].map(|(heard, error)| measured(heard, error));
            assert_eq!(advice(&both[0], &both[1]), wanted, "{both:?}");
        }
    }

    #[test]
    fn both_ways_go_to_the_adapter_of_the_settings() {
        let bluez = BtleplugConfig {
            adapter: "hci7".into(),
            silence_ms: 5_000,
        };
        let raw = HciConfig {
            adapters: vec![HciAdapter::Kernel(7)],
            silence_ms: 5_000,
        };
        let wanted = [
            ("btleplug", SourceConfig::Btleplug(bluez.clone())),
            ("hci", SourceConfig::Hci(raw.clone())),
        ];
        assert_eq!(both(&SourceConfig::Btleplug(bluez)), Some(wanted.clone()));
        assert_eq!(both(&SourceConfig::Hci(raw)), Some(wanted));
        let connect = "127.0.0.1:1".into();
        assert_eq!(both(&SourceConfig::Sim { connect }), None);
    }

    #[test]
    fn the_table_says_rates_or_why_there_are_none() {
        let text = table(&[measured(400, None), measured(0, Some("no permission"))]);
        assert!(
            text.contains("      20.0        3      200        0.1 %"),
            "{text}"
        );
        assert!(
            text.contains("cannot be listened to: no permission"),
            "{text}"
        );
    }
}
