//! Events of a web shop, through `/v1/batch`: how many a second, at which price.
//!
//! In: sizes and a write key. Out: an [`EventsReport`].
//! Promises: without a rate it sends as fast as the server answers, over a few connections; with
//! one it keeps to it.
//! Invariant: an event counts when the server has answered its batch with 200.

use reqwest::{Method, header::HeaderMap};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Serialize;
use serde_json::json;
use tokio::{sync::Mutex, task::JoinSet};

use super::measure::Usage;
use crate::{
    clock,
    http::{Api, ApiError, Nothing, ServerInfo},
};

/// Customers of one import call at most.
const IMPORT_MAX: u64 = 1_000;
/// Events are spread over this time before now.
const SPREAD_MS: u64 = 60 * 86_400_000;

/// The sizes of a run.
#[derive(Debug, Clone)]
pub struct EventsConfig {
    /// Events in all.
    pub count: u64,
    /// Events a second; 0: as many as go.
    pub rate_per_s: u64,
    /// Events in one batch.
    pub batch: u64,
    /// Batches under way at once.
    pub connections: u64,
    /// Customers that they are of.
    pub customers: u64,
    /// Products that they are about.
    pub products: u64,
    /// External ids begin with it.
    pub prefix: String,
}

/// What a run found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventsReport {
    /// Events that were answered.
    pub events: u64,
    /// Of these, a second.
    pub events_per_s: f64,
    /// Processor time of the server per event; none if it runs on another machine.
    pub cpu_us_per_event: Option<f64>,
    /// Resident memory of the server at the end, in megabytes.
    pub rss_mb: Option<f64>,
    /// Half of the batches were answered within this, in milliseconds.
    pub batch_ms_p50: f64,
    /// 99 percent of them.
    pub batch_ms_p99: f64,
}

/// Makes customers who agreed to everything, then sends events of theirs.
pub async fn run(shop: &Api, track: &Api, config: EventsConfig) -> Result<EventsReport, ApiError> {
    for first in (0..config.customers).step_by(step(IMPORT_MAX)) {
        let some = first..(first + IMPORT_MAX).min(config.customers);
        let customers: Vec<_> = some.map(|n| customer(&config.prefix, n)).collect();
        let body = json!({"customers": customers});
        let _: Nothing = shop.post("/v1/customers/import", &body).await?;
    }
    let server: ServerInfo = shop.get("/v1/server").await?;
    let config = Arc::new(config);
    let next = Arc::new(AtomicU64::new(0));
    let took = Arc::new(Mutex::new(Vec::new()));
    let before = Usage::of(server.pid);
    let (began, now_ms) = (Instant::now(), clock::unix_ms());
    let mut senders = JoinSet::new();
    for _ in 0..config.connections.max(1) {
        let (track, config) = (track.clone(), config.clone());
        let (next, took) = (next.clone(), took.clone());
        senders.spawn(async move {
            loop {
                let first = next.fetch_add(config.batch, Ordering::Relaxed);
                if first >= config.count {
                    return Ok(());
                }
                if let Some(due_s) = first.checked_div(config.rate_per_s) {
                    let within = first % config.rate_per_s * 1_000 / config.rate_per_s;
                    let due = Duration::from_millis(due_s * 1_000 + within);
                    tokio::time::sleep_until((began + due).into()).await;
                }
                let some = first..(first + config.batch).min(config.count);
                let body = batch(&config, some, now_ms);
                let sent = Instant::now();
                let _: Nothing = track
                    .send_raw(Method::POST, "/v1/batch", body, HeaderMap::new())
                    .await?;
                took.lock().await.push(sent.elapsed());
            }
        });
    }
    while let Some(done) = senders.join_next().await {
        // An error says that it was aborted, which nobody does.
        done.unwrap_or(Ok(()))?;
    }
    let whole = began.elapsed();
    let after = Usage::of(server.pid);
    let mut took = took.lock().await.clone();
    took.sort_unstable();
    let at = |percent: usize| {
        let place = (took.len() * percent / 100).min(took.len().saturating_sub(1));
        took.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    };
    let used = before.zip(after);
    let used = used.map(|(b, a)| a.cpu.saturating_sub(b.cpu).as_secs_f64() * 1e6);
    Ok(EventsReport {
        events: config.count,
        events_per_s: float(config.count) / whole.as_secs_f64(),
        cpu_us_per_event: used.map(|us| us / float(config.count.max(1))),
        rss_mb: after.map(|usage| float(usage.rss_bytes) / 1e6),
        batch_ms_p50: at(50),
        batch_ms_p99: at(99),
    })
}

