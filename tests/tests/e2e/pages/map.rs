//! The map, a visit and the calibration walk in a browser: what a manager sees and taps.

use std::time::Duration;

use anyhow::Context;
use demo::stack::STAFF;
use e2e::{
    browser::{Page, Reader},
    hand::{Hand, Run},
    harness::{Tool, test},
    person::{Person, person},
};
use firmware_sim::phone::Consent;
use libtest_mimic::Trial;
use protocol::{
    StoreId, Topic,
    message::{LinkState, to_json},
    topic::Channel,
};
use rusqlite::params;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Shop, log_in, now_ms, pictures, report, report_all};
use crate::fleet::{Words, shelf_beacons};

pub(super) fn tests() -> Vec<Trial> {
    vec![
        test(
            "the_map_follows_people_and_moves_neither_focus_nor_scroll",
            &[Tool::Chromium],
            follows,
        ),
        test(
            "the_map_leads_by_keyboard_to_why_a_visit_is_where_it_is",
            &[Tool::Chromium],
            leads,
        ),
        test(
            "the_map_and_the_walk_work_without_scripts",
            &[Tool::Chromium],
            plain,
        ),
        test(
            "a_walk_is_tapped_on_a_phone_and_says_what_it_is_worth",
            &[Tool::Chromium],
            walked,
        ),
        test(
            "map_visit_and_walk_fit_a_phone_and_a_desk_in_two_languages_by_day_and_by_night",
            &[Tool::Chromium],
            pictured,
        ),
    ]
}

const MAP: &str = "/manage/kade-9/map";
const WALK: &str = "/manage/kade-9/walk";
/// People are heard this often.
const HEARD_EVERY: Duration = Duration::from_secs(2);

impl Shop {
    /// A manager's page, after her log-in.
    async fn managed(&self, path: &str, reader: Reader) -> anyhow::Result<Page> {
        self.hire_as("manager", "noor", "Noor").await?;
        let page = self.page(reader).await?;
        page.goto(path).await?;
        log_in(&page, "noor", STAFF.1).await?;
        page.until(&format!("location.pathname === '{path}'"))
            .await?;
        Ok(page)
    }

    async fn agreed(&self, name: &str) -> anyhow::Result<Person> {
        person(&self.rig.stack, name, Consent::ALL).await
    }

    /// The one visit of the store.
    async fn visit(&self) -> anyhow::Result<String> {
        let page: Value = self.rig.stack.api.get("/v1/stores/kade-9/visits").await?;
        let id = page["items"][0]["visit"].as_str().context("a visit")?;
        Ok(id.to_owned())
    }

    fn database(&self) -> anyhow::Result<rusqlite::Connection> {
        Ok(rusqlite::Connection::open(self.rig.stack.database())?)
    }
}

/// She stands there until the set goes.
fn stays(set: &mut JoinSet<()>, store: &StoreId, who: Person, zones: &'static [(&str, u64)]) {
    let store = store.clone();
    set.spawn(async move {
        let mut every = tokio::time::interval(HEARD_EVERY);
        let began_ms = now_ms();
        loop {
            every.tick().await;
            let stood_s = (now_ms() - began_ms) / 1_000;
            let zone = zones.iter().rev().find(|(_, from_s)| *from_s <= stood_s);
            if let Some((zone, _)) = zone {
                // One report that does not arrive is no leaving.
                let _ = report(&store, &who.phone, zone).await;
            }
        }
    });
}

/// She stands where the beacons of two zones are about as loud, until the set goes.
fn between(set: &mut JoinSet<()>, store: &StoreId, who: Person) {
    let store = store.clone();
    set.spawn(async move {
        let mut every = tokio::time::interval(HEARD_EVERY);
        loop {
            every.tick().await;
            let heard = [("tassen", -74), ("entree", -75)];
            // As above.
            let _ = report_all(&store, &who.phone, &heard).await;
        }
    });
}

