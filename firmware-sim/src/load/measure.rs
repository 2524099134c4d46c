//! What a load run counts and times.
//!
//! In: batches made, acknowledged, cards seen. Out: the [`Report`].
//! Promises: a delay runs from the moment at which a batch was due, so that a server that stalls
//! the sender does not look fast (no coordinated omission).
//! Invariant: `lost` is what was offered and not acknowledged when the run gave up waiting.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde::Serialize;

/// Half and 99 percent of the values are at most this, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half.
    pub p50: f64,
    /// 99 percent.
    pub p99: f64,
}

/// What a load run found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Sightings a second that were offered.
    pub offered_per_s: f64,
    /// Sightings a second from the first offer to the last acknowledgement.
    pub applied_per_s: f64,
    /// Processor time of the server per sighting; none if it runs on another machine.
    pub cpu_us_per_sighting: Option<f64>,
    /// From a batch being due to the acknowledgement that covers it.
    pub publish_to_commit_ms: Option<Percentiles>,
    /// From the first sighting of an arriving customer to her card on the event stream.
    pub arrival_publish_to_sse_ms: Option<Percentiles>,
    /// The same two in the warm-up, in which everybody comes in at once: apart, since it is another
    /// question. None without a warm-up.
    pub cold_publish_to_commit_ms: Option<Percentiles>,
    /// See [`Report::cold_publish_to_commit_ms`].
    pub cold_arrival_publish_to_sse_ms: Option<Percentiles>,
    /// Memory of the server; none if it runs on another machine.
    pub rss_mb: Option<f64>,
    /// Sightings that were offered.
    pub sightings_offered: u64,
    /// Sightings that were acknowledged.
    pub sightings_applied: u64,
    /// Offered and not acknowledged.
    pub lost: u64,
    /// Customers that arrived with a ready order.
    pub arrivals_offered: u64,
    /// Those whose card came.
    pub arrivals_seen: u64,
}

/// Counts and delays, shared by all gateways.
#[derive(Debug)]
pub struct Measures(Mutex<State>);

#[derive(Debug)]
struct State {
    offered: u64,
    applied: u64,
    last_applied: Option<Instant>,
    /// What was due before is timed apart.
    warm_from: Option<Instant>,
    warm: Delays,
    cold: Delays,
    arriving: HashMap<String, Instant>,
    arrivals_offered: u64,
}

#[derive(Debug)]
struct Delays {
    commit_us: Histogram<u64>,
    arrival_us: Histogram<u64>,
}

impl Delays {
    fn new() -> Self {
        Self {
            commit_us: histogram(),
            arrival_us: histogram(),
        }
    }
}

impl State {
    fn delays(&mut self, due: Instant) -> &mut Delays {
        if self.warm_from.is_some_and(|from| due < from) {
            &mut self.cold
        } else {
            &mut self.warm
        }
    }
}