fn step(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "figures for people: 52 bits are plenty"
)]
fn float(number: u64) -> f64 {
    number as f64
}

fn customer(prefix: &str, n: u64) -> serde_json::Value {
    json!({
        "customer": {
            "external_id": format!("{prefix}-{n}"), "given_name": "Eva", "family_name": "De Vries",
            "salutation": null, "language": "nl",
        },
        "consent": {"arrival": true, "messages": true, "browsing": true, "statistics": true},
    })
}

/// Scatters numbers, the same way each time (the multiplier of Knuth's MMIX generator).
fn scatter(n: u64) -> u64 {
    let mixed = (n + 1).wrapping_mul(6_364_136_223_846_793_005);
    mixed ^ (mixed >> 29)
}

fn batch(config: &EventsConfig, some: std::ops::Range<u64>, now_ms: u64) -> Vec<u8> {
    let events: Vec<_> = some.map(|n| event(config, n, now_ms)).collect();
    protocol::message::to_json(&json!({"batch": events, "sentAt": iso(now_ms)}))
}

/// As a web shop's library writes it, with what stands around the little that matters.
fn event(config: &EventsConfig, n: u64, now_ms: u64) -> serde_json::Value {
    let r = scatter(n);
    let name = match r % 16 {
        0..=9 => "Product Viewed",
        10 | 11 => "Product Added",
        12 => "Product Removed",
        13 => "Product Added to Wishlist",
        14 => "Product List Viewed",
        _ => "Product Removed from Wishlist",
    };
    let product = scatter(r) % config.products.max(1);
    json!({
        "type": "track", "event": name,
        "messageId": format!("ajs-next-{:016x}-{n}", r),
        "userId": format!("{}-{}", config.prefix, (r >> 8) % config.customers.max(1)),
        "anonymousId": format!("{:032x}", scatter(r >> 3)),
        "timestamp": iso(now_ms - 1_000 - (r >> 5) % SPREAD_MS),
        "properties": {
            "product_id": format!("p{}", product / 4), "sku": format!("SKU-{product}"),
            "category": "Shoes", "name": "Loafer", "brand": "Kade", "price": 129.95,
            "currency": "EUR", "quantity": 1,
        },
        "context": {"library": {"name": "analytics.js", "version": "next-1.62.0"}, "locale": "nl-NL"},
    })
}

/// Unix milliseconds as ISO 8601 in UTC (days to a date as in "chrono-compatible low-level date
/// algorithms", H. Hinnant).
fn iso(ms: u64) -> String {
    let (days, in_day) = (ms / 86_400_000 + 719_468, ms % 86_400_000);
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!(
        "{:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        era * 400 + year + carry,
        in_day / 3_600_000,
        in_day / 60_000 % 60,
        in_day / 1_000 % 60,
        in_day % 1_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_iso_8601() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_774_778_400_000, "2026-03-29T10:00:00.000Z"),
            (1_800_000_000_000, "2027-01-15T08:00:00.000Z"),
        ] {
            assert_eq!(iso(ms), text);
        }
    }

    #[test]
    fn a_thousand_events_fit_into_a_batch() {
        let config = EventsConfig {
            count: 1_000,
            rate_per_s: 0,
            batch: 1_000,
            connections: 1,
            customers: 1_000_000,
            products: 1_000_000,
            prefix: "e".into(),
        };
        let len = batch(&config, 0..1_000, 1_800_000_000_000).len();
        assert!(len < 500 * 1_024, "{len}");
    }
}
