use super::*;
use crate::web::{
    fixtures::{NOW_MS, integrations},
    i18n::Lang,
};

fn html(page: &IntegrationsPage) -> String {
    render_integrations(page, NOW_MS).unwrap()
}

#[test]
fn who_is_no_admin_sees_all_and_has_no_button_that_changes_something() {
    let page = IntegrationsPage {
        admin: false,
        ..integrations(Lang::Nl)
    };
    let (manager, admin) = (html(&page), html(&integrations(Lang::Nl)));
    for button in ["value=\"done\"", "value=\"replay\""] {
        assert!(
            admin.contains(button) && !manager.contains(button),
            "{button}"
        );
    }
    assert!(manager.contains("value=\"test\"") && manager.contains("doet een beheerder"));
    assert!(manager.contains("Een klant wil weten") && !admin.contains("doet een beheerder"));
}

#[test]
fn a_wrong_signature_is_said_with_what_to_do() {
    let html = html(&integrations(Lang::Nl));
    assert!(
        html.contains("Handtekening klopte niet: Vandaag 12:09"),
        "{html}"
    );
    assert!(
        html.contains("Neem het over uit de winkel en zet het met PUT /v1/sources."),
        "{html}"
    );
}

#[test]
fn an_unknown_place_is_said_with_what_to_type() {
    let html = html(&integrations(Lang::En));
    assert!(
        html.contains("We do not know the place “Kade 12”"),
        "{html}"
    );
    assert!(
        html.contains("Put “Kade 12” into the source’s locations"),
        "{html}"
    );
}

#[test]
fn without_a_shop_the_page_says_how_to_begin() {
    let mut page = integrations(Lang::Nl);
    assert!(!html(&page).contains("Begin hier"));
    page.sources.retain(|source| source.webhook.is_none());
    let html = html(&page);
    assert!(
        html.contains("Begin hier") && html.contains("PUT /v1/sources/web"),
        "{html}"
    );
}

#[test]
fn what_a_shop_calls_things_cannot_become_markup() {
    let nasty = "<img src=x onerror=alert(1)>";
    let mut page = integrations(Lang::Nl);
    page.sources[0].name = nasty.to_owned();
    page.sources[1].errors[0].error = nasty.to_owned();
    page.receivers[0].failed[0].why = nasty.to_owned();
    assert!(!html(&page).contains("<img"));
}
