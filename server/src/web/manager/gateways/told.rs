//! What a gateway is told to do otherwise than its file says: how far it is, and a form.
//!
//! In: rows; a manager's form. Out: a line on the page; settings with a new version.
//! Invariant: the form goes through the same checks as the API's body.

use std::collections::BTreeMap;

use axum::{
    Form,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use garde::Validate;
use protocol::{GatewayId, StoreId};
use rusqlite::Connection;
use serde::Deserialize;

use super::{Desk, draw_with, named};
use crate::{
    api::{
        access::check_csrf,
        problem::Problem,
        settings::{
            AggregateBody, GatewaySettingsView, SettingsBody, SourceBody, SourceKind, change,
        },
    },
    store::{StoreError, settings},
    web::gateways::{SettingsForm, SettingsLine},
};

/// How far the gateways of a store are, those that were told anything.
pub(super) fn lines(
    db: &Connection,
    store: &StoreId,
) -> Result<BTreeMap<GatewayId, SettingsLine>, StoreError> {
    let mut answers = settings::answers(db, store)?;
    let mut lines = BTreeMap::new();
    for row in crate::store::beacons::gateways(db, store)? {
        let answer = answers.remove(&row.gateway);
        let refused = answer.as_ref().and_then(|a| a.state.refused.clone());
        let view = GatewaySettingsView::read(db, store, &row.gateway, answer)?;
        let Some(wanted) = view.wanted_version else {
            continue;
        };
        let line = SettingsLine {
            progress: view.progress,
            wanted,
            in_force: view.version_in_force,
            since_ms: view.since_ms,
            refused: refused.map(|refused| refused.why),
            damaged: view.damaged,
        };
        lines.insert(row.gateway, line);
    }
    Ok(lines)
}

/// The form, filled in with what is kept.
pub(super) async fn form(desk: &Desk, gateway: &GatewayId) -> Result<SettingsForm, Problem> {
    let (store, gateway) = (desk.lintel.store.clone(), gateway.clone());
    let read = desk.app.readers.read(move |db| {
        let own = settings::get(db, &store, Some(&gateway))?;
        Ok((own.version, SettingsBody::of(&own.settings)?))
    });
    let (from, body) = read.await?;
    let text = |number: Option<u64>| number.map_or_else(String::new, |n| n.to_string());
    let uuids = body.chain_uuids.unwrap_or_default();
    let uuids: Vec<String> = uuids.iter().map(ToString::to_string).collect();
    let source = body.source;
    let silence_s = source.as_ref().and_then(|source| source.silence_s);
    let kind = source.as_ref().map(|source| source.kind);
    let adapters = source.map(|source| match (source.adapter, source.adapters) {
        (Some(one), _) => one,
        (None, several) => several.unwrap_or_default().join(" "),
    });
    Ok(SettingsForm {
        from,
        window_ms: text(body.aggregate.and_then(|table| table.window_ms)),
        chain_uuids: uuids.join("\n"),
        chain_namespaces: body.chain_namespaces.unwrap_or_default().join("\n"),
        kind: kind.map(crate::store::word).unwrap_or_default(),
        adapters: adapters.unwrap_or_default(),
        silence_s: text(silence_s),
    })
}

#[derive(Debug, Deserialize)]
pub(in crate::web) struct Typed {
    csrf: String,
    from: u64,
    #[serde(default)]
    window_ms: String,
    #[serde(default)]
    chain_uuids: String,
    #[serde(default)]
    chain_namespaces: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    adapters: String,
    #[serde(default)]
    silence_s: String,
}

impl Typed {
    fn body(&self) -> Result<SettingsBody, String> {
        let adapters: Vec<String> = self
            .adapters
            .split([' ', ','])
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        let kind = match self.kind.as_str() {
            "btleplug" => Some(SourceKind::Btleplug),
            "hci" => Some(SourceKind::Hci),
            "" => None,
            other => return Err(format!("source.kind: {other:?}")),
        };
        let silence_s = number("source.silence_s", &self.silence_s)?;
        let source = match kind {
            None if !adapters.is_empty() || silence_s.is_some() => {
                return Err("source.kind".into());
            }
            None => None,
            Some(kind) => {
                let (adapter, adapters) = match adapters.as_slice() {
                    [] => (None, None),
                    [one] => (Some(one.clone()), None),
                    _ => (None, Some(adapters)),
                };
                Some(SourceBody {
                    kind,
                    adapter,
                    adapters,
                    silence_s,
                })
            }
        };
        let window_ms = number("aggregate.window_ms", &self.window_ms)?;
        let uuids = lines_of(&self.chain_uuids).map(|line| {
            line.parse()
                .map_err(|_| format!("chain_uuids: {line:?} is no UUID"))
        });
        let uuids: Vec<_> = uuids.collect::<Result<_, _>>()?;
        let namespaces: Vec<String> = lines_of(&self.chain_namespaces)
            .map(str::to_lowercase)
            .collect();
        let body = SettingsBody {
            chain_uuids: Some(uuids).filter(|all| !all.is_empty()),
            chain_namespaces: Some(namespaces).filter(|all| !all.is_empty()),
            source,
            aggregate: window_ms.map(|window_ms| AggregateBody {
                window_ms: Some(window_ms),
            }),
        };
        match body.validate() {
            Ok(()) => Ok(body),
            Err(report) => Err(report.to_string().trim().to_owned()),
        }
    }

    fn again(self) -> SettingsForm {
        SettingsForm {
            from: self.from,
            window_ms: self.window_ms,
            chain_uuids: self.chain_uuids,
            chain_namespaces: self.chain_namespaces,
            kind: self.kind,
            adapters: self.adapters,
            silence_s: self.silence_s,
        }
    }
}

fn number(key: &str, text: &str) -> Result<Option<u64>, String> {
    match text.trim() {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| format!("{key}: {text:?} is no whole number")),
    }
}

