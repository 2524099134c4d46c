//! Gateways and shelf beacons: what gateways are told, what they say, who may see it.

use anyhow::Context;
use demo::{
    audit::Audit,
    stack::{Options, STAFF, until},
};
use e2e::{
    ask::{Answer, ask},
    hand_gateway::HandGateway,
    harness::{Tool, test},
    mosquitto::Mosquitto,
    rig::Rig,
};
use firmware_sim::{http::Nothing, plan::Plan, provision::gateway_credentials};
use libtest_mimic::Trial;
use protocol::{
    BootId, Transmitter,
    message::{BeaconHealth, BeaconTelemetry, Counts, LinkState, Status, VERSION},
};
use reqwest::{Method, header::SET_COOKIE};
use serde_json::{Value, json};
use server::clock::now_ms;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "the_fleet_is_told_of_its_beacons_and_again_when_one_is_added_or_the_broker_forgot",
            &[],
            told_of_beacons,
        ),
        test(
            "the_fleet_is_told_of_its_beacons_through_an_external_broker_too",
            &[Tool::Mosquitto],
            told_through_mosquitto,
        ),
        test(
            "what_the_fleet_says_of_a_beacon_stands_in_the_api_also_after_a_restart",
            &[],
            kept_over_a_restart,
        ),
        test(
            "what_the_fleet_says_of_strange_beacons_leaves_nothing",
            &[],
            strangers_leave_nothing,
        ),
        test(
            "the_fleet_page_is_for_who_runs_the_store",
            &[],
            staff_stay_out,
        ),
    ]
}

/// What the store's shelf beacons advertise.
pub(crate) fn shelf_beacons() -> Vec<Transmitter> {
    let plan = Plan::kade_9();
    let frames = plan.beacons();
    frames
        .filter_map(|(_, frame)| frame.transmitter())
        .collect()
}

/// A gateway's words.
pub(crate) struct Words {
    boot: BootId,
    /// Its boot clock; an hour has passed.
    mono_ms: u64,
    /// Its counts.
    pub(crate) counts: Counts,
}

impl Words {
    pub(crate) fn new() -> Self {
        Self {
            boot: BootId(uuid::Uuid::new_v4()),
            mono_ms: 3_600_000,
            counts: Counts::default(),
        }
    }

    /// The next status, in which it has heard something.
    pub(crate) fn status(&mut self, state: LinkState, beacons: Vec<BeaconHealth>) -> Status {
        self.mono_ms += 1_000;
        self.counts.heard_total += 100;
        Status {
            v: VERSION,
            state,
            boot: self.boot,
            sent_mono_ms: self.mono_ms,
            version: "0.1.0".into(),
            plain: false,
            settings: None,
            counts: self.counts,
            beacons,
        }
    }

    /// A beacon that it heard so long before its next status.
    pub(crate) fn heard(
        &self,
        transmitter: Transmitter,
        ago_ms: u64,
        rssi_dbm: i8,
        battery_mv: u16,
    ) -> BeaconHealth {
        let heard_mono_ms = self.mono_ms + 1_000 - ago_ms;
        BeaconHealth {
            transmitter,
            heard_last_mono_ms: Some(heard_mono_ms),
            count: 240,
            rssi_dbm_median: Some(rssi_dbm),
            telemetry: Some(BeaconTelemetry {
                heard_mono_ms,
                battery_mv: Some(battery_mv),
                temperature_centi_c: Some(2_150),
                adv_count: 81_000,
                uptime_ms: 40_000_000,
            }),
        }
    }
}

/// Waits until the newest that a gateway was told is this, and says whether the broker had kept it.
async fn until_told(gateway: &HandGateway, beacons: &[Transmitter]) -> anyhow::Result<bool> {
    let mut wanted = beacons.to_vec();
    wanted.sort_unstable();
    let waited = until("the gateway to be told of its beacons", async || {
        Ok(gateway
            .told()
            .last()
            .is_some_and(|told| told.config.beacons == wanted))
    });
    waited
        .await
        .with_context(|| format!("was told {:#?}", gateway.told()))?;
    Ok(gateway.told().last().is_some_and(|told| told.retained))
}

