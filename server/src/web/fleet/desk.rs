//! The machine in the store that has its desk, on the devices page.
//!
//! In: when it last asked anything. Out: a line, and what to do about its silence.

use super::{
    Icon,
    words::{Chip, Need, Todo, Words},
};

/// The machine in a store that has its desk, or is to have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeskView {
    /// How it does.
    pub state: DeskState,
    /// When it was last heard; none: never.
    pub seen_ms: Option<u64>,
}

/// How it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeskState {
    /// It was let in and has not come yet: the desk is at the central server.
    NotYetHeard,
    /// It asks every two seconds.
    There,
    /// It has the desk, and nothing is heard of it.
    Silent,
}

/// Its row.
pub(super) struct DeskLine {
    pub(super) chip: Chip,
    pub(super) heard: String,
    pub(super) todo: String,
    pub(super) idle: bool,
}

impl Words<'_> {
    pub(super) fn desk_is_silent(&self) -> bool {
        self.desk
            .is_some_and(|desk| desk.state == DeskState::Silent)
    }

    pub(super) fn desk_line(&self) -> Option<DeskLine> {
        let (t, desk) = (self.t, self.desk?);
        let (class, icon, words, todo) = match desk.state {
            DeskState::There => (
                "ok",
                Icon::Check,
                t.get("desk-there"),
                t.get("gateway-todo-nothing"),
            ),
            DeskState::Silent => (
                "brick",
                Icon::LineCut,
                t.get("desk-silent"),
                t.get("desk-todo-silent"),
            ),
            DeskState::NotYetHeard => ("off", Icon::Off, t.get("desk-new"), t.get("desk-todo-new")),
        };
        // Silence of a minute is news here, so its moment is said and not "just now".
        let heard = match desk.seen_ms.filter(|_| desk.state == DeskState::Silent) {
            Some(seen_ms) => t.moment_within(seen_ms, self.now_ms),
            None => self.heard(desk.seen_ms),
        };
        Some(DeskLine {
            chip: Chip { class, icon, words },
            heard,
            todo,
            idle: desk.state == DeskState::There,
        })
    }

    pub(super) fn desk_todo(&self) -> Option<Todo> {
        let (t, desk) = (self.t, self.desk?);
        let (need, what, how) = match desk.state {
            DeskState::There => return None,
            DeskState::Silent => (
                Need::DeskSilent,
                t.with("todo-desk", "since", self.since(desk.seen_ms)),
                t.get("todo-desk-more"),
            ),
            DeskState::NotYetHeard => (
                Need::DeskNew,
                t.get("todo-desk-new"),
                t.get("todo-desk-new-more"),
            ),
        };
        let urgent = need == Need::DeskSilent;
        Some(Todo {
            need,
            urgent,
            icon: if urgent { Icon::LineCut } else { Icon::Door },
            what,
            place: String::new(),
            how,
        })
    }
}
