//! The air, and the plainest way to bring it to gateways: a socket (`protocol::sim`). The other ways
//! are [`crate::bluez`] and [`crate::controller`].
//!
//! In: advertisements that an antenna would receive now. Out: lines on that antenna's socket, and
//! a count of those that the socket took.
//! Promises: a line is written at once and counted after it was written; without a gateway at the
//! antenna nothing is kept and nothing is counted: what nobody hears was not heard.
//! Invariant: at most [`LINES_WAITING_MAX`] lines wait for a slow gateway; further ones are lost,
//! as on a real radio.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use protocol::{
    AnchorId,
    message::VERSION,
    sim::{AirLine, Hello, LINE_LEN_MAX},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
    sync::mpsc,
};

/// Lines that wait for one gateway at most: some seconds of a full store.
pub const LINES_WAITING_MAX: usize = 4_096;
/// A gateway says who it is within this time.
const HELLO_MAX: Duration = Duration::from_secs(5);

/// Whose advertisement it is; none: a stranger's or a beacon's, which nobody audits.
pub type Sender = Option<u64>;

/// What carries advertisements to gateways. Whoever plays a scene does not know which one it is.
pub trait Air: Send + Sync {
    /// Gives an advertisement to an antenna, if a gateway is there.
    fn deliver(&self, anchor: &AnchorId, line: &AirLine, sender: Sender);

    /// Advertisements per antenna and sender that a gateway was given.
    fn heard(&self) -> BTreeMap<(AnchorId, u64), u64>;

    /// Advertisements that a listening gateway was too slow for.
    fn lost_total(&self) -> u64;

    /// How many antennas have a gateway that listens now.
    fn connected(&self) -> usize;

    /// How the gateway at an antenna listens; none: no such antenna.
    fn source(&self, anchor: &AnchorId) -> Option<Source>;
}

/// How a gateway listens: what its configuration and its environment must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It connects to the simulator.
    Socket(SocketAddr),
    /// It uses controllers without BlueZ, at these sockets.
    Hci {
        /// For `adapters`, each behind `unix:`.
        paths: Vec<std::path::PathBuf>,
    },
    /// It uses BlueZ; its machine's system bus is here.
    Bluez {
        /// For `DBUS_SYSTEM_BUS_ADDRESS`.
        bus: String,
    },
}

/// Why the air cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("listen for gateways on {address}")]
pub struct BindError {
    address: String,
    #[source]
    source: std::io::Error,
}

/// The air. Dropping it ends the service.
#[derive(Debug)]
pub struct AirServer {
    shared: Arc<Mutex<Shared>>,
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    antennas: HashMap<AnchorId, Antenna>,
    heard: BTreeMap<(AnchorId, u64), u64>,
    lost_total: u64,
    connections_total: u64,
}

#[derive(Debug)]
struct Antenna {
    connection: u64,
    lines: mpsc::Sender<(Vec<u8>, Sender)>,
}

impl AirServer {
    /// Listens; port 0 takes a free one.
    pub async fn bind(address: &str) -> Result<Self, BindError> {
        let failed = |source| BindError {
            address: address.to_owned(),
            source,
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::<Mutex<Shared>>::default();
        let task = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self {
            shared,
            address,
            task,
        })
    }

    /// Where gateways connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Air for AirServer {
    fn deliver(&self, anchor: &AnchorId, line: &AirLine, sender: Sender) {
        let mut shared = lock(&self.shared);
        let Some(antenna) = shared.antennas.get(anchor) else {
            return;
        };
        let mut bytes = protocol::message::to_json(line);
        bytes.push(b'\n');
        if antenna.lines.try_send((bytes, sender)).is_err() {
            shared.lost_total += 1;
        }
    }

    fn heard(&self) -> BTreeMap<(AnchorId, u64), u64> {
        lock(&self.shared).heard.clone()
    }

    fn lost_total(&self) -> u64 {
        lock(&self.shared).lost_total
    }

    fn connected(&self) -> usize {
        lock(&self.shared).antennas.len()
    }

    fn source(&self, _: &AnchorId) -> Option<Source> {
        Some(Source::Socket(self.address))
    }
}

