//! What a colleague's tap does to a card.
//!
//! In: a tap. Out: its answer, the card if it changed, the orders handed over.
//! Promises: of two who take one card the first has it; a tap that comes twice does no more than
//! once.
//! Invariant: after [`CODE_TRIES`] wrong codes none is looked at for [`CODE_PAUSE_MS`].

use protocol::{CardId, CustomerId, StaffId, ZoneId};

use super::{Arrivals, Episode, show};
use crate::{
    input::{Tap, TapAction},
    outcome::{Journey, Outcome, TapAnswer},
};

/// Wrong codes before a pause.
pub const CODE_TRIES: u32 = 5;

/// How long the pause is: a guesser of four digits needs a day and a half of standing there.
pub const CODE_PAUSE_MS: u64 = 60_000;

impl Arrivals {
    /// Whose card this is, if it can still be tapped on.
    pub(crate) fn customer_of(&self, card: CardId) -> Option<CustomerId> {
        let mut cards = self.open.values().chain(&self.departed);
        cards
            .find(|episode| episode.card == card)
            .map(|episode| episode.customer)
    }

    /// Does what the tap asks. Gives back who was served by it.
    pub(crate) fn tap(
        &mut self,
        now_ms: u64,
        tap: &Tap,
        whereabouts: Vec<(ZoneId, f32)>,
        out: &mut Outcome,
    ) -> Option<CustomerId> {
        let (card, staff) = (tap.card, tap.staff);
        let customer = self.customer_of(card);
        let answer = match &tap.action {
            TapAction::HandOver { code } => self.hand_over(now_ms, card, code, whereabouts, out),
            TapAction::Take => self.change(card, whereabouts, out, |e| e.take(staff, now_ms)),
            TapAction::Undo => self.change(card, whereabouts, out, |e| e.release(staff, false)),
            TapAction::NotHere => self.change(card, whereabouts, out, |e| e.release(staff, true)),
        };
        let served = answer == TapAnswer::Done && matches!(tap.action, TapAction::HandOver { .. });
        out.tap = Some(answer);
        customer.filter(|_| served)
    }

    /// What is said of a card that is not open.
    fn gone(&self, card: CardId) -> TapAnswer {
        if self.closed.contains(&card) || self.departed.iter().any(|e| e.card == card) {
            TapAnswer::Closed
        } else {
            TapAnswer::Unknown
        }
    }

    fn change(
        &mut self,
        card: CardId,
        whereabouts: Vec<(ZoneId, f32)>,
        out: &mut Outcome,
        act: impl FnOnce(&mut Episode) -> TapAnswer,
    ) -> TapAnswer {
        let Some(episode) = self.open.values_mut().find(|e| e.card == card) else {
            return self.gone(card);
        };
        let before = episode.clone();
        let answer = act(episode);
        if *episode != before {
            show(episode, whereabouts, out);
        }
        answer
    }

    fn hand_over(
        &mut self,
        now_ms: u64,
        card: CardId,
        code: &str,
        whereabouts: Vec<(ZoneId, f32)>,
        out: &mut Outcome,
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
        if now_ms < episode.paused_until_ms {
            return TapAnswer::Paused {
                until_ms: episode.paused_until_ms,
            };
        }
        if !orders.is_code(episode.customer, &episode.orders, code) {
            let answer = episode.wrong_code(now_ms);
            show(episode, whereabouts, out);
            return answer;
        }
        let episode = episode.clone();
        self.open.retain(|_, e| e.card != card);
        self.departed.retain(|e| e.card != card);
        self.serve(now_ms, episode, out);
        TapAnswer::Done
    }

    fn serve(&mut self, now_ms: u64, episode: Episode, out: &mut Outcome) {
        for &order in &episode.orders {
            // One that was closed elsewhere since she left is not handed over now.
            if self.orders.drop(order).is_some() {
                out.completed.push(order);
            }
        }
        self.end(now_ms, episode, Journey::Served, out);
    }
}

impl Episode {
    fn take(&mut self, staff: StaffId, now_ms: u64) -> TapAnswer {
        match self.taken {
            Some((holder, _)) if holder != staff => TapAnswer::TakenBy { staff: holder },
            Some(_) => TapAnswer::Done,
            None => {
                self.taken = Some((staff, now_ms));
                self.not_here = false;
                TapAnswer::Done
            }
        }
    }

    /// The holder, or anybody if nobody holds it, lets go of the card.
    fn release(&mut self, staff: StaffId, not_here: bool) -> TapAnswer {
        match self.taken {
            Some((holder, _)) if holder != staff => TapAnswer::TakenBy { staff: holder },
            _ => {
                self.taken = None;
                self.not_here = not_here;
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
