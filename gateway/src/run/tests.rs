use std::path::Path;

use protocol::{Eid, Frame, air, message::to_json, sim::AirLine};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::spool::segment::{decode_record, scan};

const PHONES: u8 = 30;
const ROUNDS: u64 = 40;

/// A store's air: what so many phones advertise, all in one go.
fn air_lines() -> Vec<u8> {
    let mut lines = Vec::new();
    for phone in (0..ROUNDS).flat_map(|_| 0..PHONES) {
        let frame = Frame::Welkom {
            eid: Eid([phone; 8]),
            tx_power_dbm: -59,
        };
        lines.extend(to_json(&AirLine {
            address: "c0:ff:ee:00:00:01".into(),
            rssi_dbm: -60,
            ad_hex: hex::encode(air::encode(&frame)),
        }));
        lines.push(b'\n');
    }
    lines
}

fn config(air: &TcpListener, dir: &Path) -> Config {
    let air = air.local_addr().unwrap();
    // Port 9 of this machine (discard): nobody is there, as if the broker was away.
    let text = format!(
        "store = \"kade-9\"\ngateway = \"door\"\n\
         [source]\nkind = \"sim\"\nconnect = \"{air}\"\n\
         [spool]\ndir = \"spool\"\n[seal]\nplain = true\n[mqtt]\nhost = \"127.0.0.1\"\nport = 9\n"
    );
    Config::parse(&text, &dir.join("gateway.toml")).unwrap()
}

