//! Wakes phones that sleep: sends what `store::push` holds through the provider of each.
//!
//! In: a nudge when a message got its row, or the time at which one is due. Out: at most
//! [`AT_ONCE_MAX`] requests; their answers on the disk.
//! One row at a time goes pending -> sending (committed) -> out -> its answer (committed).
//! A service message is sent until a provider takes it, each time under the same topic, collapse
//! key or collapse id, by which the phone has one notification of it. An offer is sent at most once: nobody
//! takes back a second buzz. So it is not repeated after a crash, silence, a 5xx or a 429: all of
//! these may come from behind the point at which the provider took it, and none says where. It is
//! repeated only if there was no connection, where nothing can have left; and within
//! one try if Apple refused our own token.
//! Invariant: nothing leaves that is not marked on the disk first.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use super::{
    answers::{Verdict, again_ms},
    apns::Apns,
    fcm::Fcm,
    outgoing::{Answer, Outgoing, client},
    web_push::WebPush,
};
use crate::{
    clock, config,
    pipeline::Pipeline,
    store::{
        Readers, StoreError,
        push::{self, Kind, Next, PushRow, Tried},
    },
    web::messages::{self, Told},
};

/// Requests at once.
const AT_ONCE_MAX: usize = 16;
/// Looks for due rows this often even without a nudge.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// When the server stops, answers are waited for so long; what comes later is as after a crash.
const GOODBYE: Duration = Duration::from_secs(2);

/// The providers that the settings name.
#[derive(Default)]
pub struct Providers {
    /// Browsers.
    pub web: Option<WebPush>,
    /// Android.
    pub fcm: Option<Fcm>,
    /// iPhones.
    pub apns: Option<Apns>,
}

impl Providers {
    /// Reads keys and makes clients; the key for browsers is made if it is not there.
    pub fn new(
        settings: &config::Push,
        outgoing: &config::Outgoing,
        data_dir: &Path,
    ) -> anyhow::Result<Self> {
        let mut providers = Self::default();
        if let Some(web) = &settings.web {
            let made = data_dir.join("push").join("vapid.pem");
            let client = Outgoing::new(outgoing.private_addresses);
            let client = client.context("make a client for push services")?;
            let web = WebPush::new(web.key_file.as_ref().unwrap_or(&made), &web.subject, client);
            providers.web = Some(web.context("push.web")?);
        }
        if let Some(fcm) = &settings.fcm {
            let client = client().build().context("make a client for FCM")?;
            providers.fcm = Some(Fcm::new(fcm, client).context("push.fcm.service_account_file")?);
        }
        if let Some(apns) = &settings.apns {
            let client = Apns::client().context("make a client for APNs")?;
            providers.apns = Some(Apns::new(apns, client).context("push.apns.key_file")?);
        }
        Ok(providers)
    }

    /// Which there are.
    pub fn kinds(&self) -> Vec<Kind> {
        let there = [
            self.web.as_ref().map(|_| Kind::WebPush),
            self.fcm.as_ref().map(|_| Kind::Fcm),
            self.apns.as_ref().map(|_| Kind::Apns),
        ];
        there.into_iter().flatten().collect()
    }

    /// Sends a message through the provider of its address.
    async fn send(&self, now_ms: u64, row: &PushRow, told: &Told) -> Answer {
        if told.expires_ms <= now_ms {
            return Answer::not_sent(Verdict::GiveUp, "it does not matter any more");
        }
        let absent = Answer::not_sent(Verdict::Later, "the settings name no such provider");
        match row.to.kind {
            Kind::WebPush => match &self.web {
                Some(web) => web.send(now_ms, &row.to, told).await,
                None => absent,
            },
            Kind::Fcm => match &self.fcm {
                Some(fcm) => fcm.send(now_ms, &row.to, told).await,
                None => absent,
            },
            Kind::Apns => match &self.apns {
                Some(apns) => apns.send(now_ms, &row.to, told).await,
                None => absent,
            },
        }
    }
}

