//! Tells open pages what was committed.
//!
//! In: changes of cards and orders, and messages, after their commit. Out: a broadcast to whoever listens.
//! A page that missed something asks the store by its last number, so a lost signal here loses
//! nothing.
//! Invariant: carries numbers and ids; who may see what is judged where it is read.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use protocol::CustomerId;
use tokio::sync::broadcast;

use crate::store::{outbox::DeliveryRow, outcome::CardChanged};

/// Signals that a slow page may lag behind before it asks the store again.
const LAG_MAX: usize = 256;

/// The hub.
pub struct Live {
    cards: broadcast::Sender<CardChanged>,
    pickups: broadcast::Sender<CustomerId>,
    phones: Mutex<HashMap<CustomerId, broadcast::Sender<DeliveryRow>>>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            cards: broadcast::channel(LAG_MAX).0,
            pickups: broadcast::channel(LAG_MAX).0,
            phones: Mutex::default(),
        }
    }
}

impl Live {
    /// Tells boards that a card changed.
    pub fn card_changed(&self, change: CardChanged) {
        // An error says that no board is open.
        let _ = self.cards.send(change);
    }

    /// Follows the cards of all stores.
    pub fn follow_cards(&self) -> broadcast::Receiver<CardChanged> {
        self.cards.subscribe()
    }

    /// Tells open phones that a customer's orders, or what staff do about them, changed.
    pub fn pickup_changed(&self, customer: CustomerId) {
        // An error says that no phone's page is open.
        let _ = self.pickups.send(customer);
    }

    /// Follows whose orders changed, of all customers.
    pub fn follow_pickups(&self) -> broadcast::Receiver<CustomerId> {
        self.pickups.subscribe()
    }

    /// Pushes to a customer's open phones; how many there are.
    pub fn push(&self, row: &DeliveryRow) -> usize {
        let phones = self.phones.lock().unwrap_or_else(PoisonError::into_inner);
        phones
            .get(&row.customer)
            .map_or(0, |tx| tx.send(row.clone()).unwrap_or(0))
    }

    /// Follows one customer's messages.
    pub fn follow_phone(&self, customer: CustomerId) -> broadcast::Receiver<DeliveryRow> {
        let mut phones = self.phones.lock().unwrap_or_else(PoisonError::into_inner);
        // Bounded by open connections: those that closed are swept when another opens.
        phones.retain(|_, tx| tx.receiver_count() > 0);
        phones
            .entry(customer)
            .or_insert_with(|| broadcast::channel(LAG_MAX).0)
            .subscribe()
    }
}
