//! Slows down who guesses passwords.
//!
//! In: a login name and whether it went well. Out: go on, or wait.
//! Invariant: bounded; the time is an argument.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Wrong tries before a pause.
pub const TRIES: u32 = 5;
/// The pause.
pub const PAUSE_MS: u64 = 60_000;
/// Names remembered; the oldest half goes when it is full.
const NAMES_MAX: usize = 10_000;

/// Wrong tries by login name.
#[derive(Default)]
pub struct Logins {
    failed: Mutex<HashMap<String, Failed>>,
}

#[derive(Clone, Copy)]
struct Failed {
    tries: u32,
    last_ms: u64,
}

impl Logins {
    /// Milliseconds to wait before this name may be tried; 0: go on.
    pub fn wait_ms(&self, name: &str, now_ms: u64) -> u64 {
        let failed = self.lock();
        match failed.get(name) {
            Some(f) if f.tries >= TRIES => (f.last_ms + PAUSE_MS).saturating_sub(now_ms),
            _ => 0,
        }
    }

    /// Counts a wrong try; how many are left before the pause.
    pub fn wrong(&self, name: &str, now_ms: u64) -> u32 {
        let mut failed = self.lock();
        if failed.len() >= NAMES_MAX {
            let mut times: Vec<u64> = failed.values().map(|f| f.last_ms).collect();
            let (_, middle, _) = times.select_nth_unstable(NAMES_MAX / 2);
            let middle = *middle;
            failed.retain(|_, f| f.last_ms > middle);
        }
        let entry = failed.entry(name.to_owned()).or_insert(Failed {
            tries: 0,
            last_ms: now_ms,
        });
        if entry.tries >= TRIES {
            entry.tries = 0;
        }
        entry.tries += 1;
        entry.last_ms = now_ms;
        TRIES - entry.tries
    }

    /// Forgets wrong tries.
    pub fn right(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Failed>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_tries_make_a_pause_and_a_right_one_ends_it() {
        let logins = Logins::default();
        let left: Vec<u32> = (0..5).map(|i| logins.wrong("sanne", i)).collect();
        assert_eq!(left, [4, 3, 2, 1, 0]);
        assert_eq!(logins.wait_ms("sanne", 4), PAUSE_MS);
        assert_eq!(logins.wait_ms("daan", 4), 0);
        assert_eq!(logins.wait_ms("sanne", 4 + PAUSE_MS), 0);
        logins.right("sanne");
        assert_eq!(logins.wait_ms("sanne", 5), 0);
    }

    #[test]
    fn names_are_bounded() {
        let logins = Logins::default();
        for i in 0..3 * NAMES_MAX {
            logins.wrong(&format!("name-{i}"), i as u64);
        }
        assert!(logins.lock().len() <= NAMES_MAX);
    }
}
