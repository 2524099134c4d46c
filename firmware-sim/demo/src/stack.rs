//! One server and its store, set up in a folder.
//!
//! In: a folder and the program that plays the parts. Out: a server that answers, gateways that
//! listen, and the keys to both.
//! Invariant: everything stands on port 0 at first; a port that was given is kept over restarts,
//! so that a killed server comes back where the others look for it.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context;
use firmware_sim::{
    air::{Air, AirServer, Source},
    bluez::{self, Bluez},
    controller::{self, Controllers},
    http::{Api, Nothing},
    plan::{CHAIN_UUID, Plan},
    provision::{self, GatewayCredentials},
};
use protocol::{AnchorId, GatewayId, StoreId};
use serde::Deserialize;
use server::{config::Config, run::Ready};

use crate::process::Process;

/// How long a part may take to be there.
const READY_MAX: Duration = Duration::from_secs(30);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Who may log in at the board of a demo.
pub const STAFF: (&str, &str) = ("sanne", "welkom-in-de-winkel");

/// How the server is set up.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Seconds between snapshots; sightings older than two of them are forgotten.
    pub snapshot_s: Option<u64>,
    /// A fixed port for the pages; none: any.
    pub http_port: u16,
    /// An external broker on this port of this machine, instead of the embedded one.
    pub external_broker: Option<u16>,
    /// With TLS under a self-made certificate.
    pub tls: bool,
    /// Further tables of the server's settings, as TOML.
    pub more_toml: String,
    /// Seconds of silence after which a gateway with a real radio restarts its scan.
    pub silence_s: Option<u64>,
    /// Gateways do not seal what they hear, so that whoever audits them can read along.
    pub plain: bool,
}

/// How advertisements reach the gateways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Radio {
    /// Over a socket.
    #[default]
    Sim,
    /// Through a virtual BlueZ per gateway, as from a real radio; needs dbus-daemon.
    Bluez,
    /// Through a virtual controller per gateway, as from a raw HCI socket.
    Hci,
}

/// A server with its store.
pub struct Stack {
    /// Everything is in here.
    pub dir: PathBuf,
    program: PathBuf,
    options: Options,
    /// The running server; none after a kill.
    pub server: Option<Process>,
    /// Where it is.
    pub ready: Ready,
    /// An admin's key.
    pub api_key: String,
    /// The API with that key.
    pub api: Api,
    /// The store.
    pub store: StoreId,
}

impl Stack {
    /// Starts a server on an empty folder and makes a key.
    pub async fn start(dir: &Path, program: &Path, options: Options) -> anyhow::Result<Self> {
        let config = write_config(dir, &options, None)?;
        let api_key = server::cli::make_key(&Config::load(&config)?, "demo", true)?;
        let (server, ready) = launch(dir, program, &config, &[]).await?;
        let api = api(&ready, &api_key)?;
        let store: StoreId = "kade-9".parse()?;
        let server = Some(server);
        let (dir, program) = (dir.to_owned(), program.to_owned());
        Ok(Self {
            dir,
            program,
            options,
            server,
            ready,
            api_key,
            api,
            store,
        })
    }

