//! The air through a Bluetooth controller: each gateway's machine with one of its own, as the
//! kernel would show it on a raw HCI socket.
//!
//! In: advertisements, faults, commands of hosts. Out: events on a socket per controller, at
//! [`Controller::path`]; counts of the reports that were written.
//! Promises: every host sees every event, also answers to others' commands, as on the kernel's
//! raw sockets; what was not reported was not heard.
//! Invariant: at most [`LINES_WAITING_MAX`] packets wait for a slow host; further reports are lost.

mod link;
mod mind;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use protocol::{AnchorId, sim::AirLine};
use rustix::io::Errno;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, JoinSet},
};

pub use self::mind::Options;
use self::{link::Link, mind::Mind};
use crate::air::{Air, LINES_WAITING_MAX, Sender, Source};

/// Why a controller cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("serve a controller at {place}")]
pub struct ControllerError {
    place: String,
    #[source]
    source: io::Error,
}

/// The controllers of a store, one per gateway.
#[derive(Debug)]
pub struct Controllers(BTreeMap<AnchorId, Controller>);

impl Controllers {
    /// One per antenna, each at a socket of its own within `dir`.
    pub fn start(
        dir: &Path,
        anchors: impl IntoIterator<Item = AnchorId>,
        options: &Options,
    ) -> Result<Self, ControllerError> {
        let start = |anchor: AnchorId| {
            let path = dir.join(format!("hci-{anchor}"));
            Ok((anchor, Controller::start(&path, options.clone())?))
        };
        anchors
            .into_iter()
            .map(start)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Air for Controllers {
    fn deliver(&self, anchor: &AnchorId, line: &AirLine, sender: Sender) {
        if let Some(controller) = self.0.get(anchor) {
            controller.deliver(line, sender);
        }
    }

    fn heard(&self) -> BTreeMap<(AnchorId, u64), u64> {
        let mut heard = BTreeMap::new();
        for (anchor, controller) in &self.0 {
            let counts = controller.heard().into_iter();
            heard.extend(counts.map(|(sender, count)| ((anchor.clone(), sender), count)));
        }
        heard
    }

    fn lost_total(&self) -> u64 {
        self.0.values().map(Controller::lost_total).sum()
    }

    fn connected(&self) -> usize {
        self.0.values().filter(|c| c.scans()).count()
    }

    fn source(&self, anchor: &AnchorId) -> Option<Source> {
        let path = self.0.get(anchor)?.path().to_owned();
        Some(Source::Hci { paths: vec![path] })
    }
}

/// One controller. Dropping it ends its service.
#[derive(Debug)]
pub struct Controller {
    path: PathBuf,
    state: Arc<Mutex<State>>,
    service: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct State {
    mind: Mind,
    hosts: Vec<mpsc::Sender<Outgoing>>,
    heard: BTreeMap<u64, u64>,
    reported_total: u64,
    lost_total: u64,
}

/// A packet for one host.
#[derive(Debug)]
struct Outgoing {
    packet: Vec<u8>,
    /// It ends the report of an advertisement, of this sender.
    advertisement: Option<Sender>,
}

impl Controller {
    /// A controller behind a socket.
    pub fn start(path: &Path, options: Options) -> Result<Self, ControllerError> {
        let controller = Self::new(path.to_owned(), options);
        controller.plug_in()?;
        Ok(controller)
    }

    /// A controller of this machine's kernel, as a new adapter.
    pub async fn start_vhci(options: Options) -> Result<Self, ControllerError> {
        let path = PathBuf::from("/dev/vhci");
        let controller = Self::new(path, options);
        let link = Link::vhci().await.map_err(|e| controller.error(e))?;
        let task = tokio::spawn(serve(link, controller.state.clone()));
        *lock(&controller.service) = Some(task);
        Ok(controller)
    }

    fn new(path: PathBuf, options: Options) -> Self {
        let state = State {
            mind: Mind::new(options),
            hosts: Vec::new(),
            heard: BTreeMap::new(),
            reported_total: 0,
            lost_total: 0,
        };
        Self {
            path,
            state: Arc::new(Mutex::new(state)),
            service: Mutex::default(),
        }
    }

    fn error(&self, source: io::Error) -> ControllerError {
        let place = self.path.display().to_string();
        ControllerError { place, source }
    }

    /// Its socket, for a gateway's `adapter = "unix:…"`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives an advertisement to the antenna.
    pub fn deliver(&self, line: &AirLine, sender: Sender) {
        // Broken hexadecimal is an empty advertisement: a radio gives bytes, whatever they are.
        let ad = hex::decode(&line.ad_hex).unwrap_or_default();
        let mut address = [0; 6];
        for (byte, text) in address.iter_mut().zip(line.address.split(':')) {
            *byte = u8::from_str_radix(text, 16).unwrap_or_default();
        }
        let mut state = lock(&self.state);
        let reports = state.mind.hear(Instant::now(), address, line.rssi_dbm, &ad);
        let last = reports.len().saturating_sub(1);
        for (place, report) in reports.into_iter().enumerate() {
            state.tell(&report, (place == last).then_some(sender));
        }
    }

    /// Whether a host has it scan.
    pub fn scans(&self) -> bool {
        lock(&self.state).mind.scans()
    }

    /// Whether a host has it filter duplicates.
    pub fn filters(&self) -> bool {
        lock(&self.state).mind.filters()
    }

    /// The commands that it was given, by code.
    pub fn commands(&self) -> Vec<u16> {
        lock(&self.state).mind.commands.clone()
    }

    /// Those that it was given and does not know.
    pub fn unknown_commands(&self) -> Vec<u16> {
        lock(&self.state).mind.unknown.iter().copied().collect()
    }

    /// The parameters of the last scan.
    pub fn parameters(&self) -> Vec<u8> {
        lock(&self.state).mind.parameters.clone()
    }

    /// Advertisements per sender that a host was told of.
    pub fn heard(&self) -> BTreeMap<u64, u64> {
        lock(&self.state).heard.clone()
    }

    /// Advertisements that a host was told of, strangers' too.
    pub fn reported_total(&self) -> u64 {
        lock(&self.state).reported_total
    }

    /// Advertisements that a host was too slow for.
    pub fn lost_total(&self) -> u64 {
        lock(&self.state).lost_total
    }

    /// It says nothing of the air until it is reset; commands still succeed.
    pub fn hang(&self) {
        lock(&self.state).mind.hang();
    }

    /// Something arrives at every host as if the controller had sent it.
    pub fn say(&self, packet: &[u8]) {
        lock(&self.state).tell(packet, None);
    }

    /// Somebody else on this machine gives a command; all hosts see the answer.
    pub fn command(&self, packet: &[u8]) {
        let mut state = lock(&self.state);
        if let Some(answer) = state.mind.command(Instant::now(), packet) {
            state.tell(&answer, None);
        }
    }

    /// It is pulled out; a scan does not survive that.
    pub fn unplug(&self) {
        if let Some(service) = lock(&self.service).take() {
            service.abort();
        }
        let mut state = lock(&self.state);
        state.hosts.clear();
        state.mind.command(Instant::now(), &[1, 0x03, 0x0c, 0]);
        // It may be gone already.
        let _ = std::fs::remove_file(&self.path);
    }

    /// It is put back.
    pub fn plug_in(&self) -> Result<(), ControllerError> {
        let listener = link::listen(&self.path).map_err(|e| self.error(e))?;
        let state = self.state.clone();
        let serve_all = async move {
            // Dropped with this task, and all hosts with it.
            let mut hosts = JoinSet::new();
            loop {
                tokio::select! {
                    host = Link::accept(&listener) => match host {
                        Ok(link) => { hosts.spawn(serve(link, state.clone())); }
                        Err(error) => tracing::warn!(%error, "accept a host"),
                    },
                    Some(_) = hosts.join_next() => {}
                }
            }
        };
        *lock(&self.service) = Some(tokio::spawn(serve_all));
        Ok(())
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        if let Some(service) = lock(&self.service).take() {
            service.abort();
        }
    }
}

impl State {
    /// Queues a packet for every host; an advertisement counts when the first of them has it.
    fn tell(&mut self, packet: &[u8], advertisement: Option<Sender>) {
        self.hosts.retain(|host| !host.is_closed());
        for (place, host) in self.hosts.iter().enumerate() {
            let outgoing = Outgoing {
                packet: packet.to_vec(),
                advertisement: advertisement.filter(|_| place == 0),
            };
            let lost = host.try_send(outgoing).is_err();
            self.lost_total += u64::from(lost && place == 0 && advertisement.is_some());
        }
    }

    fn written(&mut self, advertisement: Option<Sender>) {
        let Some(sender) = advertisement else { return };
        self.reported_total += 1;
        if let Some(sender) = sender {
            *self.heard.entry(sender).or_default() += 1;
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One host, until it goes.
async fn serve(link: Link, state: Arc<Mutex<State>>) {
    let (host, mut outgoing) = mpsc::channel(LINES_WAITING_MAX);
    lock(&state).hosts.push(host);
    let read = async {
        let mut packet = [0; 1_024];
        loop {
            let len = match link.read(&mut packet).await {
                Ok(0) | Err(_) => return,
                Ok(len) => len,
            };
            let mut state = lock(&state);
            if let Some(answer) = state.mind.command(Instant::now(), &packet[..len]) {
                state.tell(&answer, None);
            }
        }
    };
    let write = async {
        while let Some(Outgoing {
            packet,
            advertisement,
        }) = outgoing.recv().await
        {
            match link.write(&packet).await {
                Ok(()) => lock(&state).written(advertisement),
                // The kernel takes nothing for an adapter that is off, which stays where it is.
                Err(error) if Errno::from_io_error(&error) == Some(Errno::NXIO) => {}
                Err(_) => return,
            }
        }
    };
    tokio::select! {
        () = read => {}
        () = write => {}
    }
}