/// Hangs up one more beacon.
async fn hang_up(rig: &Rig, minor: u16) -> anyhow::Result<Transmitter> {
    let mut beacon = shelf_beacons().pop().context("a shelf beacon")?;
    if let Transmitter::IBeacon { minor: of, .. } = &mut beacon {
        *of = minor;
    }
    let body = json!({
        "kind": "beacon", "transmitter": beacon, "zone": "lampen", "enter_rssi_dbm": -85,
    });
    let path = format!("/v1/stores/{}/anchors/extra-{minor}", rig.stack.store);
    let _: Nothing = rig.stack.api.put(&path, &body).await?;
    Ok(beacon)
}

async fn told_and_told_again(rig: &Rig) -> anyhow::Result<Vec<Transmitter>> {
    let mut beacons = shelf_beacons();
    // Retained may lag behind the answer to whoever hung up the last; then it comes live.
    let first = HandGateway::connect(&rig.stack.store, &rig.credentials[0]).await?;
    until_told(&first, &beacons).await?;
    beacons.push(hang_up(rig, 900).await?);
    anyhow::ensure!(!until_told(&first, &beacons).await?, "news is not retained");
    drop(first);
    for credentials in &rig.credentials {
        let gateway = HandGateway::connect(&rig.stack.store, credentials).await?;
        anyhow::ensure!(until_told(&gateway, &beacons).await?, "it was not retained");
        anyhow::ensure!(gateway.told().len() == 1, "{:#?}", gateway.told());
    }
    Ok(beacons)
}

async fn told_of_beacons() -> anyhow::Result<()> {
    let mut rig = Rig::start(Options::default()).await?;
    let beacons = told_and_told_again(&rig).await?;
    // The embedded broker keeps nothing over a restart; the server tells it all again.
    rig.stack.stop().await?;
    rig.stack.restart().await?;
    let gateway = HandGateway::connect(&rig.stack.store, &rig.credentials[1]).await?;
    until_told(&gateway, &beacons).await?;
    // Another that is let in later is told as well.
    let (api, cellar) = (&rig.stack.api, "cellar".parse()?);
    let made = gateway_credentials(api, &rig.stack.store, &cellar).await?;
    let gateway = HandGateway::connect(&rig.stack.store, &made).await?;
    until_told(&gateway, &beacons).await?;
    let warnings = rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}

async fn told_through_mosquitto() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut broker = Mosquitto::start(folder.path()).await?;
    let options = Options {
        external_broker: Some(broker.port),
        ..Options::default()
    };
    let rig = Rig::start(options).await?;
    let beacons = told_and_told_again(&rig).await?;
    broker.kill()?;
    broker.restart().await?;
    let gateway = HandGateway::connect(&rig.stack.store, &rig.credentials[0]).await?;
    until_told(&gateway, &beacons).await.map(|_| ())
}