/// What becomes of a row after an answer; see the module's head.
fn judge(now_ms: u64, row: &PushRow, answer: Answer) -> Tried {
    let once = row.message.marketing && answer.left;
    let relevant_until_ms = row.message.relevant_until_ms;
    let next = match answer.verdict {
        Verdict::Accepted => Next::Accepted,
        Verdict::GiveUp => Next::Failed,
        _ if once => Next::Failed,
        // She may have another device.
        Verdict::Dead => Next::Again(now_ms),
        Verdict::Later | Verdict::NewToken | Verdict::Alarm => {
            again_ms(now_ms, row.attempt, answer.retry_after, relevant_until_ms)
                .map_or(Next::Failed, Next::Again)
        }
    };
    Tried {
        next,
        forget: answer.verdict == Verdict::Dead,
        alarm: matches!(answer.verdict, Verdict::Alarm | Verdict::NewToken),
        status: answer.status,
        said: answer.said,
    }
}

/// What pushing needs.
#[derive(Clone)]
pub struct Push {
    /// Where marks are committed.
    pub pipeline: Pipeline,
    /// Where words are read.
    pub readers: Readers,
    /// Who wakes phones.
    pub providers: Arc<Providers>,
    /// Told when a message got its row.
    pub nudge: Arc<Notify>,
}

impl Push {
    /// Runs until asked to stop.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        if self.providers.kinds().is_empty() {
            return;
        }
        let mut sending = JoinSet::new();
        loop {
            tokio::select! {
                () = self.nudge.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                Some(_) = sending.join_next() => {}
                _ = shutdown.changed() => break,
            }
            match self.lease(AT_ONCE_MAX - sending.len()).await {
                Ok(rows) => {
                    for row in rows {
                        sending.spawn(self.clone().send(row));
                    }
                }
                Err(StoreError::Stopping) => break,
                Err(error) => tracing::error!(%error, "notifications wait"),
            }
            match self.lease_staff(AT_ONCE_MAX - sending.len()).await {
                Ok(rows) => {
                    for row in rows {
                        sending.spawn(self.clone().send_staff(row));
                    }
                }
                Err(StoreError::Stopping) => break,
                Err(error) => tracing::error!(%error, "colleagues' notifications wait"),
            }
        }
        let answers = async { while sending.join_next().await.is_some() {} };
        // What is not answered by then is sent again if it is of service, and else is not.
        let _ = tokio::time::timeout(GOODBYE, answers).await;
    }

    /// Marks what is due.
    async fn lease(&self, rows_max: usize) -> Result<Vec<PushRow>, StoreError> {
        let kinds = self.providers.kinds();
        self.pipeline
            .write(move |txn| push::lease(txn.db, txn.now_ms, &kinds, rows_max))
            .await
    }

    /// Sends a row that is marked, and records the answer.
    pub(super) async fn send(self, row: PushRow) {
        let answer = self.ask(&row).await;
        let recorded = self
            .pipeline
            .write(move |txn| {
                let tried = judge(txn.now_ms, &row, answer.clone());
                push::record(txn.db, txn.now_ms, &row, &tried)
            })
            .await;
        match recorded {
            Ok(()) | Err(StoreError::Stopping) => {}
            Err(error) => tracing::error!(%error, "what a provider said is not recorded"),
        }
    }

    pub(super) async fn ask(&self, row: &PushRow) -> Answer {
        let message = row.message.clone();
        let told = self.readers.read(move |db| messages::tell(db, &message));
        match told.await {
            Ok(told) => {
                let answer = self.providers.send(clock::now_ms(), row, &told).await;
                if matches!(answer.verdict, Verdict::Alarm | Verdict::NewToken) {
                    let (provider, said) = (row.to.kind, &answer.said);
                    tracing::error!(?provider, said, "a provider refuses our credentials");
                }
                answer
            }
            Err(error) => {
                tracing::error!(%error, "a notification has no words");
                Answer::not_sent(Verdict::Later, "no words for it")
            }
        }
    }
}
