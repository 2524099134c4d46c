//! A machine in a store: a second server with `[home]`, behind a wire that can be cut.
//!
//! In: a central server. Out: a process with its database in memory, its sealed copy on a disk.
//! Invariant: a cut wire closes what is open and takes nothing new, as a line that is gone; nothing
//! of the machine stays behind in memory.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use demo::{
    process::Process,
    stack::{Stack, until},
};
use firmware_sim::provision::GatewayCredentials;
use serde::Deserialize;
use serde_json::json;
use server::run::Ready;
use tempfile::TempDir;

use crate::{ask::client, cable::Cable, rig};

/// The machine.
pub struct Home {
    /// What would be in memory.
    pub memory: TempDir,
    /// Its disk.
    pub disk: TempDir,
    /// Its line to the central server.
    pub wire: Cable,
    /// The running server; none after a loss of power.
    pub server: Option<Process>,
    /// Where it is.
    pub ready: Ready,
}

impl Home {
    /// Lets a machine have the desk of the store, and starts it.
    pub async fn start(central: &Stack) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Made {
            token: String,
        }
        let path = format!("/v1/stores/{}/home", central.store);
        let Made { token } = central.api.put(&path, &json!({})).await?;
        Self::start_with(central, &token).await
    }

    /// The same with a token that was made before.
    pub async fn start_with(central: &Stack, token: &str) -> anyhow::Result<Self> {
        let memory = tempfile::Builder::new()
            .prefix("welkom-home-")
            .tempdir_in("/dev/shm")?;
        let disk = tempfile::tempdir()?;
        fs::write(disk.path().join("token"), token)?;
        let wire = Cable::lay(central.ready.http.port()).await?;
        let (server, ready) = launch(memory.path(), disk.path(), &wire, None).await?;
        Ok(Self {
            memory,
            disk,
            wire,
            server: Some(server),
            ready,
        })
    }

    /// Waits until it has the desk.
    pub async fn has_desk(&self) -> anyhow::Result<()> {
        until("the machine to have the desk", async || {
            Ok(self.number("SELECT count(*) FROM home_line")? == 1)
        })
        .await
    }

    /// Pulls the plug: the process is killed, and what was in memory is gone.
    pub fn lose_power(&mut self) -> anyhow::Result<()> {
        self.server.take().context("it is off already")?.kill()?;
        for entry in fs::read_dir(self.memory.path())? {
            let path = entry?.path();
            if path.is_file() {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Starts it again where it was, on the same ports.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        let (memory, disk) = (self.memory.path(), self.disk.path());
        let (server, ready) = launch(memory, disk, &self.wire, Some(&self.ready)).await?;
        (self.server, self.ready) = (Some(server), ready);
        Ok(())
    }

    /// Its database.
    pub fn database(&self) -> PathBuf {
        server::run::database(self.memory.path())
    }

    /// One number of its database.
    pub fn number(&self, sql: &str) -> anyhow::Result<i64> {
        let db = server::store::open_reader(&self.database())?;
        Ok(db.query_row(sql, [], |row| row.get(0))?)
    }

    /// A gateway's way in: as at the central server, at this address.
    pub fn credentials(&self, of: &GatewayCredentials) -> anyhow::Result<GatewayCredentials> {
        let mqtt = self.ready.mqtt.context("its broker's address")?;
        Ok(GatewayCredentials {
            mqtt_host: mqtt.ip().to_string(),
            mqtt_port: mqtt.port(),
            ..of.clone()
        })
    }

    /// A colleague's session at its board: the cookie.
    pub async fn log_in(&self, login: &str, password: &str) -> anyhow::Result<String> {
        let client = client(None)?;
        let page = client.get(self.url("/login")).send().await?;
        let cookie = |answer: &reqwest::Response, name: &str| {
            let all = answer.headers().get_all("set-cookie").iter();
            all.filter_map(|value| value.to_str().ok())
                .filter_map(|text| text.split(';').next()?.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
        };
        let token = cookie(&page, "welkom_login").context("the form's token")?;
        let form = format!("csrf={token}&name={login}&password={password}");
        let answer = client
            .post(self.url("/login"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", format!("welkom_login={token}"))
            .body(form)
            .send()
            .await?;
        let session = cookie(&answer, "welkom_session");
        let session = session.with_context(|| format!("a session: {}", answer.status()))?;
        Ok(format!("welkom_session={session}"))
    }

    /// A page or an answer of it, as text.
    pub async fn get(&self, path: &str, cookie: &str) -> anyhow::Result<(u16, String)> {
        let client = client(None)?;
        let request = client.get(self.url(path)).header("cookie", cookie);
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// A tap on the board: the status, and what it says.
    pub async fn tap(
        &self,
        cookie: &str,
        store: &str,
        card: &str,
        action: &str,
        code: &str,
    ) -> anyhow::Result<(u16, String)> {
        let (_, board) = self.get(&format!("/staff/{store}"), cookie).await?;
        let csrf = board
            .split("name=\"csrf\" value=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .context("the page's token")?;
        let answer = client(None)?
            .post(self.url(&format!("/staff/{store}/cards/{card}/{action}")))
            .header("cookie", cookie)
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("csrf={csrf}&code={code}"))
            .send()
            .await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.ready.http.port())
    }
}

async fn launch(
    memory: &Path,
    disk: &Path,
    wire: &Cable,
    before: Option<&Ready>,
) -> anyhow::Result<(Process, Ready)> {
    let (http, mqtt) = before.map_or((0, 0), |ready| {
        (ready.http.port(), ready.mqtt.map_or(0, |a| a.port()))
    });
    let file = disk.join("ready.json");
    // It may not be there; then nothing must go.
    let _ = fs::remove_file(&file);
    let config = disk.join("welkom.toml");
    let text = format!(
        "data_dir = {memory:?}\nready_file = {file:?}\n\n\
         [http]\nlisten = \"127.0.0.1:{http}\"\ntls = \"off\"\n\n\
         [mqtt]\nlisten = \"127.0.0.1:{mqtt}\"\n\n\
         [home]\ncentral = \"http://127.0.0.1:{}\"\ntoken_file = {:?}\n\
         sealed_file = {:?}\nkey_file = {:?}\n",
        wire.port,
        disk.join("token"),
        disk.join("home.sealed"),
        disk.join("home.key"),
    );
    fs::write(&config, text)?;
    let args = [
        OsStr::new("run"),
        OsStr::new("--config"),
        config.as_os_str(),
    ];
    let log = disk.join("home.log");
    let mut server = Process::start(&rig::program()?, "server", &args, &[], &log)?;
    until("the machine in the store to be ready", async || {
        server
            .still_runs()
            .with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        Ok(file.exists())
    })
    .await?;
    let ready = serde_json::from_slice(&fs::read(&file)?).context("read ready.json")?;
    Ok((server, ready))
}
