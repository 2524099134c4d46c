//! What is accepted and not written yet.
//!
//! In: batches with their numbers. Out: the next to write, first sights before detail: on a disk with
//! little room they must not wait behind what is worth less.
//! Invariant: at most [`QUEUE_SIGHTINGS_MAX`] sightings; past it the oldest detail goes, and only
//! when there is none, the oldest first sights.

use std::collections::VecDeque;

use super::{Accepted, QUEUE_SIGHTINGS_MAX, Stream};

#[derive(Debug, Default)]
pub(super) struct Queue {
    first: VecDeque<Accepted>,
    detail: VecDeque<Accepted>,
    sightings: u64,
}

impl Queue {
    /// Takes a new batch; returns how many sightings went for it.
    pub(super) fn push(&mut self, batch: Accepted) -> u64 {
        self.sightings += u64::from(batch.sightings);
        self.of(batch.stream).push_back(batch);
        self.shed()
    }

    /// Takes back what could not be written, oldest first; returns how many sightings went for it.
    pub(super) fn take_back(&mut self, batches: Vec<Accepted>) -> u64 {
        for batch in batches.into_iter().rev() {
            self.sightings += u64::from(batch.sightings);
            self.of(batch.stream).push_front(batch);
        }
        self.shed()
    }

    pub(super) fn pop(&mut self) -> Option<Accepted> {
        let batch = self.first.pop_front().or_else(|| self.detail.pop_front())?;
        self.sightings -= u64::from(batch.sightings);
        Some(batch)
    }

    pub(super) fn has(&self, stream: Stream) -> bool {
        match stream {
            Stream::First => !self.first.is_empty(),
            Stream::Detail => !self.detail.is_empty(),
        }
    }

    fn of(&mut self, stream: Stream) -> &mut VecDeque<Accepted> {
        match stream {
            Stream::First => &mut self.first,
            Stream::Detail => &mut self.detail,
        }
    }

    fn shed(&mut self) -> u64 {
        let mut shed = 0;
        while self.sightings > QUEUE_SIGHTINGS_MAX {
            let oldest = self.detail.pop_front().or_else(|| self.first.pop_front());
            let Some(gone) = oldest else {
                break;
            };
            self.sightings -= u64::from(gone.sightings);
            shed += u64::from(gone.sightings);
        }
        shed
    }

    #[cfg(test)]
    pub(super) fn sightings(&self) -> u64 {
        self.sightings
    }

    #[cfg(test)]
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.first.iter().chain(&self.detail).map(|batch| batch.seq)
    }
}