impl Measures {
    /// Nothing yet.
    pub fn new() -> Self {
        Self(Mutex::new(State {
            offered: 0,
            applied: 0,
            last_applied: None,
            warm_from: None,
            warm: Delays::new(),
            cold: Delays::new(),
            arriving: HashMap::new(),
            arrivals_offered: 0,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is due before this moment is warm-up.
    pub fn warm_from(&self, from: Instant) {
        self.lock().warm_from = Some(from);
    }

    /// A batch of this many sightings was made.
    pub fn offered(&self, sightings: u64) {
        self.lock().offered += sightings;
    }

    /// A batch that was due at `due` is committed.
    pub fn applied(&self, now: Instant, due: Instant, sightings: u64) {
        let mut state = self.lock();
        state.applied += sightings;
        state.last_applied = Some(now);
        state
            .delays(due)
            .commit_us
            .saturating_record(micros(now - due));
    }

    /// A customer with a ready order was first sighted in a batch due at `due`.
    pub fn arrives(&self, external_id: String, due: Instant) {
        let mut state = self.lock();
        state.arrivals_offered += 1;
        state.arriving.insert(external_id, due);
    }

    /// Her card came. Only the first one counts.
    pub fn card(&self, now: Instant, external_id: &str) {
        let mut state = self.lock();
        if let Some(due) = state.arriving.remove(external_id) {
            state
                .delays(due)
                .arrival_us
                .saturating_record(micros(now.saturating_duration_since(due)));
        }
    }

    /// Offered, applied, and arrivals without a card.
    pub fn totals(&self) -> (u64, u64, usize) {
        let state = self.lock();
        (state.offered, state.applied, state.arriving.len())
    }

    /// The report of a run that offered from `began` for `offering`.
    pub fn report(&self, began: Instant, offering: Duration, server: Option<Usage>) -> Report {
        let state = self.lock();
        let applying = state.last_applied.map_or(offering, |last| last - began);
        let State {
            offered, applied, ..
        } = *state;
        Report {
            offered_per_s: per_s(offered, offering),
            applied_per_s: per_s(applied, applying.max(offering)),
            cpu_us_per_sighting: server
                .filter(|_| applied > 0)
                .map(|usage| usage.cpu.as_secs_f64() * 1e6 / float(applied)),
            publish_to_commit_ms: percentiles(&state.warm.commit_us),
            arrival_publish_to_sse_ms: percentiles(&state.warm.arrival_us),
            cold_publish_to_commit_ms: percentiles(&state.cold.commit_us),
            cold_arrival_publish_to_sse_ms: percentiles(&state.cold.arrival_us),
            rss_mb: server.map(|usage| float(usage.rss_bytes) / 1e6),
            sightings_offered: offered,
            sightings_applied: applied,
            lost: offered - applied,
            arrivals_offered: state.arrivals_offered,
            arrivals_seen: state.warm.arrival_us.len() + state.cold.arrival_us.len(),
        }
    }
}

impl Default for Measures {
    fn default() -> Self {
        Self::new()
    }
}

/// Three significant digits from 1 us to 10 minutes.
#[expect(
    clippy::expect_used,
    reason = "bounds are constants that the tests construct"
)]
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("bounds of a histogram")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn percentiles(us: &Histogram<u64>) -> Option<Percentiles> {
    let at = |quantile| float(us.value_at_quantile(quantile)) / 1_000.0;
    (!us.is_empty()).then(|| Percentiles {
        p50: at(0.5),
        p99: at(0.99),
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "figures for people: 52 bits are plenty"
)]
fn float(number: u64) -> f64 {
    number as f64
}

fn per_s(number: u64, during: Duration) -> f64 {
    float(number) / during.as_secs_f64().max(1e-3)
}

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, user and system.
    pub cpu: Duration,
    /// Resident memory.
    pub rss_bytes: u64,
}

/// Linux reports processor time in hundredths of a second on every architecture (USER_HZ).
const TICK: Duration = Duration::from_millis(10);

impl Usage {
    /// Reads `/proc/{pid}`; none if there is no such process on this machine.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Self {
            cpu: cpu(&stat)?,
            rss_bytes: rss_bytes(&status)?,
        })
    }
}

/// Fields 14 and 15 of `stat` (proc(5)); the name in field 2 may hold spaces and brackets.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (user + system))
}

fn rss_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_run_from_when_a_batch_was_due() {
        let (measures, began) = (Measures::new(), Instant::now());
        let at = |ms| began + Duration::from_millis(ms);
        measures.offered(300);
        for _ in 0..99 {
            measures.applied(at(10), at(0), 2);
        }
        measures.applied(at(2_000), at(1_000), 2);
        let report = measures.report(began, Duration::from_secs(1), None);
        let delays = report.publish_to_commit_ms.unwrap();
        assert!((delays.p50 - 10.0).abs() < 0.1 && (delays.p99 - 10.0).abs() < 0.1);
        assert!((report.offered_per_s - 300.0).abs() < 0.01);
        assert!(
            (report.applied_per_s - 100.0).abs() < 0.01,
            "200 in two seconds"
        );
        assert_eq!(report.lost, 100);
    }

    #[test]
    fn an_arrival_is_timed_once() {
        let (measures, began) = (Measures::new(), Instant::now());
        measures.arrives("a".into(), began);
        measures.card(began + Duration::from_millis(40), "a");
        measures.card(began + Duration::from_secs(9), "a");
        measures.card(began, "stranger");
        let report = measures.report(began, Duration::from_secs(1), None);
        assert_eq!((report.arrivals_offered, report.arrivals_seen), (1, 1));
        assert!((report.arrival_publish_to_sse_ms.unwrap().p99 - 40.0).abs() < 0.1);
    }

    #[test]
    fn proc_files_are_read_whatever_the_process_is_called() {
        let stat = "42 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(rss_bytes("Name:\tx\nVmRSS:\t   2048 kB\n"), Some(2_097_152));
        assert!(Usage::of(std::process::id()).is_some());
    }
}
