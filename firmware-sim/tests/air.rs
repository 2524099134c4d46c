//! The world's air against a gateway that only reads.

use std::time::Duration;

use firmware_sim::{
    air::{Air, AirServer},
    shopper::Scenario,
    world::{Progress, World},
};
use protocol::{Transmitter, air::decode, sim::AirLine};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::watch,
};

#[tokio::test]
async fn the_truth_counts_what_the_gateway_read_and_nothing_else() {
    let air = AirServer::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(air.address()).await.unwrap();
    stream
        .write_all(b"{\"v\":1,\"anchor\":\"door\"}\n")
        .await
        .unwrap();
    let wait = async {
        while air.connected() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait)
        .await
        .unwrap();
    let reading = tokio::spawn(async move {
        let (mut lines, mut people) = (BufReader::new(stream).lines(), 0);
        while let Ok(Some(line)) = lines.next_line().await {
            let line: AirLine = serde_json::from_str(&line).unwrap();
            let frame = decode(&hex::decode(line.ad_hex).unwrap()).unwrap();
            people += u64::from(matches!(frame.transmitter(), Some(Transmitter::Eid(_))));
        }
        people
    });
    let mut scenario = Scenario::new("kade-9".parse().unwrap(), 4_000, "t");
    scenario.strangers = 0;
    let (_ask, shutdown) = watch::channel(false);
    let progress = |_: &Progress| {};
    let truth = World::new(scenario, 7)
        .run_air_alone(&air, shutdown, progress)
        .await;
    drop(air);
    let read = reading.await.unwrap();
    let heard: u64 = truth.heard.iter().map(|heard| heard.count).sum();
    // The last line may be on its way at the moment of the count.
    assert!(
        heard > 20 && read - heard <= 1,
        "{heard} in the truth, {read} read"
    );
    let run = truth.run.unwrap();
    assert!((4_000..4_500).contains(&(run.ended_ms - run.started_ms)));
}