async fn follows() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let page = shop.managed(MAP, Reader::default()).await?;
    page.until_says(".link-state", "Live").await?;
    page.until_says("#sums", "0").await?;
    page.until_says("#visits", "Vandaag was er nog niemand")
        .await?;
    page.value("window.opened_once = true").await?;

    let store = &shop.rig.stack.store;
    let mut people = JoinSet::new();
    stays(
        &mut people,
        store,
        shop.agreed("anna").await?,
        &[("lampen", 0)],
    );
    page.until_says("#sums", "mens binnen\n1").await?;
    page.until_says("#zones [data-key=lampen]", "1 zeker")
        .await?;
    // No gateway has ever heard this beacon, but a phone does.
    page.until_says("[data-anchor=shelf-lampen]", "goed\nnu")
        .await?;
    page.until(
        "document.querySelector('.plan [data-zone=lampen]').style.getPropertyValue('--part') > '0.2'",
    )
    .await?;
    // The keyboard is on the first visit, and the page was scrolled; a second person comes.
    page.value("document.querySelector('#visits a').focus()")
        .await?;
    page.value("window.focused = document.activeElement.href")
        .await?;
    let hand = json!({"width": 390, "height": 700, "deviceScaleFactor": 1, "mobile": false});
    page.devtools("Emulation.setDeviceMetricsOverride", hand)
        .await?;
    page.value("window.scrollTo(0, 120)").await?;
    stays(
        &mut people,
        store,
        shop.agreed("daan").await?,
        &[("tassen", 0)],
    );
    page.until_says("#sums", "mensen binnen\n2").await?;
    page.until("document.querySelectorAll('#visits tbody tr').length === 2")
        .await?;
    page.until("document.activeElement.href === window.focused")
        .await?;
    page.until("window.scrollY === 120").await?;
    page.until("window.opened_once === true").await?;

    // A gateway that goes is marked with a word and a shape.
    let door = &shop.rig.credentials[0];
    let mut hand = Hand::connect(store, door).await?;
    let mut words = Words::new();
    for (state, told) in [
        (LinkState::Online, "hoort alles"),
        (LinkState::Offline, "stil"),
    ] {
        let topic = Topic::new(store, &door.gateway, Channel::Status).to_string();
        let status = words.status(state, Vec::new());
        hand.publish(&topic, &to_json(&status)).await?;
        page.until_says("[data-anchor=door]", told).await?;
    }
    page.until("document.querySelectorAll('.plan .gateway-off').length === 2")
        .await?;
    let warnings = shop.rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}

/// Presses Tab until the focus is on what `css` finds.
async fn tab_to(page: &Page, css: &str) -> anyhow::Result<()> {
    for _ in 0..40 {
        page.keys("\u{e004}").await?;
        let there = page
            .value(&format!("document.activeElement.matches('{css}')"))
            .await?;
        if there == true {
            return Ok(());
        }
    }
    anyhow::bail!("{css} cannot be reached by keyboard")
}

async fn leads() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let reader = Reader {
        language: "en",
        ..Reader::default()
    };
    let page = shop.managed(MAP, reader).await?;
    let mut people = JoinSet::new();
    stays(
        &mut people,
        &shop.rig.stack.store,
        shop.agreed("anna").await?,
        &[("schoenen", 0)],
    );
    page.until_says("#visits", "Shoes").await?;
    tab_to(&page, "#visits a").await?;
    page.keys("\u{e007}").await?;
    let path = format!("/manage/kade-9/visits/{}", shop.visit().await?);
    page.until(&format!("location.pathname === '{path}'"))
        .await?;
    page.until_says(".timeline", "Came in").await?;
    page.until_says(
        ".timeline",
        "Heard most strongly by shelf-schoenen: \u{2212}70 dBm",
    )
    .await?;
    page.until_says(".timeline", "sure").await?;
    page.click(".lintel-end a").await?;
    page.until_says(".timeline", "Sterkst gehoord door shelf-schoenen")
        .await?;
    page.click("main .button").await?;
    page.until(&format!("location.pathname === '{MAP}'")).await
}

async fn plain() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let reader = Reader {
        scripts: false,
        language: "en",
        ..Reader::default()
    };
    let tester = shop.agreed("testklant").await?;
    let page = shop.managed(MAP, reader).await?;
    page.until_says("#zones", "nobody").await?;
    page.until_says("noscript", "does not refresh by itself")
        .await?;
    page.click(".tile-head .button").await?;
    page.until(&format!("location.pathname === '{WALK}'"))
        .await?;
    page.type_into("#external-id", "nobody").await?;
    page.click(".button.huge").await?;
    page.until_says("[role=alert]", "no customer with this number")
        .await?;
    page.type_into("#external-id", "testklant").await?;
    page.click(".button.huge").await?;
    page.until_says("h1", "Where do you stand?").await?;
    page.click("[value=tassen]").await?;
    page.until_says("[value=tassen]", "you are here").await?;
    report(&shop.rig.stack.store, &tester.phone, "tassen").await?;
    page.click("[value=discard]").await?;
    page.until_says("#used", "not been walked yet").await
}

