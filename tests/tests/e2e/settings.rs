//! Settings that the server tells gateways: taken, acknowledged, kept over restarts, refused.

use std::process::Command;

use anyhow::Context;
use demo::stack::{Options, Radio, until};
use e2e::{
    harness::test,
    rig::{Rig, program},
};
use firmware_sim::{
    http::Nothing,
    plan::{AnchorKind, Plan},
};
use libtest_mimic::Trial;
use protocol::{AnchorId, Frame, air, sim::AirLine};
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

/// Of beacons that the shop hangs up later.
const NEW_UUID: Uuid = uuid!("0d1b4a7e-9a55-4c0f-8e2b-7a015f2d9c4e");

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "settings_of_the_server_are_taken_acknowledged_and_kept_over_restarts",
            &[],
            taken,
        ),
        test(
            "settings_that_name_no_adapter_are_refused_and_hearing_goes_on",
            &[],
            no_adapter,
        ),
    ]
}

fn path(rig: &Rig) -> String {
    format!("/v1/stores/{}/gateways/settings", rig.stack.store)
}

async fn put(rig: &Rig, path: &str, settings: &Value) -> anyhow::Result<Value> {
    Ok(rig.stack.api.put(path, settings).await?)
}

/// Waits until a gateway says so, and gives back all that is known of it.
async fn until_progress(rig: &Rig, gateway: usize, progress: &str) -> anyhow::Result<Value> {
    let mut last = Value::Null;
    let what = format!("gateway {gateway} to be {progress}");
    let waited = until(&what, async || {
        let all: Value = rig.stack.api.get(&path(rig)).await?;
        last = all["gateways"][gateway].clone();
        Ok(last["progress"] == progress)
    });
    waited.await.with_context(|| format!("{last:#}"))?;
    Ok(last)
}

fn beacon(frame: &Frame) -> AirLine {
    AirLine {
        address: "c0:ff:ee:00:00:01".into(),
        rssi_dbm: -60,
        ad_hex: hex::encode(air::encode(frame)),
    }
}

/// One of the store's shelf beacons, and a beacon of the new kind at the same place.
async fn hang_up(rig: &Rig) -> anyhow::Result<(Frame, Frame)> {
    let plan = Plan::kade_9();
    let mut frames = plan.anchors.iter().filter_map(|anchor| match anchor.kind {
        AnchorKind::Beacon(frame) => Some(frame),
        AnchorKind::Gateway(_) => None,
    });
    let old = frames.next().context("a shelf beacon")?;
    let new = Frame::IBeacon {
        uuid: NEW_UUID,
        major: 1,
        minor: 1,
        tx_power_dbm: -59,
    };
    let body = json!({
        "kind": "beacon", "transmitter": new.transmitter(), "zone": "lampen",
        "enter_rssi_dbm": -85,
    });
    let path = format!("/v1/stores/{}/anchors/later", rig.stack.store);
    let _: Nothing = rig.stack.api.put(&path, &body).await?;
    Ok((old, new))
}

/// Whether a gateway heard a beacon, as the server knows it.
async fn is_heard(rig: &Rig, frame: &Frame) -> anyhow::Result<bool> {
    let path = format!("/v1/stores/{}/beacons", rig.stack.store);
    let page: Value = rig.stack.api.get(&path).await?;
    let all = page["items"].as_array().context("beacons")?;
    let transmitter = json!(frame.transmitter());
    let row = all.iter().find(|b| b["transmitter"] == transmitter);
    Ok(!row.context("this beacon")?["last_heard_ms"].is_null())
}

/// What the doctor says of the settings of a gateway that does not run.
fn doctor(rig: &Rig, gateway: &str) -> anyhow::Result<Vec<String>> {
    let config = rig.stack.dir.join(format!("gateway-{gateway}.toml"));
    let said = Command::new(program()?)
        .args(["part-gateway", "doctor", "--json", "--config"])
        .arg(config)
        .output()
        .context("ask the doctor")?;
    let report: Value = serde_json::from_slice(&said.stdout)?;
    let findings = report["findings"].as_array().context("findings")?;
    let of_settings = findings.iter().filter(|f| f["check"] == "settings");
    let what = of_settings.filter_map(|f| f["what"].as_str().map(str::to_owned));
    Ok(what.collect())
}