/// Sends everything, closes, and returns once the gateway came back for more: by then it has
/// read all of it. With what it came back over: as long as that is kept, it does not come again.
async fn play(air: &TcpListener) -> TcpStream {
    let (mut stream, _) = air.accept().await.unwrap();
    stream.write_all(&air_lines()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut hello = Vec::new();
    stream.read_to_end(&mut hello).await.unwrap();
    air.accept().await.unwrap().0
}

/// The sum of all counts in all segments, and how many boots there are.
fn on_disk(dir: &Path) -> (u64, usize) {
    let boots: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    let mut sum = 0;
    for file in boots
        .iter()
        .flat_map(|boot| std::fs::read_dir(boot).unwrap())
    {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for record in scan(&bytes).unwrap().records {
            let (_, body) = decode_record(&bytes, record.offset as usize).unwrap();
            let sightings: Vec<Sighting> = serde_json::from_slice(body).unwrap();
            sum += sightings.iter().map(|s| u64::from(s.count)).sum::<u64>();
        }
    }
    (sum, boots.len())
}

#[tokio::test]
async fn without_a_broker_all_that_was_heard_is_on_disk_after_a_stop_and_after_another_life() {
    let dir = tempfile::tempdir().unwrap();
    let air = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for life in 1..=2 {
        let (stop, shutdown) = watch::channel(false);
        let gateway = tokio::spawn(run(config(&air, dir.path()), shutdown));
        play(&air).await;
        stop.send_replace(true);
        gateway.await.unwrap().unwrap();
        let heard = u64::from(PHONES) * ROUNDS;
        let boots = usize::try_from(life).unwrap();
        assert_eq!(on_disk(&dir.path().join("spool")), (life * heard, boots));
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_quiet_air_to_speak() {
    let dir = tempfile::tempdir().unwrap();
    let air = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (stop, shutdown) = watch::channel(false);
    let gateway = tokio::spawn(run(config(&air, dir.path()), shutdown));
    let _quiet = air.accept().await.unwrap();
    stop.send_replace(true);
    let ended = tokio::time::timeout(Duration::from_secs(10), gateway).await;
    ended.unwrap().unwrap().unwrap();
}

/// A night: no server, nothing to hear, nothing to write.
#[tokio::test]
async fn each_part_says_that_it_is_there_while_nothing_happens() {
    let dir = tempfile::tempdir().unwrap();
    let air = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = config(&air, dir.path());
    let counts = Counters::default();
    let address = Address {
        store: config.store.clone(),
        gateway: config.gateway.clone(),
    };
    let spool = Spool::open(spool_options(&config).unwrap(), Seal::Plain).unwrap();
    let spool = SpoolHandle::start(spool, address.clone(), counts.clone()).unwrap();
    let settings = Settings::open(&config, &counts);
    let (beacons, mqtt) = (Beacons::default(), config.mqtt.clone());
    let uplink = Uplink::new(
        mqtt,
        address,
        spool.clone(),
        beacons.clone(),
        None,
        settings.clone(),
        counts.clone(),
    );
    let (_stay, goodbye) = watch::channel(false);
    let uplink = tokio::spawn(uplink.run(goodbye));
    let ears = Ears::new(settings, beacons, spool, counts.clone());
    let (_go_on, shutdown) = watch::channel(false);
    let ears = tokio::spawn(ears.listen(shutdown));
    let _quiet = air.accept().await.unwrap();
    // All have come round once by now, and have nothing more to do.
    sleep(Duration::from_millis(200)).await;
    counts.alive().begin(Monotonic(1));
    let all_are_there = async {
        while counts
            .alive()
            .still(Monotonic(2 + alive::STILL_MS))
            .is_some()
        {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(3 * BEAT_EVERY, all_are_there).await;
    let still = counts.alive().still(Monotonic(2 + alive::STILL_MS));
    assert!(waited.is_ok(), "{still:?} said nothing");
    ears.abort();
    uplink.abort();
}

/// An antenna, its spool and its settings, with nobody to send to.
struct Bench {
    settings: Settings,
    spool: SpoolHandle,
    stop: watch::Sender<bool>,
    ears: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Bench {
    fn start(config: &Config) -> Self {
        let counts = Counters::default();
        let address = Address {
            store: config.store.clone(),
            gateway: config.gateway.clone(),
        };
        let spool = Spool::open(spool_options(config).unwrap(), Seal::Plain).unwrap();
        let spool = SpoolHandle::start(spool, address, counts.clone()).unwrap();
        let settings = Settings::open(config, &counts);
        let ears = Ears::new(settings.clone(), Beacons::default(), spool.clone(), counts);
        let (stop, shutdown) = watch::channel(false);
        Self {
            settings,
            spool,
            stop,
            ears: tokio::spawn(ears.listen(shutdown)),
        }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        self.ears.await.unwrap().unwrap();
        self.spool.close().await.unwrap();
    }
}

fn sim(air: &TcpListener) -> SourceConfig {
    SourceConfig::Sim {
        connect: air.local_addr().unwrap().to_string(),
    }
}

/// Fails where something would be waited for in vain.
async fn in_time(test: impl Future<Output = ()>) {
    let ended = tokio::time::timeout(Duration::from_secs(60), test).await;
    assert!(ended.is_ok(), "waited in vain");
}

#[tokio::test]
async fn another_radio_that_is_heard_is_kept_and_nothing_of_the_one_before_is_lost() {
    in_time(async {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        );
        let bench = Bench::start(&config(&one, dir.path()));
        let _quiet = play(&one).await;
        // Its windows are open still.
        bench.settings.try_source(&sim(&other), 600_000);
        let mut changes = bench.settings.changes();
        let _quiet_too = play(&other).await;
        while bench.settings.state().unwrap().trying.is_some() {
            changes.changed().await.unwrap();
        }
        assert_eq!(bench.settings.config().source, sim(&other));
        bench.stop().await;
        let heard = 2 * u64::from(PHONES) * ROUNDS;
        assert_eq!(on_disk(&dir.path().join("spool")), (heard, 1));
    })
    .await;
}

#[tokio::test]
async fn a_radio_that_hears_nothing_makes_room_for_the_one_before() {
    in_time(async {
        let dir = tempfile::tempdir().unwrap();
        let (one, deaf) = (
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        );
        let bench = Bench::start(&config(&one, dir.path()));
        let _quiet = play(&one).await;
        bench.settings.try_source(&sim(&deaf), 1);
        let _deaf = deaf.accept().await.unwrap();
        // It comes back to the one that is heard.
        play(&one).await;
        assert_eq!(bench.settings.config().source, sim(&one));
        let refused = bench.settings.state().unwrap().refused.unwrap();
        let why = protocol::settings::Why::HeardNothing { minutes: 1 };
        assert_eq!(refused.why, why);
        bench.stop().await;
        let heard = 2 * u64::from(PHONES) * ROUNDS;
        assert_eq!(on_disk(&dir.path().join("spool")), (heard, 1));
    })
    .await;
}

#[tokio::test]
async fn a_radio_that_ends_makes_room_and_does_not_end_the_gateway() {
    in_time(async {
        let dir = tempfile::tempdir().unwrap();
        let one = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bench = Bench::start(&config(&one, dir.path()));
        let _quiet = play(&one).await;
        let nothing = SourceConfig::Replay {
            file: "/nowhere".into(),
            speed: 1.0,
        };
        bench.settings.try_source(&nothing, 600_000);
        play(&one).await;
        let refused = bench.settings.state().unwrap().refused.unwrap();
        assert!(
            refused.why.to_string().contains("/nowhere"),
            "{}",
            refused.why
        );
        bench.stop().await;
    })
    .await;
}
