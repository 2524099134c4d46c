//! A simulated gateway's line over a real broker (mosquitto), with a stand-in server behind it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; clippy's own exception covers test functions alone"
)]

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use firmware_sim::{
    load::{
        link::{Link, MonoClock},
        measure::Measures,
    },
    provision::GatewayCredentials,
};
use protocol::{
    Ranges, Topic,
    message::{Ack, Batch, Status, VERSION, to_json},
    topic::{Channel, SIGHTINGS_FILTER, STATUS_FILTER},
};
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions, mqttbytes::QoS};
use tokio::sync::watch;

struct Broker {
    process: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn broker() -> Broker {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("mosquitto.conf");
    std::fs::write(
        &config,
        format!("listener {port} 127.0.0.1\nallow_anonymous true\n"),
    )
    .unwrap();
    let process = Command::new("mosquitto")
        .arg("-c")
        .arg(&config)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let up = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), up)
        .await
        .unwrap();
    Broker {
        process,
        port,
        _dir: dir,
    }
}

/// Answers every status; acknowledges every batch whose number is not `refused`.
async fn stand_in_server(port: u16, refused: u64) {
    let (client, mut events) = AsyncClient::new(MqttOptions::new("server", "127.0.0.1", port), 100);
    let mut applied = Ranges::new();
    while let Ok(event) = events.poll().await {
        match event {
            Event::Incoming(Incoming::ConnAck(_)) => {
                client
                    .try_subscribe(STATUS_FILTER, QoS::AtLeastOnce)
                    .unwrap();
                client
                    .try_subscribe(SIGHTINGS_FILTER, QoS::AtLeastOnce)
                    .unwrap();
            }
            Event::Incoming(Incoming::Publish(publish)) => {
                let topic: Topic = std::str::from_utf8(&publish.topic)
                    .unwrap()
                    .parse()
                    .unwrap();
                let (boot, echo_mono_ms) = if topic.channel == Channel::Status {
                    let status = Status::from_json(&publish.payload).unwrap();
                    (status.boot, Some(status.sent_mono_ms))
                } else {
                    let batch = Batch::from_json(&publish.payload).unwrap();
                    if batch.seq != refused {
                        applied.insert(batch.seq);
                    }
                    (batch.boot, None)
                };
                let (server_ms, applied) = (1_800_000_000_000, applied.clone());
                let ack = Ack {
                    v: VERSION,
                    server_ms,
                    echo_mono_ms,
                    boot,
                    applied,
                };
                let topic = Topic::new(&topic.store, &topic.gateway, Channel::Ack).to_string();
                client
                    .try_publish(topic, QoS::AtLeastOnce, false, to_json(&ack))
                    .unwrap();
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn only_the_servers_acknowledgement_ends_a_batch() {
    let broker = broker().await;
    tokio::spawn(stand_in_server(broker.port, 3));
    let measures = Arc::new(Measures::new());
    let credentials = GatewayCredentials {
        gateway: "g-0".parse().unwrap(),
        mqtt_username: "u".into(),
        mqtt_password: "p".into(),
        mqtt_host: "127.0.0.1".into(),
        mqtt_port: broker.port,
    };
    let store: protocol::StoreId = "load-0".parse().unwrap();
    let mono = MonoClock::start();
    let link = Arc::new(Link::new(
        store.clone(),
        credentials,
        None,
        mono,
        measures.clone(),
    ));
    let (_stop, stopped) = watch::channel(false);
    let running = link.clone();
    tokio::spawn(async move { running.run(stopped).await });

    let began = Instant::now();
    let mut clock = link.clock();
    // The status is sent once a connection: the stand-in may subscribe after it, and then sees
    // it all the same, since it is retained.
    let known = tokio::time::timeout(Duration::from_secs(10), clock.wait_for(Option::is_some));
    assert_eq!(
        known.await.unwrap().unwrap().unwrap().server_ms,
        1_800_000_000_000
    );
    for seq in 1..=5 {
        let batch = Batch {
            v: VERSION,
            store: store.clone(),
            gateway: link.gateway().clone(),
            boot: link.boot,
            seq,
            clock: None,
            sightings: Vec::new(),
        };
        link.offer(seq, Instant::now(), 10, to_json(&batch));
    }
    let applied = async {
        while measures.totals().1 < 40 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), applied)
        .await
        .unwrap();
    let report = measures.report(began, began.elapsed(), None);
    assert_eq!(
        (
            report.sightings_offered,
            report.sightings_applied,
            report.lost
        ),
        (50, 40, 10)
    );
    assert!(report.publish_to_commit_ms.is_some());
}