async fn walked() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let tester = shop.agreed("testklant").await?;
    let page = shop.managed(WALK, Reader::default()).await?;
    page.picture(390, false).await?;
    page.type_into("#external-id", "testklant").await?;
    page.click(".button.huge").await?;
    page.until_says("h1", "Waar sta je nu?").await?;
    page.click("[value=lampen]").await?;
    page.until_says("[value=lampen]", "hier sta je").await?;
    page.click("[value=undo]").await?;
    page.until("!document.querySelector('[aria-pressed=true]')")
        .await?;
    page.until_says("[value=lampen]", "nog niet geweest")
        .await?;
    // Thumbs: each zone is large enough, and the page is as wide as the phone.
    page.until(
        "[...document.querySelectorAll('#walk button, .walk-foot button')]
           .every(button => button.offsetHeight >= 56)",
    )
    .await?;
    page.until("document.documentElement.scrollWidth === 390")
        .await?;

    let store = &shop.rig.stack.store;
    for zone in ["schoenen", "tassen"] {
        page.click(&format!("[value={zone}]")).await?;
        page.until_says(&format!("[value={zone}]"), "hier sta je")
            .await?;
        let db = shop.database()?;
        // Nothing was heard for ten seconds: it says so, until something is.
        db.execute(
            "UPDATE walk_stands SET from_ms = from_ms - 24000, to_ms = to_ms - 24000",
            [],
        )?;
        page.until_says("#unheard", "We horen deze telefoon niet")
            .await?;
        report(store, &tester.phone, zone).await?;
        page.until_says(&format!("[value={zone}]"), "5 keer gehoord")
            .await?;
        page.until("!document.querySelector('#unheard')").await?;
    }
    page.click("[value=stop]").await?;
    page.until_says("h1", "Wandeling klaar").await?;
    page.until_says("#walk", "Niet geweest: Afhaalbalie, Entree, Lampen")
        .await?;
    page.click("[value=use]").await?;
    page.until_says("#used", "een wandeling door 2 zones")
        .await?;
    page.click("#used button").await?;
    page.until_says("#used", "nog geen ijkwandeling").await?;
    let warnings = shop.rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}

async fn pictured() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let (folder, _) = pictures::folder(&shop)?;
    pictures::early_afternoon(&shop).await?;
    let mut people = JoinSet::new();
    let visit = furnish(&shop, &mut people).await?;
    let page = shop.managed(MAP, Reader::default()).await?;
    page.until_says("#sums", "mensen binnen\n9").await?;
    page.until_says("#sums", "onbekend waar\n1").await?;
    page.until("document.querySelectorAll('#visits tbody tr').length >= 12")
        .await?;
    for language in ["nl", "en"] {
        page.goto(&format!("{MAP}?lang={language}")).await?;
        pictures::picture_all(&page, &folder, "map", language).await?;
        page.goto(&format!("/manage/kade-9/visits/{visit}?lang={language}"))
            .await?;
        pictures::picture_still(&page, &folder, "visit", language).await?;
    }
    walk_half(&shop, &page).await?;
    for language in ["nl", "en"] {
        page.goto(&format!("{WALK}?lang={language}")).await?;
        pictures::picture_all(&page, &folder, "walk", language).await?;
    }
    page.click("[value=stop]").await?;
    for language in ["nl", "en"] {
        page.goto(&format!("{WALK}?lang={language}")).await?;
        pictures::picture_all(&page, &folder, "walk-done", language).await?;
    }
    Ok(())
}

/// Nine people of whom one stands between two zones, two gateways of which one is silent, and
/// visits that are over. Gives back the visit of somebody who has moved.
async fn furnish(shop: &Shop, people: &mut JoinSet<()>) -> anyhow::Result<String> {
    let store = &shop.rig.stack.store;
    let eva = shop.agreed("eva").await?;
    let customer = eva.customer;
    stays(people, store, eva, &[("entree", 0), ("schoenen", 6)]);
    for (name, zones) in [
        ("anna", &[("lampen", 0)][..]),
        ("daan", &[("lampen", 0)]),
        ("fenna", &[("lampen", 0)]),
        ("gijs", &[("lampen", 0)]),
        ("hanna", &[("schoenen", 0)]),
        ("ilse", &[("schoenen", 0)]),
        ("jan", &[("afhalen", 0)]),
    ] {
        stays(people, store, shop.agreed(name).await?, zones);
    }
    between(people, store, shop.agreed("nina").await?);
    let (door, back) = (&shop.rig.credentials[0], &shop.rig.credentials[1]);
    for (credentials, last) in [(back, LinkState::Offline), (door, LinkState::Online)] {
        let mut hand = Hand::connect(store, credentials).await?;
        let topic = Topic::new(store, &credentials.gateway, Channel::Status).to_string();
        let mut words = Words::new();
        let heard = shelf_beacons().into_iter().skip(1);
        let heard = heard.map(|b| words.heard(b, 1_000, -70, 2_950)).collect();
        for status in [
            words.status(LinkState::Online, heard),
            words.status(last, Vec::new()),
        ] {
            hand.publish(&topic, &to_json(&status)).await?;
        }
        if last == LinkState::Online {
            at_the_door(shop, people, hand, Run::new(store, &credentials.gateway)).await?;
        }
    }
    let visit = moved(shop, customer.0).await?;
    over(shop, customer.0)?;
    Ok(visit)
}

