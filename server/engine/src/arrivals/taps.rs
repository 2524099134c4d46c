//! What a colleague's tap does to a card.
//!
//! In: a tap. Out: its answer, the card if it changed, the orders handed over or taken back.
//! Promises: of two who take one card the first has it; a tap that comes twice does no more than
//! once.
//! Invariant: after [`CODE_TRIES`] wrong codes none is looked at for [`CODE_PAUSE_MS`]; what may go
//! only to who is old enough goes to nobody at whom nobody has looked.

use protocol::{CardId, CustomerId, StaffId, ZoneId};

use super::{Arrivals, Desk, Episode, Here, show};
use crate::{
    input::{Tap, TapAction},
    journey::{Journey, Signal},
    outcome::TapAnswer,
};

/// Wrong codes before a pause.
pub const CODE_TRIES: u32 = 5;

/// How long the pause is: a guesser of four digits needs a day and a half of standing there.
pub const CODE_PAUSE_MS: u64 = 60_000;

impl Arrivals {
    /// Whose card this is, if it can still be tapped on.
    pub(crate) fn customer_of(&self, card: CardId) -> Option<CustomerId> {
        let kept = self.served.iter().chain(&self.departed);
        self.open
            .values()
            .chain(kept)
            .find(|episode| episode.card == card)
            .map(|episode| episode.customer)
    }

    /// Whether a colleague has looked in vain for whose card this is.
    pub(crate) fn was_looked_for(&self, card: CardId) -> bool {
        let mut open = self.open.values();
        open.any(|episode| episode.card == card && episode.looked_for)
    }

    /// Does what the tap asks. `here`: she is in the store, as far as is known.
    pub(crate) fn tap(&mut self, mut desk: Desk<'_>, tap: &Tap, here: Option<Here>) -> TapAnswer {
        if self.elsewhere {
            return TapAnswer::Elsewhere;
        }
        let (card, staff, now_ms) = (tap.card, tap.staff, desk.now_ms);
        let is_here = here.is_some();
        let whereabouts = here.map(|here| here.whereabouts).unwrap_or_default();
        match &tap.action {
            TapAction::HandOver { code, age_seen } => {
                self.hand_over(desk, card, (code, *age_seen), whereabouts)
            }
            TapAction::TakeOver { from } => {
                let from = *from;
                let act = |e: &mut Episode| e.take_over(staff, from, now_ms);
                self.change(card, whereabouts, &mut desk, act)
            }
            TapAction::Take => self.change(card, whereabouts, &mut desk, |e| e.take(staff, now_ms)),
            TapAction::Undo if self.served.iter().any(|e| e.card == card) => {
                self.take_back(desk, card, is_here, whereabouts)
            }
            TapAction::Undo => {
                self.change(card, whereabouts, &mut desk, |e| e.release(staff, false))
            }
            TapAction::NotHere => {
                self.change(card, whereabouts, &mut desk, |e| e.release(staff, true))
            }
        }
    }

    /// What is said of a card that is not open.
    fn gone(&self, card: CardId) -> TapAnswer {
        if self.closed.contains(&card) || self.customer_of(card).is_some() {
            TapAnswer::Closed
        } else {
            TapAnswer::Unknown
        }
    }

    fn change(
        &mut self,
        card: CardId,
        whereabouts: Vec<(ZoneId, f32)>,
        desk: &mut Desk<'_>,
        act: impl FnOnce(&mut Episode) -> TapAnswer,
    ) -> TapAnswer {
        let Some(episode) = self.open.values_mut().find(|e| e.card == card) else {
            return self.gone(card);
        };
        let before = episode.clone();
        let answer = act(episode);
        if *episode != before {
            show(episode, whereabouts, desk.out);
            self.plan_call(before.customer);
        }
        answer
    }

