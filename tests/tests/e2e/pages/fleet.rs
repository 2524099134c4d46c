//! The devices page: what a manager sees while gateways come and go, and its pictures.

use demo::stack::{STAFF, until};
use e2e::{
    browser::{Page, Reader},
    hand_gateway::HandGateway,
    harness::{Tool, test},
    home::Home,
};
use firmware_sim::{
    http::Nothing,
    provision::{GatewayCredentials, gateway_credentials},
};
use libtest_mimic::Trial;
use protocol::{Transmitter, message::LinkState};
use serde_json::{Value, json};

use super::{Shop, log_in, now_ms, pictures};
use crate::fleet::{Words, shelf_beacons};

pub(super) fn tests() -> Vec<Trial> {
    vec![
        test(
            "the_fleet_page_follows_its_gateways_without_a_reload",
            &[Tool::Chromium],
            follows,
        ),
        test(
            "the_fleet_page_says_when_nothing_is_heard_of_the_machine_in_the_store",
            &[Tool::Chromium],
            of_the_desk,
        ),
        test(
            "the_fleet_page_says_that_it_is_stale_and_keeps_what_it_showed",
            &[Tool::Chromium],
            stale,
        ),
        test(
            "the_fleet_page_reads_without_scripts",
            &[Tool::Chromium],
            plain,
        ),
        test(
            "the_fleet_page_fits_a_phone_and_a_desk_in_two_languages_by_day_and_by_night",
            &[Tool::Chromium],
            pictured,
        ),
    ]
}

const PAGE: &str = "/manage/kade-9/fleet";

impl Shop {
    /// The devices page, after a manager's log-in.
    async fn fleet(&self, reader: Reader) -> anyhow::Result<Page> {
        self.hire_as("manager", "noor", "Noor").await?;
        let page = self.page(reader).await?;
        page.goto(PAGE).await?;
        log_in(&page, "noor", STAFF.1).await?;
        page.until(&format!("location.pathname === '{PAGE}'"))
            .await?;
        Ok(page)
    }

    async fn gateway(&self, of: &GatewayCredentials) -> anyhow::Result<HandGateway> {
        HandGateway::connect(&self.rig.stack.store, of).await
    }
}

async fn follows() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let page = shop.fleet(Reader::default()).await?;
    page.until_says("#todo", "Gateway door heeft zich nog niet gemeld")
        .await?;
    page.until_says(".link-state", "Live").await?;
    // A mark on the page goes with any reload.
    page.value("window.opened_once = true").await?;

    let door = shop.gateway(&shop.rig.credentials[0]).await?;
    let mut words = Words::new();
    let heard = vec![words.heard(shelf_beacons()[1], 1_000, -70, 2_500)];
    door.say(&words.status(LinkState::Online, heard)).await?;
    page.until_says("[data-gateway=door]", "hoort alles")
        .await?;
    page.until_says("#beacons", "bijna leeg").await?;
    page.until_says("#todo", "Knoopcel CR2477").await?;
    page.until_says(".strip", "van 2 gateways horen\n1").await?;

    words.counts.waiting = 1_240;
    door.say(&words.status(LinkState::Online, Vec::new()))
        .await?;
    page.until_says("[data-gateway=door]", "haalt in").await?;
    page.until_says("[data-gateway=door]", "1.240").await?;
    door.say(&words.status(LinkState::Offline, Vec::new()))
        .await?;
    page.until_says("#todo li:first-child", "Gateway door zwijgt sinds")
        .await?;
    page.until_says("#todo li:first-child", "merkt niemand wie er binnenkomt")
        .await?;
    page.until_says("#beacons", "niemand, want gateway door hoort niets")
        .await?;
    page.until("window.opened_once === true").await?;
    let warnings = shop.rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}

/// The machine is cut off, and comes back; the page follows without a reload.
async fn of_the_desk() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let page = shop.fleet(Reader::default()).await?;
    page.until_says(".link-state", "Live").await?;
    anyhow::ensure!(
        page.value("document.querySelector('#desk-machine') === null")
            .await?
            == true
    );
    let home = Home::start(&shop.rig.stack).await?;
    home.has_desk().await?;
    page.until_says("#desk-machine", "doet het").await?;
    page.until_says("#desk-machine", "zojuist").await?;
    home.wire.cut();
    // It is silent after 15 s, and up to 5 s of that are not written down.
    until("the page to say so", async || {
        let todo = page.text("#todo").await.unwrap_or_default();
        Ok(todo.contains("De computer in de winkel zwijgt sinds"))
    })
    .await?;
    page.until_says("#desk-machine", "internet en stekker nakijken")
        .await?;
    home.wire.mend();
    page.until_says("#desk-machine", "doet het").await
}

