//! "Ik heb hulp nodig": a card without a code, taken back, ended by staff, bounded.

use demo::stack::STAFF;
use e2e::{
    browser::Reader,
    harness::{Tool, test},
};
use firmware_sim::phone::{Consent, Phone};
use libtest_mimic::Trial;

use super::{EVA, Shop, now_ms};

/// Calls in an hour.
const HELP_PER_HOUR_MAX: usize = 6;

pub(super) fn tests() -> Vec<Trial> {
    vec![
        test(
            "she_asks_for_help_where_she_stands_takes_it_back_and_is_helped_without_a_code",
            &[Tool::Chromium],
            helped,
        ),
        test(
            "an_app_asks_for_help_only_for_who_agreed_is_there_and_has_not_asked_too_often",
            &[Tool::Chromium],
            bounded,
        ),
    ]
}

async fn helped() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let eva = shop.customer(&EVA).await?;
    let app = shop.app(eva).await?;
    let page = shop.phone(Reader::default(), eva).await?;
    let board = shop.board(Reader::default(), STAFF).await?;
    app.set_consent(Consent::ALL, "2026-11", "nl").await?;
    page.goto("/ik").await?;
    page.until("!document.querySelector('form.help')").await?;
    shop.stand_at(&app, "lampen").await?;

    page.until_says("form.help", "Ik heb hulp nodig").await?;
    page.click("form.help button").await?;
    board
        .until_says("[data-cards=now] .card", "Hulp gevraagd")
        .await?;
    board.until_says("[data-cards=now] .card", "Lampen").await?;
    page.until_says("form.help", "Toch niet nodig").await?;
    page.click("form.help button").await?;
    board.until("!document.querySelector('.card')").await?;
    page.until_says("form.help", "Ik heb hulp nodig").await?;

    page.click("form.help button").await?;
    board.click("[data-do=take]").await?;
    board.until_says(".card .state", "Jij gaat").await?;
    board.until_says(".card-actions", "Geholpen").await?;
    board
        .until("!document.querySelector('.code-field')")
        .await?;
    board.click("[data-do=hand-over]").await?;
    board.until_says(".card .state", "Overhandigd").await?;
    page.until_says("form.help", "Ik heb hulp nodig").await?;
    let warnings = shop.rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}

async fn bounded() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let eva = shop.customer(&EVA).await?;
    let mut caller = Caller {
        app: shop.app(eva).await?,
        shop: &shop,
        seconds: 0,
    };
    caller.is_refused("A switch is off").await?;
    caller
        .app
        .set_consent(Consent::ALL, "2026-11", "nl")
        .await?;
    caller.is_refused("not seen in this store").await?;
    shop.stand_at(&caller.app, "lampen").await?;
    caller.ask(true).await?;
    caller.ask(true).await?; // the same call
    for _ in 1..HELP_PER_HOUR_MAX {
        caller.ask(false).await?;
        caller.ask(true).await?;
    }
    caller.ask(false).await?;
    caller.is_refused("too often").await
}

/// Whoever asks and asks. A body is signed once a second, so each is signed a second later.
struct Caller<'a> {
    app: Phone,
    shop: &'a Shop,
    seconds: u64,
}

impl Caller<'_> {
    async fn ask(&mut self, wanted: bool) -> anyhow::Result<()> {
        self.seconds += 1;
        let at_ms = now_ms() + self.seconds * 1_000;
        let body = self.app.help(at_ms, &self.shop.rig.stack.store, wanted);
        Ok(self.app.send_help(&body).await?)
    }

    async fn is_refused(&mut self, why: &str) -> anyhow::Result<()> {
        let Err(error) = self.ask(true).await else {
            anyhow::bail!("not refused: {why}");
        };
        let said = format!("{error:#}");
        anyhow::ensure!(said.contains(why), "{said}");
        Ok(())
    }
}