/// The door's gateway hears three who pass: too weakly to be in.
async fn at_the_door(
    shop: &Shop,
    people: &mut JoinSet<()>,
    mut hand: Hand,
    mut run: Run,
) -> anyhow::Result<()> {
    let mut heard = Vec::new();
    for name in ["kees", "lotte", "mila"] {
        heard.push(shop.agreed(name).await?);
    }
    let door = "door".parse()?;
    people.spawn(async move {
        let mut every = tokio::time::interval(HEARD_EVERY);
        loop {
            every.tick().await;
            let seen = heard.iter().map(|who| {
                let mut seen = who.seen_at(&door, now_ms());
                seen.rssi_dbm_median = -93;
                seen
            });
            let batch = run.batch(seen.collect());
            let _ = hand.deliver(&batch).await;
        }
    });
    Ok(())
}

/// The visit of somebody, once she was said to be in two zones.
async fn moved(shop: &Shop, customer: uuid::Uuid) -> anyhow::Result<String> {
    let database = shop.rig.stack.database();
    let two = format!(
        "SELECT count(DISTINCT zone) FROM zone_stays JOIN visits USING (visit)
         WHERE customer = x'{}'",
        hex::encode(customer)
    );
    demo::stack::until_within(Duration::from_secs(90), "somebody to move", async || {
        Ok(demo::audit::Audit::open(&database)?.number(&two)? >= 2)
    })
    .await?;
    let id: uuid::Uuid = shop.database()?.query_row(
        "SELECT visit FROM visits WHERE customer = ?1",
        [customer],
        |row| row.get(0),
    )?;
    Ok(id.to_string())
}

/// Visits of this morning.
fn over(shop: &Shop, customer: uuid::Uuid) -> anyhow::Result<()> {
    let db = shop.database()?;
    for (number, began_min, lasted_min, zones) in [
        (1, 48_u64, 21, &["entree", "tassen", "afhalen"][..]),
        (2, 95, 9, &["entree"]),
        (3, 140, 33, &["schoenen", "lampen"]),
    ] {
        let visit = uuid::Uuid::from_u128(number);
        let at = |min: u64| i64::try_from(now_ms() - min * 60_000);
        db.execute(
            "INSERT INTO visits VALUES (?1, 'kade-9', ?2, ?3, ?4, 'statistics', 0)",
            params![visit, customer, at(began_min)?, at(began_min - lasted_min)?],
        )?;
        for (place, zone) in (0..).zip(zones) {
            let from_ms = at(began_min)? + place * 60_000;
            db.execute(
                "INSERT INTO zone_stays VALUES (?1, ?2, ?3, ?4)",
                params![visit, from_ms, zone, from_ms + 60_000],
            )?;
        }
    }
    Ok(())
}

/// A walk through three zones of which two sound alike, in a fourth.
async fn walk_half(shop: &Shop, page: &Page) -> anyhow::Result<()> {
    shop.agreed("testklant").await?;
    page.goto(&format!("{WALK}?lang=nl")).await?;
    page.type_into("#external-id", "testklant").await?;
    page.click(".button.huge").await?;
    for (number, zone) in (1..).zip(["entree", "schoenen", "tassen", "lampen"]) {
        page.click(&format!("[value={zone}]")).await?;
        page.until_says(&format!("[value={zone}]"), "hier sta je")
            .await?;
        let db = shop.database()?;
        let stood_ms = 24_000 + number * 3_000;
        db.execute(
            "UPDATE walk_stands SET from_ms = from_ms - ?1, to_ms = to_ms - ?1",
            [stood_ms],
        )?;
        for part in 0..=stood_ms / 10_000 {
            for (anchor, rssi_dbm) in match zone {
                "entree" => [("door", -58_i64), ("back", -79)],
                "lampen" => [("door", -74), ("back", -60)],
                "schoenen" => [("door", -69), ("back", -72)],
                _ => [("door", -70), ("back", -71)],
            } {
                let (count, wide) = ((stood_ms / 1_000 - part * 10).min(10), 4);
                let rssi_dbm = rssi_dbm + [0, 2, -1][usize::try_from(part)? % 3];
                db.execute(
                    "INSERT INTO walk_parts VALUES ('kade-9', ?1, ?2, ?3, ?4, ?5, ?6)",
                    params![
                        number,
                        part,
                        anchor,
                        count,
                        count * rssi_dbm,
                        count * (rssi_dbm * rssi_dbm + wide * wide)
                    ],
                )?;
            }
        }
    }
    page.until_says("[value=lampen]", "keer gehoord").await
}
