//! Sends what the outbox holds.
//!
//! In: a nudge after a commit, or the time at which a lease ends. Out: messages on open phones,
//! and rows for `push`, which wakes phones that sleep; the rooms below it know one provider each.
//! One row at a time goes pending -> sending (committed) -> out -> sent (committed); see
//! `store::outbox` for what a crash in between means.
//! Invariant: nothing leaves that is not marked on the disk first.

pub mod answers;
pub mod apns;
pub mod fcm;
pub mod jwt;
pub mod outgoing;
pub mod push;
mod staff;
pub mod web_push;
pub mod webhook;

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};

use crate::{
    live::Live,
    pipeline::Pipeline,
    store::{StoreError, outbox, push::Kind},
};

/// Looks at the outbox this often even without a nudge: leases end, relevance ends.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What delivery needs.
pub struct Deliver {
    /// Where marks are committed.
    pub pipeline: Pipeline,
    /// Open phones.
    pub live: Arc<Live>,
    /// Told after a commit that made deliveries.
    pub nudge: Arc<Notify>,
    /// The providers that there are.
    pub kinds: Vec<Kind>,
    /// Wakes [`push`].
    pub wake: Arc<Notify>,
}

impl Deliver {
    /// Runs until asked to stop.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = self.nudge.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = shutdown.changed() => return,
            }
            match self.send_due().await {
                Ok(()) => {}
                Err(StoreError::Stopping) => return,
                Err(error) => tracing::error!(%error, "deliveries wait"),
            }
        }
    }

    async fn send_due(&self) -> Result<(), StoreError> {
        loop {
            let kinds = self.kinds.clone();
            let leased = self
                .pipeline
                .write(move |txn| outbox::lease(txn.db, txn.now_ms, &kinds))
                .await?;
            if leased.is_empty() {
                return Ok(());
            }
            self.wake.notify_one();
            // The message is in her stream from the mark on; a phone that is not connected now
            // reads it when it comes back, as long as it matters.
            let sent: Vec<_> = leased
                .iter()
                .map(|row| (row.delivery, self.live.push(row)))
                .collect();
            self.pipeline
                .write(move |txn| {
                    sent.iter().try_for_each(|(delivery, phones)| {
                        let result = if *phones > 0 {
                            "pushed"
                        } else {
                            "kept in the stream"
                        };
                        outbox::record_sent(txn.db, txn.now_ms, *delivery, result)
                    })
                })
                .await?;
        }
    }
}

#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod tests;
