//! Three boards of one store at once: two tablets and a phone, in three colleagues' hands.
//!
//! In: two customers who wait, taps on each board, one board whose line is cut for a while.
//! Out: what each colleague reads; with `WELKOM_SCREENSHOTS=1` pictures of each state, in both
//! languages; with `WELKOM_AXE` what axe-core finds in each.
//! Promises: the line is cut for [`CUT_S`] at least; `WELKOM_LINE_CUT_S` says how long in a longer
//! run.

use std::{path::PathBuf, time::Duration};

use demo::stack::{STAFF, until_within};
use e2e::{
    browser::{Page, Reader},
    cable::Cable,
    harness::{Tool, axe, test},
};
use firmware_sim::phone::Consent;
use libtest_mimic::Trial;

use super::{
    EVA, Person, Shop, log_in, now_ms,
    pictures::{early_afternoon, folder, picture_in},
};

/// Stale comes after 10 s; a tap or two fit in the rest.
const CUT_S: u64 = 12;
/// A phone, and a tablet.
const WIDTHS_PX: [u32; 2] = [390, 820];

const ROBIN: Person<'static> = Person {
    given_name: "Robin",
    family_name: "Meijer",
    salutation: None,
};

pub(super) fn tests() -> Vec<Trial> {
    vec![test(
        "three_boards_agree_who_goes_and_the_one_that_was_cut_off_is_told_who_was_earlier",
        &[Tool::Chromium],
        in_each_language,
    )]
}

/// What a colleague reads, in her language.
struct Words {
    here: &'static str,
    mine: &'static str,
    hers: &'static str,
    tries_left: &'static str,
    paused: &'static str,
    served: &'static str,
    reconnecting: &'static str,
    stale: &'static str,
    one_kept: &'static str,
    two_kept: &'static str,
    earlier: &'static str,
}

const DUTCH: Words = Words {
    here: "Is er",
    mine: "Jij gaat",
    hers: "Sanne gaat",
    tries_left: "Nog 4 keer",
    paused: "Te vaak geprobeerd",
    served: "Overhandigd",
    reconnecting: "Opnieuw verbinden",
    stale: "Geen verbinding sinds",
    one_kept: "Eén tik is bewaard",
    two_kept: "2 tikken zijn bewaard",
    earlier: "Sanne was eerder",
};

const ENGLISH: Words = Words {
    here: "Is here",
    mine: "You are going",
    hers: "Sanne is going",
    tries_left: "4 more tries",
    paused: "Tried too often",
    served: "Handed over",
    reconnecting: "Reconnecting",
    stale: "No connection since",
    one_kept: "One tap is kept",
    two_kept: "2 taps are kept",
    earlier: "Sanne was earlier",
};

async fn in_each_language() -> anyhow::Result<()> {
    let keep = std::env::var_os("WELKOM_SCREENSHOTS").is_some_and(|value| value == "1");
    three_boards("nl", &DUTCH).await?;
    if keep {
        three_boards("en", &ENGLISH).await?;
    }
    Ok(())
}

async fn three_boards(language: &'static str, words: &Words) -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    early_afternoon(&shop).await?;
    let look = Look::of(&shop, language)?;
    let reader = Reader {
        language,
        ..Reader::default()
    };
    shop.hire("daan", "Daan").await?;
    shop.hire("noor", "Noor").await?;
    let sanne = shop.board(reader, STAFF).await?;
    let daan = shop.board(reader, ("daan", STAFF.1)).await?;
    let port = shop.rig.stack.ready.http.port();
    let cable = Cable::lay(port).await?;
    let noor = shop.driver.open(&cable.url(), reader).await?;
    noor.goto("/login").await?;
    log_in(&noor, "noor", STAFF.1).await?;
    noor.until("location.pathname === '/staff/kade-9'").await?;
    for (board, width_px) in [(&sanne, 820), (&daan, 820), (&noor, 390)] {
        board.resize(width_px, 900).await?;
        board.until_says(".link-state", "Live").await?;
    }
    for (who, number, bay, sku) in [
        (&EVA, "1042-7731", "B12", "SCHOEN-39"),
        (&ROBIN, "1042-7744", "K2", "LAARS-40"),
    ] {
        waits(&shop, who, (number, bay, sku)).await?;
    }
    for board in [&sanne, &daan, &noor] {
        for name in [EVA.family_name, ROBIN.family_name] {
            says(board, name, words.here).await?;
        }
    }
    look.at(&noor, "waiting").await?;

    // One goes, and all see her name; she does not go after all.
    tap(&sanne, EVA.family_name, "take").await?;
    says(&sanne, EVA.family_name, words.mine).await?;
    says(&daan, EVA.family_name, words.hers).await?;
    says(&noor, EVA.family_name, words.hers).await?;
    look.at(&daan, "taken").await?;
    tap(&sanne, EVA.family_name, "undo").await?;
    for board in [&sanne, &daan, &noor] {
        says(board, EVA.family_name, words.here).await?;
    }

    // A wrong code is counted, for all boards together; then none is looked at for a while.
    tap(&daan, ROBIN.family_name, "take").await?;
    hand_over(&daan, ROBIN.family_name, "0000").await?;
    says(&daan, ROBIN.family_name, words.tries_left).await?;
    look.at(&daan, "wrong").await?;
    for guess in ["0001", "0002", "0003", "0004"] {
        hand_over(&daan, ROBIN.family_name, guess).await?;
    }
    says(&daan, ROBIN.family_name, words.paused).await?;
    hand_over(&daan, ROBIN.family_name, "7419").await?;
    says(&daan, ROBIN.family_name, words.paused).await?;
    look.at(&daan, "slowed").await?;
    tap(&daan, ROBIN.family_name, "undo").await?;
    says(&noor, ROBIN.family_name, words.here).await?;

    // The line of one is cut: she sees since when, and works on.
    cable.cut();
    let cut_ms = now_ms();
    noor.until_says(".link-state", words.reconnecting).await?;
    tap(&noor, ROBIN.family_name, "take").await?;
    says(&noor, ROBIN.family_name, words.mine).await?;
    noor.until_says("[data-for=stale]", words.stale).await?;
    noor.until_says("[data-for=stale]", words.one_kept).await?;
    look.at(&noor, "stale").await?;
    tap(&noor, EVA.family_name, "not-here").await?;
    noor.until_says("[data-for=stale]", words.two_kept).await?;
    tap(&sanne, ROBIN.family_name, "take").await?;
    says(&daan, ROBIN.family_name, words.hers).await?;
    until_cut_for(cut_ms).await?;
    cable.mend();
    noor.until_says(".link-state", "Live").await?;
    noor.until_says("#told", words.earlier).await?;
    says(&noor, ROBIN.family_name, words.hers).await?;
    look.at(&noor, "earlier").await?;

    // Handed over against the code, and all see it.
    tap(&daan, EVA.family_name, "take").await?;
    hand_over(&daan, EVA.family_name, "7419").await?;
    for board in [&sanne, &daan, &noor] {
        says(board, EVA.family_name, words.served).await?;
    }
    look.at(&sanne, "served").await?;
    let warnings = shop.rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}

