//! The circuit diagram of the server.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use axum_server::{Handle, tls_rustls::RustlsConfig};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, Semaphore, mpsc, watch};

use crate::{
    api::{self, App},
    broker::{self, Address, Credentials, Embedded, INGEST_CLIENT},
    clock,
    config::{Config, Home, Http, Tls},
    deliver::{
        Deliver,
        outgoing::Outgoing,
        push::{Providers, Push},
        webhook::Webhooks,
    },
    fleet::Fleet,
    home::{
        line::{Central, Health, Line, LineError},
        relay::Relay,
        sealed::{self, MasterKey, Sealer},
    },
    identity::Identity,
    ingest::Ingest,
    live::Live,
    maps::Maps,
    pipeline::{Counts, Outlets, Pipeline},
    radios::{self, Radios},
    seal::{self, Seals},
    secret,
    store::{self, Readers},
    tls::{self, Files, Trust},
};

/// Password hashes computed at once.
const HASHING_MAX: usize = 2;
/// How long open requests may take when the server stops.
const GOODBYE: Duration = Duration::from_secs(3);

/// Where the server can be reached; written to `ready_file` once it can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Pages and API.
    pub http: SocketAddr,
    /// `http` or `https`.
    pub scheme: String,
    /// The embedded broker, without TLS.
    pub mqtt: Option<SocketAddr>,
    /// The embedded broker, with TLS.
    pub mqtt_tls: Option<SocketAddr>,
    /// What devices must trust, with a self-made certificate.
    pub ca: Option<PathBuf>,
}

/// The database of a data directory.
pub fn database(data_dir: &Path) -> PathBuf {
    data_dir.join("welkom.sqlite")
}

