//! A recording as a radio.
//!
//! In: a btsnoop file. Out: its advertising reports, as far apart as they were, or faster.
//! Promises: ends when the recording does.
//! Invariant: a report without a received strength is passed over: there is nothing to place it
//! by.

use std::{path::Path, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{Advertisement, RadioKeys};
use crate::{
    btsnoop::{BtsnoopError, Recording},
    clock::Monotonic,
};

pub(super) async fn listen(
    path: &Path,
    speed: f64,
    to: mpsc::Sender<Advertisement>,
) -> Result<(), BtsnoopError> {
    let recording = Recording::open(path)?;
    let keys = RadioKeys::default();
    let began = Instant::now();
    let mut first_us = None;
    for report in recording.reports() {
        let report = report?;
        let after_us = report.ts_us - *first_us.get_or_insert(report.ts_us);
        // A phone's clock may be set while it records; then the rest follows at once.
        let after = Duration::from_micros(u64::try_from(after_us).unwrap_or(0));
        sleep_until(began + after.div_f64(speed)).await;
        let Some(rssi_dbm) = report.rssi_dbm else {
            continue;
        };
        let advert = Advertisement {
            ad: report.ad,
            rssi_dbm,
            heard_at: Monotonic::now(),
            radio: keys.of(&report.address),
        };
        if to.send(advert).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}
