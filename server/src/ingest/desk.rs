//! Tells pagers and displays of a store's desk over MQTT, where the settings say so.
//!
//! In: cards that changed, after their commit. Out: [`DeskTold`] for each thing that happened, and
//! [`DeskState`], retained, whenever it stands otherwise.
//! Promises: what happened while there was no line to the broker is not told late: the state that is
//! retained says how it stands now.
//! Invariant: no name, no code and no order goes out.

use std::{collections::HashMap, time::Duration};

use engine::outcome::{Call, Card, Journey};
use protocol::{
    CardId, StaffId, StoreId,
    desk::{DeskCall, DeskEvent, DeskState, DeskTold, DeskTopic, Queue},
    message,
};
use rumqttc::v5::{AsyncClient, mqttbytes::QoS};
use tokio::sync::{broadcast::error::RecvError, watch};

use super::SessionError;
use crate::{
    clock,
    live::Live,
    store::{Readers, StoreError, board, displays, outcome::CardChanged, shop},
};

/// A card that was handed over is known for as long as that may be taken back, and then some.
const SERVED_KNOWN_MS: u64 = 600_000;

/// How often it is looked whether what was said of each desk still holds: stores come, and a card may
/// go without a word.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What was told of a card.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    here: bool,
    served: bool,
    taken_by: Option<StaffId>,
    called: Option<Call>,
    at_ms: u64,
}

impl Seen {
    fn of(card: &Card, at_ms: u64) -> Self {
        Self {
            here: card.journey.is_here(),
            served: card.journey == Journey::Served,
            taken_by: card.taken_by,
            called: card.called,
            at_ms,
        }
    }

    /// What happened since, in the order in which it can have happened.
    fn becomes(self, now: Self) -> Vec<DeskEvent> {
        let comes = now.here && !self.here;
        let all = [
            (DeskEvent::Arrived, comes && !self.served),
            (DeskEvent::TakenBack, comes && self.served),
            (
                DeskEvent::Escalated,
                now.here && now.taken_by.is_none() && now.called > self.called,
            ),
            (
                DeskEvent::Taken,
                now.here && now.taken_by.is_some() && now.taken_by != self.taken_by,
            ),
            (
                DeskEvent::Released,
                now.here && self.here && self.taken_by.is_some() && now.taken_by.is_none(),
            ),
            (DeskEvent::HandedOver, now.served && !self.served),
            (DeskEvent::Left, self.here && !now.here && !now.served),
        ];
        let happened = all.into_iter().filter(|(_, did)| *did);
        happened.map(|(event, _)| event).collect()
    }
}

/// Tells them.
pub(super) struct DeskTeller<'a> {
    pub(super) client: AsyncClient,
    pub(super) readers: &'a Readers,
    /// None: the settings do not ask for it.
    pub(super) live: Option<&'a Live>,
    pub(super) line_up: watch::Receiver<bool>,
    /// How each desk was said to stand: who waits, and to how many nobody goes.
    pub(super) said: HashMap<StoreId, (u32, u32)>,
}

