//! Tells gateways over MQTT what they must know of their store.

use protocol::{StoreId, Topic, message, topic::Channel};
use rumqttc::v5::{AsyncClient, mqttbytes::QoS};
use tokio::sync::watch;

use super::SessionError;
use crate::{
    fleet::Fleet,
    store::{Readers, beacons, shop},
};

/// Tells gateways which fixed beacons hang in their store, what to seal to, and what to do otherwise
/// than their files say: all of them once the line is up, since
/// the broker may have forgotten what it retained; those of a store whenever it changes.
pub(super) struct Teller<'a> {
    pub(super) client: AsyncClient,
    pub(super) readers: &'a Readers,
    pub(super) fleet: &'a Fleet,
    pub(super) line_up: watch::Receiver<bool>,
}

impl Teller<'_> {
    pub(super) async fn run(mut self) -> Result<(), SessionError> {
        // Not before: a queue full of settings would have no room for the subscriptions.
        // An error says that this connection is over.
        let _ = self.line_up.wait_for(|up| *up).await;
        let stores = self.readers.read(shop::store_ids).await;
        let stores = stores.unwrap_or_else(|error| {
            tracing::error!(%error, "gateways are not told of their beacons");
            Vec::new()
        });
        for store in stores {
            self.tell(store).await?;
        }
        loop {
            for store in self.fleet.layouts_changed().await {
                self.tell(store).await?;
            }
        }
    }

    /// QoS 1: the client waits with more while the broker has not taken these. What a lost line
    /// takes with it is told again on the next.
    async fn tell(&self, store: StoreId) -> Result<(), SessionError> {
        let of = store.clone();
        let read = self.readers.read(move |db| beacons::configs(db, &of));
        let configs = match read.await {
            Ok(read) => read,
            Err(error) => {
                // What is retained stays; sightings do not wait for it.
                tracing::error!(%store, %error, "gateways are not told of their beacons");
                return Ok(());
            }
        };
        for (gateway, config) in configs {
            let payload = message::to_json(&config);
            let topic = Topic::new(&store, &gateway, Channel::Config).to_string();
            self.client
                .publish(topic, QoS::AtLeastOnce, true, payload)
                .await?;
        }
        Ok(())
    }
}
