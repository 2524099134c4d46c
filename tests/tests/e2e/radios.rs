//! Radios that shops already have: each says what its documentation says, over a real broker, and
//! a visit begins where it hangs.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use demo::{
    audit::Audit,
    stack::{Options, Stack, until},
};
use e2e::{
    ask::ask,
    harness::test,
    person::{MESSAGES, Person, person},
    rig::Rig,
};
use firmware_sim::http::Nothing;
use libtest_mimic::Trial;
use protocol::{
    Eid, Frame,
    air::{self, SERVICE_UUID, identity_uuid},
};
use reqwest::Method;
// The devices speak MQTT 3.1.1.
use rumqttc::{AsyncClient, Event, LastWill, MqttOptions, Packet, QoS};
use serde::Deserialize;
use serde_json::{Value, json};
use server::clock::now_ms;
use tokio::task::JoinHandle;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "other_radios_begin_a_visit_where_they_hang_each_of_the_four_kinds",
            &[],
            visits_begin,
        ),
        test(
            "other_radios_write_for_no_other_and_read_nothing",
            &[],
            own_topics_alone,
        ),
    ]
}

const RUUVI: &str = "C8:25:2D:8E:9C:2C";
const RECEIVER: &str = "001bc50940810000";

#[derive(Deserialize)]
struct Login {
    mqtt_username: String,
    mqtt_password: String,
    mqtt_host: String,
    mqtt_port: u16,
}

