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
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use demo::stack::until;
use protocol::{message::Batch, topic::SIGHTINGS_FILTER};
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions, mqttbytes::QoS};
use tokio::task::JoinHandle;

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

/// Reads along what gateways publish.
pub struct Observer {
    batches: Arc<Mutex<Vec<Batch>>>,
    // Held, since the connection ends with its last client.
    _client: AsyncClient,
    task: JoinHandle<()>,
}

impl Observer {
    /// Connects and waits until the broker tells it everything.
    pub async fn start(port: u16) -> anyhow::Result<Self> {
        let mut options = MqttOptions::new("observer", "127.0.0.1", port);
        options.set_max_packet_size(Some(256 * 1024));
        let (client, mut events) = AsyncClient::new(options, 100);
        client.subscribe(SIGHTINGS_FILTER, QoS::AtLeastOnce).await?;
        let batches = Arc::<Mutex<Vec<Batch>>>::default();
        let (read, (listens, is_listening)) = (batches.clone(), tokio::sync::watch::channel(false));
        let task = tokio::spawn(async move {
            // Ends with the connection; the test sees that nothing more is read.
            while let Ok(event) = events.poll().await {
                match event {
                    Event::Incoming(Incoming::SubAck(_)) => {
                        listens.send_replace(true);
                    }
                    Event::Incoming(Incoming::Publish(message)) => {
                        if let Ok(batch) = Batch::from_json(&message.payload) {
                            let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
                            read.push(batch);
                        }
                    }
                    _ => {}
                }
            }
        });
        until("the broker to let the observer listen", async || {
            Ok(*is_listening.borrow())
        })
        .await?;
        Ok(Self {
            batches,
            _client: client,
            task,
        })
    }

    /// What was published so far.
    pub fn published(&self) -> Vec<Batch> {
        let batches = self.batches.lock();
        batches.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
