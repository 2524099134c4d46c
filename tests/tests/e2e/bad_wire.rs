//! What nobody should send over MQTT or leave on a disk: refused or counted, and the next good
//! message works.

use std::{ffi::OsStr, fs, path::Path, process::Command};

use anyhow::Context;
use demo::{
    audit::Audit,
    stack::{Options, until},
};
use e2e::{
    hand::{Hand, Packet, Run},
    harness::test,
    person::{MESSAGES, agreed_an_hour_ago, person},
    rig::{Rig, program},
};
use libtest_mimic::Trial;
use protocol::{AnchorId, Topic, message::to_json, topic::Channel};
use serde_json::{Value, json};
use server::clock::now_ms;

use crate::bad_input::server_counts;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "strangers_and_impostors_get_nowhere_at_the_broker",
            &[],
            impostors_are_refused,
        ),
        test(
            "payloads_that_are_no_batch_are_counted_and_the_next_good_one_is_applied",
            &[],
            payloads_are_set_aside,
        ),
        test(
            "a_wrong_setting_is_named_with_file_line_and_key",
            &[],
            wrong_settings_are_named,
        ),
        test(
            "a_full_disk_delays_the_acknowledgement_and_loses_nothing",
            &[],
            full_disk_waits,
        ),
        test(
            "garbage_at_the_end_of_a_spool_is_cut_off_and_the_rest_delivered",
            &[],
            spool_garbage_is_cut,
        ),
    ]
}

