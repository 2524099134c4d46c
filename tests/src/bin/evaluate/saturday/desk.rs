//! The desk: what colleagues and customers do there, and what they would write down themselves.
//!
//! In: cards as the board shows them, people, the time. Out: taps and marks, and two notebooks that
//! the system never sees: of each card what colleagues did with it, of each time that a customer came
//! how it ended for her.
//! Invariant: a colleague knows of a card what the board shows, and of a customer whether she stands
//! before her.

use std::collections::{BTreeMap, HashMap};

use engine::{
    input::{OrderKind, TapAction},
    outcome::{Journey, TapAnswer},
};
use firmware_sim::rng::Seed;
use protocol::{CardId, CustomerId};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use server::store::board::CardRow;

use super::{
    ZERO_MS,
    people::{Person, Role},
    shop::{Shop, by_id, code, customer},
};

/// A card that a colleague did not find anybody for is looked at again after so long.
const NOT_HERE_MS: u64 = 60_000;

/// Who has stood at the desk for so long with nobody coming presses "Ik ben er".
const SAYS_HERE_MS: u64 = 120_000;

/// How a time that she came ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Served,
    Left,
}

/// A time that she came in with something open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Episode {
    pub(crate) who: usize,
    /// When she crossed the door line.
    pub(crate) entered_ms: u64,
    pub(crate) ended: Option<Ended>,
}

/// What colleagues know of a card.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    pub(crate) who: usize,
    /// Since when she is here, as the board says.
    pub(crate) arrived_ms: u64,
    /// When somebody first took it.
    pub(crate) taken_ms: Option<u64>,
    /// When it was handed over, and not taken back.
    pub(crate) handed_ms: Option<u64>,
    pub(crate) mark: Option<u8>,
}

/// What somebody is about to do.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// A colleague comes to her next step.
    Colleague(usize),
    /// She has waited long enough.
    Patience(usize),
    /// She has stood there for a while; if nobody has come she says that she is here.
    SaysHere(usize),
    /// She turns away from the desk with what she came for.
    Goes(usize),
    /// She gives a mark.
    Mark(CardId, u8),
}

/// What a colleague is doing.
#[derive(Debug, Clone, Copy)]
enum Doing {
    Nothing,
    /// Has seen the card and will tap on it.
    Taking(CardId),
    /// Walks to her, and looks around so often.
    Walking(CardId, u32),
    /// Asks for the code.
    Asking(CardId, bool),
    /// Looks whether it was the right parcel.
    Checking(CardId),
    /// Hands over again.
    Again(CardId),
}

/// Where a customer is with what she came for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waits,
    /// A colleague stands before her.
    IsHelped,
    Over,
}

/// Things that the plan of the day did not foresee, such as a right code that was refused.
#[derive(Debug, Default)]
pub(crate) struct Surprises(pub(crate) Vec<String>);

pub(crate) struct Desk {
    by_id: HashMap<CustomerId, usize>,
    board: BTreeMap<CardId, CardRow>,
    pub(crate) notes: BTreeMap<CardId, Note>,
    pub(crate) episodes: Vec<Episode>,
    /// Of each customer the place of her last episode, and how far she is.
    current: HashMap<usize, (usize, Stage)>,
    staff: Vec<(Doing, ChaCha8Rng)>,
    agenda: BTreeMap<(u64, u64), Next>,
    planned: u64,
    pub(crate) surprises: Surprises,
    pub(crate) wrong_codes: u32,
    pub(crate) taken_back: u32,
    /// Who pressed "Ik ben er", and when.
    pub(crate) said_here: Vec<(usize, u64)>,
}

