//! Her data in a browser: what she sees of herself, and that she can be gone, with keys alone and
//! without a script.

use demo::{audit::Audit, stack::until};
use e2e::{
    browser::Reader,
    harness::{Tool, test},
};
use firmware_sim::phone::Consent;
use libtest_mimic::Trial;
use serde_json::Value;

use super::{EVA, Shop, keys::tab_to, pictures};
use crate::consent::files_with;

const ENTER: &str = "\u{e007}";

pub(super) fn tests() -> Vec<Trial> {
    vec![
        test(
            "she_sees_what_is_kept_and_erases_herself_with_keys_alone_and_without_a_script",
            &[Tool::Chromium],
            seen_and_erased,
        ),
        test(
            "her_data_fits_a_phone_and_a_desk_in_two_languages_by_day_and_by_night",
            &[Tool::Chromium],
            pictured,
        ),
    ]
}

async fn seen_and_erased() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let eva = shop.customer(&EVA).await?;
    let app = shop.app(eva).await?;
    app.set_consent(Consent::ALL, "2026-11", "nl").await?;
    shop.wish(eva, "SCHOEN-39").await?;
    shop.ready_order(eva, "1042-7731", "B12", "LAMP-BOOG")
        .await?;
    let plain = Reader {
        scripts: false,
        ..Reader::default()
    };
    let page = shop.phone(plain, eva).await?;
    tab_to(&page, "a[href=\"/ik/gegevens\"]").await?;
    page.keys(ENTER).await?;
    page.until_says("h1", "Jouw gegevens").await?;
    tab_to(&page, "#online summary").await?;
    page.keys(ENTER).await?;
    page.until_says("#online[open] .kept-rows", "Wandelschoen 39")
        .await?;
    page.until_says("#online[open] .kept-rows", "op je verlanglijst gezet")
        .await?;
    tab_to(&page, "#online form button").await?;
    page.keys(ENTER).await?;
    page.until_says("#said", "Vergeten.").await?;
    let wished = "SELECT count(*) FROM intents";
    anyhow::ensure!(Audit::open(&shop.rig.stack.database())?.number(wished)? == 0);
    page.until_says("#bestellingen", "1").await?;

    let path = format!("/v1/customers/{eva}/export");
    let export: Value = shop.rig.stack.api.get(&path).await?;
    anyhow::ensure!(
        export["orders"][0]["external_id"] == "1042-7731",
        "{export}"
    );
    anyhow::ensure!(
        export["consent"]
            .as_array()
            .is_some_and(|all| all.len() == 4),
        "{export}"
    );

    tab_to(&page, "a[href=\"/ik/gegevens/wissen\"]").await?;
    page.keys(ENTER).await?;
    page.until_says("#order-waits", "Je hebt nog een bestelling")
        .await?;
    tab_to(&page, "form button.danger").await?;
    page.keys(ENTER).await?;
    page.until("location.pathname === '/tot-ziens'").await?;
    page.until_says("main", "Alles is gewist").await?;
    page.goto("/ik").await?;
    page.until_says("main", "401").await?;
    anyhow::ensure!(
        app.consent().await.is_err(),
        "her phone still opens something"
    );
    for trace in [eva.0.as_bytes().to_vec(), eva.to_string().into_bytes()] {
        until("her last byte to be gone", async || {
            Ok(files_with(&shop.rig.stack, &trace)?.is_empty())
        })
        .await?;
    }
    let warnings = shop.rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}

async fn pictured() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let (folder, _) = pictures::folder(&shop)?;
    pictures::early_afternoon(&shop).await?;
    let eva = shop.eva_waits().await?;
    shop.wish(eva, "SCHOEN-39").await?;
    let page = shop.phone(Reader::default(), eva).await?;
    for language in ["nl", "en"] {
        page.goto(&format!("/ik/gegevens?lang={language}")).await?;
        page.value("document.querySelectorAll('#ja, #online').forEach(one => one.open = true)")
            .await?;
        pictures::picture_still(&page, &folder, "kept", language).await?;
    }
    Ok(())
}
