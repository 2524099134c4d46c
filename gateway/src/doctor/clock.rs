//! The machine's wall clock. Sightings do not use it; certificates and the log do.
//!
//! In: the clock, what the machine says of its synchronisation, the server's time as the gateway
//! last learned it. Out: [`Problem`]s.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use dbus::blocking::{Connection, stdintf::org_freedesktop_dbus::Properties};

use super::{Machine, Problem};
use crate::{
    clock::{Monotonic, machine_boot},
    config::Config,
    spool::inspect,
};

/// A difference that is worth a word: certificates do not mind it yet, readers of logs do.
const OFF_S_MIN: u64 = 60;
const CALL_MAX: Duration = Duration::from_secs(2);

pub(super) async fn examine(config: Option<&Config>, machine: &Machine) -> Vec<Problem> {
    let dir = config.map(|config| config.spool.dir.clone());
    let machine = machine.clone();
    let look = tokio::task::spawn_blocking(move || {
        let now = SystemTime::now();
        let server_ms = dir.and_then(|dir| server_ms(&dir));
        vec![judge(now, made(), server_ms, is_synchronised(&machine))]
    });
    look.await.unwrap_or_default()
}

fn judge(
    now: SystemTime,
    made: Option<SystemTime>,
    server_ms: Option<u64>,
    synchronised: Option<bool>,
) -> Problem {
    if made.is_some_and(|made| now < made) {
        return Problem::ClockBeforeBuild { now: day(now) };
    }
    let now_ms = now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    let now_ms = u64::try_from(now_ms).unwrap_or(u64::MAX);
    if let Some(server_ms) = server_ms {
        let off_s = now_ms.abs_diff(server_ms) / 1_000;
        if off_s >= OFF_S_MIN {
            return Problem::ClockOff {
                off_s,
                behind: now_ms < server_ms,
            };
        }
    }
    match (synchronised, server_ms) {
        (Some(false), _) => Problem::ClockUnsynchronised,
        (Some(true), _) | (None, Some(_)) => Problem::ClockGood,
        (None, None) => Problem::ClockUnknown,
    }
}

/// When this program was made: its file has the day of the package. A copy has the day of the
/// copying, which a wrong clock may have given: then nothing is said.
fn made() -> Option<SystemTime> {
    fs::metadata("/proc/self/exe").ok()?.modified().ok()
}

/// The server's time, if it has told it in this boot of the machine.
fn server_ms(spool: &Path) -> Option<u64> {
    let anchor = inspect::clock(spool, machine_boot().ok()?)?;
    Some(anchor.server_ms_of(Monotonic::now().0))
}

/// systemd-timedated knows it from the kernel, whoever sets the clock; without it the sign that
/// systemd-timesyncd leaves; without either nobody knows.
fn is_synchronised(machine: &Machine) -> Option<bool> {
    let asked = Connection::new_system().ok().and_then(|connection| {
        let name = "org.freedesktop.timedate1";
        let proxy = connection.with_proxy(name, "/org/freedesktop/timedate1", CALL_MAX);
        proxy.get(name, "NTPSynchronized").ok()
    });
    asked.or_else(|| {
        let dir = machine.root.join("run/systemd/timesync");
        dir.is_dir().then(|| dir.join("synchronized").exists())
    })
}

/// As `2026-11-30`, UTC; days to a date after Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms" (`civil_from_days`), for days from 1970 on.
fn day(at: SystemTime) -> String {
    let days = at
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs() / 86_400);
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * day_of_year + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let day = day_of_year - (153 * mp + 2) / 5 + 1;
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(s)
    }

    #[test]
    fn a_date_is_the_calendars() {
        assert_eq!(day(at(0)), "1970-01-01");
        assert_eq!(day(at(951_782_400)), "2000-02-29");
        assert_eq!(day(at(1_798_761_599)), "2026-12-31");
        assert_eq!(day(at(1_798_761_600)), "2027-01-01");
    }

    #[test]
    fn the_worst_of_the_clock_is_told_and_alone() {
        const NOW: u64 = 1_796_000_000;
        let of = |made, server_s: Option<u64>, synchronised| {
            let server_ms = server_s.map(|s| s * 1_000);
            judge(at(NOW), made, server_ms, synchronised).code()
        };
        assert_eq!(
            of(Some(at(NOW + 1)), None, Some(false)),
            "clock_before_build"
        );
        assert_eq!(of(Some(at(0)), Some(NOW - 61), Some(false)), "clock_off");
        assert_eq!(of(None, Some(NOW + 3_600), Some(true)), "clock_off");
        assert_eq!(of(None, Some(NOW + 2), Some(false)), "clock_unsynchronised");
        assert_eq!(of(None, Some(NOW + 2), None), "clock_good");
        assert_eq!(of(None, None, Some(true)), "clock_good");
        assert_eq!(of(None, None, None), "clock_unknown");
    }
}
