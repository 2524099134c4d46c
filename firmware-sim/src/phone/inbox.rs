//! Receives messages, over breaks, and says which were displayed.
//!
//! In: the phone's event stream. Out: [`Received`] messages with their time of receipt.
//! Promises: every message that the stream gave is kept, also one that came twice: whoever
//! judges wants to see that.
//! Invariant: keeps at most [`MESSAGES_MAX`].

use std::sync::{Arc, Mutex, PoisonError};

use protocol::{DeliveryId, Sku, ZoneId};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use super::{EVENTS_PATH, Phone};
use crate::{http::ApiError, sse};

/// Messages kept at most.
pub const MESSAGES_MAX: usize = 10_000;

/// Marketing or service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// An offer.
    Marketing,
    /// About her own order.
    Service,
}

/// A message as the server sends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Which delivery this is; the same one twice is shown once.
    pub delivery: DeliveryId,
    /// Marketing or service.
    pub class: Class,
    /// The headline.
    pub title: String,
    /// The text.
    pub body: String,
    /// The product, for an offer.
    pub sku: Option<Sku>,
    /// The zone, if the message is about one.
    pub zone: Option<ZoneId>,
    /// Not to be shown from this moment on.
    pub expires_ms: u64,
    /// Why she gets it, for the screen behind "Waarom zie ik dit?".
    #[serde(default)]
    pub why: Vec<serde_json::Value>,
}

/// A message and when it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Received {
    /// When, in the server's time as the phone knows it.
    pub received_ms: u64,
    /// Whether the phone showed it: not twice, and not after its time.
    pub shown: bool,
    /// The message.
    #[serde(flatten)]
    pub notification: Notification,
}

/// What one phone received; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Inbox(Arc<Mutex<Vec<Received>>>);

impl Inbox {
    /// All that came so far.
    pub fn received(&self) -> Vec<Received> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Keeps a message; says whether to show it.
    fn keep(&self, received_ms: u64, notification: Notification) -> Received {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let twice = kept
            .iter()
            .any(|r| r.notification.delivery == notification.delivery);
        let shown = !twice && received_ms < notification.expires_ms;
        let received = Received {
            received_ms,
            shown,
            notification,
        };
        if kept.len() < MESSAGES_MAX {
            kept.push(received.clone());
        }
        received
    }
}

/// Listens until the shutdown. Shown messages are acknowledged to the server; `told` hears of
/// every message.
pub async fn listen(
    phone: Phone,
    inbox: Inbox,
    now_ms: impl Fn() -> u64,
    shutdown: watch::Receiver<bool>,
    mut told: impl FnMut(&Received),
) -> Result<(), ApiError> {
    let (show, shown) = mpsc::unbounded_channel();
    let receipts = send_receipts(phone.clone(), shown);
    let api = phone.api().clone();
    let stream = sse::follow(&api, EVENTS_PATH, shutdown, move |event| {
        if event.name != "notification" {
            return;
        }
        match serde_json::from_str(&event.data) {
            Ok(notification) => {
                let received = inbox.keep(phone.server_ms(now_ms()), notification);
                told(&received);
                if received.shown {
                    let _ = show.send(received.notification.delivery);
                }
            }
            Err(error) => tracing::warn!(%error, "a message that is not in the contract"),
        }
    });
    // The stream drops its end of the channel when it ends, which ends the receipts.
    let (ended, ()) = tokio::join!(stream, receipts);
    ended
}

/// Receipts are sent beside the stream: a slow one must not hold up a message.
async fn send_receipts(phone: Phone, mut shown: mpsc::UnboundedReceiver<DeliveryId>) {
    while let Some(delivery) = shown.recv().await {
        if let Err(error) = phone.displayed(delivery).await {
            tracing::debug!(%error, %delivery, "receipt not taken");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notification(expires_ms: u64) -> Notification {
        Notification {
            delivery: DeliveryId::at(1, [0; 10]),
            class: Class::Marketing,
            title: String::new(),
            body: String::new(),
            sku: None,
            zone: None,
            expires_ms,
            why: Vec::new(),
        }
    }

    #[test]
    fn a_message_that_comes_twice_is_kept_twice_and_shown_once() {
        let inbox = Inbox::default();
        assert!(inbox.keep(10, notification(100)).shown);
        assert!(!inbox.keep(11, notification(100)).shown);
        assert_eq!(inbox.received().len(), 2);
    }

    #[test]
    fn a_message_past_its_time_is_not_shown() {
        assert!(!Inbox::default().keep(100, notification(100)).shown);
    }
}