impl DeskTeller<'_> {
    pub(super) async fn run(mut self) -> Result<(), SessionError> {
        let Some(live) = self.live else {
            return std::future::pending().await;
        };
        // An error says that this connection is over.
        let _ = self.line_up.wait_for(|up| *up).await;
        let mut changes = live.follow_cards();
        let mut seen = self.known().await;
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                change = changes.recv() => match change {
                    Ok(change) => self.changed(&change, &mut seen).await?,
                    Err(RecvError::Lagged(_)) => seen = self.known().await,
                    Err(RecvError::Closed) => return std::future::pending().await,
                },
                _ = look.tick() => self.look().await?,
            }
        }
    }

    /// What is there already is not told as news.
    async fn known(&self) -> HashMap<CardId, Seen> {
        let now_ms = clock::now_ms();
        let since_ms = now_ms.saturating_sub(SERVED_KNOWN_MS);
        let read = self.readers.read(move |db| {
            let mut seen = HashMap::new();
            for store in shop::store_ids(db)? {
                for row in board::cards_on_board(db, &store, since_ms)? {
                    seen.insert(row.card.card, Seen::of(&row.card, now_ms));
                }
            }
            Ok(seen)
        });
        read.await.unwrap_or_else(|error| {
            tracing::error!(%error, "displays may hear of cards that they know");
            HashMap::new()
        })
    }

    /// Says how each desk stands, where that is not what was said.
    async fn look(&mut self) -> Result<(), SessionError> {
        let now_ms = clock::now_ms();
        let read = self.readers.read(move |db| {
            let stores = shop::store_ids(db)?.into_iter();
            stores
                .map(|store| Ok((displays::queue(db, &store, now_ms)?, store)))
                .collect::<Result<Vec<_>, StoreError>>()
        });
        let queues = match read.await {
            Ok(queues) => queues,
            Err(error) => {
                tracing::error!(%error, "displays are not told how the desks stand");
                return Ok(());
            }
        };
        for (queue, store) in queues {
            if self.said.get(&store) != Some(&(queue.waiting, queue.nobody_goes)) {
                self.state(&store, now_ms, queue).await?;
            }
        }
        Ok(())
    }

    async fn changed(
        &mut self,
        change: &CardChanged,
        seen: &mut HashMap<CardId, Seen>,
    ) -> Result<(), SessionError> {
        let now_ms = clock::now_ms();
        let (store, id) = (change.store.clone(), change.card);
        let read = self.readers.read(move |db| {
            let row = match board::card(db, &store, id) {
                Ok(row) => row,
                // Gone with the customer: it waits no more.
                Err(StoreError::NotFound(_)) => {
                    return Ok((None, displays::queue(db, &store, now_ms)?));
                }
                Err(error) => return Err(error),
            };
            let bays = row.orders.iter().filter_map(|order| order.bay.as_deref());
            let bays: Vec<&str> = bays.collect();
            let bay = (!bays.is_empty()).then(|| bays.join(", "));
            Ok((Some((row.card, bay)), displays::queue(db, &store, now_ms)?))
        });
        let (card, queue) = match read.await {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(store = %change.store, %error, "displays are not told of a card");
                return Ok(());
            }
        };
        let before = seen.remove(&id).unwrap_or_default();
        let (now, called, bay) = match card {
            Some((card, bay)) => (Seen::of(&card, now_ms), card.called, bay),
            None => (Seen::default(), None, None),
        };
        let events = before.becomes(now);
        seen.retain(|_, seen| seen.here || seen.at_ms + SERVED_KNOWN_MS > now_ms);
        if now.here || now.served {
            seen.insert(id, now);
        }
        if events.is_empty() {
            return Ok(());
        }
        for event in events {
            let told = DeskTold {
                v: message::VERSION,
                at_ms: now_ms,
                card: id,
                event,
                called: called
                    .filter(|_| now.here && now.taken_by.is_none())
                    .map(loudness),
                bay: bay.clone(),
                queue,
            };
            let topic = DeskTopic::Events(change.store.clone());
            self.publish(&topic, false, message::to_json(&told)).await?;
        }
        self.state(&change.store, now_ms, queue).await
    }

    async fn state(
        &mut self,
        store: &StoreId,
        at_ms: u64,
        queue: Queue,
    ) -> Result<(), SessionError> {
        self.said
            .insert(store.clone(), (queue.waiting, queue.nobody_goes));
        let state = DeskState {
            v: message::VERSION,
            at_ms,
            queue,
        };
        let topic = DeskTopic::State(store.clone());
        self.publish(&topic, true, message::to_json(&state)).await
    }

    /// QoS 1: whoever listens hears it once at least.
    async fn publish(
        &self,
        topic: &DeskTopic,
        retained: bool,
        payload: Vec<u8>,
    ) -> Result<(), SessionError> {
        Ok(self
            .client
            .publish(topic.to_string(), QoS::AtLeastOnce, retained, payload)
            .await?)
    }
}

fn loudness(call: Call) -> DeskCall {
    match call {
        Call::Everybody => DeskCall::Everybody,
        Call::Manager => DeskCall::Manager,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABSENT: Seen = Seen {
        here: false,
        served: false,
        taken_by: None,
        called: None,
        at_ms: 0,
    };

    #[test]
    fn each_turn_of_a_card_is_one_event_and_nothing_else_is_any() {
        let sanne = StaffId::at(1, [1; 10]);
        let here = Seen {
            here: true,
            ..ABSENT
        };
        let called = Seen {
            called: Some(Call::Everybody),
            ..here
        };
        let taken = Seen {
            taken_by: Some(sanne),
            ..called
        };
        let served = Seen {
            here: false,
            served: true,
            ..taken
        };
        for (before, now, events) in [
            (ABSENT, here, vec![DeskEvent::Arrived]),
            (here, here, vec![]),
            (here, called, vec![DeskEvent::Escalated]),
            (called, taken, vec![DeskEvent::Taken]),
            (taken, called, vec![DeskEvent::Released]),
            (taken, served, vec![DeskEvent::HandedOver]),
            (served, served, vec![]),
            (served, taken, vec![DeskEvent::TakenBack]),
            (here, ABSENT, vec![DeskEvent::Left]),
            (ABSENT, ABSENT, vec![]),
            // Read late: both happened, in this order.
            (ABSENT, taken, vec![DeskEvent::Arrived, DeskEvent::Taken]),
        ] {
            assert_eq!(before.becomes(now), events, "{before:?} {now:?}");
        }
    }
}