    /// Starts the server again where it was, on the same ports.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.restart_with(&[]).await
    }

    /// The same with more in its environment.
    pub async fn restart_with(&mut self, env: &[(&str, &OsStr)]) -> anyhow::Result<()> {
        let config = write_config(&self.dir, &self.options, Some(&self.ready))?;
        let (server, ready) = launch(&self.dir, &self.program, &config, env).await?;
        (self.server, self.ready) = (Some(server), ready);
        Ok(())
    }

    /// Kill -9.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.server
            .take()
            .context("the server is down already")?
            .kill()
    }

    /// Asks the server to stop, and waits.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut server) = self.server.take() else {
            return Ok(());
        };
        tokio::task::spawn_blocking(move || server.stop()).await??;
        Ok(())
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        server::run::database(&self.dir.join("server"))
    }

    /// The address of the pages.
    pub fn url(&self) -> String {
        format!(
            "{}://localhost:{}",
            self.ready.scheme,
            self.ready.http.port()
        )
    }

    /// Sets the store up, with a colleague who may log in.
    pub async fn furnish(&self, plan: &Plan) -> anyhow::Result<Vec<GatewayCredentials>> {
        let credentials = provision::store(&self.api, &self.store, plan).await?;
        let (login, password) = STAFF;
        let path = format!("/v1/stores/{}/staff/{login}", self.store);
        let body = serde_json::json!({ "name": "Sanne", "role": "staff", "password": password });
        let _: Nothing = self.api.put(&path, &body).await?;
        Ok(credentials)
    }

    /// The air of these gateways.
    pub async fn air(
        &self,
        radio: Radio,
        credentials: &[GatewayCredentials],
    ) -> anyhow::Result<Box<dyn Air>> {
        Ok(match radio {
            Radio::Sim => Box::new(AirServer::bind("127.0.0.1:0").await?),
            Radio::Bluez => {
                let anchors = antennas(credentials)?;
                Box::new(Bluez::start(&self.dir, anchors, &bluez::Options::default()).await?)
            }
            Radio::Hci => {
                let options = controller::Options::default();
                let anchors = antennas(credentials)?;
                Box::new(Controllers::start(&self.dir, anchors, &options)?)
            }
        })
    }

    /// Starts a gateway that listens to `air`.
    pub fn gateway_on(
        &self,
        credentials: &GatewayCredentials,
        air: &dyn Air,
        env: &[(&str, &OsStr)],
    ) -> anyhow::Result<Process> {
        let source = air.source(&antenna(credentials)?);
        self.gateway(credentials, &source.context("no such antenna")?, env)
    }

    /// Starts a gateway that listens as `source` says.
    pub fn gateway(
        &self,
        credentials: &GatewayCredentials,
        source: &Source,
        env: &[(&str, &OsStr)],
    ) -> anyhow::Result<Process> {
        let name = credentials.gateway.as_str();
        let config = self.dir.join(format!("gateway-{name}.toml"));
        fs::write(&config, self.gateway_toml(credentials, source))
            .with_context(|| format!("write {}", config.display()))?;
        let args = [
            OsStr::new("run"),
            OsStr::new("--config"),
            config.as_os_str(),
        ];
        let log = self.dir.join(format!("gateway-{name}.log"));
        let mut env = env.to_vec();
        if let Source::Bluez { bus } = source {
            env.push(("DBUS_SYSTEM_BUS_ADDRESS", bus.as_ref()));
        }
        Process::start(&self.program, "gateway", &args, &env, &log)
    }

    /// The folder of a gateway's spool.
    pub fn spool(&self, gateway: &GatewayId) -> PathBuf {
        self.dir.join(format!("spool-{gateway}"))
    }

    fn gateway_toml(&self, credentials: &GatewayCredentials, source: &Source) -> String {
        let GatewayCredentials {
            gateway,
            mqtt_username,
            mqtt_password,
            mqtt_host,
            mqtt_port,
            seal_trust,
            seal_key,
        } = credentials;
        let seal = match self.options.plain {
            true => "plain = true".to_owned(),
            false => format!("trust = \"{seal_trust}\"\nkey = \"{seal_key}\""),
        };
        let store = &self.store;
        let spool = self.spool(gateway);
        let tls = match (&self.ready.ca, self.ready.mqtt_tls) {
            (Some(ca), Some(_)) => format!("tls = {{ ca_file = {ca:?} }}\n"),
            _ => String::new(),
        };
        let silence = self.options.silence_s.map(|s| format!("\nsilence_s = {s}"));
        let silence = silence.unwrap_or_default();
        let source = match source {
            Source::Socket(address) => format!("kind = \"sim\"\nconnect = \"{address}\""),
            Source::Bluez { .. } => format!("kind = \"btleplug\"\nadapter = \"hci0\"{silence}"),
            Source::Hci { paths } => {
                let adapter = |path: &PathBuf| format!("unix:{}", path.display());
                let adapters: Vec<String> = paths.iter().map(adapter).collect();
                format!("kind = \"hci\"\nadapters = {adapters:?}{silence}")
            }
        };
        format!(
            "store = \"{store}\"\ngateway = \"{gateway}\"\nchain_uuids = [\"{CHAIN_UUID}\"]\n\n\
             [source]\n{source}\n\n\
             [spool]\ndir = {spool:?}\n\n\
             [seal]\n{seal}\n\n\
             [mqtt]\nhost = \"{mqtt_host}\"\nport = {mqtt_port}\n\
             username = \"{mqtt_username}\"\npassword = \"{mqtt_password}\"\n{tls}"
        )
    }

    /// Waits until all gateways listen and have told the server so.
    pub async fn gateways_ready(&self, air: &dyn Air, wanted: usize) -> anyhow::Result<()> {
        #[derive(Deserialize)]
        struct Gateway {
            state: String,
        }
        let path = format!("/v1/stores/{}/gateways", self.store);
        until("the gateways to be online", async || {
            let known: Vec<Gateway> = self.api.get(&path).await?;
            let online = known.iter().filter(|g| g.state == "online").count();
            Ok(online >= wanted && air.connected() >= wanted)
        })
        .await
    }
}

