//! The source against a controller that is played by hand. What a whole one does to it stands in
//! the end-to-end tests.

use std::{
    os::unix::net::{UnixDatagram as StdDatagram, UnixListener as StdListener},
    path::Path,
    time::Duration,
};

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen as listen_on, socket_with,
};
use tokio::{
    net::{UnixDatagram, UnixListener},
    time::timeout,
};

use super::{super::SourceError, *};
use crate::{config::SourceConfig, source::Source};

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(20);

/// Plays a controller: one host, whose commands are read and answered by hand.
struct Controller {
    listener: UnixListener,
    host: Option<UnixDatagram>,
}

impl Controller {
    fn at(path: &Path) -> Self {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        bind(&fd, &SocketAddrUnix::new(path).unwrap()).unwrap();
        listen_on(&fd, 1).unwrap();
        let listener = UnixListener::from_std(StdListener::from(fd)).unwrap();
        Self {
            listener,
            host: None,
        }
    }

    async fn host(&mut self) -> &UnixDatagram {
        if self.host.is_none() {
            let accepted = timeout(SOON, self.listener.accept()).await.unwrap();
            let stream = accepted.unwrap().0.into_std().unwrap();
            let fd = std::os::fd::OwnedFd::from(stream);
            self.host = Some(UnixDatagram::from_std(StdDatagram::from(fd)).unwrap());
        }
        self.host.as_ref().unwrap()
    }

    async fn command(&mut self) -> String {
        let mut packet = [0; 64];
        let read = timeout(SOON, self.host().await.recv(&mut packet)).await;
        hex::encode(&packet[..read.unwrap().unwrap()])
    }

    async fn say(&mut self, packet_hex: &str) {
        let packet = hex::decode(packet_hex.replace(' ', "")).unwrap();
        self.host().await.send(&packet).await.unwrap();
    }

    /// Answers what is asked until the scan is on.
    async fn until_it_scans(&mut self) -> Vec<String> {
        let mut commands: Vec<String> = Vec::new();
        loop {
            assert!(commands.len() < 8, "{commands:?}");
            let command = self.command().await;
            self.say(&format!("040e0401 {} 00", &command[2..6])).await;
            let is_on = command == "010c20020100";
            commands.push(command);
            if is_on {
                return commands;
            }
        }
    }
}

fn source(paths: &[&Path]) -> (Source, Counters) {
    let adapters = paths.iter().map(|path| HciAdapter::Unix((*path).into()));
    let config = HciConfig {
        adapters: adapters.collect(),
        silence_ms: 600_000,
    };
    let counts = Counters::default();
    let anchor = "door".parse().unwrap();
    let source = Source::start(&SourceConfig::Hci(config), anchor, counts.clone());
    (source, counts)
}

async fn next(source: &mut Source) -> (Vec<u8>, i8) {
    let advert = timeout(SOON, source.next()).await.unwrap().unwrap();
    (advert.ad.as_bytes().to_vec(), advert.rssi_dbm)
}

const REPORT: &str = "043e0f 0201 0301 0100000000c0 03 020106 c4";

#[tokio::test]
async fn a_controller_is_told_to_scan_heard_and_told_to_stop() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hci");
    let mut controller = Controller::at(&path);
    let (mut source, counts) = source(&[&path]);
    assert_eq!(
        controller.until_it_scans().await,
        [
            "01021000",
            "010c20020000",
            "010b200700600060000000",
            "010c20020100"
        ]
    );
    controller.say("04ff00").await;
    controller.say("043e0f 02").await;
    controller.say(REPORT).await;
    assert_eq!(next(&mut source).await, (vec![2, 1, 6], -60));
    assert_eq!(counts.bad_lines_total(), 1);
    source.stop().await.unwrap();
    assert_eq!(controller.command().await, "010c20020000");
}

#[tokio::test]
async fn one_that_goes_away_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hci");
    // It is not there at the start.
    let (mut source, _) = source(&[&path]);
    tokio::task::yield_now().await;
    let mut controller = Controller::at(&path);
    controller.until_it_scans().await;
    controller.host = None;
    controller.until_it_scans().await;
    controller.say(REPORT).await;
    assert_eq!(next(&mut source).await.1, -60);
}

#[tokio::test]
async fn two_radios_are_one_antenna_and_know_a_transmitter_by_the_same_key() {
    let dir = tempfile::tempdir().unwrap();
    let paths = [dir.path().join("a"), dir.path().join("b")];
    let mut controllers = [Controller::at(&paths[0]), Controller::at(&paths[1])];
    let (mut source, _) = source(&[&paths[0], &paths[1]]);
    let mut keys = Vec::new();
    for controller in &mut controllers {
        controller.until_it_scans().await;
        controller.say(REPORT).await;
        let advert = timeout(SOON, source.next()).await.unwrap().unwrap();
        keys.push(advert.radio);
    }
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test]
async fn a_scan_that_somebody_else_ends_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hci");
    let mut controller = Controller::at(&path);
    let (_source, _) = source(&[&path]);
    controller.until_it_scans().await;
    // The answer to a command that we did not give: LE Set Scan Enable.
    controller.say("040e0401 0c20 00").await;
    let again = controller.until_it_scans().await;
    assert_eq!(again[0], "010c20020000");
}

#[tokio::test]
async fn without_the_capabilities_it_ends_at_once_and_says_what_to_type() {
    if missing_capabilities().is_none() {
        // Run by root: then the words alone are looked at.
        let error = HciError::NotAllowed {
            adapter: HciAdapter::Kernel(0),
            missing: "CAP_NET_RAW".into(),
            program: "/usr/bin/welkom-gateway".into(),
        };
        return says_what_to_type(&error.to_string());
    }
    let config = HciConfig {
        adapters: vec![HciAdapter::Kernel(0)],
        silence_ms: 2_000,
    };
    let anchor = "door".parse().unwrap();
    let mut source = Source::start(&SourceConfig::Hci(config), anchor, Counters::default());
    assert!(timeout(SOON, source.next()).await.unwrap().is_none());
    match source.stop().await {
        Err(SourceError::Hci(error)) => says_what_to_type(&error.to_string()),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn says_what_to_type(text: &str) {
    for words in [
        "CAP_NET_RAW",
        "AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW",
        "setcap cap_net_admin,cap_net_raw+ep /",
        "btleplug",
    ] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn others_count_only_if_they_heard_lately() {
    let heard = Heard::new(2);
    let (me, other) = (heard.of(0), heard.of(1));
    me.at(Monotonic(90));
    assert!(!me.by_others_since(Monotonic(50)));
    other.at(Monotonic(60));
    assert!(me.by_others_since(Monotonic(50)));
    assert!(!me.by_others_since(Monotonic(60)));
}