async fn impostors_are_refused() -> anyhow::Result<()> {
    const BAD_USER_OR_PASSWORD: u8 = 0x86;
    const BAD_CLIENT_ID: u8 = 0x85;
    const NOT_AUTHORIZED: u8 = 0x87;
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let (door, back) = (&rig.credentials[0], &rig.credentials[1]);
    let broker = stack.ready.mqtt.context("the broker's address")?;
    let (user, password) = (door.mqtt_username.as_str(), door.mqtt_password.as_str());
    for (client, user, password, reason) in [
        ("kade-9.door", user, "wg_wrong", BAD_USER_OR_PASSWORD),
        (
            "kade-9.door",
            user,
            back.mqtt_password.as_str(),
            BAD_USER_OR_PASSWORD,
        ),
        ("kade-9.door", "kade-8/door", password, BAD_USER_OR_PASSWORD),
        ("kade-9.door", "", "", BAD_USER_OR_PASSWORD),
        (
            "welkom-server",
            "welkom-server",
            password,
            BAD_USER_OR_PASSWORD,
        ),
        ("kade-9.back", user, password, BAD_CLIENT_ID),
        ("welkom-server", user, password, BAD_CLIENT_ID),
    ] {
        let refused = Hand::connect_as(broker, client, user, password).await?;
        let got = refused.err();
        anyhow::ensure!(got == Some(reason), "{client} as {user:?}: {got:x?}");
    }
    let anna = person(stack, "anna", MESSAGES).await?;
    let mut run = Run::new(&stack.store, &back.gateway);
    let in_the_back = to_json(&run.batch(vec![anna.seen_at(&"back".parse()?, now_ms())]));
    let topic = |gateway: &str, channel: &str| {
        format!("welkom/v1/stores/kade-9/gateways/{gateway}/{channel}")
    };
    // Each may end the connection: that is the broker's choice. Nothing of it may be heard.
    for (topic, payload) in [
        (topic("back", "sightings"), in_the_back.as_slice()),
        (topic("door", "ack"), br#"{"v":1}"#),
        (topic("back", "config"), b"{}"),
        (
            "welkom/v1/stores/kade-8/gateways/door/sightings".to_owned(),
            b"{}",
        ),
        ("een/ander/onderwerp".to_owned(), b"{}"),
        ("$SYS/broker".to_owned(), b"{}"),
    ] {
        let mut hand = Hand::connect(&stack.store, door).await?;
        let reason = hand.publish(&topic, payload).await?;
        let refused = reason.is_none_or(|reason| reason >= 0x80);
        anyhow::ensure!(refused, "{topic}: {reason:x?}");
    }
    for filter in [
        "#",
        "welkom/v1/stores/kade-9/gateways/+/sightings",
        &topic("back", "ack"),
    ] {
        let mut hand = Hand::connect(&stack.store, door).await?;
        let reason = hand.subscribe(filter).await?;
        anyhow::ensure!(reason == NOT_AUTHORIZED, "{filter}: {reason:x}");
    }
    // The next good one works, and nothing of the rest has come through.
    let mut hand = Hand::connect(&stack.store, door).await?;
    let mut run = Run::new(&stack.store, &door.gateway);
    hand.deliver(&run.batch(vec![anna.seen_at(&"door".parse()?, now_ms())]))
        .await?;
    let counts = server_counts(&rig).await?;
    anyhow::ensure!(counts["batches_applied_total"] == 1, "{counts}");
    anyhow::ensure!(counts["sightings_applied_total"] == 1, "{counts}");
    anyhow::ensure!(counts["set_aside_total"] == 0, "{counts}");
    Ok(())
}

async fn payloads_are_set_aside() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let door = &rig.credentials[0];
    let anna = person(stack, "anna", MESSAGES).await?;
    let anchor: AnchorId = "door".parse()?;
    let mut run = Run::new(&stack.store, &door.gateway);
    let good = run.batch(vec![anna.seen_at(&anchor, now_ms())]);
    let good_json = to_json(&good);
    let changed = |change: &dyn Fn(&mut Value)| -> anyhow::Result<Vec<u8>> {
        let mut value: Value = serde_json::from_slice(&good_json)?;
        change(&mut value);
        Ok(to_json(&value))
    };
    let no_batches = [
        Vec::new(),
        b"geen json".to_vec(),
        good_json[..good_json.len() / 2].to_vec(),
        vec![0; 200_000],
        vec![b'['; 200_000],
        vec![b' '; 245 * 1024],
        changed(&|batch| batch["store"] = json!("kade-8"))?,
        changed(&|batch| batch["gateway"] = json!("back"))?,
        changed(&|batch| batch["v"] = json!(2))?,
        changed(&|batch| batch["seq"] = json!(0))?,
        changed(&|batch| batch["seq"] = json!(-1))?,
        changed(&|batch| batch["surprise"] = json!(1))?,
        changed(&|batch| batch["sightings"][0]["count"] = json!(0))?,
        changed(&|batch| batch["sightings"][0]["rssi_dbm_median"] = json!(-300))?,
        changed(&|batch| batch["sightings"][0]["heard_first_mono_ms"] = json!(u64::MAX))?,
    ];
    let topic = Topic::new(&stack.store, &door.gateway, Channel::Sightings).to_string();
    let mut hand = Hand::connect(&stack.store, door).await?;
    for payload in &no_batches {
        let reason = hand.publish(&topic, payload).await?;
        anyhow::ensure!(reason == Some(0), "the broker takes it: {reason:x?}");
    }
    // Larger than the broker reads, and one that ends halfway: the line is closed, no more.
    let huge = hand.publish(&topic, &vec![b' '; 2 * 1024 * 1024]).await?;
    anyhow::ensure!(huge.is_none_or(|reason| reason >= 0x80), "{huge:x?}");
    let mut hand = Hand::connect(&stack.store, door).await?;
    let half = hand.publish_bytes(&topic, &good_json);
    hand.send(&half[..half.len() / 2]).await?;
    drop(hand);
    let mut hand = Hand::connect(&stack.store, door).await?;
    hand.send(&[0xff; 64]).await?;
    while !matches!(hand.next().await?, None | Some(Packet::Disconnect(_))) {}

    // Good in form: another gateway's antenna, one of nobody, and times that cannot be.
    let mut hand = Hand::connect(&stack.store, door).await?;
    hand.deliver(&run.batch(vec![anna.seen_at(&"back".parse()?, now_ms())]))
        .await?;
    hand.deliver(&run.batch(vec![anna.seen_at(&"kelder".parse()?, now_ms())]))
        .await?;
    let mut never = anna.seen_at(&anchor, now_ms());
    never.heard_last_mono_ms = u64::MAX;
    hand.deliver(&run.batch(vec![never])).await?;
    hand.deliver(&good).await?;
    hand.deliver(&good).await?;
    let counts = server_counts(&rig).await?;
    anyhow::ensure!(counts["set_aside_total"] == no_batches.len(), "{counts}");
    anyhow::ensure!(counts["wrong_anchor_total"] == 2, "{counts}");
    anyhow::ensure!(counts["sightings_applied_total"] == 1, "{counts}");
    anyhow::ensure!(counts["batches_again_total"] == 1, "{counts}");
    anyhow::ensure!(Audit::open(&stack.database())?.sightings()?.len() == 1);
    Ok(())
}