impl Desk {
    pub(crate) fn new(seed: Seed, people: usize, staff: usize) -> Self {
        let colleague = |n| (Doing::Nothing, seed.stream("colleague", n));
        Self {
            by_id: by_id(people),
            board: BTreeMap::new(),
            notes: BTreeMap::new(),
            episodes: Vec::new(),
            current: HashMap::new(),
            staff: (0..).take(staff).map(colleague).collect(),
            agenda: BTreeMap::new(),
            planned: 0,
            surprises: Surprises::default(),
            wrong_codes: 0,
            taken_back: 0,
            said_here: Vec::new(),
        }
    }

    /// She sets out for the desk: from here on her own notebook has a page for it.
    pub(crate) fn expect(&mut self, who: usize, person: &Person) {
        if !matches!(person.role, Role::Desk(_)) {
            return;
        }
        let entered_ms = person.entered_ms.last().copied().unwrap_or(0);
        self.current
            .insert(who, (self.episodes.len(), Stage::Waits));
        self.episodes.push(Episode {
            who,
            entered_ms,
            ended: None,
        });
        self.plan(person.desk_ms + SAYS_HERE_MS, Next::SaysHere(who));
        if let Some(patience_ms) = person.patience_ms {
            self.plan(person.desk_ms + patience_ms, Next::Patience(who));
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.agenda.is_empty()
    }

    fn plan(&mut self, at_ms: u64, next: Next) {
        self.planned += 1;
        self.agenda.insert((at_ms, self.planned), next);
    }

    /// What the board shows has changed.
    pub(crate) fn see(&mut self, row: CardRow) {
        let card = row.card.card;
        if row.card.journey.is_here()
            && let Some(&who) = self.by_id.get(&row.card.customer)
        {
            self.notes.entry(card).or_insert(Note {
                who,
                arrived_ms: row.card.arrived_ms,
                taken_ms: None,
                handed_ms: None,
                mark: None,
            });
        }
        self.board.insert(card, row);
    }

    /// Who has nothing to do takes what waits; then all that is due. Whoever comes again is given
    /// back, with when she sets out.
    pub(crate) fn step(
        &mut self,
        shop: &mut Shop,
        people: &mut [Person],
        now_ms: u64,
    ) -> anyhow::Result<Vec<(u64, usize)>> {
        self.assign(now_ms);
        let mut again = Vec::new();
        while let Some(entry) = self.agenda.first_entry()
            && entry.key().0 <= now_ms
        {
            match entry.remove() {
                Next::Colleague(n) => self.work(shop, people, now_ms, n)?,
                Next::Patience(who) => again.extend(self.lose(people, now_ms, who)),
                Next::SaysHere(who) => self.say_here(shop, now_ms, who)?,
                Next::Goes(who) => people[who].leave_desk(now_ms),
                Next::Mark(card, mark) => self.mark(shop, now_ms, card, mark)?,
            }
        }
        Ok(again)
    }

    fn assign(&mut self, now_ms: u64) {
        for n in 0..self.staff.len() {
            if !matches!(self.staff[n].0, Doing::Nothing) {
                continue;
            }
            let Some(card) = self.oldest_open(now_ms) else {
                return;
            };
            self.staff[n].0 = Doing::Taking(card);
            self.later(n, now_ms, 2_000..12_000);
        }
    }

    /// The card that has waited longest and that nobody is about to take.
    fn oldest_open(&self, now_ms: u64) -> Option<CardId> {
        let busy = |card| {
            self.staff
                .iter()
                .any(|(doing, _)| matches!(doing, Doing::Taking(of) if *of == card))
        };
        let waits = self.board.values().filter(|row| {
            let card = &row.card;
            let looked = card.not_here && ZERO_MS + now_ms < card.since_ms + NOT_HERE_MS;
            card.journey.is_here() && card.taken_by.is_none() && !looked && !busy(card.card)
        });
        waits
            .min_by_key(|row| (row.card.not_here, row.card.arrived_ms))
            .map(|row| row.card.card)
    }

    fn later(&mut self, n: usize, now_ms: u64, after_ms: std::ops::Range<u64>) {
        let after_ms = self.staff[n].1.random_range(after_ms);
        self.plan(now_ms + after_ms, Next::Colleague(n));
    }

    fn work(
        &mut self,
        shop: &mut Shop,
        people: &[Person],
        now_ms: u64,
        n: usize,
    ) -> anyhow::Result<()> {
        match self.staff[n].0 {
            Doing::Nothing => Ok(()),
            Doing::Taking(card) => {
                let answer = shop.tap(ZERO_MS + now_ms, card, n, TapAction::Take)?;
                if answer != TapAnswer::Done {
                    // She has left meanwhile, or was helped.
                    return self.rest(n);
                }
                if let Some(note) = self.notes.get_mut(&card) {
                    note.taken_ms.get_or_insert(ZERO_MS + now_ms);
                }
                self.staff[n].0 = Doing::Walking(card, 0);
                self.later(n, now_ms, 8_000..35_000);
                Ok(())
            }
            Doing::Walking(card, looked) => self.look_for(shop, people, now_ms, n, (card, looked)),
            Doing::Asking(card, wrong) => self.ask(shop, people, now_ms, n, (card, wrong)),
            Doing::Checking(card) => {
                let answer = shop.tap(ZERO_MS + now_ms, card, n, TapAction::Undo)?;
                if answer != TapAnswer::Done {
                    self.surprise(now_ms, "a hand-over could not be taken back", &answer);
                    return self.rest(n);
                }
                self.taken_back += 1;
                if let Some(note) = self.notes.get_mut(&card) {
                    note.handed_ms = None;
                }
                self.staff[n].0 = Doing::Again(card);
                self.later(n, now_ms, 8_000..20_000);
                Ok(())
            }
            Doing::Again(card) => self.hand_over(shop, now_ms, n, card),
        }
    }

    /// Is she at the desk? If she may still be on her way to it, wait a little.
    fn look_for(
        &mut self,
        shop: &mut Shop,
        people: &[Person],
        now_ms: u64,
        n: usize,
        (card, looked): (CardId, u32),
    ) -> anyhow::Result<()> {
        let Some(who) = self.notes.get(&card).map(|note| note.who) else {
            return self.rest(n);
        };
        let waits = self
            .current
            .get_mut(&who)
            .filter(|(_, stage)| *stage == Stage::Waits);
        if let Some((_, stage)) = waits
            && now_ms >= people[who].desk_ms
        {
            *stage = Stage::IsHelped;
            let wrong = self.staff[n].1.random_range(0..100) < 6;
            self.staff[n].0 = Doing::Asking(card, wrong);
            self.later(n, now_ms, 4_000..18_000);
        } else if looked < 5 {
            self.staff[n].0 = Doing::Walking(card, looked + 1);
            self.later(n, now_ms, 3_000..6_000);
        } else {
            // The answer does not matter: if the card is gone, so is she.
            shop.tap(ZERO_MS + now_ms, card, n, TapAction::NotHere)?;
            return self.rest(n);
        }
        Ok(())
    }

    fn ask(
        &mut self,
        shop: &mut Shop,
        people: &[Person],
        now_ms: u64,
        n: usize,
        (card, wrong): (CardId, bool),
    ) -> anyhow::Result<()> {
        let Some(who) = self.notes.get(&card).map(|note| note.who) else {
            return self.rest(n);
        };
        if !wrong {
            return self.hand_over(shop, now_ms, n, card);
        }
        debug_assert!(matches!(people[who].role, Role::Desk(kind) if kind != OrderKind::Help));
        let heard_wrong = format!("9{}", code(who));
        let action = TapAction::HandOver { code: heard_wrong };
        let answer = shop.tap(ZERO_MS + now_ms, card, n, action)?;
        self.wrong_codes += 1;
        if !matches!(answer, TapAnswer::WrongCode { .. }) {
            self.surprise(now_ms, "a wrong code", &answer);
        }
        self.staff[n].0 = Doing::Asking(card, false);
        self.later(n, now_ms, 3_000..8_000);
        Ok(())
    }

    fn hand_over(
        &mut self,
        shop: &mut Shop,
        now_ms: u64,
        n: usize,
        card: CardId,
    ) -> anyhow::Result<()> {
        let Some(note) = self.notes.get_mut(&card) else {
            return self.rest(n);
        };
        let who = note.who;
        let action = TapAction::HandOver { code: code(who) };
        let answer = shop.tap(ZERO_MS + now_ms, card, n, action)?;
        if answer != TapAnswer::Done {
            self.surprise(now_ms, "a right code", &answer);
            // She stays where she is, and the board may have another card of hers.
            if let Some((_, stage)) = self.current.get_mut(&who) {
                *stage = Stage::Waits;
            }
            return self.rest(n);
        }
        note.handed_ms = Some(ZERO_MS + now_ms);
        let first = matches!(self.staff[n].0, Doing::Asking(..));
        let rng = &mut self.staff[n].1;
        if first && rng.random_range(0..100) < 3 {
            self.staff[n].0 = Doing::Checking(card);
            self.later(n, now_ms, 4_000..20_000);
            return Ok(());
        }
        let (goes_ms, marks) = (rng.random_range(2_000..8_000), rng.random_range(0..10) < 4);
        let (mark, mark_ms) = (rng.random_range(2..=5), rng.random_range(40_000..1_200_000));
        self.plan(now_ms + goes_ms, Next::Goes(who));
        if marks {
            self.plan(now_ms + mark_ms, Next::Mark(card, mark));
        }
        self.end(who, Ended::Served);
        self.rest(n)
    }

    fn rest(&mut self, n: usize) -> anyhow::Result<()> {
        self.staff[n].0 = Doing::Nothing;
        Ok(())
    }

    fn end(&mut self, who: usize, ended: Ended) {
        if let Some((at, stage)) = self.current.get_mut(&who) {
            *stage = Stage::Over;
            self.episodes[*at].ended = Some(ended);
        }
    }

    /// She has waited long enough, unless a colleague stands before her; she may come again.
    fn lose(&mut self, people: &mut [Person], now_ms: u64, who: usize) -> Option<(u64, usize)> {
        let waits = self.current.get(&who).map(|(_, stage)| *stage) == Some(Stage::Waits);
        if !waits {
            return None;
        }
        self.end(who, Ended::Left);
        let person = &mut people[who];
        person.leave_desk(now_ms);
        person.patience_ms = None;
        let away_ms = person.way.span_ms().1;
        let again_ms = person.again_ms.take()?;
        Some((away_ms + again_ms, who))
    }

    fn say_here(&mut self, shop: &mut Shop, now_ms: u64, who: usize) -> anyhow::Result<()> {
        if self.current.get(&who).map(|(_, stage)| *stage) == Some(Stage::Waits) {
            self.said_here.push((who, now_ms));
            shop.say_here(ZERO_MS + now_ms, customer(who))?;
        }
        Ok(())
    }

    fn mark(&mut self, shop: &mut Shop, now_ms: u64, card: CardId, mark: u8) -> anyhow::Result<()> {
        if let Some(note) = self.notes.get_mut(&card)
            && shop.rate(ZERO_MS + now_ms, customer(note.who), card, mark)?
        {
            note.mark = Some(mark);
        }
        Ok(())
    }

    fn surprise(&mut self, now_ms: u64, what: &str, answer: &TapAnswer) {
        let said = format!("{:.1} s: {what}: {answer:?}", now_ms as f64 / 1_000.0);
        self.surprises.0.push(said);
    }

    /// Whether a card of the board still shows somebody as here.
    pub(crate) fn shows_somebody(&self) -> bool {
        let here = |row: &CardRow| matches!(row.card.journey, Journey::Arrived | Journey::Waiting);
        self.board.values().any(here)
    }
}
