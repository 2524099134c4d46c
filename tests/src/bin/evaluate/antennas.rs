//! The demo's store with more antennas.
//!
//! In: how many. Out: its plan.
//! Invariant: the first two are the demo's own.

use firmware_sim::plan::{ENTRANCE, PICKUP, Plan, Point};

/// By the door and at the back; then one at the desk, one outside before the door, one on each side.
pub(crate) fn plan(antennas: u8) -> Plan {
    let mut plan = Plan::kade_9();
    let more = [
        ("desk", PICKUP, Point::new(20.0, 11.5)),
        ("front", ENTRANCE, Point::new(12.0, -0.5)),
        ("left", "schoenen", Point::new(4.0, 3.0)),
        ("right", "tassen", Point::new(20.0, 3.0)),
    ];
    for (name, zone, at) in more.into_iter().take(usize::from(antennas) - 2) {
        plan.add_gateway(name, zone, at);
    }
    plan
}