async fn wrong_settings_are_named() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let said = |part: &str, text: &str| -> anyhow::Result<String> {
        let path = folder.path().join("wrong.toml");
        fs::write(&path, text)?;
        let args = [
            part.as_ref(),
            OsStr::new("run"),
            OsStr::new("--config"),
            path.as_os_str(),
        ];
        let output = Command::new(program()?).args(args).output()?;
        anyhow::ensure!(output.status.code() == Some(2), "{:?}", output.status);
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let server = "data_dir = \"d\"\n[http]\nlisten = \"127.0.0.1:0\"\ntsl = \"off\"\n\
                  [mqtt]\nlisten = \"127.0.0.1:0\"\n";
    let gateway = "store = \"kade-9\"\ngateway = \"door\"\n[source]\nkind = \"sim\"\n\
                   connect = \"127.0.0.1:1\"\n[spool]\ndir = \"s\"\n[mqtt]\nhots = \"h\"\n";
    let good = "host = \"h\"\nport = 1\nusername = \"u\"\npassword = \"p\"";
    for (part, text, line, key) in [
        ("part-server", server.to_owned(), 4, "tsl"),
        (
            "part-server",
            server.replace("tsl = \"off\"", "tls = \"given\""),
            4,
            "http.tls",
        ),
        (
            "part-server",
            server.replace("tsl = \"off\"\n", "tls = \"off\""),
            4,
            "",
        ),
        ("part-gateway", gateway.to_owned(), 9, "hots"),
        (
            "part-gateway",
            gateway
                .replace("kade-9", "Kade 9")
                .replace("hots = \"h\"", good),
            1,
            "store",
        ),
    ] {
        let words = said(part, &text)?;
        let place = format!("wrong.toml:{line}:");
        anyhow::ensure!(
            words.contains(&place) && words.contains(key),
            "{part}: {words}"
        );
    }
    Ok(())
}

/// Lets files of a process grow to this size and no further; none: as they like.
fn limit_files(pid: u32, bytes: Option<u64>) -> anyhow::Result<()> {
    let soft = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    let status = Command::new("prlimit")
        .args([
            "--pid",
            &pid.to_string(),
            &format!("--fsize={soft}:unlimited"),
        ])
        .status()
        .context("run prlimit")?;
    anyhow::ensure!(status.success(), "prlimit: {status}");
    Ok(())
}

/// The program under a shell that ignores SIGXFSZ: a write that goes too far then fails, as on a
/// full disk, and does not end the process.
fn program_on_a_small_disk(folder: &Path) -> anyhow::Result<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let script = folder.join("stack");
    let program = program()?;
    fs::write(
        &script,
        format!(
            "#!/bin/sh\ntrap '' XFSZ\nexec '{}' \"$@\"\n",
            program.display()
        ),
    )?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(script)
}

