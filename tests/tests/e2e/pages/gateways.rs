//! From the QR code to the first sighting: a manager at her desk, somebody on a ladder, a gateway.
//!
//! In: a store with a plan; a gateway's program that has never run. Out: what both read; with
//! `WELKOM_SCREENSHOTS=1` pictures of each state, in both languages; with `WELKOM_AXE` what axe-core
//! finds in each.
//! Invariant: the gateway knows what the QR code says, and nothing else.

use demo::{
    audit::Audit,
    stack::{STAFF, until},
};
use e2e::{
    browser::{Page, Reader},
    harness::{Tool, axe, test},
};
use firmware_sim::phone::{Consent, identity::Layout};
use libtest_mimic::Trial;
use protocol::sim::AirLine;

use super::{
    Shop, log_in,
    pictures::{early_afternoon, folder, picture_in},
};
use crate::enrol::{Machine, files_with};

pub(super) fn tests() -> Vec<Trial> {
    vec![test(
        "a_gateway_comes_from_its_qr_code_to_its_first_sighting_and_the_page_follows",
        &[Tool::Chromium],
        in_each_language,
    )]
}

const PAGE: &str = "/manage/kade-9/gateways/attic";

struct Words {
    waiting: &'static str,
    enrolled: &'static str,
    heard: &'static str,
    not_placed: &'static str,
    zone: &'static str,
    sighted: &'static str,
}

const DUTCH: Words = Words {
    waiting: "Wacht op de gateway",
    enrolled: "Aangemeld om",
    heard: "Eerste teken van leven",
    not_placed: "niet geplaatst",
    zone: "Lampen",
    sighted: "Laatste waarneming",
};

const ENGLISH: Words = Words {
    waiting: "Waiting for the gateway",
    enrolled: "Enrolled at",
    heard: "First sign of life",
    not_placed: "not placed",
    zone: "Lamps",
    sighted: "Last sighting",
};

async fn in_each_language() -> anyhow::Result<()> {
    from_code_to_sighting("nl", &DUTCH).await?;
    if std::env::var_os("WELKOM_SCREENSHOTS").is_some_and(|value| value == "1") {
        from_code_to_sighting("en", &ENGLISH).await?;
    }
    Ok(())
}

async fn from_code_to_sighting(language: &'static str, words: &Words) -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    early_afternoon(&shop).await?;
    let reader = Reader {
        language,
        ..Reader::default()
    };
    shop.hire_as("manager", "noor", "Noor").await?;
    let desk = shop.page(reader).await?;
    desk.goto("/manage/kade-9/fleet").await?;
    log_in(&desk, "noor", STAFF.1).await?;
    desk.click("#gateways a[href=gateways]").await?;
    desk.type_into("#gateway", "attic").await?;
    desk.click("#add button").await?;
    desk.until_says("#live", words.waiting).await?;
    let code = desk.text("#code .code").await?;
    let qr_text = desk
        .value("document.querySelector('#qr-text').textContent")
        .await?;
    let qr_text = qr_text.as_str().unwrap_or_default().to_owned();
    look(&shop, &desk, "code", language, &[390, 820]).await?;

    // The QR code opens the page on a telephone, after a log-in.
    let ladder = shop.page(reader).await?;
    ladder.resize(390, 900).await?;
    ladder.goto(PAGE).await?;
    log_in(&ladder, "noor", STAFF.1).await?;
    ladder
        .until(&format!("location.pathname === '{PAGE}'"))
        .await?;
    ladder.until_says("#live", words.waiting).await?;
    ladder.until_says(".link-state", "Live").await?;
    let shown_again = ladder.value("document.body.textContent").await?;
    anyhow::ensure!(!shown_again.to_string().contains(&code), "shown twice");
    look(&shop, &ladder, "waiting", language, &[390]).await?;

    let machine = Machine::new(&shop.rig, "attic")?;
    let (exit, said) = machine.enroll(&[&qr_text]).await?;
    anyhow::ensure!(exit == 0, "{said}");
    for page in [&desk, &ladder] {
        page.until_says("#live", words.enrolled).await?;
    }
    desk.until("getComputedStyle(document.querySelector('#code')).display === 'none'")
        .await?;
    look(&shop, &ladder, "enrolled", language, &[390, 820]).await?;
    let mut gateway = machine.run()?;
    for page in [&desk, &ladder] {
        page.until_says("#live", words.heard).await?;
    }

    ladder.until_says("#placed", words.not_placed).await?;
    ladder.resize(390, 900).await?;
    ladder.click(".plan-tap [data-zone=lampen] rect").await?;
    ladder
        .until("document.querySelector('#x').value !== ''")
        .await?;
    look(&shop, &ladder, "place", language, &[390, 820]).await?;
    ladder.click(".place-form button").await?;
    ladder.until_says("#placed", words.zone).await?;

    sighted(&shop, &ladder, words).await?;
    look(&shop, &ladder, "placed", language, &[390, 820]).await?;
    by_keyboard(&ladder).await?;
    gateway.stop()?;
    let stack = &shop.rig.stack;
    let (plain, password) = (code.replace('-', ""), machine.password()?);
    let found = files_with(&stack.dir, &[&code, &plain, &password])?;
    anyhow::ensure!(found.is_empty(), "secrets in {found:?}");
    let warnings = shop.rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}

/// Somebody who agreed walks past it.
async fn sighted(shop: &Shop, ladder: &Page, words: &Words) -> anyhow::Result<()> {
    let stack = &shop.rig.stack;
    let person = e2e::person::person(stack, "first", Consent::ALL).await?;
    let attic = "attic".parse()?;
    until("a visit by the new antenna", async || {
        let frame = person.identity.frame(Layout::Welkom, super::now_ms());
        let line = AirLine {
            address: "c0:ff:ee:00:00:01".into(),
            rssi_dbm: -50,
            ad_hex: hex::encode(protocol::air::encode(&frame)),
        };
        shop.rig.air.deliver(&attic, &line, None);
        Ok(Audit::open(&stack.database())?.visits("kade-9")?.len() == 1)
    })
    .await?;
    ladder.until_says("#live", words.sighted).await
}

/// Two numbers do what a tap does; a place in no zone is told so.
async fn by_keyboard(ladder: &Page) -> anyhow::Result<()> {
    let type_in = async |x: &str| {
        ladder
            .value("document.querySelector('#x').value = ''")
            .await?;
        ladder.type_into("#x", x).await?;
        ladder.keys("\u{E007}").await
    };
    let before = ladder.text("#placed").await?;
    type_in("900").await?;
    ladder
        .until("document.querySelector('[role=alert]') !== null")
        .await?;
    anyhow::ensure!(ladder.text("#placed").await? == before);
    type_in("1").await?;
    ladder
        .until("document.querySelector('[role=alert]') === null")
        .await?;
    ladder
        .until(&format!(
            "document.querySelector('#placed').innerText.trim() !== '{}'",
            before.trim()
        ))
        .await
}

async fn look(
    shop: &Shop,
    page: &Page,
    state: &str,
    language: &str,
    widths_px: &[u32],
) -> anyhow::Result<()> {
    if axe().is_ok() {
        let flaws = page.flaws().await?;
        anyhow::ensure!(flaws.is_empty(), "{state}: {flaws:#?}");
    }
    let (folder, _) = folder(shop)?;
    let name = format!("enrol-{state}");
    picture_in(page, &folder, &name, language, widths_px, &[false]).await
}
