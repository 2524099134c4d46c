//! A BlueZ client in a process of its own (`bin/ears.rs`), for tests of the virtual BlueZ.
//!
//! In: a bus. Out: what btleplug makes of it, in its order.
//! Invariant: goes with the value; a test waits for what it expects and for nothing else.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Stdio},
    time::Duration,
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use uuid::Uuid;

/// How long something may take to be heard.
const HEARD_MAX: Duration = Duration::from_secs(20);

/// What the client is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Start to scan.
    Scan,
    /// Stop it.
    Stop,
}

/// What it hears; devices as `hci0/dev_…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Heard {
    /// It listens.
    Ready,
    /// A command was obeyed, or why not.
    Done(Option<String>),
    /// A device, with all that is known of it.
    Discovered {
        /// Which.
        id: String,
        /// None: only remembered.
        rssi_dbm: Option<i16>,
        /// Its name.
        name: Option<String>,
        /// The power that it claims.
        tx_power_dbm: Option<i16>,
        /// By company.
        manufacturer: BTreeMap<u16, Vec<u8>>,
        /// By service.
        service_data: BTreeMap<Uuid, Vec<u8>>,
        /// Listed services.
        services: Vec<Uuid>,
    },
    /// A strength.
    Rssi(String, i16),
    /// Manufacturer data.
    Manufacturer(String, BTreeMap<u16, Vec<u8>>),
    /// Service data.
    ServiceData(String, BTreeMap<Uuid, Vec<u8>>),
    /// Listed services.
    Services(String, Vec<Uuid>),
    /// The adapter's power.
    State(String),
    /// The stream of events has ended.
    Ended,
}

/// The client.
pub struct Ears {
    child: Child,
    commands: ChildStdin,
    heard: mpsc::UnboundedReceiver<Heard>,
}

impl Ears {
    /// Starts it on a bus and waits until it listens.
    pub async fn start(bus: &str) -> anyhow::Result<Self> {
        let program = crate::rig::beside("ears")?;
        let mut child = std::process::Command::new(program)
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start the client")?;
        let commands = child.stdin.take().context("talk to the client")?;
        let said = child.stdout.take().context("listen to the client")?;
        let (tell, heard) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                let Ok(line) = serde_json::from_str(&line) else {
                    return;
                };
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let mut ears = Self {
            child,
            commands,
            heard,
        };
        ears.expect(Heard::Ready).await?;
        Ok(ears)
    }

    /// Starts to scan.
    pub async fn scan(&mut self) -> anyhow::Result<()> {
        self.command(Command::Scan)?;
        self.until(&Heard::Done(None)).await
    }

    /// Gives a command; its outcome is heard among the rest.
    pub fn command(&mut self, command: Command) -> anyhow::Result<()> {
        writeln!(self.commands, "{}", serde_json::to_string(&command)?)?;
        self.commands.flush().context("command the client")
    }

    /// What is heard next.
    pub async fn next(&mut self) -> anyhow::Result<Heard> {
        let next = tokio::time::timeout(HEARD_MAX, self.heard.recv()).await;
        next.context("nothing was heard")?
            .context("the client has ended")
    }

    /// Hears this next, or fails.
    pub async fn expect(&mut self, wanted: Heard) -> anyhow::Result<()> {
        let heard = self.next().await?;
        anyhow::ensure!(heard == wanted, "heard {heard:?}, not {wanted:?}");
        Ok(())
    }

    /// Hears on until this comes.
    pub async fn until(&mut self, wanted: &Heard) -> anyhow::Result<()> {
        while self.next().await? != *wanted {}
        Ok(())
    }

    /// Kill -9.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().context("kill the client")?;
        self.child.wait().context("wait for the client")?;
        Ok(())
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        // It has ended already, or ends now.
        let _ = self.kill();
    }
}