async fn full_disk_waits() -> anyhow::Result<()> {
    let small = tempfile::tempdir()?;
    let program = program_on_a_small_disk(small.path())?;
    let rig = Rig::start_with(&program, Options::default()).await?;
    let stack = &rig.stack;
    let door = &rig.credentials[0];
    let anna = person(stack, "anna", MESSAGES).await?;
    let anchor: AnchorId = "door".parse()?;
    let mut hand = Hand::connect(&stack.store, door).await?;
    let mut run = Run::new(&stack.store, &door.gateway);
    hand.deliver(&run.batch(vec![anna.seen_at(&anchor, now_ms())]))
        .await?;

    let pid = stack.server.as_ref().context("the server runs")?.id();
    limit_files(pid, Some(4_096))?;
    let waits = run.batch(vec![anna.seen_at(&anchor, now_ms())]);
    let topic = Topic::new(&stack.store, &door.gateway, Channel::Sightings).to_string();
    let reason = hand.publish(&topic, &to_json(&waits)).await?;
    anyhow::ensure!(reason == Some(0), "{reason:x?}");
    until("a transaction that is tried again", async || {
        Ok(server_counts(&rig).await?["retries_total"].as_u64() > Some(0))
    })
    .await?;
    let counts = server_counts(&rig).await?;
    anyhow::ensure!(counts["batches_applied_total"] == 1, "{counts}");
    anyhow::ensure!(counts["set_aside_total"] == 0, "{counts}");
    limit_files(pid, None)?;
    let ack = hand.acknowledged(&waits).await?;
    anyhow::ensure!(ack.applied.contains(waits.seq));
    anyhow::ensure!(Audit::open(&stack.database())?.sightings()?.len() == 2);
    Ok(())
}

async fn spool_garbage_is_cut() -> anyhow::Result<()> {
    let mut rig = Rig::start(Options {
        snapshot_s: Some(86_400),
        ..Options::default()
    })
    .await?
    .with_gateways()
    .await?;
    let anna = person(&rig.stack, "anna", MESSAGES).await?;
    // Without a server, what is heard stays in the spool.
    rig.stack.kill()?;
    agreed_an_hour_ago(&rig.stack)?;
    let frame = anna
        .identity
        .frame(firmware_sim::phone::identity::Layout::Welkom, now_ms());
    let line = protocol::sim::AirLine {
        address: "c0:ff:ee:00:00:01".into(),
        rssi_dbm: -50,
        ad_hex: hex::encode(protocol::air::encode(&frame)),
    };
    let door: AnchorId = "door".parse()?;
    for _ in 0..5 {
        rig.air.deliver(&door, &line, Some(1));
    }
    let spool = rig.stack.spool(&rig.credentials[0].gateway);
    until("five advertisements in the spool", async || {
        Ok(segments(&spool)?
            .iter()
            .any(|path| fs::metadata(path).is_ok_and(|m| m.len() > 200))
            && rig.air.heard().values().sum::<u64>() == 5)
    })
    .await?;
    rig.gateways[0].stop()?;
    let last = segments(&spool)?.pop().context("a segment")?;
    let mut bytes = fs::read(&last)?;
    bytes.extend([0x5a; 1_000]);
    fs::write(&last, bytes)?;

    rig.stack.restart().await?;
    rig.gateways[0] = rig.stack.gateway_on(&rig.credentials[0], &*rig.air, &[])?;
    let database = rig.stack.database();
    until("all five at the server", async || {
        let heard = Audit::open(&database)?.heard()?;
        Ok(heard.values().sum::<u64>() == 5)
    })
    .await?;
    let said = rig.warnings()?;
    anyhow::ensure!(
        said.iter().any(|line| line.contains("torn_segments=1")),
        "{said:#?}"
    );
    Ok(())
}

/// All segments of a spool, oldest first.
fn segments(spool: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for boot in fs::read_dir(spool)? {
        let boot = boot?.path();
        if boot.is_dir() {
            for file in fs::read_dir(boot)? {
                found.push(file?.path());
            }
        }
    }
    found.retain(|path| path.extension().is_some_and(|e| e == "seg"));
    found.sort();
    Ok(found)
}
