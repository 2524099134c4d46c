//! `/metrics`: what Prometheus collects.
//!
//! In: a [`State`]. Out: the text exposition format, names with their unit as suffix.
//! Promises: counters end with `_total`, which the library adds; a name that stands in
//! `docs/monitoring` is in here: a test reads both.
//! Invariant: labels have values of a fixed, short list; no label names a person, a radio or an
//! address. What is not known has no sample: a radio that never heard anything has no age.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, prometheus_text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::State;
use crate::{alive::Part, clock::Monotonic, counts::Line};

pub(super) use prometheus_text::CONTENT_TYPE;

const PREFIX: &str = "welkom_gateway";

pub(super) fn encode(state: &State) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(state.clone()));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

impl Collector for State {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut to;
        let counts = self.counts.snapshot();
        let version = [(env!("CARGO_PKG_VERSION"), 1)];
        family(
            to,
            "build_info",
            "Which program this is",
            "version",
            MetricType::Gauge,
            version,
        )?;
        gauge(
            to,
            "uptime_seconds",
            "Since this process started",
            self.age_s(self.began),
        )?;

        counter(
            to,
            "advertisements",
            "Advertisements from the radio",
            counts.heard_total,
        )?;
        let dropped = "Advertisements that went no further, by reason";
        let reasons = [
            ("foreign", counts.foreign_total),
            ("malformed", counts.malformed_total),
            ("shed", counts.shed_total),
        ];
        family(
            to,
            "advertisements_dropped",
            dropped,
            "reason",
            MetricType::Counter,
            reasons,
        )?;
        counter(
            to,
            "advertisements_beacon",
            "Advertisements of the store's fixed beacons",
            counts.beacon_total,
        )?;
        counter(
            to,
            "advertisements_apple_overflow",
            "Foreign advertisements of iPhone apps in the background",
            counts.apple_overflow_total,
        )?;
        age(
            to,
            "last_heard_seconds",
            "Since the radio heard anything",
            self.since(self.counts.heard_at()),
        )?;

        counter(to, "sightings", "Sightings on disk", counts.spooled_total)?;
        counter(
            to,
            "sightings_evicted",
            "Sightings given up for lack of room",
            counts.evicted_total,
        )?;
        gauge(
            to,
            "sightings_waiting",
            "Sightings that the server has not acknowledged",
            counts.waiting,
        )?;
        gauge(
            to,
            "spool_bytes",
            "What the spool takes of the disk",
            self.counts.spool_bytes(),
        )?;
        gauge(
            to,
            "spool_limit_bytes",
            "What it may take",
            self.spool_bytes_max,
        )?;
        counter(
            to,
            "spool_write_failures",
            "Writes and syncs that the disk refused",
            self.counts.failed_writes_total(),
        )?;

        let line = self.counts.line();
        gauge(
            to,
            "connected",
            "1: there is a connection to the broker",
            u64::from(line != Line::Away),
        )?;
        gauge(
            to,
            "server_answers",
            "1: on this connection the server has answered",
            u64::from(line == Line::Server),
        )?;
        counter(
            to,
            "connections",
            "Connections to the broker that came about",
            self.counts.connections_total(),
        )?;
        gauge(
            to,
            "batches_unacknowledged",
            "Batches published and not acknowledged",
            u64::try_from(self.view.lent).unwrap_or(u64::MAX),
        )?;
        let acknowledged = (line == Line::Server).then_some(self.view.acknowledged_at);
        age(
            to,
            "last_acknowledged_seconds",
            "Since the server acknowledged anything that waited",
            self.since(acknowledged),
        )?;
        gauge(
            to,
            "clock_known",
            "1: the server's time is known in this boot",
            u64::from(self.view.anchored),
        )?;
        let told = self.settings.clone().unwrap_or_default();
        gauge(
            to,
            "settings_version",
            "The version of the server's settings in force; 0: the file's alone",
            told.version.unwrap_or(0),
        )?;
        gauge(
            to,
            "settings_on_trial",
            "1: another radio that the server told of is being tried",
            u64::from(told.trying.is_some()),
        )?;
        counter(
            to,
            "settings_refused",
            "Settings of the server that were refused",
            self.tally.refused_total,
        )?;
        counter(
            to,
            "settings_unreadable",
            "Times that what the server had told could not be read from the disk",
            self.tally.damaged_total,
        )?;
        let alive = self.counts.alive();
        let parts = Part::ALL.map(|p| (p.as_str(), u64::from(alive.is_still(p, self.now))));
        family(
            to,
            "part_hangs",
            "1: this part does not get on",
            "part",
            MetricType::Gauge,
            parts,
        )
    }
}

impl State {
    fn age_s(&self, at: Monotonic) -> u64 {
        self.now.ms_since(at) / 1_000
    }

    fn since(&self, at: Option<Monotonic>) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "ages are far below 2^52 ms")]
        at.map(|at| self.now.ms_since(at) as f64 / 1_000.0)
    }
}

fn counter(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let metric = ConstCounter::new(value);
    metric.encode(to.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn gauge(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let metric = ConstGauge::new(value);
    metric.encode(to.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn age(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: Option<f64>) -> fmt::Result {
    let Some(value) = value else {
        return Ok(());
    };
    let metric = ConstGauge::new(value);
    metric.encode(to.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn family<const N: usize>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    kind: MetricType,
    values: [(&'static str, u64); N],
) -> fmt::Result {
    let mut described = to.encode_descriptor(name, help, None, kind)?;
    for (value, count) in values {
        let labels = [(label, value)];
        let one = described.encode_family(&labels)?;
        match kind {
            MetricType::Counter => ConstCounter::new(count).encode(one)?,
            _ => ConstGauge::new(count).encode(one)?,
        }
    }
    Ok(())
}
