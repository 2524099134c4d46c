//! Offers one gateway's share of the load, at its own pace.
//!
//! In: time. Out: batches to the gateway's link, with the time at which they were due.
//! Promises: the number of sightings offered by any moment follows from that moment alone; a
//! late tick makes a larger batch and does not lower the rate (open loop).
//! Invariant: never looks at what the server does.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use protocol::{
    AnchorId, Transmitter,
    message::{BATCH_SIGHTINGS_MAX, Batch, ClockAnchor, Sighting, VERSION, to_json},
};
use tokio::sync::watch;

use super::{
    LoadConfig, audit::Audit, crowd::Crowd, link::Link, measure::Measures, setup::StoreSetup,
};
use crate::phone::identity::Identity;

/// A gateway closes a batch this often.
const TICK: Duration = Duration::from_millis(80);
/// Someone who stands at a gateway was heard so many times in her window of a second.
const COUNT: u32 = 4;
const WINDOW_MS: u64 = 800;

/// One gateway's offers.
pub(super) struct Pacer {
    store: StoreSetup,
    number: u64,
    anchor: Option<AnchorId>,
    link: Arc<Link>,
    crowd: Crowd,
    rate_per_s: u64,
    measures: Arc<Measures>,
    audit: Arc<Audit>,
    seq: u64,
    /// Who is here in this second, and who of them is sighted next.
    present: (u64, Vec<u64>),
    cursor: usize,
    /// Customers who arrived at this gateway, and when each is sighted next.
    arrived: Vec<(usize, Duration)>,
    arrivals_until: usize,
}

impl Pacer {
    pub(super) fn new(
        store: StoreSetup,
        number: usize,
        link: Arc<Link>,
        config: &LoadConfig,
        measures: &Arc<Measures>,
        audit: &Arc<Audit>,
    ) -> Self {
        let rate_per_s = config.rate_per_s / config.gateways.max(1);
        let crowd = Crowd::new(
            store.gateways.len() as u64,
            store.crowd.len() as u64,
            rate_per_s,
        );
        Self {
            anchor: link.gateway().as_str().parse().ok(),
            store,
            number: number as u64,
            link,
            crowd,
            rate_per_s,
            measures: measures.clone(),
            audit: audit.clone(),
            seq: 0,
            present: (u64::MAX, Vec::new()),
            cursor: 0,
            arrived: Vec::new(),
            arrivals_until: 0,
        }
    }

    /// Offers until the time is over or the shutdown.
    pub(super) async fn offer(
        mut self,
        began: Instant,
        run_for: Duration,
        shutdown: watch::Receiver<bool>,
    ) {
        // Gateways do not tick in step.
        let phase = TICK * u32::try_from(self.number % 16).unwrap_or(0) / 16;
        let (mut at, mut offered) = (phase, 0);
        while at < run_for && !*shutdown.borrow() {
            at = (at + TICK).min(run_for);
            tokio::time::sleep_until((began + at).into()).await;
            let due = self.rate_per_s * u64::try_from(at.as_millis()).unwrap_or(u64::MAX) / 1_000;
            self.tick(began + at, at, due - offered);
            offered = due;
        }
    }

    fn tick(&mut self, due: Instant, at: Duration, sightings: u64) {
        // The link's clock was known before the pacer was made, and is never taken back.
        let Some(clock) = *self.link.clock().borrow() else {
            return;
        };
        let mut batch: Vec<Sighting> = Vec::new();
        self.sight_arrivals(due, at, clock, &mut batch);
        self.see_who_is_here(at);
        for _ in 0..sightings {
            let Some(&customer) = self
                .present
                .1
                .get(self.cursor % self.present.1.len().max(1))
            else {
                break;
            };
            self.cursor += 1;
            let place = usize::try_from(customer).unwrap_or(usize::MAX);
            let Some(identity) = self.store.crowd.get(place) else {
                continue;
            };
            let rssi_dbm = -60 - i8::try_from((customer ^ self.seq) % 12).unwrap_or(0);
            batch.extend(self.sighting(identity, due, clock, COUNT, rssi_dbm));
        }
        while !batch.is_empty() {
            let rest = batch.split_off(batch.len().min(BATCH_SIGHTINGS_MAX));
            self.send(due, clock, std::mem::replace(&mut batch, rest));
        }
    }

    fn see_who_is_here(&mut self, at: Duration) {
        if self.present.0 != at.as_secs() {
            self.present = (at.as_secs(), self.crowd.at(self.number, at.as_secs()));
        }
    }

    /// Arrivals of this store take turns at its gateways; each is sighted once a second.
    fn sight_arrivals(
        &mut self,
        due: Instant,
        at: Duration,
        clock: ClockAnchor,
        batch: &mut Vec<Sighting>,
    ) {
        let arriving = self.store.arriving.clone();
        while let Some(customer) = arriving.get(self.arrivals_until)
            && Duration::from_millis(customer.arrives_ms) <= at
        {
            let gateways = self.store.gateways.len() as u64;
            if self.arrivals_until as u64 % gateways == self.number {
                self.measures.arrives(customer.external_id.clone(), due);
                self.arrived.push((self.arrivals_until, at));
            }
            self.arrivals_until += 1;
        }
        let mut arrived = std::mem::take(&mut self.arrived);
        for (place, next) in arrived.iter_mut().filter(|(_, next)| *next <= at) {
            *next += Duration::from_secs(1);
            batch.extend(self.sighting(&arriving[*place].identity, due, clock, 1, -58));
        }
        self.arrived = arrived;
    }

    fn sighting(
        &self,
        identity: &Identity,
        due: Instant,
        clock: ClockAnchor,
        count: u32,
        rssi_dbm_median: i8,
    ) -> Option<Sighting> {
        let heard_last_mono_ms = self.link.mono().ms(due);
        let window_ms = if count > 1 { WINDOW_MS } else { 0 };
        Some(Sighting {
            anchor: self.anchor.clone()?,
            transmitter: Transmitter::Eid(identity.eid(clock.server_ms_of(heard_last_mono_ms))),
            heard_first_mono_ms: heard_last_mono_ms - window_ms,
            heard_last_mono_ms,
            count,
            rssi_dbm_median,
        })
    }

    fn send(&mut self, due: Instant, clock: ClockAnchor, sightings: Vec<Sighting>) {
        self.seq += 1;
        let offered = sightings.len() as u64;
        let batch = Batch {
            v: VERSION,
            store: self.store.store.clone(),
            gateway: self.link.gateway().clone(),
            boot: self.link.boot,
            seq: self.seq,
            clock: Some(clock),
            sightings,
            sealed: None,
        };
        self.audit.offered(&batch);
        self.link.offer(self.seq, due, offered, to_json(&batch));
    }
}
