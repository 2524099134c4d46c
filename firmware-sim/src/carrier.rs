//! Runs one enrolled phone beside the air: errands out, messages in.
//!
//! In: [`Errand`]s in order. Out: what the server took of them, messages as they come.
//! Promises: an errand without an answer is tried again for [`PATIENCE`]; what the server may or
//! may not have taken is counted as unsure, not as taken.
//! Invariant: a slow server never holds up the air: past [`ERRANDS_MAX`] errands are dropped.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use protocol::{AnchorId, StoreId, Transmitter};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    account::HeardCount,
    clock,
    phone::{
        Enrolled, Phone, PhoneError, Reported,
        ears::AppSighting,
        identity::Identity,
        inbox::{Inbox, Received, listen},
    },
};

/// Errands that wait at most: two minutes of reports.
pub const ERRANDS_MAX: usize = 64;
/// An errand is tried again for this long; a signature is good for 300 s.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What a phone is asked to do.
#[derive(Debug)]
pub enum Errand {
    /// Report these shelf beacons.
    Report(Vec<AppSighting>),
    /// Press "Ik ben er".
    Here,
    /// Get a new identity key.
    NewKey,
}

/// Counts of all phones' reports by anchor and person.
pub type ReportedCounts = Arc<Mutex<BTreeMap<(AnchorId, u64), HeardCount>>>;

/// What all phones of a run share.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The store that they report to.
    pub store: StoreId,
    /// Which anchor a beacon is.
    pub beacons: Arc<BTreeMap<Transmitter, AnchorId>>,
    /// Where counts go.
    pub counts: ReportedCounts,
    /// Where messages are told, with the person's number.
    pub told: mpsc::UnboundedSender<(u64, Received)>,
    /// Asked: stop listening.
    pub shutdown: watch::Receiver<bool>,
}

/// A running phone.
#[derive(Debug)]
pub struct Carrier {
    /// What it advertises with now.
    pub identity: watch::Receiver<Identity>,
    /// What it received.
    pub inbox: Inbox,
    errands: mpsc::Sender<Errand>,
    errand_task: JoinHandle<()>,
    listen_task: JoinHandle<()>,
}

impl Carrier {
    /// Starts errands and listening.
    pub fn start(index: u64, enrolled: Enrolled, around: Surroundings) -> Self {
        let Enrolled {
            phone, identity, ..
        } = enrolled;
        let (set_identity, identity) = watch::channel(identity);
        let (errands, to_do) = mpsc::channel(ERRANDS_MAX);
        let inbox = Inbox::default();
        let listen_task = tokio::spawn(listen_all(
            index,
            phone.clone(),
            inbox.clone(),
            around.clone(),
        ));
        let errand_task = tokio::spawn(run_errands(index, phone, set_identity, to_do, around));
        Self {
            identity,
            inbox,
            errands,
            errand_task,
            listen_task,
        }
    }

    /// Asks for an errand.
    pub fn send(&self, errand: Errand) {
        if self.errands.try_send(errand).is_err() {
            tracing::warn!("a phone's errand was dropped: the server has not answered for long");
        }
    }

    /// Waits for the errands that are under way, and for the listener, which ends with the
    /// shutdown; no longer than `at_most`.
    pub async fn finish(self, at_most: Duration) -> Inbox {
        drop(self.errands);
        let until = Instant::now() + at_most;
        for mut task in [self.errand_task, self.listen_task] {
            if tokio::time::timeout_at(until, &mut task).await.is_err() {
                task.abort();
            }
        }
        self.inbox
    }
}

async fn listen_all(index: u64, phone: Phone, inbox: Inbox, around: Surroundings) {
    let Surroundings { told, shutdown, .. } = around;
    let tell = move |received: &Received| {
        // Nobody listens any more: the run is over.
        let _ = told.send((index, received.clone()));
    };
    if let Err(error) = listen(phone, inbox, clock::unix_ms, shutdown, tell).await {
        tracing::warn!(%error, person = index, "a phone stopped listening");
    }
}

async fn run_errands(
    index: u64,
    phone: Phone,
    identity: watch::Sender<Identity>,
    mut to_do: mpsc::Receiver<Errand>,
    around: Surroundings,
) {
    while let Some(errand) = to_do.recv().await {
        let done = match errand {
            Errand::Report(heard) => {
                report(index, &phone, &heard, &around).await;
                Ok(())
            }
            Errand::Here => {
                let press = phone.here(clock::unix_ms(), &around.store);
                patiently(|| phone.send_here(&press)).await.1
            }
            Errand::NewKey => {
                let exponent = identity.borrow().rotation_exponent;
                patiently(|| phone.rotate_key(exponent)).await.1.map(|new| {
                    identity.send_replace(new);
                })
            }
        };
        if let Err(error) = done {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, cause, person = index, "errand failed");
        }
    }
}

async fn report(index: u64, phone: &Phone, heard: &[AppSighting], around: &Surroundings) {
    let signed = phone.report(clock::unix_ms(), &around.store, heard);
    let (doubtful, answer) = patiently(|| phone.send_report(&signed)).await;
    let all = u32::try_from(heard.len()).unwrap_or(u32::MAX);
    let took = match answer {
        Ok(Reported { accepted, .. }) if accepted == all => Took::All,
        Ok(Reported { accepted: 0, .. }) => Took::Nothing,
        Ok(_) => Took::Unsure,
        // Refused as seen before, perhaps: an earlier try may have got through.
        Err(_) if doubtful => Took::Unsure,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, cause, person = index, "report refused");
            Took::Nothing
        }
    };
    count(index, heard, around, took);
}

#[derive(Clone, Copy)]
enum Took {
    All,
    Nothing,
    Unsure,
}

fn count(index: u64, heard: &[AppSighting], around: &Surroundings, took: Took) {
    let mut counts = around.counts.lock().unwrap_or_else(PoisonError::into_inner);
    for sighting in heard {
        let Some(anchor) = around.beacons.get(&sighting.beacon) else {
            continue;
        };
        let entry = counts.entry((anchor.clone(), index)).or_default();
        match took {
            Took::All => entry.count += u64::from(sighting.count),
            Took::Unsure => entry.unsure += u64::from(sighting.count),
            Took::Nothing => {}
        }
    }
}

/// Tries until there is an answer that will not pass. The first value tells whether an earlier
/// try got no answer, so that the server may know of it all the same.
async fn patiently<T, F: Future<Output = Result<T, PhoneError>>>(
    attempt: impl Fn() -> F,
) -> (bool, Result<T, PhoneError>) {
    let until = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(200);
    let mut doubtful = false;
    loop {
        match attempt().await {
            Err(error) if error.is_passing() => {
                doubtful = true;
                if Instant::now() >= until {
                    return (doubtful, Err(error));
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
            answer => return (doubtful, answer),
        }
    }
}
