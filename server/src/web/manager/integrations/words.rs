//! Sources, receivers and tasks in words.
//!
//! In: rows. Out: what the page shows. Pure.
//! Invariant: of a task only an admin reads whom it is about, and of a receiver its whole address.

use std::collections::BTreeMap;

use super::{Known, Tested};
use crate::{
    api::webhooks,
    store::{
        push::{Alarm, Kind as Provider},
        receivers::{Event, Health, MessageRow, WebhookRow},
        sources::{NumbersRow, Setup, TaskRow},
    },
    web::{
        i18n::Texts,
        integrations::{
            AlarmView, ErrorView, FailedView, ReceiverView, SourceView, TaskView, TestForm,
            WebhookView,
        },
    },
};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// In whose words, and what they may see.
pub(super) struct Words<'a> {
    pub(super) t: &'a Texts,
    pub(super) now_ms: u64,
    pub(super) admin: bool,
    /// How a browser reaches the server.
    pub(super) base: &'a str,
}

impl Words<'_> {
    fn ago(&self, at_ms: u64) -> String {
        match self.now_ms.saturating_sub(at_ms) {
            0..MINUTE_MS => self.t.get("integrations-just-now"),
            gone @ MINUTE_MS..HOUR_MS => self.t.count("integrations-minutes-ago", gone / MINUTE_MS),
            gone @ HOUR_MS..DAY_MS => self.t.count("integrations-hours-ago", gone / HOUR_MS),
            gone => self.t.count("integrations-days-ago", gone / DAY_MS),
        }
    }

    /// Shops first, then keys with which events come.
    pub(super) fn sources(&self, known: &Known, tested: Option<&Tested>) -> Vec<SourceView> {
        let mut numbers: BTreeMap<&str, &NumbersRow> = known
            .numbers
            .iter()
            .map(|row| (row.source.as_str(), row))
            .collect();
        let mut views = Vec::new();
        for setup in &known.setups {
            let name = format!("{}/{}", setup.row.kind.as_str(), setup.row.source);
            let tested = tested.filter(|tested| tested.source == setup.row.source);
            views.push(SourceView {
                webhook: Some(self.webhook(setup, known, tested)),
                ..self.source(
                    &setup.row.source,
                    setup.row.kind.as_str(),
                    numbers.remove(&*name),
                )
            });
        }
        for key in &known.keys {
            let name = format!("track/{key}");
            views.push(self.source(key, "track", numbers.remove(&*name)));
        }
        // A key or a source that was taken away since.
        for (name, row) in numbers {
            let (kind, source) = name.split_once('/').unwrap_or(("", name));
            views.push(self.source(source, kind, Some(row)));
        }
        for (at, view) in views.iter_mut().enumerate() {
            view.id = format!("source-{}", at + 1);
        }
        views
    }

    fn source(&self, name: &str, kind: &str, row: Option<&NumbersRow>) -> SourceView {
        let system = match kind {
            "shopify" => "Shopify".to_owned(),
            "woocommerce" => "WooCommerce".to_owned(),
            "track" => self.t.get("integrations-events"),
            other => other.to_owned(),
        };
        let mut view = SourceView {
            name: name.to_owned(),
            system,
            ..SourceView::default()
        };
        let Some(row) = row else {
            return view;
        };
        view.last = row.last_ms.map(|at_ms| self.ago(at_ms));
        let moment = |at_ms| self.t.moment(at_ms, self.now_ms);
        view.signature = row.signature.map(|(right, at_ms)| (right, moment(at_ms)));
        view.counts = row
            .counts
            .iter()
            .map(|(word, times)| (*times, self.count(word)))
            .collect();
        view.counts
            .sort_by_key(|(times, _)| std::cmp::Reverse(*times));
        let error = |(at_ms, error): &(u64, String)| ErrorView {
            when: moment(*at_ms),
            error: error.clone(),
            todo: self.todo(error),
        };
        view.errors = row.errors.iter().map(error).collect();
        view
    }

    /// What became of messages, in words.
    fn count(&self, word: &str) -> String {
        self.t.get(match word {
            "applied" | "kept" => "integrations-count-applied",
            "outdated" => "integrations-count-outdated",
            "ignored" => "integrations-count-ignored",
            "repeated" => "integrations-count-repeated",
            "unknown_customer" | "unknown_user" => "integrations-count-unknown",
            "no_consent" => "integrations-count-no-consent",
            "anonymous" => "integrations-count-anonymous",
            "wrong_signature" => "integrations-count-signature",
            "refused" | "set_aside" => "integrations-count-refused",
            other => return other.replace('_', " "),
        })
    }

    /// What to do about an error, by what the server noted.
    fn todo(&self, error: &str) -> String {
        self.t.get(if error.contains("is not the signature") {
            "integrations-todo-signature"
        } else if error.contains("no such") {
            "integrations-todo-unknown"
        } else if error.contains("Topic: say which") {
            "integrations-todo-topic"
        } else {
            "integrations-todo-unreadable"
        })
    }

    fn webhook(&self, setup: &Setup, known: &Known, tested: Option<&Tested>) -> WebhookView {
        let store_name = |store: &str| {
            let found = known.stores.iter().find(|(id, _)| id == store);
            found.map_or_else(|| store.to_owned(), |(_, name)| name.clone())
        };
        let locations = setup.locations.iter();
        let first = setup.locations.keys().next().cloned();
        let Setup { row, .. } = setup;
        WebhookView {
            address: format!(
                "{}/v1/webhooks/{}/{}",
                self.base,
                row.kind.as_str(),
                row.source
            ),
            topics: webhooks::topics(row.kind).to_vec(),
            store: row.store.as_ref().map(|store| store_name(store.as_str())),
            locations: locations
                .map(|(theirs, ours)| (theirs.clone(), store_name(ours.as_str())))
                .collect(),
            form: match tested {
                Some(tested) => tested.form.clone(),
                None => TestForm {
                    location: first.unwrap_or_default(),
                    sku: known.first_sku.clone().unwrap_or_default(),
                },
            },
            tested: tested.map(|tested| tested.steps.clone()),
        }
    }

    pub(super) fn task(&self, task: &TaskRow) -> TaskView {
        let (what, how) = match task.kind.as_str() {
            "data_request" => ("integrations-task-data", "integrations-task-data-how"),
            _ => ("integrations-task-shop", "integrations-task-shop-how"),
        };
        let mut how = self.t.get(how);
        if let (true, Some(customer)) = (self.admin, task.customer) {
            how = format!("GET /v1/customers/{customer}/export. {how}");
        } else if self.admin && task.kind == "data_request" {
            how = self.t.get("integrations-task-nobody");
        }
        let when = self.t.moment(task.at_ms, self.now_ms);
        let number = task.external.as_ref();
        let number = number.map(|number| self.t.with("integrations-task-number", "number", number));
        let parts = [Some(when), Some(task.source.clone()), number];
        TaskView {
            task: task.task,
            what: self.t.get(what),
            how,
            when: parts.into_iter().flatten().collect::<Vec<_>>().join(", "),
        }
    }

    pub(super) fn receiver(&self, row: &WebhookRow, health: &Health) -> ReceiverView {
        let t = self.t;
        let state = match (&health.last, row.gone_ms) {
            (_, Some(at_ms)) => (
                2,
                t.with("integrations-receiver-gone", "when", self.ago(at_ms)),
            ),
            (None, None) => (1, t.get("integrations-receiver-new")),
            (Some(last), None) if last.state == "delivered" => {
                (0, t.get("integrations-receiver-well"))
            }
            (Some(_), None) => (2, t.get("integrations-receiver-refuses")),
        };
        let last = health.last.as_ref().map(|last| {
            let answer = self.answer(last);
            let when = self.ago(last.due_ms.min(self.now_ms));
            t.with2("integrations-receiver-last", "when", when, "answer", answer)
        });
        let failed = |message: &MessageRow| FailedView {
            message: message.message.to_string(),
            what: self.event(message.event),
            when: t.moment(message.created_ms, self.now_ms),
            why: self.answer(message),
        };
        ReceiverView {
            id: format!("receiver-{}", row.webhook.simple()),
            name: row.name.clone(),
            place: self.place(&row.url),
            state,
            last,
            numbers: t.with2(
                "integrations-receiver-numbers",
                "waiting",
                health.waiting,
                "failed",
                health.failed,
            ),
            failed: health.given_up.iter().map(failed).collect(),
        }
    }

    /// An address may hold a secret of its own: who may not change it sees whose it is.
    fn place(&self, url: &str) -> String {
        if self.admin {
            return url.to_owned();
        }
        let host = url::Url::parse(url).ok();
        let host = host.and_then(|url| url.host_str().map(str::to_owned));
        host.unwrap_or_default()
    }

    fn answer(&self, message: &MessageRow) -> String {
        let status = message.status.map(|status| status.to_string());
        let said = [status, message.said.clone()];
        let said: Vec<String> = said.into_iter().flatten().collect();
        match said.is_empty() {
            true => self.t.get("integrations-no-answer"),
            false => said.join(", "),
        }
    }

    fn event(&self, event: Event) -> String {
        self.t.get(match event {
            Event::MessageSent => "integrations-event-message",
            Event::VisitEntered => "integrations-event-entered",
            Event::VisitLeft => "integrations-event-left",
            Event::CardArrived => "integrations-event-arrived",
            Event::JourneyWaiting => "integrations-event-waiting",
            Event::JourneyDepartedUnserved => "integrations-event-unserved",
            Event::JourneyEscalated => "integrations-event-escalated",
            Event::OrderCompleted => "integrations-event-completed",
            Event::ReturnAccepted => "integrations-event-returned",
        })
    }

    pub(super) fn alarm(&self, alarm: &Alarm) -> AlarmView {
        let t = self.t;
        let (name, todo) = match alarm.kind {
            Provider::WebPush => ("Web Push", "integrations-alarm-web"),
            Provider::Fcm => ("FCM", "integrations-alarm-fcm"),
            Provider::Apns => ("APNs", "integrations-alarm-apns"),
        };
        let since = t.since(alarm.since_ms, self.now_ms);
        AlarmView {
            what: t.with2("integrations-alarm", "name", name, "when", since),
            said: alarm.said.clone(),
            todo: format!(
                "{} {}",
                t.get(todo),
                t.count("integrations-alarm-times", alarm.times)
            ),
        }
    }
}