    fn hand_over(
        &mut self,
        desk: Desk<'_>,
        card: CardId,
        (code, age_seen): (&str, bool),
        whereabouts: Vec<(ZoneId, f32)>,
    ) -> TapAnswer {
        let Self {
            orders,
            open,
            departed,
            ..
        } = self;
        let Some(episode) = open.values_mut().chain(departed).find(|e| e.card == card) else {
            return self.gone(card);
        };
        if desk.now_ms < episode.paused_until_ms {
            return TapAnswer::Paused {
                until_ms: episode.paused_until_ms,
            };
        }
        let opened = orders.opens(episode.customer, &episode.orders, code);
        let Some((taken, somebody_else)) = opened.taken(&episode.orders) else {
            let answer = episode.wrong_code(desk.now_ms);
            show(episode, whereabouts, desk.out);
            return answer;
        };
        if !age_seen && orders.is_age_checked(episode.customer, &taken) {
            return TapAnswer::AgeUnseen;
        }
        let mut episode = episode.clone();
        self.open.retain(|_, e| e.card != card);
        self.departed.retain(|e| e.card != card);
        self.errands.done(episode.customer, &taken);
        if !somebody_else {
            self.coming.forget(episode.customer);
        }
        (episode.orders, episode.somebody_else) = (taken, somebody_else);
        self.advance(desk, episode, Signal::HandedOver, Vec::new());
        TapAnswer::Done
    }

    /// She does not have it after all. Her orders go back on her card; if another is open for her
    /// by now, onto that one.
    fn take_back(
        &mut self,
        mut desk: Desk<'_>,
        card: CardId,
        is_here: bool,
        whereabouts: Vec<(ZoneId, f32)>,
    ) -> TapAnswer {
        let now_ms = desk.now_ms;
        let may = |e: &Episode| {
            e.undo_until_ms.is_some_and(|until_ms| now_ms < until_ms)
                && self.orders.holds_any(e.customer, &e.orders)
        };
        let at = self.served.iter().position(|e| e.card == card && may(e));
        let Some(episode) = at.and_then(|at| self.served.remove(at)) else {
            return TapAnswer::Closed;
        };
        let customer = episode.customer;
        if episode.somebody_else {
            let orders = &episode.orders;
            self.errands.begin(desk.now_ms, customer, orders);
        }
        let is_here = is_here || episode.somebody_else;
        let signal = match (self.journey(customer), is_here) {
            (Journey::Created, true) => Signal::TakenBack,
            (Journey::Created, false) => Signal::TakenBackAway,
            _ => Signal::TakenBackToOther,
        };
        self.advance(desk.again(), episode, signal, whereabouts);
        self.show_departed(&mut desk, customer);
        TapAnswer::Done
    }

    /// Puts on the card of somebody who left what she may be given now.
    fn show_departed(&mut self, desk: &mut Desk<'_>, customer: CustomerId) {
        let orders = self.orders.at_desk(desk.now_ms, customer);
        let left = self.departed.iter_mut().find(|e| e.customer == customer);
        if let Some(episode) = left
            && episode.orders != orders
        {
            episode.orders = orders;
            show(episode, Vec::new(), desk.out);
        }
    }
}

impl Episode {
    fn take(&mut self, staff: StaffId, now_ms: u64) -> TapAnswer {
        match self.taken {
            Some((holder, _)) if holder != staff => TapAnswer::TakenBy { staff: holder },
            Some(_) => TapAnswer::Done,
            None => {
                self.taken = Some((staff, now_ms));
                self.first_taken_ms.get_or_insert(now_ms);
                self.not_here = false;
                TapAnswer::Done
            }
        }
    }

    /// From the colleague who held it when this was asked, or from nobody by now.
    fn take_over(&mut self, staff: StaffId, from: StaffId, now_ms: u64) -> TapAnswer {
        if self.taken.is_some_and(|(holder, _)| holder == from) {
            self.taken = None;
        }
        self.take(staff, now_ms)
    }

    /// The holder, or anybody if nobody holds it, lets go of the card.
    fn release(&mut self, staff: StaffId, not_here: bool) -> TapAnswer {
        match self.taken {
            Some((holder, _)) if holder != staff => TapAnswer::TakenBy { staff: holder },
            _ => {
                self.taken = None;
                self.not_here = not_here;
                self.looked_for |= not_here;
                TapAnswer::Done
            }
        }
    }

    fn wrong_code(&mut self, now_ms: u64) -> TapAnswer {
        self.wrong_codes = self.wrong_codes.saturating_add(1);
        let tries_left = CODE_TRIES - self.wrong_codes % CODE_TRIES;
        if tries_left < CODE_TRIES {
            return TapAnswer::WrongCode { tries_left };
        }
        self.paused_until_ms = now_ms + CODE_PAUSE_MS;
        TapAnswer::Paused {
            until_ms: self.paused_until_ms,
        }
    }
}