/// Runs until `shutdown` turns true; `ready` is told once everything listens.
pub async fn run(
    config: Config,
    mut shutdown: watch::Receiver<bool>,
    ready: impl FnOnce(&Ready),
) -> anyhow::Result<()> {
    // Another provider, set by whoever embeds this, serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("create {}", config.data_dir.display()))?;
    let path = database(&config.data_dir);
    let files = tls::files(&config.http, &config.data_dir)?;

    let providers = Providers::new(&config.push, &config.outgoing, &config.data_dir)?;
    let providers = Arc::new(providers);

    let sealer = config
        .home
        .as_ref()
        .map(|home| sealer(home, &config.data_dir, &path));
    let sealer = sealer.transpose()?;

    let live = Arc::new(Live::default());
    let counts = Arc::new(Counts::default());
    let (fleet, keeper) = Fleet::new(counts.clone());
    let fleet = Arc::new(fleet);
    let (outbox, journal) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (committed_in, committed) = mpsc::unbounded_channel();
    let db = store::open_writer(&path)?;
    let identity = Arc::new(Identity::load(
        &store::people::radios(&db)?,
        clock::now_ms(),
    ));
    if config.home.is_none() {
        // A home is told what gateways seal to.
        store::seals::keep(&db, clock::now_ms())?;
    }
    let seals = Arc::new(Seals::load(&db)?);
    let credentials = Arc::new(Credentials::new(
        store::shop::gateway_passwords(&db)?,
        store::displays::passwords(&db)?,
    ));
    for (store, kind, name, hash) in store::radios::passwords(&db)? {
        credentials.set_radio(store, kind, name, Some(hash));
    }
    drop(db);

    let outlets = Outlets {
        live: live.clone(),
        identity: identity.clone(),
        outbox: outbox.clone(),
        fleet: fleet.clone(),
        journal: journal.clone(),
        committed: committed_in,
        counts: counts.clone(),
    };
    let snapshot_ms = config.snapshot_s * 1_000;
    let (pipeline, writer) = Pipeline::start(&path, outlets, snapshot_ms, sealer)?;
    let readers = Readers::new(&path);
    let (embedded, address) = start_broker(&config, files.as_ref(), &credentials).await?;

    let (stop, stopping) = watch::channel(false);
    let (connected, mut is_connected) = watch::channel(false);
    let (health, how_is_line) = watch::channel(Health::default());
    let central = config.home.as_ref().map(central).transpose()?;
    let (relay, ends) = central
        .clone()
        .map(|central| Relay::new(central, how_is_line.clone()))
        .unzip();
    let relay = relay.map(|relay| tokio::spawn(relay.run(stopping.clone())));
    let (radios, radio_keeper) = Radios::new(counts.clone())?;
    let ingest = Ingest {
        address: address.clone(),
        identity: identity.clone(),
        seals: seals.clone(),
        pipeline: pipeline.clone(),
        readers: readers.clone(),
        committed,
        fleet: fleet.clone(),
        radios: Arc::new(radios),
        counts: counts.clone(),
        tells_desk: config.desk.mqtt.then(|| live.clone()),
        home: ends,
    };
    let ingest = tokio::spawn(ingest.run(stopping.clone(), connected));
    let keeper = keeper.run(pipeline.clone(), stopping.clone());
    let keeper = tokio::spawn(keeper);
    let radio_parts = radios::Parts {
        pipeline: pipeline.clone(),
        readers: readers.clone(),
        identity: identity.clone(),
        fleet: fleet.clone(),
    };
    let radio_keeper = tokio::spawn(radio_keeper.run(radio_parts, stopping.clone()));
    let deliver = Deliver {
        pipeline: pipeline.clone(),
        live: live.clone(),
        nudge: outbox,
        kinds: providers.kinds(),
        wake: Arc::default(),
    };
    let push = Push {
        pipeline: pipeline.clone(),
        readers: readers.clone(),
        providers: providers.clone(),
        nudge: deliver.wake.clone(),
    };
    let push = tokio::spawn(push.run(stopping.clone()));
    let webhooks = match Outgoing::new(config.outgoing.private_addresses) {
        Ok(outgoing) => {
            let webhooks = Webhooks {
                pipeline: pipeline.clone(),
                outgoing,
            };
            Some(tokio::spawn(webhooks.run(stopping.clone())))
        }
        Err(error) => {
            // A machine without certificates of authorities can greet shoppers all the same.
            tracing::error!(%error, "webhooks wait: no client can be made");
            None
        }
    };
    let rotation = config.home.is_none().then(|| {
        let keep = seal::keep(pipeline.clone(), seals.clone(), stopping.clone());
        tokio::spawn(keep)
    });
    let deliver = tokio::spawn(deliver.run(stopping.clone()));
    let line = central.map(|central| Line {
        central,
        pipeline: pipeline.clone(),
        readers: readers.clone(),
        identity: identity.clone(),
        seals: seals.clone(),
        credentials: credentials.clone(),
        journal,
        health,
    });
    let mut line = tokio::spawn(keep_line(line, stopping.clone()));

    let gateways_at = embedded
        .as_ref()
        .map(|b| b.tls_address.unwrap_or(b.address));
    let trust = Trust {
        certificate_sha256: files.as_ref().map(tls::fingerprint).transpose()?,
        ca_pem: match (&embedded, &files, &address.ca_file) {
            (
                Some(Embedded {
                    tls_address: Some(_),
                    ..
                }),
                Some(files),
                _,
            ) => Some(tls::ca(files)?),
            (None, _, Some(ca)) => Some(tls::read(ca)?),
            _ => None,
        },
    };
    let app = App::new(api::Parts {
        pipeline: pipeline.clone(),
        readers,
        live,
        identity,
        seals,
        fleet,
        maps: Maps::new(pipeline.clone()),
        credentials,
        providers,
        private_addresses: config.outgoing.private_addresses,
        counts,
        mqtt_host: gateways_at.map_or(address.host.clone(), |at| gateway_host(&config.http, at)),
        mqtt_port: gateways_at.map_or(address.port, |a| a.port()),
        trust,
        wrong_codes: Default::default(),
        secure_cookies: config.http.tls != Tls::Off,
        public_url: config.http.public_url.clone(),
        feeds: Default::default(),
        logins: Default::default(),
        trials: Default::default(),
        refusals: Default::default(),
        hashing: Semaphore::new(HASHING_MAX),
        line: config.home.as_ref().map(|_| how_is_line),
        shutdown: stopping,
    });
    let handle = Handle::new();
    let web = tokio::spawn(serve(
        app,
        config.http.listen,
        files.clone(),
        handle.clone(),
    ));
    let http = handle
        .listening()
        .await
        .with_context(|| format!("listen on {}", config.http.listen))?;

    if embedded.is_some() {
        // Our own broker is up in a moment; an external one may take its time.
        is_connected
            .wait_for(|up| *up)
            .await
            .context("connect to the embedded broker")?;
    }
    let addresses = Ready {
        http,
        scheme: if files.is_some() { "https" } else { "http" }.into(),
        mqtt: embedded.as_ref().map(|b| b.address),
        mqtt_tls: embedded.as_ref().and_then(|b| b.tls_address),
        ca: files.and_then(|f| f.ca),
    };
    if let Some(file) = &config.ready_file {
        write_whole(file, &serde_json::to_vec(&addresses)?)
            .with_context(|| format!("write {}", file.display()))?;
    }
    tracing::info!(%http, scheme = addresses.scheme, mqtt = ?addresses.mqtt, "ready");
    ready(&addresses);

    // An error says that nobody can ask us to stop any more: then it is time too.
    let out = tokio::select! {
        _ = shutdown.wait_for(|stop| *stop) => None,
        out = &mut line => out.ok().and_then(Result::err),
    };
    tracing::info!("stopping");
    // All of these end when told; what they could not finish is on disk.
    let _ = stop.send(true);
    handle.graceful_shutdown(Some(GOODBYE));
    let _ = tokio::join!(ingest, keeper, radio_keeper, deliver, push, web);
    if let Some(relay) = relay {
        let _ = relay.await;
    }
    if out.is_none() {
        let _ = line.await;
    }
    if let Some(rotation) = rotation {
        let _ = rotation.await;
    }
    if let Some(webhooks) = webhooks {
        let _ = webhooks.await;
    }
    if let Some(broker) = embedded {
        broker.stop().await;
    }
    pipeline.stop().await;
    let _ = tokio::task::spawn_blocking(move || writer.join()).await;
    match out {
        Some(out) => Err(out).context("this machine has the desk of its store no more"),
        None => Ok(()),
    }
}

