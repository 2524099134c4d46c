//! What a gateway says of itself on its own machine: to systemd, on the health page, to Prometheus.

use std::{ffi::OsStr, fs, os::unix::net::UnixDatagram, path::Path, time::Duration};

use anyhow::Context;
use demo::stack::{Options, until};
use e2e::{
    harness::test,
    person::{MESSAGES, person},
    rig::Rig,
};
use firmware_sim::phone::identity::Layout;
use libtest_mimic::Trial;
use protocol::{AnchorId, air::encode, sim::AirLine};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("signs_systemd_hears_ready_life_and_the_end", &[], systemd),
        test(
            "signs_page_and_metrics_say_how_it_does_and_not_who_was_there",
            &[],
            health,
        ),
    ]
}

fn said(socket: &UnixDatagram) -> anyhow::Result<String> {
    let mut words = [0; 256];
    let len = socket.recv(&mut words).context("hear of the gateway")?;
    Ok(String::from_utf8_lossy(&words[..len]).into_owned())
}

async fn systemd() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let path = rig.folder.path().join("notify");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    let env = [
        ("NOTIFY_SOCKET", path.as_os_str()),
        ("WATCHDOG_USEC", OsStr::new("300000")),
    ];
    let mut gateway = rig.stack.gateway_on(&rig.credentials[0], &*rig.air, &env)?;
    anyhow::ensure!(said(&socket)?.starts_with("READY=1"));
    for _ in 0..5 {
        anyhow::ensure!(said(&socket)? == "WATCHDOG=1");
    }
    tokio::task::spawn_blocking(move || gateway.stop()).await??;
    let mut last = said(&socket)?;
    while last == "WATCHDOG=1" {
        last = said(&socket)?;
    }
    anyhow::ensure!(last.starts_with("STOPPING=1"), "{last}");
    Ok(())
}

async fn get(port: u16, path: &str) -> anyhow::Result<String> {
    let answer = reqwest::get(format!("http://127.0.0.1:{port}{path}")).await?;
    Ok(answer.error_for_status()?.text().await?)
}

/// The settings of the gateway that runs, with a page.
fn with_page(config: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(config)?;
    fs::write(config, text + "\n[health]\nlisten = \"127.0.0.1:0\"\n")?;
    Ok(())
}

async fn health() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let anna = person(&rig.stack, "anna", MESSAGES).await?;
    let door = &rig.credentials[0];
    // Once, so that there are settings; then with a page.
    let mut gateway = rig.stack.gateway_on(door, &*rig.air, &[])?;
    tokio::task::spawn_blocking(move || gateway.stop()).await??;
    let config = rig.stack.dir.join(format!("gateway-{}.toml", door.gateway));
    with_page(&config)?;
    let log = rig.stack.dir.join("page.log");
    let args = [
        OsStr::new("run"),
        OsStr::new("--config"),
        config.as_os_str(),
    ];
    let program = e2e::rig::program()?;
    let _gateway = demo::process::Process::start(&program, "gateway", &args, &[], &log)?;
    rig.stack.gateways_ready(&*rig.air, 1).await?;

    let listens = || -> anyhow::Result<Option<u16>> {
        let log = fs::read_to_string(&log)?;
        let line = log
            .lines()
            .find(|line| line.contains("health page and metrics"));
        let port = line.and_then(|line| line.split("127.0.0.1:").nth(1));
        let digits = port.map(|port| port.chars().take_while(char::is_ascii_digit).collect());
        Ok(digits.and_then(|digits: String| digits.parse().ok()))
    };
    until("the page to be served", async || Ok(listens()?.is_some())).await?;
    let port = listens()?.context("it is served")?;

    let anchor: AnchorId = "door".parse()?;
    let now_ms = server::clock::now_ms();
    let frame = anna.identity.frame(Layout::Welkom, now_ms);
    let line = AirLine {
        address: "c0:ff:ee:00:00:01".into(),
        rssi_dbm: -60,
        ad_hex: hex::encode(encode(&frame)),
    };
    rig.air.deliver(&anchor, &line, Some(1));
    let mut metrics = String::new();
    until("the sighting to be counted and acknowledged", async || {
        metrics = get(port, "/metrics").await?;
        let stands = |line: &str| metrics.lines().any(|l| l == line);
        Ok(stands("welkom_gateway_sightings_total 1")
            && stands("welkom_gateway_sightings_waiting 0")
            && stands("welkom_gateway_server_answers 1"))
    })
    .await?;
    let page = get(port, "/").await?;
    anyhow::ensure!(page.contains("the server answers"), "{page}");
    let eid = hex::encode(anna.identity.eid(now_ms).0);
    let log = fs::read_to_string(&log)?;
    for (what, text) in [("metrics", &metrics), ("page", &page), ("log", &log)] {
        let text = text.to_lowercase();
        for secret in [
            "c0:ff:ee",
            "c0ffee",
            &eid,
            "anna",
            &door.mqtt_password.to_lowercase(),
        ] {
            anyhow::ensure!(!text.contains(secret), "{secret} is in the {what}:\n{text}");
        }
    }
    Ok(())
}