impl Drop for AirServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Mutex<Shared>>) {
    // Dropped with this task, and all connections with it.
    let mut gateways = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { gateways.spawn(serve(stream, shared.clone())); }
                Err(error) => {
                    tracing::warn!(%error, "accept a gateway");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = gateways.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Mutex<Shared>>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "send lines of the air without delay");
    }
    let (reading, writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    let Some(anchor) = hello(&mut reading).await else {
        tracing::warn!("a gateway did not say which antenna it is: closed");
        return;
    };
    let (lines, to_write) = mpsc::channel(LINES_WAITING_MAX);
    let connection = {
        let mut shared = lock(&shared);
        shared.connections_total += 1;
        let connection = shared.connections_total;
        // The newest connection is the antenna: an older one is a gateway that was killed.
        shared
            .antennas
            .insert(anchor.clone(), Antenna { connection, lines });
        connection
    };
    tracing::debug!(%anchor, connection, "gateway listens");
    let mut rest = [0; 64];
    tokio::select! {
        () = write_lines(writing, to_write, &anchor, &shared) => {}
        // A gateway says nothing more: this ends when it goes.
        () = async { while reading.read(&mut rest).await.is_ok_and(|read| read > 0) {} } => {}
    }
    let mut shared = lock(&shared);
    if shared
        .antennas
        .get(&anchor)
        .is_some_and(|antenna| antenna.connection == connection)
    {
        shared.antennas.remove(&anchor);
    }
}

async fn hello(reading: &mut (impl AsyncBufReadExt + Unpin)) -> Option<AnchorId> {
    let mut line = String::new();
    let mut bounded = reading.take(u64::try_from(LINE_LEN_MAX).unwrap_or(u64::MAX));
    let read = tokio::time::timeout(HELLO_MAX, bounded.read_line(&mut line)).await;
    read.ok()?.ok()?;
    let hello: Hello = serde_json::from_str(&line).ok()?;
    (hello.v == VERSION).then_some(hello.anchor)
}

async fn write_lines(
    mut writing: OwnedWriteHalf,
    mut lines: mpsc::Receiver<(Vec<u8>, Sender)>,
    anchor: &AnchorId,
    shared: &Mutex<Shared>,
) {
    while let Some((line, sender)) = lines.recv().await {
        if writing.write_all(&line).await.is_err() || writing.flush().await.is_err() {
            return;
        }
        if let Some(sender) = sender {
            *lock(shared)
                .heard
                .entry((anchor.clone(), sender))
                .or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(rssi_dbm: i8) -> AirLine {
        AirLine {
            address: "c0:ff:ee:00:00:01".into(),
            rssi_dbm,
            ad_hex: "020106".into(),
        }
    }

    async fn connect(air: &AirServer, hello: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(air.address()).await.unwrap();
        stream.write_all(hello.as_bytes()).await.unwrap();
        BufReader::new(stream)
    }

    /// What the gateway reads next; empty at the end.
    async fn next_line(gateway: &mut BufReader<TcpStream>) -> String {
        let mut text = String::new();
        let read = gateway.read_line(&mut text);
        tokio::time::timeout(Duration::from_secs(10), read)
            .await
            .unwrap()
            .unwrap();
        text
    }

    async fn until(condition: impl Fn() -> bool) {
        let wait = async {
            while !condition() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn what_is_heard_is_what_a_connected_gateway_took() {
        let air = AirServer::bind("127.0.0.1:0").await.unwrap();
        let door: AnchorId = "door".parse().unwrap();
        air.deliver(&door, &line(-60), Some(3));
        let mut gateway = connect(&air, "{\"v\":1,\"anchor\":\"door\"}\n").await;
        until(|| air.connected() == 1).await;
        air.deliver(&door, &line(-61), Some(3));
        air.deliver(&door, &line(-62), None);
        let text = next_line(&mut gateway).await;
        assert_eq!(serde_json::from_str::<AirLine>(&text).unwrap(), line(-61));
        until(|| air.heard() == BTreeMap::from([((door.clone(), 3), 1)])).await;
        drop(gateway);
        until(|| air.connected() == 0).await;
    }

    #[tokio::test]
    async fn who_speaks_another_version_is_sent_away() {
        let air = AirServer::bind("127.0.0.1:0").await.unwrap();
        let mut gateway = connect(&air, "{\"v\":9,\"anchor\":\"door\"}\n").await;
        assert_eq!(next_line(&mut gateway).await, "");
        assert_eq!(air.connected(), 0);
    }

    #[tokio::test]
    async fn a_restarted_gateway_takes_over_its_antenna() {
        let air = AirServer::bind("127.0.0.1:0").await.unwrap();
        let door: AnchorId = "door".parse().unwrap();
        let killed = connect(&air, "{\"v\":1,\"anchor\":\"door\"}\n").await;
        until(|| air.connected() == 1).await;
        let mut fresh = connect(&air, "{\"v\":1,\"anchor\":\"door\"}\n").await;
        until(|| lock(&air.shared).connections_total == 2).await;
        drop(killed);
        air.deliver(&door, &line(-60), None);
        assert!(next_line(&mut fresh).await.contains("-60"));
    }
}
