//! Where advertisements come from.
//!
//! In: the configured kind of radio. Out: a channel of [`Advertisement`]s, stamped where they
//! enter the process.
//! Promises: a source that lost its radio waits and tries again for as long as it takes.
//! Invariant: an advertiser's address does not leave this module.

mod sim;

use protocol::AnchorId;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{clock::Monotonic, config::SourceConfig, counts::Counters};

/// Bytes of advertising data at most: what one extended advertising PDU carries (Core
/// specification, volume 6, part B, 2.3.4.9). Our layouts need 31.
pub const AD_LEN_MAX: usize = 254;

/// Advertisements on their way to the aggregator: 2 s of the busiest air we have simulated, so
/// that a slow disk is not a deaf antenna.
pub const HEARD_MAX: usize = 4_096;

/// One reception over the air. Its data lies inside, so that hearing allocates nothing.
#[derive(Debug, Clone, Copy)]
pub struct Advertisement {
    ad: [u8; AD_LEN_MAX],
    ad_len: u8,
    /// Received signal strength.
    pub rssi_dbm: i8,
    /// When the source had it.
    pub heard_at: Monotonic,
}

impl Advertisement {
    /// None if there is more data than [`AD_LEN_MAX`].
    pub fn new(data: &[u8], rssi_dbm: i8, heard_at: Monotonic) -> Option<Self> {
        let mut ad = [0; AD_LEN_MAX];
        ad.get_mut(..data.len())?.copy_from_slice(data);
        let ad_len = u8::try_from(data.len()).ok()?;
        Some(Self {
            ad,
            ad_len,
            rssi_dbm,
            heard_at,
        })
    }

    /// The advertising data.
    pub fn ad(&self) -> &[u8] {
        &self.ad[..usize::from(self.ad_len)]
    }
}

/// A running source; dropping it stops it.
#[derive(Debug)]
pub struct Source {
    heard: mpsc::Receiver<Advertisement>,
    task: JoinHandle<()>,
}

impl Source {
    /// Starts listening as `anchor`.
    pub fn start(config: &SourceConfig, anchor: AnchorId, counts: Counters) -> Self {
        let (to, heard) = mpsc::channel(HEARD_MAX);
        let task = match config {
            SourceConfig::Sim { connect } => {
                tokio::spawn(sim::listen(connect.clone(), anchor, to, counts))
            }
        };
        Self { heard, task }
    }

    /// The next advertisement; may be dropped while waiting. None never comes from a working
    /// source: it tries again by itself.
    pub async fn next(&mut self) -> Option<Advertisement> {
        self.heard.recv().await
    }

    /// One that is already there.
    pub fn next_now(&mut self) -> Option<Advertisement> {
        self.heard.try_recv().ok()
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.task.abort();
    }
}
