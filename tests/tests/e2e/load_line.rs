//! The load generator's own line, judged over a broker that is not ours, with a stand-in server
//! behind it that refuses one batch: figures that the generator states rest on it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use demo::stack::until;
use e2e::{
    harness::{Tool, test},
    mosquitto::Mosquitto,
};
use firmware_sim::{
    load::{
        link::{Link, MonoClock},
        measure::Measures,
    },
    provision::GatewayCredentials,
};
use libtest_mimic::Trial;
use protocol::{
    Ranges, Topic,
    message::{Ack, Batch, Status, VERSION, to_json},
    topic::{Channel, SIGHTINGS_FILTER, STATUS_FILTER},
};
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions, mqttbytes::QoS};
use tokio::sync::watch;

const SERVER_MS: u64 = 1_800_000_000_000;

pub(crate) fn tests() -> Vec<Trial> {
    vec![test(
        "load_counts_as_applied_only_what_the_server_acknowledged",
        &[Tool::Mosquitto],
        only_the_servers_acknowledgement_ends_a_batch,
    )]
}

/// Answers every status; acknowledges every batch whose number is not `refused`.
async fn stand_in_server(port: u16, refused: u64) -> anyhow::Result<()> {
    let (client, mut events) = AsyncClient::new(MqttOptions::new("server", "127.0.0.1", port), 100);
    let mut applied = Ranges::new();
    while let Ok(event) = events.poll().await {
        match event {
            Event::Incoming(Incoming::ConnAck(_)) => {
                client.try_subscribe(STATUS_FILTER, QoS::AtLeastOnce)?;
                client.try_subscribe(SIGHTINGS_FILTER, QoS::AtLeastOnce)?;
            }
            Event::Incoming(Incoming::Publish(publish)) => {
                let topic: Topic = std::str::from_utf8(&publish.topic)?.parse()?;
                let (boot, echo_mono_ms) = if topic.channel == Channel::Status {
                    let status = Status::from_json(&publish.payload)?;
                    (status.boot, Some(status.sent_mono_ms))
                } else {
                    let batch = Batch::from_json(&publish.payload)?;
                    if batch.seq != refused {
                        applied.insert(batch.seq);
                    }
                    (batch.boot, None)
                };
                let (server_ms, applied) = (SERVER_MS, applied.clone());
                let ack = Ack {
                    v: VERSION,
                    server_ms,
                    echo_mono_ms,
                    boot,
                    applied,
                    held: Ranges::new(),
                    again: false,
                };
                let topic = Topic::new(&topic.store, &topic.gateway, Channel::Ack).to_string();
                client.try_publish(topic, QoS::AtLeastOnce, false, to_json(&ack))?;
            }
            _ => {}
        }
    }
    Ok(())
}

async fn only_the_servers_acknowledgement_ends_a_batch() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let broker = Mosquitto::start(folder.path()).await?;
    tokio::spawn(stand_in_server(broker.port, 3));
    let measures = Arc::new(Measures::new());
    let credentials = GatewayCredentials {
        gateway: "g-0".parse()?,
        mqtt_username: "u".into(),
        mqtt_password: "p".into(),
        mqtt_host: "127.0.0.1".into(),
        mqtt_port: broker.port,
        seal_trust: String::new(),
        seal_key: String::new(),
    };
    let store: protocol::StoreId = "load-0".parse()?;
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
    let known = clock.wait_for(Option::is_some);
    let known = tokio::time::timeout(Duration::from_secs(10), known).await;
    let anchor = (*known.context("no answer to the status")??).context("no anchor")?;
    anyhow::ensure!(anchor.server_ms == SERVER_MS, "{anchor:?}");
    for seq in 1..=5 {
        let batch = Batch {
            v: VERSION,
            store: store.clone(),
            gateway: link.gateway().clone(),
            boot: link.boot,
            seq,
            clock: None,
            sightings: Vec::new(),
            sealed: None,
        };
        link.offer(seq, Instant::now(), 10, to_json(&batch));
    }
    until("four batches to be acknowledged", async || {
        Ok(measures.totals().1 >= 40)
    })
    .await?;
    let report = measures.report(began, began.elapsed(), None);
    let counted = (
        report.sightings_offered,
        report.sightings_applied,
        report.lost,
    );
    anyhow::ensure!(counted == (50, 40, 10), "{counted:?}");
    anyhow::ensure!(report.publish_to_commit_ms.is_some(), "nothing was timed");
    Ok(())
}
