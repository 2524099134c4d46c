//! Pictures of board and phone: narrow and wide, Dutch and English, light and dark.
//!
//! Out: 16 pictures in a folder that goes; with `WELKOM_SCREENSHOTS=1` they stay in
//! `docs/screenshots`, and the board is drawn once somebody has waited too long.
//! Promises: at any hour of the day it is early afternoon on them; nothing runs out of its page.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use demo::{
    audit::Audit,
    stack::{STAFF, until, until_within},
};
use e2e::{
    browser::{Page, Reader},
    harness::{Tool, test},
};
use firmware_sim::{http::Nothing, phone::Consent};
use libtest_mimic::Trial;
use protocol::CustomerId;
use serde_json::json;
use tokio::task::JoinSet;

use super::{EVA, Person, Shop, now_ms, report};

/// A picture in the documentation is not larger than this.
const PICTURE_LEN_MAX: usize = 300 * 1024;
/// A phone, and a screen on the counter.
const WIDTHS_PX: [u32; 2] = [390, 1_280];
/// Whoever is not heard for 20 s may have left.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// Waiting too long begins after two minutes.
const LATE_WITHIN: Duration = Duration::from_secs(150);

pub(super) fn tests() -> Vec<Trial> {
    vec![test(
        "both_pages_fit_a_phone_and_a_counter_in_two_languages_by_day_and_by_night",
        &[Tool::Chromium],
        pictured,
    )]
}

async fn pictured() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let (folder, keep) = folder(&shop)?;
    early_afternoon(&shop).await?;
    let mut stays = JoinSet::new();
    let eva = furnish(&shop, &mut stays).await?;
    let board = shop.board(Reader::default(), STAFF).await?;
    board
        .until("document.querySelectorAll('.card').length === 5")
        .await?;
    let phone = shop.phone(Reader::default(), eva).await?;
    phone.until_says("#berichten", "Booglamp").await?;
    if keep {
        until_within(LATE_WITHIN, "somebody to wait too long", async || {
            Ok(board
                .value("document.querySelectorAll('.card-late').length === 1")
                .await?
                == true)
        })
        .await?;
    }
    for language in ["nl", "en"] {
        for (page, name, path) in [(&board, "board", "/staff/kade-9"), (&phone, "phone", "/ik")] {
            page.goto(&format!("{path}?lang={language}")).await?;
            picture_all(page, &folder, name, language).await?;
        }
    }
    Ok(())
}

/// Where pictures go, and whether they stay there.
pub(super) fn folder(shop: &Shop) -> anyhow::Result<(PathBuf, bool)> {
    let keep = std::env::var_os("WELKOM_SCREENSHOTS").is_some_and(|value| value == "1");
    let folder = if keep {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/screenshots")
    } else {
        shop.rig.folder.path().join("screenshots")
    };
    fs::create_dir_all(&folder)?;
    Ok((folder, keep))
}

/// The page as it is open, in both widths, by day and by night.
pub(super) async fn picture_all(
    page: &Page,
    folder: &Path,
    name: &str,
    language: &str,
) -> anyhow::Result<()> {
    page.until("document.body.dataset.link === 'live'").await?;
    picture_still(page, folder, name, language).await
}

/// The same of a page that follows nothing.
pub(super) async fn picture_still(
    page: &Page,
    folder: &Path,
    name: &str,
    language: &str,
) -> anyhow::Result<()> {
    picture_in(page, folder, name, language, &WIDTHS_PX, &[false, true]).await
}

/// The same in widths of one's own, by day, by night, or both.
pub(super) async fn picture_in(
    page: &Page,
    folder: &Path,
    name: &str,
    language: &str,
    widths_px: &[u32],
    by_night: &[bool],
) -> anyhow::Result<()> {
    for &width_px in widths_px {
        for &dark in by_night {
            let file = picture_path(folder, name, width_px, language, dark);
            fs::write(file, picture(page, width_px, dark).await?)?;
        }
    }
    Ok(())
}

fn picture_path(folder: &Path, page: &str, width_px: u32, language: &str, dark: bool) -> PathBuf {
    let scheme = if dark { "dark" } else { "light" };
    folder.join(format!("{page}-{width_px}-{language}-{scheme}.png"))
}

async fn picture(page: &Page, width_px: u32, dark: bool) -> anyhow::Result<Vec<u8>> {
    let png = page.picture(width_px, dark).await?;
    anyhow::ensure!(png.starts_with(b"\x89PNG"), "no picture");
    anyhow::ensure!(png.len() <= PICTURE_LEN_MAX, "{} bytes", png.len());
    let wide = page.value("document.documentElement.scrollWidth").await?;
    anyhow::ensure!(wide == width_px, "{width_px} px wide, {wide} needed");
    Ok(png)
}

