//! What a store's gateways say, on its way to the central server.
//!
//! In: batches that this machine has used and committed, statuses. Out: which of them the central
//! server has, so that gateways forget them; a word to send all again once a line is back.
//! Nothing is kept here: a batch that cannot be told waits in its gateway's spool, which is made for
//! that, and holds what nobody resolved.
//! Invariant: bounded, in memory alone; a batch is told once this machine has used it, never before.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use protocol::{
    GatewayId,
    message::{Batch, Status},
};
use tokio::sync::{mpsc, watch};

use super::{
    BATCHES_MAX, Relayed, Taken,
    line::{Central, Health},
};

/// Messages that wait for the line; past it gateways are asked to say it again.
const WAITING_MAX: usize = 2_000;
/// How often a line that is down is tried.
const TRY_EVERY: Duration = Duration::from_secs(2);

/// What goes up.
#[derive(Debug)]
pub enum Up {
    /// A batch that is used here.
    Batch(Box<Batch>),
    /// How a gateway does.
    Status(GatewayId, Box<Status>),
}

/// What comes down.
#[derive(Debug)]
pub enum Down {
    /// The central server has these.
    Taken(Vec<Taken>),
    /// Something may have been lost on the way: gateways say all of it again.
    Again,
}

/// Ingest's ends.
pub struct Ends {
    up: UpEnd,
    down: mpsc::Receiver<Down>,
}

/// Where batches go in.
pub struct UpEnd {
    up: mpsc::Sender<Up>,
    shed: Arc<AtomicBool>,
}

impl Ends {
    /// What is told, and what is heard.
    pub fn split(&mut self) -> (&UpEnd, &mut mpsc::Receiver<Down>) {
        (&self.up, &mut self.down)
    }
}

impl UpEnd {
    /// Sends on what can be sent; the rest is asked for again.
    pub fn tell(&self, up: Up) {
        if self.up.try_send(up).is_err() {
            self.shed.store(true, Ordering::Relaxed);
        }
    }
}

/// The other end.
pub struct Relay {
    central: Central,
    health: watch::Receiver<Health>,
    up: mpsc::Receiver<Up>,
    /// There was no room for something.
    shed: Arc<AtomicBool>,
    down: mpsc::Sender<Down>,
}

impl Relay {
    /// Both ends.
    pub fn new(central: Central, health: watch::Receiver<Health>) -> (Self, Ends) {
        let (up_in, up) = mpsc::channel(WAITING_MAX);
        let (down, down_out) = mpsc::channel(WAITING_MAX);
        let shed = Arc::new(AtomicBool::new(false));
        let relay = Self {
            central,
            health,
            up,
            shed: shed.clone(),
            down,
        };
        let ends = Ends {
            up: UpEnd { up: up_in, shed },
            down: down_out,
        };
        (relay, ends)
    }

    /// Runs until asked to stop.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        // What gateways sent to an earlier run of this machine may not have arrived.
        let mut lost = true;
        loop {
            let first = tokio::select! {
                up = self.up.recv() => match up {
                    Some(up) => Some(up),
                    None => return,
                },
                () = tokio::time::sleep(TRY_EVERY), if lost => None,
                _ = shutdown.changed() => return,
            };
            let relayed = self.gather(first);
            match self.send(&relayed).await {
                Some(taken) => {
                    self.tell(Down::Taken(taken)).await;
                    if lost | self.shed.swap(false, Ordering::Relaxed) {
                        self.tell(Down::Again).await;
                    }
                    lost = false;
                }
                None => lost = true,
            }
        }
    }

    /// What waits, as far as one request may hold it.
    fn gather(&mut self, first: Option<Up>) -> Relayed {
        let mut batches = Vec::new();
        let mut statuses = HashMap::new();
        let mut next = first;
        while let Some(up) = next {
            match up {
                Up::Batch(batch) => batches.push(*batch),
                Up::Status(gateway, status) => _ = statuses.insert(gateway, *status),
            }
            next = (batches.len() < BATCHES_MAX)
                .then(|| self.up.try_recv().ok())
                .flatten();
        }
        Relayed {
            epoch: 0,
            batches,
            statuses: statuses.into_iter().collect(),
        }
    }

    /// None: it may not have arrived.
    async fn send(&self, relayed: &Relayed) -> Option<Vec<Taken>> {
        let Health {
            epoch: Some(epoch),
            down_since_ms: None,
        } = *self.health.borrow()
        else {
            return None;
        };
        let relayed = Relayed {
            epoch,
            ..relayed.clone()
        };
        let sent = self.central.post("v1/home/batches", &relayed).await;
        sent.inspect_err(|error| tracing::debug!(%error, "batches wait in their gateways"))
            .ok()
    }

    async fn tell(&self, down: Down) {
        // An error says that ingest has stopped.
        let _ = self.down.send(down).await;
    }
}
