//! A stack for one test: server, gateways, air, all in a folder of their own.

use std::path::{Path, PathBuf};

use anyhow::Context;
use demo::{
    process::Process,
    stack::{Options, Radio, Stack},
};
use firmware_sim::{air::Air, plan::Plan, provision::GatewayCredentials};
use tempfile::TempDir;

/// The program that plays the parts.
pub fn program() -> anyhow::Result<PathBuf> {
    beside("stack")
}

/// A program of this package.
pub(crate) fn beside(name: &str) -> anyhow::Result<PathBuf> {
    // Programs lie in `target/PROFILE`, tests in `target/PROFILE/deps`.
    let me = std::env::current_exe()?;
    let mut dirs = me.ancestors().skip(1).take(2).map(|dir| dir.join(name));
    dirs.find(|program| program.is_file())
        .with_context(|| format!("{name} is not built: cargo build -p e2e --bins"))
}

/// A furnished store.
pub struct Rig {
    /// The server and its folder.
    pub stack: Stack,
    /// Where gateways hear.
    pub air: Box<dyn Air>,
    /// How they log in.
    pub credentials: Vec<GatewayCredentials>,
    /// Those that run.
    pub gateways: Vec<Process>,
    /// Goes with the rig.
    pub folder: TempDir,
}

impl Rig {
    /// A server with a store, no gateway yet.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        Self::start_with(&program()?, options).await
    }

    /// The same with another program that plays the parts.
    pub async fn start_with(program: &Path, options: Options) -> anyhow::Result<Self> {
        Self::start_on(Radio::Sim, program, options).await
    }

    /// The same with another way to the gateways.
    pub async fn start_on(radio: Radio, program: &Path, options: Options) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let stack = Stack::start(folder.path(), program, options).await?;
        let credentials = stack.furnish(&Plan::kade_9()).await?;
        let air = stack.air(radio, &credentials).await?;
        Ok(Self {
            stack,
            air,
            credentials,
            gateways: Vec::new(),
            folder,
        })
    }

    /// Starts all gateways and waits until they listen.
    pub async fn with_gateways(mut self) -> anyhow::Result<Self> {
        for credentials in &self.credentials {
            self.gateways
                .push(self.stack.gateway_on(credentials, &*self.air, &[])?);
        }
        self.stack
            .gateways_ready(&*self.air, self.gateways.len())
            .await?;
        Ok(self)
    }

    /// Warnings and errors that any part has logged.
    pub fn warnings(&self) -> anyhow::Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.stack.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "log") {
                let log = std::fs::read_to_string(&path)?;
                let loud = |line: &&str| line.contains("WARN") || line.contains("ERROR");
                found.extend(log.lines().filter(loud).map(str::to_owned));
            }
        }
        Ok(found)
    }
}