/// Somebody with an order that lies ready says that she is there.
async fn waits(
    shop: &Shop,
    who: &Person<'_>,
    (number, bay, sku): (&str, &str, &str),
) -> anyhow::Result<()> {
    let customer = shop.customer(who).await?;
    shop.ready_order(customer, number, bay, sku).await?;
    let app = shop.app(customer).await?;
    app.set_consent(Consent::ALL, "2026-11", "nl").await?;
    let here = app.here(now_ms(), &shop.rig.stack.store);
    app.send_here(&here).await?;
    Ok(())
}

/// The card of one customer, as an expression.
fn card(family_name: &str) -> String {
    format!(
        "[...document.querySelectorAll('.card')].find((card) => \
         card.querySelector('h3').textContent.includes('{family_name}'))"
    )
}

async fn says(board: &Page, family_name: &str, words: &str) -> anyhow::Result<()> {
    let card = card(family_name);
    board
        .until(&format!("{card}?.innerText.includes('{words}') ?? false"))
        .await
}

async fn tap(board: &Page, family_name: &str, what: &str) -> anyhow::Result<()> {
    let button = format!("{}?.querySelector('[data-do={what}]')", card(family_name));
    board.until(&format!("Boolean({button})")).await?;
    board.value(&format!("{button}.click()")).await?;
    Ok(())
}

/// Types a code as a colleague does: the field comes when the way back has stood there a while.
async fn hand_over(board: &Page, family_name: &str, code: &str) -> anyhow::Result<()> {
    let card = card(family_name);
    let field = format!("{card}?.querySelector('.code-field')");
    board.until(&format!("Boolean({field})")).await?;
    board
        .value(&format!(
            "((card) => {{ card.querySelector('.code-field').value = '{code}'; \
              card.querySelector('output').textContent = ''; }})({card})"
        ))
        .await?;
    tap(board, family_name, "hand-over").await?;
    board
        .until(&format!(
            "{card}?.querySelector('output')?.textContent !== ''"
        ))
        .await
}

async fn until_cut_for(since_ms: u64) -> anyhow::Result<()> {
    let told = std::env::var("WELKOM_LINE_CUT_S").ok();
    let cut_s = told.map_or(Ok(CUT_S), |seconds| seconds.parse())?;
    let within = Duration::from_secs(cut_s + 1);
    until_within(within, "the line to be cut for long enough", async || {
        Ok(now_ms() >= since_ms + cut_s * 1_000)
    })
    .await
}

/// Where pictures go, and who looks at them.
struct Look {
    folder: PathBuf,
    keep: bool,
    language: &'static str,
}

impl Look {
    fn of(shop: &Shop, language: &'static str) -> anyhow::Result<Self> {
        let (folder, keep) = folder(shop)?;
        Ok(Self {
            folder,
            keep,
            language,
        })
    }

    /// Pictures of a state, and what keeps people out of it.
    async fn at(&self, board: &Page, state: &str) -> anyhow::Result<()> {
        if axe().is_ok() {
            let flaws = board.flaws().await?;
            anyhow::ensure!(flaws.is_empty(), "{state}: {flaws:#?}");
        }
        if self.keep {
            let name = format!("boards-{state}");
            picture_in(
                board,
                &self.folder,
                &name,
                self.language,
                &WIDTHS_PX,
                &[false],
            )
            .await?;
        }
        Ok(())
    }
}
