//! The shopper's page: her switches, an offer and its reason.

use std::time::{Duration, Instant};

use demo::{audit::Audit, stack::until};
use e2e::{
    browser::Reader,
    harness::{Tool, test},
};
use firmware_sim::phone::Consent;
use libtest_mimic::Trial;

use super::{EVA, Shop, choose};

pub(super) fn tests() -> Vec<Trial> {
    vec![
        test(
            "an_offer_comes_only_after_a_yes_with_its_reason_and_a_no_holds_within_five_seconds",
            &[Tool::Chromium],
            offered,
        ),
        test(
            "a_pause_and_a_silent_store_hold_while_the_switches_stay_on",
            &[Tool::Chromium],
            quiet,
        ),
    ]
}

/// How soon a no must hold: the page promises it.
const NO_WITHIN: Duration = Duration::from_secs(5);

async fn offered() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let eva = shop.customer(&EVA).await?;
    let app = shop.app(eva).await?;
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
    shop.wish(eva, "SCHOEN-39").await?;
    page.value("window.opened_once = true").await?;
    shop.stand_at(&app, "schoenen").await?;
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

async fn quiet() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let eva = shop.customer(&EVA).await?;
    let app = shop.app(eva).await?;
    app.set_consent(Consent::ALL, "2026-11", "nl").await?;
    shop.wish(eva, "LAMP-BOOG").await?;
    let page = shop.phone(Reader::default(), eva).await?;
    page.click("button[value=pause]").await?;
    page.until_says("button[value=resume]", "Toch weer berichten")
        .await?;
    page.click("button[value=mute]").await?;
    page.until_says("button[value=unmute]", "Weer wel van Kade 9")
        .await?;
    page.click("button[value=resume]").await?;
    page.until_says("button[value=pause]", "Pauze vandaag")
        .await?;
    // The store is still to be silent, and she comes.
    shop.stand_at(&app, "lampen").await?;
    let database = shop.rig.stack.database();
    let reasons = "SELECT count(*) FROM decisions WHERE reason = 'paused'";
    until("a silence with its reason", async || {
        Ok(Audit::open(&database)?.number(reasons)? == 1)
    })
    .await?;
    let told = Audit::open(&database)?.number("SELECT count(*) FROM deliveries")?;
    anyhow::ensure!(told == 0, "{told} messages in spite of it");
    let on = "[...document.querySelectorAll('.switch :checked')].map(s => s.value).join()";
    anyhow::ensure!(page.value(on).await? == "yes,yes,yes,yes", "a switch moved");
    Ok(())
}
