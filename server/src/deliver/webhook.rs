//! Tells receivers of the shop's own what happened, as Standard Webhooks 1.0.0 says it.
//!
//! In: messages that `store::webhooks` holds. Out: signed POSTs, their answers on the disk.
//! Promises: each message is sent until the receiver answers 2xx, in the specification's
//! own rhythm ("Deliverability and reliability"): ten tries in three days. The body and the id stay the
//! same; time and signature are those of the try.
//! Invariant: where it goes is judged by [`super::outgoing`] each time.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::{sync::watch, task::JoinSet};

use super::outgoing::{Answer, Outgoing, ask};
use crate::{
    clock,
    pipeline::Pipeline,
    store::{
        StoreError,
        receivers::{self, Due, Next},
    },
};

/// Requests at once.
const AT_ONCE_MAX: usize = 8;
/// Looks for due messages this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// When the server stops, answers are waited for so long; the rest is sent again.
const GOODBYE: Duration = Duration::from_secs(2);
/// What a secret begins with; base64 follows ("Signature scheme").
const SECRET_PREFIX: &str = "whsec_";
/// Bytes of a secret, at least and at most.
const SECRET_LEN: std::ops::RangeInclusive<usize> = 24..=64;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 3_600;
/// Seconds to wait after the first, second, ... try.
const WAITS_S: [u64; 9] = [
    5,
    5 * MINUTE_S,
    30 * MINUTE_S,
    2 * HOUR_S,
    5 * HOUR_S,
    10 * HOUR_S,
    14 * HOUR_S,
    20 * HOUR_S,
    24 * HOUR_S,
];

/// The bytes of a secret; none if it is not one.
pub fn secret_bytes(secret: &str) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(secret.strip_prefix(SECRET_PREFIX)?).ok()?;
    SECRET_LEN.contains(&bytes.len()).then_some(bytes)
}

/// `webhook-signature`: of id, time and body with full stops between.
fn signature(secret: &str, id: &str, timestamp_s: u64, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret_bytes(secret)?).ok()?;
    mac.update(format!("{id}.{timestamp_s}.{body}").as_bytes());
    Some(format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
}

/// What becomes of a message after try number `attempt`.
fn next(now_ms: u64, attempt: u32, status: Option<u16>, retry_after: Option<Duration>) -> Next {
    match status {
        Some(200..=299) => return Next::Delivered,
        Some(410) => return Next::Gone,
        _ => {}
    }
    let wait = usize::try_from(attempt.saturating_sub(1))
        .ok()
        .and_then(|n| WAITS_S.get(n));
    let Some(wait_s) = wait else {
        return Next::Failed;
    };
    let asked = retry_after
        .unwrap_or_default()
        .min(Duration::from_secs(24 * HOUR_S));
    let wait_ms = (wait_s * 1_000).max(u64::try_from(asked.as_millis()).unwrap_or(u64::MAX));
    Next::Again(now_ms.saturating_add(wait_ms))
}

/// What telling needs.
#[derive(Clone)]
pub struct Webhooks {
    /// Where marks are committed.
    pub pipeline: Pipeline,
    /// Sends to addresses that a key named.
    pub outgoing: Outgoing,
}

impl Webhooks {
    /// Runs until asked to stop.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let mut sending = JoinSet::new();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                Some(_) = sending.join_next() => {}
                _ = shutdown.changed() => break,
            }
            match self.lease(AT_ONCE_MAX - sending.len()).await {
                Ok(rows) => {
                    for due in rows {
                        sending.spawn(self.clone().send(due));
                    }
                }
                Err(StoreError::Stopping) => break,
                Err(error) => tracing::error!(%error, "webhooks wait"),
            }
        }
        let answers = async { while sending.join_next().await.is_some() {} };
        // What is not answered by then is sent again.
        let _ = tokio::time::timeout(GOODBYE, answers).await;
    }

    async fn lease(&self, rows_max: usize) -> Result<Vec<Due>, StoreError> {
        self.pipeline
            .write(move |txn| receivers::lease(txn.db, txn.now_ms, rows_max))
            .await
    }

    pub(super) async fn send(self, due: Due) {
        let (status, retry_after, said) = self.ask(clock::now_ms(), &due).await;
        let recorded = self
            .pipeline
            .write(move |txn| {
                let next = next(txn.now_ms, due.attempt, status, retry_after);
                receivers::record(txn.db, txn.now_ms, &due, next, status, &said)
            })
            .await;
        match recorded {
            Ok(()) | Err(StoreError::Stopping) => {}
            Err(error) => tracing::error!(%error, "what a webhook said is not recorded"),
        }
    }

    /// Status, `Retry-After`, and why there is no status.
    async fn ask(&self, now_ms: u64, due: &Due) -> (Option<u16>, Option<Duration>, String) {
        let (id, timestamp_s) = (format!("msg_{}", due.message.simple()), now_ms / 1_000);
        let Some(signature) = signature(&due.secret, &id, timestamp_s, &due.body) else {
            return (None, None, "the secret is none".into());
        };
        let request = match self.outgoing.post(&due.url) {
            Ok(request) => request,
            Err(refused) => return (None, None, refused.to_string()),
        };
        let request = request
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp_s)
            .header("webhook-signature", signature)
            .body(due.body.clone());
        match ask(now_ms, request).await {
            Ok(reply) => (Some(reply.status), reply.retry_after, String::new()),
            Err(error) => (None, None, Answer::none(error).said),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn a_signature_is_the_one_that_other_libraries_make() {
        let made = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(made.as_deref(), Some(expected));
        assert_eq!(
            signature("whsec_c2hvcnQ=", "m", 1, ""),
            None,
            "a secret of 5 bytes"
        );
    }

    #[test]
    fn tries_follow_the_specification_and_end() {
        let failed = |attempt| next(0, attempt, Some(503), None);
        assert_eq!(failed(1), Next::Again(5_000));
        assert_eq!(failed(2), Next::Again(300_000));
        assert_eq!(failed(9), Next::Again(86_400_000));
        assert_eq!(failed(10), Next::Failed);
        assert_eq!(next(0, 1, None, None), Next::Again(5_000));
        let wait = Some(Duration::from_secs(60));
        assert_eq!(next(0, 1, Some(429), wait), Next::Again(60_000));
        assert_eq!(next(0, 1, Some(204), None), Next::Delivered);
        assert_eq!(
            next(0, 1, Some(302), None),
            Next::Again(5_000),
            "no redirect is followed"
        );
        assert_eq!(next(0, 1, Some(410), None), Next::Gone);
    }
}