async fn stale() -> anyhow::Result<()> {
    let mut shop = Shop::open().await?;
    let page = shop.fleet(Reader::default()).await?;
    page.until_says(".link-state", "Live").await?;
    shop.rig.stack.kill()?;
    page.until_says(".link-state", "Opnieuw verbinden").await?;
    page.until_says(".link-state", "Verouderd sinds").await?;
    page.until_says("#gateways", "nog niet gemeld").await?;
    shop.rig.stack.restart().await?;
    page.until_says(".link-state", "Live").await
}

async fn plain() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let reader = Reader {
        scripts: false,
        language: "en",
        ..Reader::default()
    };
    let page = shop.fleet(reader).await?;
    page.until_says("h1", "Devices").await?;
    page.until_says("#todo", "Gateway door has not reported yet")
        .await?;
    page.until_says("noscript", "does not refresh by itself")
        .await?;
    page.click(".lintel-nav a:first-child").await?;
    page.until("location.pathname === '/staff/kade-9'").await?;
    page.click(".lintel-nav a:last-child").await?;
    page.until(&format!("location.pathname === '{PAGE}'")).await
}

async fn pictured() -> anyhow::Result<()> {
    let mut shop = Shop::open().await?;
    let (folder, _) = pictures::folder(&shop)?;
    pictures::early_afternoon(&shop).await?;
    furnish(&mut shop).await?;
    let page = shop.fleet(Reader::default()).await?;
    page.until_says("#todo", "5 dingen").await?;
    page.until_says("#todo", "Leeg rond").await?;
    // A shop's system reads the same of it, with a date each.
    let due: Value = shop
        .rig
        .stack
        .api
        .get("/v1/stores/kade-9/beacons/due")
        .await?;
    let facts = |due: &Value| {
        let dated = ["since_ms", "battery_empty_at_soonest_ms"];
        let is_dated = dated.iter().any(|field| due[field].is_u64());
        (due["reason"].clone(), due["anchor"].clone(), is_dated)
    };
    let all: Vec<_> = due.as_array().into_iter().flatten().map(facts).collect();
    let wanted = [
        (json!("silent"), json!("shelf-schoenen-2"), true),
        (json!("battery"), json!("shelf-tassen"), true),
        (json!("moved"), json!("shelf-schoenen"), true),
        (json!("never_heard"), json!("shelf-tassen-2"), false),
    ];
    anyhow::ensure!(all == wanted, "{due:#}");
    let weaker = json!({ "gateway": "back", "change_db": -13 });
    anyhow::ensure!(due[2]["changes"][0] == weaker, "{due:#}");
    for language in ["nl", "en"] {
        page.goto(&format!("{PAGE}?lang={language}")).await?;
        pictures::picture_all(&page, &folder, "fleet", language).await?;
    }
    Ok(())
}

/// A gateway and its antenna in a zone.
async fn add_gateway(shop: &Shop, name: &str, zone: &str) -> anyhow::Result<GatewayCredentials> {
    let stack = &shop.rig.stack;
    let made = gateway_credentials(&stack.api, &stack.store, &name.parse()?).await?;
    let path = format!("/v1/stores/{}/anchors/{name}", stack.store);
    let body = json!({
        "kind": "gateway", "gateway": name, "zone": zone, "enter_rssi_dbm": -80,
    });
    stack.api.put::<Nothing>(&path, &body).await?;
    Ok(made)
}

async fn add_beacon(
    shop: &Shop,
    name: &str,
    zone: &str,
    minor: u16,
) -> anyhow::Result<Transmitter> {
    let stack = &shop.rig.stack;
    let mut beacon = shelf_beacons()[0];
    if let Transmitter::IBeacon { minor: of, .. } = &mut beacon {
        *of = minor;
    }
    let path = format!("/v1/stores/{}/anchors/{name}", stack.store);
    let body = json!({
        "kind": "beacon", "transmitter": beacon, "zone": zone, "enter_rssi_dbm": -85,
    });
    stack.api.put::<Nothing>(&path, &body).await?;
    Ok(beacon)
}

