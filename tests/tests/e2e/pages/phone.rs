//! The shopper's page: her switches, an offer and its reason.

use std::time::{Duration, Instant, SystemTime};

use e2e::{
    browser::Reader,
    harness::{Tool, test},
};
use firmware_sim::{
    phone::{Phone, Platform, ears::AppSighting},
    plan::Plan,
};
use libtest_mimic::Trial;
use protocol::CustomerId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{EVA, Shop, choose};

pub(super) fn tests() -> Vec<Trial> {
    vec![test(
        "an_offer_comes_only_after_a_yes_with_its_reason_and_a_no_holds_within_five_seconds",
        &[Tool::Chromium],
        offered,
    )]
}

/// How soon a no must hold: the page promises it.
const NO_WITHIN: Duration = Duration::from_secs(5);

async fn offered() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let eva = shop.customer(&EVA).await?;
    let app = enrol(&shop, eva).await?;
    let page = shop.phone(Reader::default(), eva).await?;

    let on = "[...document.querySelectorAll('.switch :checked')].map(s => s.value).join()";
    anyhow::ensure!(page.value(on).await? == "no,no,no,no", "not all off");
    // Yes and no weigh the same: no larger, no brighter.
    page.until(
        "[...document.querySelectorAll('.switch')].every(s => { \
           const [yes, no] = [...s.querySelectorAll('label')].map(l => l.getBoundingClientRect()); \
           return Math.abs(yes.width - no.width) < 1 && yes.height === no.height; })",
    )
    .await?;

    for purpose in ["messages", "browsing"] {
        choose(&page, purpose, "yes").await?;
        page.until(&format!(
            "document.querySelector('#choices-said').textContent.includes(\
             document.querySelector('#c-{purpose} legend').textContent)"
        ))
        .await?;
    }
    wish(&shop, eva, "SCHOEN-39").await?;
    page.value("window.opened_once = true").await?;
    stand_at(&shop, &app, "schoenen").await?;
    page.until_says("#berichten article", "Wandelschoen 39")
        .await?;
    page.click("#berichten summary").await?;
    page.until_says("#berichten .timeline", "Onze regel")
        .await?;
    let why = page.text("#berichten article").await?;
    for fact in [
        "Waarom krijg ik dit?",
        "verlanglijst",
        "€ 129,00",
        "Schoenen, rek 4",
        "Vandaag",
        "zeker dat je daar stond",
        "Dit is bericht 1 van hooguit 2 vandaag",
    ] {
        anyhow::ensure!(why.contains(fact), "{fact:?} is not in: {why}");
    }
    page.until("window.opened_once === true").await?;

    choose(&page, "messages", "no").await?;
    let asked = Instant::now();
    page.until_says("#choices-said", "Berichten in de winkel staat uit")
        .await?;
    anyhow::ensure!(asked.elapsed() < NO_WITHIN, "{:?}", asked.elapsed());
    anyhow::ensure!(!app.consent().await?.messages, "the server still may");
    Ok(())
}

/// Her phone with the app.
async fn enrol(shop: &Shop, customer: CustomerId) -> anyhow::Result<Phone> {
    #[derive(Deserialize)]
    struct Code {
        code: String,
    }
    let api = &shop.rig.stack.api;
    let path = format!("/v1/customers/{customer}/enrolments");
    let Code { code } = api.post(&path, &json!({})).await?;
    let enrolled = Phone::enrol(api, &code, Platform::Ios, now_ms).await?;
    Ok(enrolled.phone)
}

async fn wish(shop: &Shop, customer: CustomerId, sku: &str) -> anyhow::Result<()> {
    let path = format!("/v1/customers/{customer}/intents");
    let at_ms = now_ms() - 86_400_000;
    let body = json!({ "kind": "wishlisted", "sku": sku, "at_ms": at_ms });
    shop.rig.stack.api.post::<Value>(&path, &body).await?;
    Ok(())
}

/// Her phone has heard a shelf beacon for the last seconds, from two metres.
async fn stand_at(shop: &Shop, phone: &Phone, zone: &str) -> anyhow::Result<()> {
    let plan = Plan::kade_9();
    let anchors = plan.beacons().find(|(a, _)| a.zone.as_str() == zone);
    let Some((_, frame)) = anchors else {
        anyhow::bail!("no beacon in {zone}");
    };
    let now_ms = now_ms();
    let heard: Vec<AppSighting> = (1..=5)
        .rev()
        .map(|s| AppSighting {
            beacon: frame.transmitter(),
            heard_first_ms: now_ms - s * 1_000 - 900,
            heard_last_ms: now_ms - s * 1_000,
            count: 9,
            rssi_dbm_median: -70,
        })
        .collect();
    let report = phone.report(now_ms, &shop.rig.stack.store, &heard);
    let reported = phone.send_report(&report).await?;
    anyhow::ensure!(reported.ignored == 0, "{reported:?}");
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_millis() as u64
}