async fn taken() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let (old, new) = hang_up(&rig).await?;
    let mut rig = rig.with_gateways().await?;
    until_progress(&rig, 0, "of_the_file").await?;

    let mut settings = json!({
        "chain_uuids": [NEW_UUID], "aggregate": { "window_ms": 300 },
    });
    let said = put(&rig, &path(&rig), &settings).await?;
    anyhow::ensure!(said["version"] == 1, "{said:#}");
    for gateway in 0..rig.credentials.len() {
        let row = until_progress(&rig, gateway, "in_force").await?;
        anyhow::ensure!(row["version_in_force"] == 1, "{row:#}");
        anyhow::ensure!(row["since_ms"].is_u64(), "{row:#}");
    }

    // What is heard goes out with a status, and each version makes a gateway say one.
    let door: AnchorId = "door".parse()?;
    let mut window_ms = 300;
    until("the beacon of the new kind to be heard", async || {
        rig.air.deliver(&door, &beacon(&old), None);
        rig.air.deliver(&door, &beacon(&new), None);
        window_ms += 1;
        settings["aggregate"]["window_ms"] = json!(window_ms);
        put(&rig, &path(&rig), &settings).await?;
        for gateway in 0..rig.credentials.len() {
            until_progress(&rig, gateway, "in_force").await?;
        }
        is_heard(&rig, &new).await
    })
    .await?;
    anyhow::ensure!(!is_heard(&rig, &old).await?, "the removed UUID was heard");

    // Power and server go; what was acknowledged is on the gateway's disk.
    let all: Value = rig.stack.api.get(&path(&rig)).await?;
    let version = &all["gateways"][1]["version_in_force"];
    for gateway in &mut rig.gateways {
        gateway.kill()?;
    }
    let said = doctor(&rig, "door")?;
    let wanted = format!("With version {version} of the server's settings in force.");
    anyhow::ensure!(said.contains(&wanted), "{said:#?}");
    rig.stack.stop().await?;
    rig.stack.restart().await?;
    rig.gateways.clear();
    let rig = rig.with_gateways().await?;
    let row = until_progress(&rig, 1, "in_force").await?;
    anyhow::ensure!(row["version_in_force"] == *version, "{row:#}");
    let said = put(&rig, &path(&rig), &json!({})).await?;
    for gateway in 0..rig.credentials.len() {
        let row = until_progress(&rig, gateway, "in_force").await?;
        anyhow::ensure!(row["version_in_force"] == said["version"], "{row:#}");
    }
    let warnings = rig.warnings()?;
    let about_it = |line: &&String| line.contains("settings");
    anyhow::ensure!(!warnings.iter().any(|l| about_it(&l)), "{warnings:#?}");
    Ok(())
}

async fn no_adapter() -> anyhow::Result<()> {
    let rig = Rig::start_on(Radio::Hci, &program()?, Options::default()).await?;
    let (old, _) = hang_up(&rig).await?;
    let rig = rig.with_gateways().await?;
    let own = format!("/v1/stores/{}/gateways/door/settings", rig.stack.store);
    let settings = json!({ "source": { "kind": "hci", "adapters": ["hci77"] } });
    put(&rig, &own, &settings).await?;
    let row = until_progress(&rig, 1, "refused").await?;
    anyhow::ensure!(row["refused"]["why"] == "no_adapter", "{row:#}");
    anyhow::ensure!(row["version_in_force"].is_null(), "{row:#}");
    anyhow::ensure!(row["wanted_version"] == 1, "{row:#}");
    let other = until_progress(&rig, 0, "of_the_file").await?;
    anyhow::ensure!(other["refused"].is_null(), "{other:#}");

    // Its radio was never let go; what can be taken is taken.
    let (door, mut window_ms) = ("door".parse()?, 300);
    until("the beacon to be heard", async || {
        rig.air.deliver(&door, &beacon(&old), None);
        window_ms += 1;
        let settings = json!({ "aggregate": { "window_ms": window_ms } });
        put(&rig, &own, &settings).await?;
        until_progress(&rig, 1, "in_force").await?;
        is_heard(&rig, &old).await
    })
    .await?;
    let row = until_progress(&rig, 1, "in_force").await?;
    anyhow::ensure!(row["refused"].is_null(), "{row:#}");
    Ok(())
}