fn lines_of(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

pub(in crate::web) async fn tell(desk: Desk, Form(typed): Form<Typed>) -> Response {
    let t = &desk.lintel.texts;
    let gateway = match check_csrf(&typed.csrf, &desk.lintel.csrf).and_then(|()| named(&desk)) {
        Ok(gateway) => gateway,
        Err(problem) => return desk.answer(problem.status(), Err(problem.into())),
    };
    let store = desk.lintel.store.clone();
    let body = match typed.body() {
        Ok(body) => body,
        Err(what) => {
            let said = Some(t.with("settings-wrong", "what", what.as_str()));
            let html = draw_with(&desk, &gateway, None, said, typed.again()).await;
            return desk.answer(StatusCode::UNPROCESSABLE_ENTITY, html);
        }
    };
    let (of, from) = (Some(gateway.clone()), Some(typed.from));
    match change(&desk.app, store.clone(), of, from, &body).await {
        Ok(_) => Redirect::to(&format!("/manage/{store}/gateways/{gateway}")).into_response(),
        Err(problem) if problem.status() == StatusCode::PRECONDITION_FAILED => {
            let said = Some(t.get("settings-changed"));
            let html = super::draw(&desk, &gateway, None, said).await;
            desk.answer(problem.status(), html)
        }
        Err(problem) => desk.answer(problem.status(), Err(problem.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed() -> Typed {
        Typed {
            csrf: String::new(),
            from: 0,
            window_ms: String::new(),
            chain_uuids: String::new(),
            chain_namespaces: String::new(),
            kind: String::new(),
            adapters: String::new(),
            silence_s: String::new(),
        }
    }

    #[test]
    fn what_stands_empty_is_not_told() {
        assert_eq!(typed().body(), Ok(SettingsBody::default()));
    }

    #[test]
    fn a_form_says_what_a_body_of_the_api_says() {
        let body = Typed {
            window_ms: " 250 ".into(),
            chain_uuids: "5f2d9c4e-0d1b-4a7e-9a55-1c0f8e2b7a01\r\n\r\n".into(),
            chain_namespaces: "A0B1C2D3E4F5A6B7C8D9".into(),
            kind: "hci".into(),
            adapters: "hci0, hci1".into(),
            silence_s: "30".into(),
            ..typed()
        };
        let json = serde_json::to_value(body.body().unwrap()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "aggregate": { "window_ms": 250 },
                "chain_uuids": ["5f2d9c4e-0d1b-4a7e-9a55-1c0f8e2b7a01"],
                "chain_namespaces": ["a0b1c2d3e4f5a6b7c8d9"],
                "source": { "kind": "hci", "adapters": ["hci0", "hci1"], "silence_s": 30 },
            })
        );
    }

    #[test]
    fn what_cannot_be_is_named_by_its_key() {
        for (typed, key) in [
            (
                Typed {
                    window_ms: "soon".into(),
                    ..typed()
                },
                "aggregate.window_ms",
            ),
            (
                Typed {
                    window_ms: "9".into(),
                    ..typed()
                },
                "aggregate.window_ms",
            ),
            (
                Typed {
                    adapters: "hci1".into(),
                    ..typed()
                },
                "source.kind",
            ),
            (
                Typed {
                    chain_uuids: "x".into(),
                    ..typed()
                },
                "chain_uuids",
            ),
            (
                Typed {
                    kind: "sim".into(),
                    ..typed()
                },
                "source.kind",
            ),
        ] {
            let why = typed.body().unwrap_err();
            assert!(why.contains(key), "{why}");
        }
    }
}