/// Four gateways and eight beacons: one gateway is silent, one catches up; of the beacons one is
/// nearly empty, one was moved, one is lost, one belongs to the silent gateway.
async fn furnish(shop: &mut Shop) -> anyhow::Result<()> {
    let path = format!("/v1/stores/{}/zones/keuken", shop.rig.stack.store);
    let body = json!({ "name": { "nl": "Keuken", "en": "Kitchen" } });
    shop.rig.stack.api.put::<Nothing>(&path, &body).await?;
    let kitchen = add_gateway(shop, "kitchen", "keuken").await?;
    let desk = add_gateway(shop, "desk", "afhalen").await?;
    let in_kitchen = add_beacon(shop, "shelf-keuken", "keuken", 310).await?;
    let lost = add_beacon(shop, "shelf-schoenen-2", "schoenen", 311).await?;
    add_beacon(shop, "shelf-tassen-2", "tassen", 312).await?;
    let shelf = shelf_beacons();
    let (entrance, shoes, lamps, bags, pickup) = (shelf[0], shelf[1], shelf[2], shelf[3], shelf[4]);

    let mut door = (shop.gateway(&shop.rig.credentials[0]).await?, Words::new());
    let mut back = (shop.gateway(&shop.rig.credentials[1]).await?, Words::new());
    let mut kitchen = (shop.gateway(&kitchen).await?, Words::new());
    let mut desk = (shop.gateway(&desk).await?, Words::new());
    desk.1.counts.waiting = 1_240;
    let at_door = vec![
        door.1.heard(entrance, 2_000, -58, 2_950),
        door.1.heard(shoes, 3_000, -60, 2_905),
        door.1.heard(lost, 31 * 60_000, -77, 2_820),
    ];
    let in_back = vec![
        back.1.heard(lamps, 1_000, -61, 2_980),
        back.1.heard(shoes, 3_000, -75, 2_905),
        back.1.heard(bags, 4_000, -70, 2_440),
    ];
    let of_kitchen = vec![kitchen.1.heard(in_kitchen, 2_000, -55, 2_960)];
    let of_desk = vec![
        desk.1.heard(pickup, 2_000, -57, 2_990),
        desk.1.heard(bags, 4_000, -81, 2_440),
    ];
    let mut said = 0;
    for ((gateway, words), heard) in [
        (&mut door, at_door),
        (&mut back, in_back),
        (&mut kitchen, of_kitchen),
        (&mut desk, of_desk),
    ] {
        said += heard.len();
        gateway.say(&words.status(LinkState::Online, heard)).await?;
    }
    let (gateway, words) = &mut kitchen;
    gateway
        .say(&words.status(LinkState::Offline, Vec::new()))
        .await?;
    let database = shop.rig.stack.database();
    let number = |sql: &str| demo::audit::Audit::open(&database)?.number(sql);
    demo::stack::until("everything to be kept", async || {
        Ok(
            number("SELECT count(*) FROM beacon_hearings")? == u64::try_from(said)?
                && number("SELECT count(*) FROM gateway_statuses WHERE link = 'offline'")? == 1,
        )
    })
    .await?;
    shop.rig.stack.stop().await?;
    long_ago(shop, shoes, bags)?;
    shop.rig.stack.restart().await
}

/// Lets time pass for what took days.
fn long_ago(shop: &Shop, moved: Transmitter, low: Transmitter) -> anyhow::Result<()> {
    let db = rusqlite::Connection::open(shop.rig.stack.database())?;
    let ago = |minutes: u64| i64::try_from(now_ms() - minutes * 60_000);
    for (gateway, minutes) in [
        ("door", 212 * 1_440),
        ("back", 41 * 1_440),
        ("desk", 6),
        ("kitchen", 89),
    ] {
        db.execute(
            "UPDATE gateway_statuses SET since_ms = ?2 WHERE gateway = ?1",
            rusqlite::params![gateway, ago(minutes)?],
        )?;
    }
    db.execute(
        "UPDATE beacon_hearings SET heard_last_ms = ?1 WHERE gateway = 'kitchen'",
        [ago(89)?],
    )?;
    // Five days as ever, and for a day it is 11 dB stronger at the door and 13 dB weaker at the back; another
    // beacon tells that both gateways heard.
    for (gateway, usual_dbm, now_dbm) in [("door", -71_i8, -60_i8), ("back", -62, -75)] {
        let hours = [[usual_dbm; 120].as_slice(), &[now_dbm; 25]].concat();
        let hours: Vec<u8> = hours.into_iter().map(i8::cast_unsigned).collect();
        let last_hour = i64::try_from(now_ms() / 3_600_000)? - 1;
        db.execute(
            "INSERT OR REPLACE INTO beacon_tracks VALUES ('kade-9', ?1, ?2, ?3, ?4)",
            rusqlite::params![gateway, moved.to_string(), last_hour, hours],
        )?;
    }
    // For a month its cell fell by 5 mV a day.
    let (now, today) = (
        i64::try_from(now_ms())?,
        i64::try_from(now_ms() / 86_400_000)?,
    );
    let days = (0..30_u16).flat_map(|day| (2_590 - 5 * day).to_le_bytes());
    db.execute(
        "INSERT OR REPLACE INTO beacon_cells VALUES ('kade-9', ?1, 2440, ?2, ?3, ?4)",
        rusqlite::params![low.to_string(), now, today - 1, days.collect::<Vec<u8>>()],
    )?;
    Ok(())
}
