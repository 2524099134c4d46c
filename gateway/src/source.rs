//! Where advertisements come from.
//!
//! In: the configured kind of radio. Out: a channel of [`Advertisement`]s, stamped where they
//! enter the process.
//! Promises: a source that lost its radio waits and tries again for as long as that can help;
//! when only a new process can, it ends with the reason.
//! Invariant: an advertiser's address does not leave this module; what leaves is a [`RadioKey`].

mod bluez;
mod hci;
mod replay;
mod sim;
mod watchdog;

use std::hash::{BuildHasher, Hash, RandomState};

use protocol::{AnchorId, air::AdData};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

pub(crate) use self::hci::missing_capabilities;
use crate::{clock::Monotonic, config::SourceConfig, counts::Counters, stop};

/// Advertisements on their way to the aggregator: 2 s of the busiest air we have simulated, so
/// that a slow disk is not a deaf antenna.
pub const HEARD_MAX: usize = 4_096;

/// One reception over the air. Its data lies inside, so that hearing allocates nothing.
#[derive(Debug, Clone, Copy)]
pub struct Advertisement {
    /// The advertising data.
    pub ad: AdData,
    /// Received signal strength.
    pub rssi_dbm: i8,
    /// When the source had it.
    pub heard_at: Monotonic,
    /// Which radio sent it: ties a beacon's telemetry to the frame that names the beacon.
    pub radio: RadioKey,
}

/// A radio within this process: a hash of its address under a key that is new at each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RadioKey(u64);

/// Makes [`RadioKey`]s of addresses. A clone makes the same.
#[derive(Debug, Default, Clone)]
struct RadioKeys(RandomState);

/// A radio of tests elsewhere in this crate.
#[cfg(test)]
pub(crate) const fn test_radio(n: u64) -> RadioKey {
    RadioKey(n)
}

impl RadioKeys {
    fn of(&self, address: &(impl Hash + ?Sized)) -> RadioKey {
        RadioKey(self.0.hash_one(address))
    }
}

/// Why a source ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The radio cannot be listened to any more; a new process may.
    #[error("listen through BlueZ")]
    Bluez(#[from] bluez::BluezError),
    /// The radio may not be listened to, or not any more; a new process may.
    #[error("listen through HCI")]
    Hci(#[from] hci::HciError),
    /// The recording cannot be played.
    #[error("replay {path}")]
    Replay {
        /// The recording.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: crate::btsnoop::BtsnoopError,
    },
    /// Its task ended in a panic.
    #[error("the source's task panicked")]
    Panicked,
}

/// A running source; dropping it ends it at once, without a goodbye to the radio.
#[derive(Debug)]
pub struct Source {
    heard: mpsc::Receiver<Advertisement>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), SourceError>>,
}

impl Source {
    /// Starts listening as `anchor`.
    pub fn start(config: &SourceConfig, anchor: AnchorId, counts: Counters) -> Self {
        let (to, heard) = mpsc::channel(HEARD_MAX);
        let (stop, mut stopped) = watch::channel(false);
        let config = config.clone();
        let task = tokio::spawn(async move {
            match config {
                // These two have a scan to end.
                SourceConfig::Btleplug(config) => {
                    Ok(bluez::listen(config, to, counts, stopped).await?)
                }
                SourceConfig::Hci(config) => Ok(hci::listen(config, to, counts, stopped).await?),
                SourceConfig::Sim { connect } => tokio::select! {
                    () = sim::listen(connect, anchor, to, counts) => Ok(()),
                    () = stop::asked(&mut stopped) => Ok(()),
                },
                SourceConfig::Replay { file, speed } => tokio::select! {
                    played = replay::listen(&file, speed, to) => {
                        played.map_err(|source| SourceError::Replay { path: file, source })
                    }
                    () = stop::asked(&mut stopped) => Ok(()),
                },
            }
        });
        Self { heard, stop, task }
    }

    /// The next advertisement; may be dropped while waiting. None: the source has ended, and
    /// [`Source::stop`] says why.
    pub async fn next(&mut self) -> Option<Advertisement> {
        self.heard.recv().await
    }

    /// One that is already there.
    pub fn next_now(&mut self) -> Option<Advertisement> {
        self.heard.try_recv().ok()
    }

    /// Asks the radio to stop listening and waits for it; what was heard by then can still be
    /// taken with [`Source::next_now`]. An error: it had ended by itself before.
    pub async fn stop(&mut self) -> Result<(), SourceError> {
        self.stop.send_replace(true);
        self.heard.close();
        match (&mut self.task).await {
            Ok(ended) => ended,
            Err(_) => Err(SourceError::Panicked),
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.task.abort();
    }
}