/// Where the database of a machine in a store comes from, and where it is sealed to.
fn sealer(home: &Home, data_dir: &Path, database: &Path) -> anyhow::Result<Sealer> {
    let in_memory = sealed::is_in_memory(data_dir)
        .with_context(|| format!("look where {} is", data_dir.display()))?;
    anyhow::ensure!(
        in_memory,
        "data_dir {} is on a disk: with [home] it holds names and orders in clear, so put it in \
         memory, as /run/welkom; home.sealed_file keeps them over a restart",
        data_dir.display()
    );
    let sealer = Sealer::new(
        MasterKey::load(&home.key_file)?,
        database,
        &home.sealed_file,
    );
    if sealer.restore()? {
        tracing::info!(file = %home.sealed_file.display(), "the desk is back as it was sealed");
    }
    Ok(sealer)
}

fn central(home: &Home) -> anyhow::Result<Central> {
    let read =
        |path: &Path| fs::read_to_string(path).with_context(|| format!("read {}", path.display()));
    let token = read(&home.token_file)?.trim().to_owned();
    let ca = home.ca_file.as_deref().map(read).transpose()?;
    let base = home.central.parse().context("home.central")?;
    Central::new(base, token, ca.as_deref().map(str::as_bytes))
        .context("make a client for the central server")
}

/// Without a line there is nothing to keep: then this waits for the end.
async fn keep_line(
    line: Option<Line>,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), LineError> {
    match line {
        Some(line) => line.run(shutdown).await,
        None => {
            let _ = shutdown.wait_for(|stop| *stop).await;
            Ok(())
        }
    }
}

/// What gateways are told to connect to: "every address" is none, so the first name that the
/// certificate is for stands in.
fn gateway_host(http: &Http, at: SocketAddr) -> String {
    match http.names.first() {
        Some(name) if at.ip().is_unspecified() => name.clone(),
        _ => at.ip().to_string(),
    }
}

async fn start_broker(
    config: &Config,
    files: Option<&Files>,
    credentials: &Arc<Credentials>,
) -> anyhow::Result<(Option<Embedded>, Address)> {
    if let Some(external) = &config.mqtt.external {
        let login = external.username.clone().zip(external.password.clone());
        let address = Address {
            host: external.host.clone(),
            port: external.port,
            login,
            ca_file: external.ca_file.clone(),
        };
        return Ok((None, address));
    }
    let listen = config.mqtt.listen.context("mqtt.listen is not set")?;
    let password = secret::token("wi_")?;
    credentials.set_ingest(&password);
    let tls = config
        .mqtt
        .tls_listen
        .zip(files)
        .map(|(address, files)| (address, files.cert.clone(), files.key.clone()));
    let embedded = broker::start(listen, tls, credentials.clone()).await?;
    let address = Address {
        host: embedded.address.ip().to_string(),
        port: embedded.address.port(),
        login: Some((INGEST_CLIENT.to_owned(), password)),
        ca_file: None,
    };
    Ok((Some(embedded), address))
}

async fn serve(
    app: App,
    listen: SocketAddr,
    files: Option<Files>,
    handle: Handle<SocketAddr>,
) -> anyhow::Result<()> {
    let router = api::router(app).into_make_service_with_connect_info::<SocketAddr>();
    let served = match files {
        None => axum_server::bind(listen).handle(handle).serve(router).await,
        Some(Files { cert, key, .. }) => {
            let config = RustlsConfig::from_pem_file(&cert, &key)
                .await
                .with_context(|| format!("read {} and {}", cert.display(), key.display()))?;
            axum_server::bind_rustls(listen, config)
                .handle(handle)
                .serve(router)
                .await
        }
    };
    served.with_context(|| format!("serve on {listen}"))
}

/// Whoever waits for the file sees all of it or none.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    fs::write(&part, bytes)?;
    fs::rename(&part, path)
}
