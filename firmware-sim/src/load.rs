//! Load: many gateways and customers against one server, measured from outside.
//!
//! In: sizes. Out: a [`Report`], and perhaps an audit file with a hash per offered sighting.
//! Promises: offers at its own pace whether the server keeps up or not (open loop); an offered
//! sighting is sent until it is acknowledged.
//! Invariant: measures by what the server says in public: acknowledgements and card events.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use protocol::StoreId;
use serde::Deserialize;
use tokio::{sync::watch, task::JoinSet, time::timeout};

use crate::{
    http::{Api, ApiError, ServerInfo},
    sse,
};

pub mod audit;
pub mod boards;
pub mod crowd;
pub mod events;
pub mod link;
pub mod measure;
mod pacer;
mod setup;

use audit::Audit;
use link::{Link, MonoClock};
use measure::{Measures, Report, Usage};
use pacer::Pacer;
use setup::Setup;

/// Gateways get this long to learn the server's time.
const CLOCK_MAX: Duration = Duration::from_secs(30);
/// What was offered gets this long to be acknowledged after the last offer.
const DRAIN_MAX: Duration = Duration::from_secs(60);
/// Cards get this long after the last acknowledgement.
const CARDS_MAX: Duration = Duration::from_secs(5);

/// The sizes of a load run.
#[derive(Debug, Clone)]
pub struct LoadConfig {
    /// Stores; gateways and customers are spread over them.
    pub stores: u64,
    /// Gateways in all.
    pub gateways: u64,
    /// Sightings a second in all.
    pub rate_per_s: u64,
    /// How long to offer before what is timed: everybody comes in at once at first.
    pub warm_up: Duration,
    /// How long to offer after that.
    pub run_for: Duration,
    /// Customers in all.
    pub customers: u64,
    /// Keys follow from it.
    pub seed: u64,
    /// External ids begin with it.
    pub prefix: String,
    /// Certificate (PEM) to trust for MQTT over TLS; none: plain MQTT.
    pub mqtt_ca: Option<Vec<u8>>,
    /// Where to write a hash per offered sighting.
    pub audit: Option<PathBuf>,
}

/// Why a load run could not be.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Setting up failed.
    #[error("set up stores and customers")]
    Setup(#[source] ApiError),
    /// The server says nothing about itself.
    #[error("ask the server about itself")]
    Server(#[source] ApiError),
    /// The audit file cannot be written.
    #[error("write the audit {path}")]
    Audit {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A gateway never learned the server's time.
    #[error("gateway {gateway} of {store} got no answer to its status within {} s", CLOCK_MAX.as_secs())]
    NoClock {
        /// The store.
        store: String,
        /// The gateway.
        gateway: String,
    },
}

/// Sets everything up, offers the load, waits for what is under way, reports.
pub async fn run(
    api: &Api,
    config: LoadConfig,
    shutdown: watch::Receiver<bool>,
) -> Result<Report, LoadError> {
    let setup = setup::set_up(api, &config)
        .await
        .map_err(LoadError::Setup)?;
    let server: ServerInfo = api.get("/v1/server").await.map_err(LoadError::Server)?;
    let audit = Arc::new(Audit::create(config.audit.as_deref())?);
    let measures = Arc::new(Measures::new());
    let (stop, stopped) = watch::channel(false);
    let mut background = JoinSet::new();
    for store in &setup.stores {
        let (api, measures) = (api.clone(), measures.clone());
        background.spawn(watch_cards(
            api,
            store.store.clone(),
            measures,
            stopped.clone(),
        ));
    }
    let pacers = connect(
        &setup,
        &config,
        &measures,
        &audit,
        &stopped,
        &mut background,
    )
    .await?;

    let before = Usage::of(server.pid);
    let began = Instant::now();
    measures.warm_from(began + config.warm_up);
    let whole = config.warm_up + config.run_for;
    let mut offering = JoinSet::new();
    for pacer in pacers {
        offering.spawn(pacer.offer(began, whole, shutdown.clone()));
    }
    while offering.join_next().await.is_some() {}
    let offered_for = began.elapsed().min(whole);
    drain(&measures).await;
    let after = Usage::of(server.pid);
    stop.send_replace(true);
    background.shutdown().await;
    audit.finish()?;
    let used = before.zip(after);
    let used = used.map(|(b, a)| Usage {
        cpu: a.cpu.saturating_sub(b.cpu),
        ..a
    });
    Ok(measures.report(began, offered_for, used))
}

/// Connects every gateway and waits until each knows the server's time.
async fn connect(
    setup: &Setup,
    config: &LoadConfig,
    measures: &Arc<Measures>,
    audit: &Arc<Audit>,
    stopped: &watch::Receiver<bool>,
    background: &mut JoinSet<()>,
) -> Result<Vec<Pacer>, LoadError> {
    let mono = MonoClock::start();
    let mut links = Vec::new();
    for store in &setup.stores {
        for (number, credentials) in store.gateways.iter().enumerate() {
            let (ca, measures) = (config.mqtt_ca.clone(), measures.clone());
            let (store_id, credentials) = (store.store.clone(), credentials.clone());
            let link = Arc::new(Link::new(store_id, credentials, ca, mono, measures));
            let (running, stopped) = (link.clone(), stopped.clone());
            background.spawn(async move { running.run(stopped).await });
            links.push((store, number, link));
        }
    }
    let mut pacers = Vec::new();
    for (store, number, link) in links {
        let mut clock = link.clock();
        let known = timeout(CLOCK_MAX, clock.wait_for(Option::is_some)).await;
        if !matches!(known, Ok(Ok(_))) {
            let (store, gateway) = (store.store.to_string(), link.gateway().to_string());
            return Err(LoadError::NoClock { store, gateway });
        }
        pacers.push(Pacer::new(
            store.clone(),
            number,
            link,
            config,
            measures,
            audit,
        ));
    }
    Ok(pacers)
}

/// Waits until everything is acknowledged and every card came, or waiting is over.
async fn drain(measures: &Measures) {
    let settled = |at_most: Duration, done: fn((u64, u64, usize)) -> bool| async move {
        let _ = timeout(at_most, async {
            while !done(measures.totals()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    };
    settled(DRAIN_MAX, |(offered, applied, _)| applied >= offered).await;
    settled(CARDS_MAX, |(_, _, without_card)| without_card == 0).await;
}

#[derive(Deserialize)]
struct CardEvent {
    external_id: String,
}

async fn watch_cards(
    api: Api,
    store: StoreId,
    measures: Arc<Measures>,
    stopped: watch::Receiver<bool>,
) {
    let path = format!("/v1/stores/{store}/events");
    let followed = sse::follow(&api, &path, stopped, |event| {
        if event.name == "card"
            && let Ok(card) = serde_json::from_str::<CardEvent>(&event.data)
        {
            measures.card(Instant::now(), &card.external_id);
        }
    });
    if let Err(error) = followed.await {
        tracing::warn!(%error, %store, "cards of a store cannot be followed");
    }
}