/// A gateway's antenna has its name.
fn antenna(credentials: &GatewayCredentials) -> anyhow::Result<AnchorId> {
    Ok(credentials.gateway.as_str().parse()?)
}

fn antennas(credentials: &[GatewayCredentials]) -> anyhow::Result<Vec<AnchorId>> {
    credentials.iter().map(antenna).collect()
}

fn api(ready: &Ready, key: &str) -> anyhow::Result<Api> {
    let pem = ready
        .ca
        .as_ref()
        .map(fs::read)
        .transpose()
        .context("read the certificate")?;
    let base = format!("{}://localhost:{}", ready.scheme, ready.http.port());
    Ok(Api::new(&base, pem.as_deref())?.with_bearer(key))
}

fn write_config(dir: &Path, options: &Options, before: Option<&Ready>) -> anyhow::Result<PathBuf> {
    let http_port = before.map_or(options.http_port, |ready| ready.http.port());
    let mqtt_port = before.and_then(|ready| ready.mqtt).map_or(0, |a| a.port());
    let tls_port = before
        .and_then(|ready| ready.mqtt_tls)
        .map_or(0, |a| a.port());
    let tls = if options.tls { "self-made" } else { "off" };
    let mqtt = match (options.external_broker, options.tls) {
        (Some(port), _) => format!("[mqtt.external]\nhost = \"127.0.0.1\"\nport = {port}\n"),
        (None, false) => format!("[mqtt]\nlisten = \"127.0.0.1:{mqtt_port}\"\n"),
        (None, true) => format!(
            "[mqtt]\nlisten = \"127.0.0.1:{mqtt_port}\"\ntls_listen = \"127.0.0.1:{tls_port}\"\n"
        ),
    };
    let snapshot_s = options.snapshot_s.unwrap_or(60);
    let text = format!(
        "data_dir = {:?}\nready_file = {:?}\nsnapshot_s = {snapshot_s}\n\n\
         [http]\nlisten = \"127.0.0.1:{http_port}\"\ntls = \"{tls}\"\n\n{mqtt}\n{}",
        dir.join("server"),
        dir.join("ready.json"),
        options.more_toml,
    );
    let path = dir.join("welkom.toml");
    fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

async fn launch(
    dir: &Path,
    program: &Path,
    config: &Path,
    env: &[(&str, &OsStr)],
) -> anyhow::Result<(Process, Ready)> {
    let file = dir.join("ready.json");
    // It may not be there; then nothing must go.
    let _ = fs::remove_file(&file);
    let args = [
        OsStr::new("run"),
        OsStr::new("--config"),
        config.as_os_str(),
    ];
    let mut process = Process::start(program, "server", &args, env, &dir.join("server.log"))?;
    until("the server to be ready", async || {
        process.still_runs()?;
        Ok(file.exists())
    })
    .await?;
    let ready = serde_json::from_slice(&fs::read(&file)?).context("read ready.json")?;
    Ok((process, ready))
}

/// Waits for a condition, and says what for if it does not come.
pub async fn until(
    what: &str,
    condition: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    until_within(READY_MAX, what, condition).await
}

/// The same with a time of its own.
pub async fn until_within(
    at_most: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let started = Instant::now();
    while !condition().await? {
        anyhow::ensure!(started.elapsed() < at_most, "waited {at_most:?} for {what}");
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
