//! The integrations page: gathers how sources and receivers do; test orders, tasks, sending again.
//!
//! In: a manager's browser. Out: the page. Sources are of the chain: who runs a store sees all of
//! them and may send a test order, which leaves nothing behind; what changes something is an
//! admin's.
//! Invariant: judges nothing itself: what is shown is what `GET /v1/sources`, `/v1/tasks` and
//! `/v1/webhooks-out` say.

mod words;

use axum::{
    Form,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use uuid::Uuid;

use self::words::Words;
use super::Desk;
use crate::{
    api::{
        access::check_csrf,
        problem::Problem,
        webhooks::test_order::{self, TestBody, Verdict},
    },
    clock,
    store::{
        access, catalogue, push,
        receivers::{self, Health, WebhookRow},
        sources::{self, NumbersRow, Setup, TaskRow},
    },
    web::{
        integrations::{IntegrationsPage, StepView, TestForm, render_integrations},
        routes::PageError,
    },
};

/// Messages of one receiver that are shown, of those that were given up.
const GIVEN_UP_SHOWN: u32 = 10;

/// What stands in the database.
struct Known {
    setups: Vec<Setup>,
    numbers: Vec<NumbersRow>,
    /// Names of keys with which events come.
    keys: Vec<String>,
    tasks: Vec<TaskRow>,
    receivers: Vec<(WebhookRow, Health)>,
    alarms: Vec<push::Alarm>,
    /// What a test order would name.
    first_sku: Option<String>,
    stores: Vec<(String, String)>,
}

/// A test order that was sent just now.
struct Tested {
    source: String,
    form: TestForm,
    steps: Vec<StepView>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::web) struct Tap {
    csrf: String,
    #[serde(rename = "do")]
    what: String,
    source: String,
    location: String,
    sku: String,
    secret: String,
    task: i64,
    name: String,
    message: Option<Uuid>,
}

pub(in crate::web) async fn integrations(desk: Desk) -> Response {
    let said = desk.came.as_deref().and_then(|came| match came {
        "done" => Some("integrations-said-done"),
        "again" => Some("integrations-said-again"),
        _ => None,
    });
    let said = said.map(|key| desk.lintel.texts.get(key));
    let html = draw(&desk, None, said).await;
    desk.answer(StatusCode::OK, html)
}

pub(in crate::web) async fn act(desk: Desk, Form(tap): Form<Tap>) -> Response {
    match tapped(&desk, tap).await {
        Ok(response) => response,
        Err(error) => desk.answer(error.status(), Err(error)),
    }
}

async fn tapped(desk: &Desk, tap: Tap) -> Result<Response, PageError> {
    check_csrf(&tap.csrf, &desk.lintel.csrf)?;
    if tap.what == "test" {
        let tested = test(desk, tap).await?;
        let html = draw(desk, Some(tested), None).await?;
        return Ok(desk.answer(StatusCode::OK, Ok(html)));
    }
    if !desk.admin {
        return Err(Problem::forbidden("sources are of the whole chain: ask an admin").into());
    }
    let came = match (tap.what.as_str(), tap.message) {
        ("done", _) => {
            desk.app
                .pipeline
                .write(move |txn| sources::finish_task(txn.db, txn.now_ms, tap.task))
                .await?;
            "done"
        }
        ("replay", Some(message)) => {
            desk.app
                .pipeline
                .write(move |txn| receivers::replay(txn.db, txn.now_ms, &tap.name, message))
                .await?;
            "again"
        }
        _ => return Err(Problem::not_found("there is no such button").into()),
    };
    let path = format!("/manage/{}/integrations?came={came}", desk.lintel.store);
    Ok(Redirect::to(&path).into_response())
}

async fn test(desk: &Desk, tap: Tap) -> Result<Tested, PageError> {
    let asked = TestBody::typed(&tap.secret, &tap.location, &tap.sku);
    let (steps, _) = test_order::send(&desk.app, tap.source.clone(), asked).await?;
    let texts = &desk.lintel.texts;
    let view = |step: &test_order::Step| StepView {
        grade: match step.verdict {
            Verdict::Right => 0,
            Verdict::Look => 1,
            Verdict::Wrong => 2,
        },
        said: step.said(texts),
        next: step.next(texts),
    };
    Ok(Tested {
        source: tap.source,
        form: TestForm {
            location: tap.location,
            sku: tap.sku,
        },
        steps: steps.iter().map(view).collect(),
    })
}

async fn draw(
    desk: &Desk,
    tested: Option<Tested>,
    said: Option<String>,
) -> Result<String, PageError> {
    let now_ms = clock::now_ms();
    let known = desk.app.readers.read(|db| {
        let mut receivers = Vec::new();
        for row in receivers::all(db)? {
            let health = receivers::health(db, row.webhook, GIVEN_UP_SHOWN)?;
            receivers.push((row, health));
        }
        Ok(Known {
            setups: sources::setups(db)?,
            numbers: sources::numbers(db)?,
            keys: access::track_keys(db)?,
            tasks: sources::open_tasks(db)?,
            receivers,
            alarms: push::alarms(db)?,
            first_sku: catalogue::first_sku(db)?.map(|sku| sku.as_str().to_owned()),
            stores: crate::store::shop::store_names(db)?,
        })
    });
    let known = known.await?;
    let words = Words {
        t: &desk.lintel.texts,
        now_ms,
        admin: desk.admin,
        base: &desk.base,
    };
    let page = IntegrationsPage {
        lintel: desk.lintel.clone(),
        admin: desk.admin,
        said,
        sources: words.sources(&known, tested.as_ref()),
        tasks: known.tasks.iter().map(|task| words.task(task)).collect(),
        receivers: known
            .receivers
            .iter()
            .map(|(row, health)| words.receiver(row, health))
            .collect(),
        alarms: known
            .alarms
            .iter()
            .map(|alarm| words.alarm(alarm))
            .collect(),
    };
    Ok(render_integrations(&page, now_ms)?)
}

#[cfg(test)]
mod tests;
