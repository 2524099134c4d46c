//! A broker that is not ours, and that can be killed.
//!
//! In: a folder. Out: Mosquitto on a port of its own, which keeps nothing on disk: whoever comes
//! back after a kill finds it wiped.
//! Invariant: the port stays the same over restarts.

use std::{
    fs::File,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::Context;
use demo::stack::until;

/// The broker.
pub struct Mosquitto {
    /// Where it listens.
    pub port: u16,
    config: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts it and waits until it listens.
    pub async fn start(dir: &Path) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = dir.join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\n\
             max_queued_messages 0\nmax_inflight_messages 0\nset_tcp_nodelay true\n"
        );
        std::fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
        let mut broker = Self {
            port,
            config,
            log: dir.join("mosquitto.txt"),
            child: None,
        };
        broker.restart().await?;
        Ok(broker)
    }

    /// Starts it again where it was, with nothing in it.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        let program = crate::harness::find("mosquitto").context("find mosquitto")?;
        let log = File::options().create(true).append(true).open(&self.log)?;
        let child = Command::new(program)
            .arg("-c")
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("start mosquitto")?;
        self.child = Some(child);
        until("mosquitto to listen", async || {
            let ended = self.child.as_mut().map(Child::try_wait).transpose()?;
            anyhow::ensure!(
                ended.flatten().is_none(),
                "mosquitto ended: {}",
                std::fs::read_to_string(&self.log).unwrap_or_default()
            );
            Ok(TcpStream::connect(("127.0.0.1", self.port)).is_ok())
        })
        .await
    }

    /// Kill -9.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("mosquitto is down already")?;
        child.kill().context("kill mosquitto")?;
        child.wait().context("wait for mosquitto")?;
        Ok(())
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if self.child.is_some() {
            // Nobody is left to tell.
            let _ = self.kill();
        }
    }
}