/// The store's beacons, by the API.
async fn beacons(rig: &Rig) -> anyhow::Result<Vec<Value>> {
    let path = format!("/v1/stores/{}/beacons", rig.stack.store);
    let page: Value = rig.stack.api.get(&path).await?;
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

async fn gateways(rig: &Rig) -> anyhow::Result<Vec<Value>> {
    let path = format!("/v1/stores/{}/gateways", rig.stack.store);
    Ok(rig.stack.api.get(&path).await?)
}

async fn beacon(rig: &Rig, transmitter: Transmitter) -> anyhow::Result<Value> {
    let all = beacons(rig).await?;
    let of = all
        .into_iter()
        .find(|b| b["transmitter"] == json!(transmitter));
    of.with_context(|| format!("no beacon {transmitter}"))
}

async fn kept_over_a_restart() -> anyhow::Result<()> {
    let mut rig = Rig::start(Options::default()).await?;
    let (shoes, lamps) = (shelf_beacons()[1], shelf_beacons()[2]);
    let fresh = beacon(&rig, shoes).await?;
    anyhow::ensure!(fresh["state"] == "never_heard", "{fresh}");
    anyhow::ensure!(
        fresh["zone"] == "schoenen" && fresh["heard_by"] == json!([]),
        "{fresh}"
    );
    let before = gateways(&rig).await?;
    anyhow::ensure!(
        before.iter().all(|g| g["health"] == "not_yet_heard"),
        "{before:#?}"
    );

    let (door, back) = (&rig.credentials[0], &rig.credentials[1]);
    let store = rig.stack.store.clone();
    let at_door = HandGateway::connect(&store, door).await?;
    let in_back = HandGateway::connect(&store, back).await?;
    let (mut door_words, mut back_words) = (Words::new(), Words::new());
    let said_ms = now_ms();
    let of = vec![
        door_words.heard(shoes, 90_000, -71, 2_750),
        door_words.heard(lamps, 2_000, -64, 3_000),
    ];
    at_door
        .say(&door_words.status(LinkState::Online, of))
        .await?;
    let of = vec![back_words.heard(shoes, 30_000, -66, 2_760)];
    in_back
        .say(&back_words.status(LinkState::Online, of))
        .await?;
    until("both words to be kept", async || {
        Ok(beacon(&rig, shoes).await?["heard_by"]
            .as_array()
            .map(Vec::len)
            == Some(2))
    })
    .await?;
    in_back
        .say(&back_words.status(LinkState::Offline, Vec::new()))
        .await?;
    until("the back to be silent", async || {
        Ok(gateways(&rig).await?[0]["health"] == "silent")
    })
    .await?;

    let low = beacon(&rig, shoes).await?;
    for (key, value) in [
        ("state", json!("battery_low")),
        // The newer of two words: 2,760 mV on the coin cell's curve.
        ("battery_mv", json!(2_760)),
        ("battery_percent", json!(21)),
        ("temperature_c", json!(21.5)),
    ] {
        anyhow::ensure!(low[key] == value, "{key}: {low:#}");
    }
    let heard_ms = low["last_heard_ms"].as_u64().context("last heard")?;
    let due_ms = said_ms - 30_000;
    anyhow::ensure!(
        (due_ms..due_ms + 10_000).contains(&heard_ms),
        "{due_ms}: {low:#}"
    );
    anyhow::ensure!(
        low["heard_by"][0]["gateway"] == "back",
        "the strongest first: {low:#}"
    );
    let good = beacon(&rig, lamps).await?;
    anyhow::ensure!(
        good["state"] == "good" && good["battery_percent"] == 100,
        "{good:#}"
    );
    let known = (beacons(&rig).await?, gateways(&rig).await?);
    anyhow::ensure!(known.1[1]["health"] == "hears" && known.1[1]["state"] == "online");

    rig.stack.stop().await?;
    rig.stack.restart().await?;
    let again = (beacons(&rig).await?, gateways(&rig).await?);
    anyhow::ensure!(again == known, "{again:#?}\ninstead of\n{known:#?}");
    let path = format!("/v1/stores/{store}/beacons?limit=3");
    let first: Value = rig.stack.api.get(&path).await?;
    let next = first["next"].as_str().context("there are more")?;
    let path = format!("/v1/stores/{store}/beacons?limit=3&after={next}");
    let rest: Value = rig.stack.api.get(&path).await?;
    anyhow::ensure!(rest["items"] == json!(&again.0[3..]), "{rest:#}");
    anyhow::ensure!(rest["next"].is_null(), "{rest:#}");
    Ok(())
}

async fn strangers_leave_nothing() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let mut strange = shelf_beacons()[0];
    if let Transmitter::IBeacon { minor, .. } = &mut strange {
        *minor = 9_999;
    }
    let gateway = HandGateway::connect(&rig.stack.store, &rig.credentials[0]).await?;
    let mut words = Words::new();
    let of = vec![words.heard(strange, 1_000, -40, 3_000)];
    gateway.say(&words.status(LinkState::Online, of)).await?;
    until("the status to be kept", async || {
        Ok(gateways(&rig).await?[1]["health"] == "hears")
    })
    .await?;
    let audit = Audit::open(&rig.stack.database())?;
    for table in ["beacons", "beacon_hearings"] {
        let rows = audit.number(&format!("SELECT count(*) FROM {table}"))?;
        anyhow::ensure!(rows == 0, "{rows} in {table}");
    }
    let all = beacons(&rig).await?;
    anyhow::ensure!(all.iter().all(|b| b["state"] == "never_heard"), "{all:#?}");
    let path = format!("/v1/stores/{}/beacons/due", rig.stack.store);
    let due: Value = rig.stack.api.get(&path).await?;
    let due = due.as_array().context("a list")?;
    anyhow::ensure!(due.len() == all.len(), "{due:#?}");
    anyhow::ensure!(due.iter().all(|d| d["reason"] == "never_heard"), "{due:#?}");
    Ok(())
}