/// Gives the store a time zone in which it is 14 h now.
pub(super) async fn early_afternoon(shop: &Shop) -> anyhow::Result<()> {
    let hour = i64::try_from(now_ms() / 3_600_000 % 24)?;
    // From -10 to 13; POSIX counts the other way round.
    let ahead = (14 - hour + 10).rem_euclid(24) - 10;
    let timezone = format!("Etc/GMT{:+}", -ahead);
    let body = json!({
        "name": "Kade 9 Utrecht", "timezone": timezone, "opens": "09:00", "closes": "18:00",
        "quiet_from": null, "quiet_to": null, "messages_per_day_max": 2,
    });
    let path = format!("/v1/stores/{}", shop.rig.stack.store);
    shop.rig.stack.api.put::<Nothing>(&path, &body).await?;
    Ok(())
}

/// Five people in the store: two wait, Sanne and Daan each go to one, one has her order. Gives
/// back the first, who got a message too.
async fn furnish(shop: &Shop, stays: &mut JoinSet<()>) -> anyhow::Result<CustomerId> {
    let eva = come(
        shop,
        stays,
        &EVA,
        ("1042-7731", "B12", "SCHOEN-39"),
        "lampen",
    )
    .await?;
    let peters = Person {
        given_name: "Marijke",
        family_name: "Peters",
        salutation: Some("mevrouw"),
    };
    come(
        shop,
        stays,
        &peters,
        ("1042-7702", "C07", "PARAPLU-L"),
        "afhalen",
    )
    .await?;
    shop.hire("daan", "Daan").await?;
    let daan = shop.board(Reader::default(), ("daan", STAFF.1)).await?;
    take(&daan, "Peters").await?;
    daan.type_into(".code-field", "7419").await?;
    daan.click("[data-do=hand-over]").await?;
    daan.until_says("[data-shape=served] .state", "Overhandigd")
        .await?;
    // Its way back holds the focus, and with it the card in its place.
    daan.value("document.activeElement.blur()").await?;
    daan.until_says("[data-cards=done]", "Mevrouw Peters")
        .await?;
    let visser = Person {
        given_name: "Jan",
        family_name: "Visser",
        salutation: Some("de heer"),
    };
    come(
        shop,
        stays,
        &visser,
        ("1042-6918", "R3", "RUGZAK-20"),
        "tassen",
    )
    .await?;
    take(&daan, "Visser").await?;
    let amrani = Person {
        given_name: "Youssef",
        family_name: "El Amrani",
        salutation: Some("de heer"),
    };
    come(
        shop,
        stays,
        &amrani,
        ("1042-7802", "A04", "SJAAL-ROOD"),
        "entree",
    )
    .await?;
    let robin = Person {
        given_name: "Robin",
        family_name: "Meijer",
        salutation: None,
    };
    come(
        shop,
        stays,
        &robin,
        ("1042-7744", "K2", "LAARS-40"),
        "schoenen",
    )
    .await?;
    let sanne = shop.board(Reader::default(), STAFF).await?;
    take(&sanne, "Meijer").await?;
    Ok(eva)
}

/// Someone with an order lying ready comes in.
async fn come(
    shop: &Shop,
    stays: &mut JoinSet<()>,
    person: &Person<'_>,
    (number, bay, sku): (&str, &str, &str),
    zone: &str,
) -> anyhow::Result<CustomerId> {
    let customer = shop.customer(person).await?;
    let app = shop.app(customer).await?;
    app.set_consent(Consent::ALL, "2026-11", "nl").await?;
    shop.wish(customer, "LAMP-BOOG").await?;
    shop.stand_at(&app, zone).await?;
    if zone == "lampen" {
        // Once she waits for her order she is offered nothing.
        let database = shop.rig.stack.database();
        until("an offer", async || {
            let sent = "SELECT count(*) FROM deliveries WHERE state = 'sent'";
            Ok(Audit::open(&database)?.number(sent)? == 1)
        })
        .await?;
    }
    shop.ready_order(customer, number, bay, sku).await?;
    let (store, zone) = (shop.rig.stack.store.clone(), zone.to_owned());
    stays.spawn(async move {
        let mut every = tokio::time::interval(REPORT_EVERY);
        loop {
            every.tick().await;
            // One report that does not arrive is no leaving.
            let _ = report(&store, &app, &zone).await;
        }
    });
    Ok(customer)
}

async fn take(board: &Page, family_name: &str) -> anyhow::Result<()> {
    let card = format!(
        "[...document.querySelectorAll('[data-cards=now] .card')]\
         .find(card => card.textContent.includes('{family_name}'))"
    );
    board.until(&format!("Boolean({card})")).await?;
    board
        .value(&format!("{card}.querySelector('[data-do=take]').click()"))
        .await?;
    // The code's field comes when the way back has stood there for a while.
    board
        .until(&format!(
            "{card}?.querySelector('.code-field') !== null && {card} !== undefined"
        ))
        .await
}
