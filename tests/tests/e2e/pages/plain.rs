//! Without JavaScript: every form does what its button says, by loading a page.

use demo::stack::STAFF;
use e2e::{
    browser::Reader,
    harness::{Tool, test},
};
use libtest_mimic::Trial;

use super::{EVA, Shop, choose};

pub(super) fn tests() -> Vec<Trial> {
    vec![test(
        "without_scripts_she_chooses_and_arrives_and_staff_hand_over_by_plain_forms",
        &[Tool::Chromium],
        served_by_forms,
    )]
}

async fn served_by_forms() -> anyhow::Result<()> {
    let plain = Reader {
        scripts: false,
        ..Reader::default()
    };
    let shop = Shop::open().await?;
    let eva = shop.customer(&EVA).await?;
    shop.ready_order(eva, "1042-7731", "B12", "SCHOEN-39")
        .await?;
    let phone = shop.phone(plain, eva).await?;
    choose(&phone, "arrival", "yes").await?;
    phone.click("form.choices [type=submit]").await?;
    phone
        .until("document.querySelector('#c-arrival [value=yes]').checked")
        .await?;
    phone.click("form.here button").await?;
    phone.until_says("#said", "Er komt iemand").await?;

    let board = shop.board(plain, STAFF).await?;
    board
        .until_says(
            "noscript",
            "Zonder JavaScript ververst dit bord niet vanzelf",
        )
        .await?;
    board.until_says(".card", "Mevrouw De Vries").await?;
    board.click("[data-do=take]").await?;
    board.until_says(".card .state", "Jij gaat").await?;
    board.type_into(".code-field", "0000").await?;
    board.click("[data-do=hand-over]").await?;
    board.until_says("#told", "Nog 4 keer").await?;
    board.type_into(".code-field", "7419").await?;
    board.click("[data-do=hand-over]").await?;
    board
        .until_says("[data-cards=done] .card", "Overhandigd")
        .await?;

    phone.goto("/ik").await?;
    phone
        .until_says("#bestellingen", "Niets om op te halen")
        .await
}