/// A radio on the line.
struct Device {
    client: AsyncClient,
    acked: Arc<AtomicUsize>,
    granted: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Device {
    fn connect(login: &Login, client_id: &str, will: Option<&str>) -> Self {
        let mut options = MqttOptions::new(client_id, &login.mqtt_host, login.mqtt_port);
        options
            .set_credentials(&login.mqtt_username, &login.mqtt_password)
            .set_keep_alive(Duration::from_secs(10));
        if let Some(topic) = will {
            options.set_last_will(LastWill::new(topic, "offline", QoS::AtLeastOnce, true));
        }
        let (client, mut events) = AsyncClient::new(options, 64);
        let count = Arc::<AtomicUsize>::default;
        let (acked, granted, refused) = (count(), count(), count());
        let (a, g, r) = (acked.clone(), granted.clone(), refused.clone());
        let task = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::PubAck(_))) => a.fetch_add(1, Ordering::SeqCst),
                    Ok(Event::Incoming(Packet::SubAck(ack))) => {
                        let granted = ack.return_codes.iter();
                        let granted = granted.filter(|code| {
                            matches!(code, rumqttc::SubscribeReasonCode::Success(_))
                        });
                        g.fetch_add(granted.count(), Ordering::SeqCst)
                    }
                    Ok(_) => 0,
                    Err(_) => {
                        r.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                };
            }
        });
        Self {
            client,
            acked,
            granted,
            refused,
            task,
        }
    }

    async fn say(&self, topic: &str, payload: &Value) -> anyhow::Result<()> {
        let payload = payload.to_string();
        Ok(self
            .client
            .publish(topic, QoS::AtLeastOnce, false, payload)
            .await?)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn register(stack: &Stack, kind: &str, name: &str) -> anyhow::Result<Login> {
    let path = format!("/v1/stores/{}/radios", stack.store);
    let body = json!({ "radio": kind, "kind": kind, "name": name });
    Ok(stack.api.post(&path, &body).await?)
}

async fn place(stack: &Stack, kind: &str, zone: &str) -> anyhow::Result<()> {
    let path = format!("/v1/stores/{}/anchors/{kind}-1", stack.store);
    let body = json!({ "zone": zone, "enter_rssi_dbm": -80, "kind": "gateway", "gateway": kind });
    stack.api.put::<Nothing>(&path, &body).await?;
    Ok(())
}

/// What each says of a phone that it hears, in the layout that it can relay.
fn relayed(kind: &str, eid: Eid, rssi_dbm: i8) -> (String, Value) {
    let power: i8 = -59;
    match kind {
        "ruuvi" => {
            let ad = air::encode(&Frame::Welkom {
                eid,
                tx_power_dbm: power,
            });
            let ts = (now_ms() / 1_000).to_string();
            let said = json!({
                "gw_mac": RUUVI, "rssi": rssi_dbm, "aoa": [], "gwts": ts, "ts": ts,
                "data": hex::encode_upper(ad), "coords": "",
            });
            (format!("ruuvi/{RUUVI}/D1:F0:57:19:AB:42"), said)
        }
        "openmqttgateway" => {
            let mut data = hex::encode(eid.0);
            data.push_str(&hex::encode([power.cast_unsigned()]));
            let said = json!({
                "id": "A4:C1:38:00:11:22", "mac_type": 1, "rssi": rssi_dbm,
                "servicedatauuid": SERVICE_UUID.to_string(), "servicedata": data,
            });
            ("home/omg-shoes/BTtoMQTT/A4C138001122".into(), said)
        }
        "espresense" => {
            let id = format!("ad:{}", identity_uuid(eid));
            let said = json!({
                "mac": "a4c138001122", "id": id, "idType": 10, "rssi@1m": -59,
                "rssi": rssi_dbm, "distance": 1.2, "int": 240,
            });
            (format!("espresense/devices/{id}/till"), said)
        }
        _ => {
            let ad = air::encode(&Frame::EddystoneEid {
                eid,
                tx_power_dbm: -18,
            });
            let len = u8::try_from(6 + ad.len()).unwrap_or(u8::MAX);
            let packet = [&[0x42, len, 0x22, 0x11, 0x00, 0x38, 0xc1, 0xa4][..], &ad].concat();
            let said = json!({
                "transmitterId": "a4c138001122", "transmitterIdType": 3,
                "rssiSignature": [{
                    "receiverId": RECEIVER, "receiverIdType": 1, "rssi": rssi_dbm,
                    "numberOfDecodings": 1,
                }],
                "packets": [hex::encode(packet)], "timestamp": now_ms(),
            });
            let topic = format!("raddec/{RECEIVER}/devices/a4c138001122/3/raddec");
            (topic, said)
        }
    }
}

/// Says it until she is in.
async fn comes_in(
    stack: &Stack,
    device: &Device,
    kind: &str,
    zone: &str,
    who: (&str, &Person),
) -> anyhow::Result<()> {
    let (name, person) = who;
    let audit = Audit::open(&stack.database())?;
    let mut said = 0_i8;
    until(&format!("{name} to be in {zone} by {kind}"), async || {
        let (topic, payload) = relayed(kind, person.identity.eid(now_ms()), -44 - said % 3);
        said = said.wrapping_add(1);
        device.say(&topic, &payload).await?;
        let in_zone = format!(
            "SELECT count(*) FROM zone_stays z JOIN visits v USING (visit)
             JOIN customers c USING (customer) WHERE c.external_id = '{name}' AND z.zone = '{zone}'"
        );
        Ok(audit.number(&in_zone)? > 0)
    })
    .await
    .map_err(|error| {
        let heard = audit.heard();
        let stays = audit.text("SELECT group_concat(zone || from_ms) FROM zone_stays");
        error.context(format!("{heard:?} {stays:?}"))
    })
}

async fn visits_begin() -> anyhow::Result<()> {
    let mut rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    // The plan's other zones have antennas of gateways that nobody has started.
    let path = format!("/v1/stores/{}/zones/keuken", stack.store);
    let names = json!({ "name": { "nl": "Keuken", "en": "Kitchen" } });
    stack.api.put::<Nothing>(&path, &names).await?;
    let audit = Audit::open(&stack.database())?;
    for (kind, name, zone, who) in [
        ("ruuvi", RUUVI, "schoenen", "anna"),
        ("openmqttgateway", "omg-shoes", "tassen", "bea"),
        ("espresense", "till", "afhalen", "cor"),
        ("raddec", RECEIVER, "keuken", "daan"),
    ] {
        let login = register(stack, kind, name).await?;
        place(stack, kind, zone).await?;
        let device = Device::connect(&login, &format!("{kind}-firmware"), None);
        let person = person(stack, who, MESSAGES).await?;
        comes_in(stack, &device, kind, zone, (who, &person)).await?;
        let visits = audit.visits("kade-9")?;
        let hers = visits.iter().filter(|v| v.external_id == who).count();
        anyhow::ensure!(hers == 1, "{visits:#?}");
        // Those who run the store see that it is there.
        until(&format!("{kind} to be seen"), async || {
            let path = format!("/v1/stores/{}/gateways", stack.store);
            let bearer = format!("Bearer {}", stack.api_key);
            let headers = [("Authorization", bearer.as_str())];
            let fleet = ask(stack, &Method::GET, &path, &headers, Vec::new()).await?;
            let fleet = fleet.json()?;
            let mut all = fleet.as_array().into_iter().flatten();
            Ok(all.any(|g| g["gateway"] == kind && g["health"] == "hears"))
        })
        .await?;
    }
    // Nothing of an address, and nothing of what was said, is in the log.
    let quiet = rig.warnings()?;
    anyhow::ensure!(quiet.is_empty(), "{quiet:#?}");
    rig.stack.stop().await
}

async fn own_topics_alone() -> anyhow::Result<()> {
    let mut rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let ruuvi = register(stack, "ruuvi", RUUVI).await?;
    place(stack, "ruuvi", "schoenen").await?;
    register(stack, "espresense", "till").await?;
    place(stack, "espresense", "afhalen").await?;
    let anna = person(stack, "anna", MESSAGES).await?;
    let device = Device::connect(
        &ruuvi,
        "ruuvi-firmware",
        Some("ruuvi/C8:25:2D:8E:9C:2C/gw_status"),
    );
    let (topic, payload) = relayed("espresense", anna.identity.eid(now_ms()), -44);
    for n in 0..5 {
        device.say(&topic, &payload).await?;
        let other = format!("ruuvi/C8:25:2D:00:00:0{n}/D1:F0:57:19:AB:42");
        device.say(&other, &payload).await?;
    }
    // The broker takes things in order: once this is heard, those before would have been.
    comes_in(stack, &device, "ruuvi", "schoenen", ("anna", &anna)).await?;
    let audit = Audit::open(&stack.database())?;
    let heard = audit.heard()?;
    let by: Vec<&str> = heard.keys().map(|(anchor, _)| anchor.as_str()).collect();
    anyhow::ensure!(by == ["ruuvi-1"], "{by:?}");
    for filter in [
        "#",
        "ruuvi/#",
        "espresense/devices/+/+",
        "welkom/v1/stores/kade-9/desk",
    ] {
        device.client.subscribe(filter, QoS::AtMostOnce).await?;
    }
    let before = device.acked.load(Ordering::SeqCst);
    let (topic, payload) = relayed("ruuvi", anna.identity.eid(now_ms()), -41);
    device.say(&topic, &payload).await?;
    until("the broker to go on", async || {
        Ok(device.acked.load(Ordering::SeqCst) > before)
    })
    .await?;
    anyhow::ensure!(device.granted.load(Ordering::SeqCst) == 0, "it may read");

    // Neither a will on another's topic, nor another's client id, nor the life of a gateway.
    let till = register(stack, "espresense", "till").await?;
    let password = till.mqtt_password.clone();
    let as_gateway = Login {
        mqtt_username: format!("{}/espresense", stack.store),
        mqtt_password: password,
        mqtt_host: till.mqtt_host.clone(),
        mqtt_port: till.mqtt_port,
    };
    for (login, client_id, will) in [
        (&till, "till-firmware", Some(topic.as_str())),
        (&till, "ruuvi-firmware", None),
        (&till, "welkom-server", None),
        (&till, "kade-9.door", None),
        (&as_gateway, "kade-9.espresense", None),
    ] {
        let refused = Device::connect(login, client_id, will);
        until(&format!("{client_id} to be refused"), async || {
            Ok(refused.refused.load(Ordering::SeqCst) > 0)
        })
        .await?;
    }
    anyhow::ensure!(
        device.refused.load(Ordering::SeqCst) == 0,
        "it was thrown out"
    );

    // Of two radios of one name nobody would know which it was.
    let path = format!("/v1/stores/{}/radios", stack.store);
    let bearer = format!("Bearer {}", stack.api_key);
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    for body in [
        json!({ "radio": "second", "kind": "ruuvi", "name": RUUVI }),
        json!({ "radio": "door", "kind": "ruuvi", "name": "C8:25:2D:00:00:01" }),
    ] {
        let body = body.to_string().into_bytes();
        let answer = ask(stack, &Method::POST, &path, &headers, body).await?;
        answer.ensure_problem(409)?;
    }
    // Nor does a gateway come in under a radio's id.
    let gateways = format!("/v1/stores/{}/gateways", stack.store);
    for path in [gateways.clone(), format!("{gateways}/enrolments")] {
        let body = json!({ "gateway": "ruuvi" }).to_string().into_bytes();
        let answer = ask(stack, &Method::POST, &path, &headers, body).await?;
        answer.ensure_problem(409)?;
    }

    // Its name was written wrong: under the right one it comes in as what it is called, and is heard.
    device.client.disconnect().await?;
    let moved = "C8:25:2D:8E:9C:2D";
    let body = json!({ "radio": "ruuvi", "kind": "ruuvi", "name": moved });
    let right: Login = stack.api.post(&path, &body).await?;
    let again = Device::connect(&right, "ruuvi-firmware", None);
    let bea = person(stack, "bea", MESSAGES).await?;
    until("bea to be heard under the right name", async || {
        let (topic, mut payload) = relayed("ruuvi", bea.identity.eid(now_ms()), -44);
        payload["gw_mac"] = json!(moved);
        again.say(&topic.replace(RUUVI, moved), &payload).await?;
        Ok(audit
            .visits("kade-9")?
            .iter()
            .any(|v| v.external_id == "bea"))
    })
    .await?;
    drop((device, again));
    rig.stack.stop().await?;
    // What was refused stood in topics: it is told by whom, and not of whom.
    let warnings = rig.warnings()?;
    let refused = warnings
        .iter()
        .filter(|line| line.contains("outside its own topics"));
    anyhow::ensure!(refused.count() == 1, "{warnings:#?}");
    nowhere(
        &rig.stack.dir,
        &["D1:F0:57:19:AB:42", "a4c138001122", "A4C138001122"],
    )
}

/// Nothing of a stranger stands in any file of the server, its logs among them.
fn nowhere(dir: &Path, words: &[&str]) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            nowhere(&path, words)?;
            continue;
        }
        let bytes = std::fs::read(&path)?;
        for word in words {
            let stands = bytes.windows(word.len()).any(|w| w == word.as_bytes());
            anyhow::ensure!(!stands, "{word} stands in {}", path.display());
        }
    }
    Ok(())
}
