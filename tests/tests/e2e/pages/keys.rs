//! Without a mouse, and what every page has: a title, a language, one heading, named fields, and
//! nothing from elsewhere.

use demo::stack::STAFF;
use e2e::{
    browser::{Page, Reader},
    harness::{Tool, test},
};
use libtest_mimic::Trial;
use serde_json::Value;

use super::Shop;

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
/// More stops than a message's form has with all its fields unfolded.
const TABS_MAX: usize = 80;

pub(super) fn tests() -> Vec<Trial> {
    vec![test(
        "keys_alone_take_a_card_and_every_page_is_named_and_loads_nothing_from_elsewhere",
        &[Tool::Chromium],
        keys_alone,
    )]
}

async fn keys_alone() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let eva = shop.eva_waits().await?;

    let page = shop.page(Reader::default()).await?;
    page.goto("/er-is-hier-niets").await?;
    sound(&page).await?;
    page.goto("/login?store=kade-9").await?;
    sound(&page).await?;
    tab_to(&page, "#name").await?;
    page.keys(STAFF.0).await?;
    tab_to(&page, "#password").await?;
    page.keys(&format!("{}{ENTER}", STAFF.1)).await?;
    page.until("location.pathname === '/staff/kade-9'").await?;
    page.until_says(".link-state", "Live").await?;
    sound(&page).await?;

    tab_to(&page, "[data-do=take]").await?;
    page.until("parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 3")
        .await?;
    page.keys(ENTER).await?;
    page.until("document.activeElement.matches('[data-do=undo]')")
        .await?;
    page.until_says(".card .state", "Jij gaat").await?;
    page.keys(ENTER).await?;
    page.until("document.activeElement.matches('[data-do=take]')")
        .await?;
    page.until_says(".card .state", "Is er").await?;

    let phone = shop.phone(Reader::default(), eva).await?;
    phone.until_says(".link-state", "Live").await?;
    sound(&phone).await
}

pub(super) async fn tab_to(page: &Page, css: &str) -> anyhow::Result<()> {
    let there = format!("document.activeElement.matches('{css}')");
    for _ in 0..TABS_MAX {
        page.keys(TAB).await?;
        if page.value(&there).await? == true {
            return Ok(());
        }
    }
    anyhow::bail!("{css} is not reached with the tab key")
}

/// What a page lacks; nothing.
async fn sound(page: &Page) -> anyhow::Result<()> {
    const LACKS: &str = "[\
        document.title.length < 5 && 'a title', \
        document.documentElement.lang !== 'nl' && 'its language', \
        document.querySelectorAll('h1').length !== 1 && 'one h1', \
        ...[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]\
            .filter(field => field.labels.length === 0).map(field => `a label for ${field.name}`), \
        ...[...document.querySelectorAll('button, a[href]')]\
            .filter(control => !control.textContent.trim()).map(control => control.outerHTML), \
        ...performance.getEntriesByType('resource').map(entry => entry.name)\
            .filter(name => !name.startsWith(location.origin + '/') && !name.startsWith('data:'))\
            .map(name => `distance from ${name}`), \
    ].filter(Boolean)";
    let lacks = page.value(LACKS).await?;
    let path = page.path().await?;
    anyhow::ensure!(lacks == Value::Array(vec![]), "{path} lacks {lacks}");
    Ok(())
}
