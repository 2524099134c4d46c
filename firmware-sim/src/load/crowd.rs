//! Who stands where under load.
//!
//! In: sizes and a moment. Out: the customers at one gateway then.
//! Promises: at any moment a customer is at one gateway at most; everybody present moves on to
//! the next gateway once in [`MOVE_EVERY_S`] and leaves after [`VISIT_S`]; moves are spread evenly.
//! Invariant: a function of its arguments alone, so that gateways agree without talking.

/// Seconds that somebody stays at one gateway.
pub const MOVE_EVERY_S: u64 = 60;
/// Seconds that somebody stays in the store.
pub const VISIT_S: u64 = 300;

/// The sizes of one store's crowd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// Gateways of the store.
    pub gateways: u64,
    /// Customers who may come to it.
    pub pool: u64,
    /// Places that are always taken by somebody.
    pub present: u64,
}

impl Crowd {
    /// A crowd in which a gateway that offers `rate_per_s` sightings has each customer about
    /// once a second; at most half of the pool is present, so that nobody is there twice.
    pub fn new(gateways: u64, pool: u64, rate_per_s: u64) -> Self {
        let present = (rate_per_s * gateways).min(pool / 2).max(1);
        Self {
            gateways: gateways.max(1),
            pool: pool.max(1),
            present,
        }
    }

    /// The customers at gateway number `gateway` in second `at_s`, as places in the pool.
    pub fn at(&self, gateway: u64, at_s: u64) -> Vec<u64> {
        let here = (0..self.present).filter(|place| self.gateway_of(*place, at_s) == gateway);
        here.map(|place| self.customer_of(place, at_s)).collect()
    }

    fn gateway_of(&self, place: u64, at_s: u64) -> u64 {
        (place + (at_s + phase(place) % MOVE_EVERY_S) / MOVE_EVERY_S) % self.gateways
    }

    fn customer_of(&self, place: u64, at_s: u64) -> u64 {
        // Another phase than that of moves: not everybody who leaves stands at the same gateway.
        let visit = (at_s + (phase(place) >> 32) % VISIT_S) / VISIT_S;
        (place + visit * self.present) % self.pool
    }
}

/// Spreads neighbours over time (the finaliser of SplitMix64, Steele and others, 2014).
fn phase(place: u64) -> u64 {
    let mut bits = place.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nobody_is_in_two_places() {
        let crowd = Crowd::new(10, 2_000, 80);
        for at_s in (0..1_200).step_by(7) {
            let all: Vec<u64> = (0..10)
                .flat_map(|gateway| crowd.at(gateway, at_s))
                .collect();
            assert_eq!(all.len(), 800);
            assert_eq!(
                all.iter().collect::<BTreeSet<_>>().len(),
                800,
                "at {at_s} s"
            );
        }
    }

    #[test]
    fn people_move_a_few_at_a_time() {
        let crowd = Crowd::new(10, 20_000, 400);
        let [before, after] =
            [100, 101].map(|s| crowd.at(3, s).into_iter().collect::<BTreeSet<_>>());
        let gone = before.difference(&after).count();
        assert!(
            (1..40).contains(&gone),
            "{gone} of {} moved in a second",
            before.len()
        );
    }

    #[test]
    fn a_small_pool_is_half_present() {
        assert_eq!(Crowd::new(2, 10, 400).present, 5);
    }
}