/// The value of a cookie that an answer sets.
fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let all = answer.headers.get_all(SET_COOKIE).iter();
    let mut pairs = all.filter_map(|value| value.to_str().ok()?.split(';').next()?.split_once('='));
    let found = pairs.find(|(known, _)| *known == name);
    found.map(|(_, value)| value.to_owned())
}

/// Logs in where a page has sent her; where that leads, and as whom.
pub(crate) async fn log_in(rig: &Rig, at: &str, login: &str) -> anyhow::Result<(String, String)> {
    let page = ask(&rig.stack, &Method::GET, at, &[], Vec::new()).await?;
    let token = cookie(&page, "welkom_login").context("the form's token")?;
    let action = page
        .body
        .split("action=\"")
        .nth(1)
        .and_then(|a| a.split('"').next());
    let action = action
        .context("where the form posts")?
        .replace("&#38;", "&");
    let jar = format!("welkom_login={token}");
    let form = format!("csrf={token}&name={login}&password={}", STAFF.1);
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Cookie", jar.as_str()),
    ];
    let answer = ask(
        &rig.stack,
        &Method::POST,
        &action,
        &headers,
        form.into_bytes(),
    )
    .await?;
    let session = cookie(&answer, "welkom_session").context("a session")?;
    Ok((
        answer.header("location").to_owned(),
        format!("welkom_session={session}"),
    ))
}

async fn staff_stay_out() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let other = json!({
        "name": "Kade 8", "timezone": "Europe/Amsterdam", "opens": "09:00", "closes": "18:00",
        "quiet_from": null, "quiet_to": null, "messages_per_day_max": 2,
    });
    let _: Nothing = stack.api.put("/v1/stores/kade-8", &other).await?;
    for (store, login) in [("kade-9", "noor"), ("kade-8", "bram")] {
        let body = json!({ "name": login, "role": "manager", "password": STAFF.1 });
        let path = format!("/v1/stores/{store}/staff/{login}");
        let _: Nothing = stack.api.put(&path, &body).await?;
    }
    let (page, stream) = ("/manage/kade-9/fleet", "/manage/kade-9/fleet/events");
    let stranger = ask(stack, &Method::GET, page, &[], Vec::new()).await?;
    anyhow::ensure!(stranger.status == 303, "{}", stranger.status);
    let door = stranger.header("location").to_owned();
    anyhow::ensure!(door == "/login?store=kade-9&to=fleet", "{door}");

    let (led_to, noor) = log_in(&rig, &door, "noor").await?;
    anyhow::ensure!(led_to == page, "{led_to}");
    for (path, kind) in [
        (page, "text/html; charset=utf-8"),
        (stream, "text/event-stream"),
    ] {
        let answer = ask(stack, &Method::GET, path, &[("Cookie", &noor)], Vec::new()).await?;
        anyhow::ensure!(
            answer.status == 200 && answer.media_type() == kind,
            "{path}: {answer:?}"
        );
    }
    let (_, sanne) = log_in(&rig, "/login?store=kade-9", STAFF.0).await?;
    let (_, bram) = log_in(&rig, "/login?store=kade-8", "bram").await?;
    for jar in [&sanne, &bram] {
        for path in [page, stream] {
            let headers = [("Cookie", jar.as_str()), ("Accept", "application/json")];
            let answer = ask(stack, &Method::GET, path, &headers, Vec::new()).await?;
            answer.ensure_problem(403)?;
        }
        let shut = ask(stack, &Method::GET, page, &[("Cookie", jar)], Vec::new()).await?;
        anyhow::ensure!(shut.status == 403, "{}", shut.status);
        anyhow::ensure!(shut.body.contains("Hier mag je niet in"), "{}", shut.body);
        anyhow::ensure!(!shut.body.contains("data-gateway"), "{}", shut.body);
        anyhow::ensure!(
            shut.body.contains("href=\"/staff/kade-9\""),
            "{}",
            shut.body
        );
    }
    // Only who may see the devices is shown the way.
    let way = "href=\"/manage/kade-9/fleet\"";
    for (jar, shown) in [(&noor, true), (&sanne, false)] {
        let headers = [("Cookie", jar.as_str())];
        let board = ask(stack, &Method::GET, "/staff/kade-9", &headers, Vec::new()).await?;
        anyhow::ensure!(board.body.contains(way) == shown, "{shown}");
    }
    Ok(())
}
