//! The line to the server: what a board says and keeps while the server is dead.

use demo::stack::{STAFF, until};
use e2e::{
    browser::Reader,
    harness::{Tool, test},
};
use libtest_mimic::Trial;
use serde::Deserialize;

use super::Shop;

pub(super) fn tests() -> Vec<Trial> {
    vec![test(
        "a_board_says_since_when_it_is_stale_keeps_the_tap_and_sends_it_when_the_server_is_back",
        &[Tool::Chromium],
        line_cut,
    )]
}

async fn line_cut() -> anyhow::Result<()> {
    let mut shop = Shop::open().await?;
    let eva = shop.eva_waits().await?;
    let board = shop.board(Reader::default(), STAFF).await?;
    let phone = shop.phone(Reader::default(), eva).await?;
    board.until_says(".link-state", "Live").await?;
    phone.until_says(".link-state", "Live").await?;
    board.until_says(".card", "Mevrouw De Vries").await?;
    board.value("window.opened_once = true").await?;

    shop.rig.stack.kill()?;
    board.until_says(".link-state", "Opnieuw verbinden").await?;
    board
        .until_says("[data-for=reconnecting]", "je kunt gewoon doorwerken")
        .await?;
    board.click("[data-do=take]").await?;
    board.until_says(".card .state", "Jij gaat").await?;
    board.until_says(".link-state", "Verouderd sinds").await?;
    phone.until_says(".link-state", "Verouderd sinds").await?;
    board
        .until_says("[data-for=stale]", "Eén tik is bewaard")
        .await?;
    board.until_says(".card", "Mevrouw De Vries").await?;

    shop.rig.stack.restart().await?;
    board.until_says(".link-state", "Live").await?;
    phone.until_says(".link-state", "Live").await?;
    until("the kept tap to arrive", async || {
        Ok(taken_by(&shop).await?.as_deref() == Some("Sanne"))
    })
    .await?;
    board.until_says(".card .state", "Jij gaat").await?;
    board
        .until("document.querySelectorAll('.card').length === 1 && window.opened_once === true")
        .await
}

/// Who goes to the only card, as the server has it.
async fn taken_by(shop: &Shop) -> anyhow::Result<Option<String>> {
    #[derive(Deserialize)]
    struct Card {
        taken_by: Option<String>,
    }
    #[derive(Deserialize)]
    struct Cards {
        items: Vec<Card>,
    }
    let path = format!("/v1/stores/{}/cards", shop.rig.stack.store);
    let Cards { items } = shop.rig.stack.api.get(&path).await?;
    Ok(items.into_iter().next().and_then(|card| card.taken_by))
}
