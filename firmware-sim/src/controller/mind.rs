//! A controller's mind: what it knows of commands, and what it reports.
//!
//! In: commands and advertisements, time as an argument. Out: events, in H4 form.
//! Source: Core specification, volume 4, part E.
//! Promises: refuses what a controller refuses: parameters while it scans, and either set of
//! commands after the other; answers what Linux asks at start, as one with LE alone.
//! Invariant: reads no clock, knows no socket; total over any bytes.

use std::{
    collections::{BTreeSet, HashSet},
    time::{Duration, Instant},
};

const COMMAND: u8 = 0x01;
const EVENT: u8 = 0x04;
const UNKNOWN_COMMAND: u8 = 0x01;
const DISALLOWED: u8 = 0x0c;

/// How a controller behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// It knows the extended commands of Bluetooth 5, and their reports.
    pub extended: bool,
    /// It reports longer advertisements in parts of so many bytes (extended reports alone).
    pub part_len: usize,
    /// It has a filter of duplicates: some say they do, and report everything.
    pub filters: bool,
    /// While the host has the filter of duplicates on, a device is reported once in this time.
    pub scan_window: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            extended: false,
            part_len: 229,
            filters: true,
            scan_window: crate::bluez::SCAN_WINDOW,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Mind {
    options: Options,
    /// Which set of commands the host has used since the last reset.
    extended_used: Option<bool>,
    scan: Option<Scan>,
    /// The parameters of the last scan, as they came.
    pub(super) parameters: Vec<u8>,
    hangs: bool,
    /// Commands in the order in which they came, by code.
    pub(super) commands: Vec<u16>,
    /// Of these, those that it does not know.
    pub(super) unknown: BTreeSet<u16>,
}

#[derive(Debug)]
struct Scan {
    filters: bool,
    extended: bool,
    reported: HashSet<[u8; 6]>,
    since: Instant,
}

impl Mind {
    pub(super) fn new(options: Options) -> Self {
        Self {
            options,
            extended_used: None,
            scan: None,
            parameters: Vec::new(),
            hangs: false,
            commands: Vec::new(),
            unknown: BTreeSet::new(),
        }
    }

    /// Whether it listens to the air.
    pub(super) fn scans(&self) -> bool {
        self.scan.is_some() && !self.hangs
    }

    /// Whether the host has the filter of duplicates on.
    pub(super) fn filters(&self) -> bool {
        self.scan.as_ref().is_some_and(|scan| scan.filters)
    }

    /// It says nothing of the air any more until it is reset; commands still succeed.
    pub(super) fn hang(&mut self) {
        self.hangs = true;
    }

    /// Takes a packet of the host; the answer, if it gets one.
    pub(super) fn command(&mut self, now: Instant, packet: &[u8]) -> Option<Vec<u8>> {
        let &[COMMAND, low, high, len, ref parameters @ ..] = packet else {
            return None;
        };
        let parameters = parameters.get(..usize::from(len))?;
        let opcode = u16::from_le_bytes([low, high]);
        self.commands.push(opcode);
        let mut complete = vec![1, low, high];
        match self.obey(now, opcode, parameters) {
            Ok(answer) => {
                complete.push(0);
                complete.extend(answer);
            }
            Err(status) => {
                if status == UNKNOWN_COMMAND {
                    self.unknown.insert(opcode);
                }
                complete.push(status);
            }
        }
        Some(event(0x0e, &complete))
    }

    fn obey(&mut self, now: Instant, opcode: u16, parameters: &[u8]) -> Result<Vec<u8>, u8> {
        match (opcode, self.options.extended) {
            (0x0c03, _) => {
                (self.scan, self.extended_used, self.hangs) = (None, None, false);
                Ok(Vec::new())
            }
            (0x200b | 0x2041, extended) => {
                let uses = self.may_use(opcode == 0x2041, extended)?;
                if self.scan.is_some() {
                    return Err(DISALLOWED);
                }
                self.extended_used = Some(uses);
                self.parameters = parameters.to_vec();
                Ok(Vec::new())
            }
            (0x200c | 0x2042, extended) => {
                let uses = self.may_use(opcode == 0x2042, extended)?;
                let on = parameters.first() == Some(&1);
                self.extended_used = Some(uses);
                self.scan = on.then(|| Scan {
                    filters: parameters.get(1) != Some(&0),
                    extended: uses,
                    reported: HashSet::new(),
                    since: now,
                });
                Ok(Vec::new())
            }
            _ => answer(opcode, self.options.extended).ok_or(UNKNOWN_COMMAND),
        }
    }

    /// Whether this set of commands can be used now.
    fn may_use(&self, extended: bool, known: bool) -> Result<bool, u8> {
        if extended && !known {
            return Err(UNKNOWN_COMMAND);
        }
        match self.extended_used {
            Some(used) if used != extended => Err(DISALLOWED),
            _ => Ok(extended),
        }
    }

    /// An advertisement reaches the antenna: the reports of it, none if it is not reported.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        address: [u8; 6],
        rssi_dbm: i8,
        ad: &[u8],
    ) -> Vec<Vec<u8>> {
        let window = self.options.scan_window;
        let Some(scan) = self.scan.as_mut().filter(|_| !self.hangs) else {
            return Vec::new();
        };
        if scan.filters && self.options.filters {
            if now.saturating_duration_since(scan.since) >= window {
                scan.since = now;
                scan.reported.clear();
            }
            if !scan.reported.insert(address) {
                return Vec::new();
            }
        }
        if !scan.extended {
            return vec![legacy(address, rssi_dbm, &ad[..ad.len().min(31)])];
        }
        let parts: Vec<&[u8]> = ad.chunks(self.options.part_len.clamp(1, 229)).collect();
        let last = parts.len().saturating_sub(1);
        let part = |(place, part): (usize, &&[u8])| extended(address, rssi_dbm, part, place < last);
        match &parts[..] {
            [] => vec![extended(address, rssi_dbm, &[], false)],
            parts => parts.iter().enumerate().map(part).collect(),
        }
    }
}

fn event(code: u8, parameters: &[u8]) -> Vec<u8> {
    let len = u8::try_from(parameters.len()).unwrap_or(u8::MAX);
    let mut packet = vec![EVENT, code, len];
    packet.extend(parameters);
    packet
}

/// Addresses travel with the last byte first.
fn backwards(mut address: [u8; 6]) -> [u8; 6] {
    address.reverse();
    address
}

/// LE Advertising Report: one that cannot be connected to, of a random address.
fn legacy(address: [u8; 6], rssi_dbm: i8, ad: &[u8]) -> Vec<u8> {
    let len = u8::try_from(ad.len()).unwrap_or(u8::MAX);
    let mut report = vec![0x02, 1, 0x03, 0x01];
    report.extend(backwards(address));
    report.push(len);
    report.extend(ad);
    report.push(rssi_dbm.cast_unsigned());
    event(0x3e, &report)
}

/// LE Extended Advertising Report, of a legacy advertisement if it is in one piece.
fn extended(address: [u8; 6], rssi_dbm: i8, ad: &[u8], more: bool) -> Vec<u8> {
    let len = u8::try_from(ad.len()).unwrap_or(u8::MAX);
    let kind = if more { 0x20 } else { 0x00 };
    let mut report = vec![0x0d, 1, kind, 0, 0x01];
    report.extend(backwards(address));
    // On LE 1M, set 0, power not known; no interval, no direct address.
    report.extend([1, 0, 0, 0x7f, rssi_dbm.cast_unsigned()]);
    report.extend([0; 9]);
    report.push(len);
    report.extend(ad);
    event(0x3e, &report)
}

/// What is answered whatever the state: all that Linux 6.1 asks of a controller with LE alone.
fn answer(opcode: u16, extended: bool) -> Option<Vec<u8>> {
    let answer = match opcode {
        // Event masks, LE host support, random address, white list, resolving list.
        0x0c01 | 0x0c63 | 0x0c6d | 0x2001 | 0x2005 | 0x2010 | 0x2029 | 0x202d => Vec::new(),
        // Name.
        0x0c14 => [&b"welkom-sim"[..], &[0; 238]].concat(),
        // Version: of Bluetooth 4.2 or 5.0.
        0x1001 => {
            let version = if extended { 9 } else { 8 };
            vec![version, 0, 0, version, 0x3f, 6, 0, 0]
        }
        0x1002 => commands(extended),
        // Features: LE, no BR/EDR.
        0x1003 => vec![0, 0, 0, 0, 0x60, 0, 0, 0],
        // Address.
        0x1009 => vec![0x42, 0, 0, 1, 0xaa, 0],
        // Buffers.
        0x2002 => vec![27, 0, 8],
        // LE features: extended advertising is bit 12.
        0x2003 => vec![0, if extended { 0x10 } else { 0 }, 0, 0, 0, 0, 0, 0],
        0x2007 => vec![0],
        // Sizes of the white list and the resolving list.
        0x200f | 0x202a => vec![16],
        0x2018 => vec![7; 8],
        // Extended advertising: forget all sets; longest data, number of sets.
        0x203d if extended => Vec::new(),
        0x203a if extended => vec![31, 0],
        0x203b if extended => vec![1],
        0x201c => vec![0xff, 0xff, 0xff, 0xff, 0xff, 0x03, 0, 0],
        _ => return None,
    };
    Some(answer)
}

fn commands(extended: bool) -> Vec<u8> {
    let mut commands = vec![0; 64];
    for (octet, bits) in [(0, 0x20), (5, 0xc0), (14, 0xa8), (15, 0x02)] {
        commands[octet] = bits;
    }
    commands[25..29].copy_from_slice(&[0xff, 0xff, 0xf7, 0xff]);
    if extended {
        commands[37] = 0b0110_0000;
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: [u8; 6] = [0xc0, 0xff, 0xee, 0, 0, 1];

    fn mind(extended: bool) -> Mind {
        Mind::new(Options {
            extended,
            ..Options::default()
        })
    }

    /// The status of the answer to a command.
    fn status(mind: &mut Mind, opcode: u16, parameters: &[u8]) -> u8 {
        let [low, high] = opcode.to_le_bytes();
        let len = u8::try_from(parameters.len()).unwrap();
        let packet = [&[1, low, high, len], parameters].concat();
        let answer = mind.command(Instant::now(), &packet).unwrap();
        assert_eq!(
            answer[..3],
            [4, 0x0e, u8::try_from(answer.len() - 3).unwrap()]
        );
        assert_eq!(answer[4..6], [low, high]);
        answer[6]
    }

    #[test]
    fn nothing_is_reported_before_a_scan_and_after_it() {
        let mut mind = mind(false);
        let now = Instant::now();
        assert!(mind.hear(now, ADDRESS, -60, &[2, 1, 6]).is_empty());
        assert_eq!(status(&mut mind, 0x200c, &[1, 0]), 0);
        let reports = mind.hear(now, ADDRESS, -60, &[2, 1, 6]);
        assert_eq!(
            hex::encode(&reports[0]),
            "043e0f02010301010000eeffc003020106c4"
        );
        assert_eq!(status(&mut mind, 0x200c, &[0, 0]), 0);
        assert!(mind.hear(now, ADDRESS, -60, &[2, 1, 6]).is_empty());
    }

    #[test]
    fn a_filter_that_the_host_has_on_reports_a_device_once_a_window() {
        let mut mind = mind(false);
        let began = Instant::now();
        status(&mut mind, 0x200c, &[1, 1]);
        let heard = (0..82_u32).filter(|n| {
            let at = began + Duration::from_millis(250) * *n;
            !mind.hear(at, ADDRESS, -60, &[2, 1, 6]).is_empty()
        });
        assert_eq!(heard.count(), 2);
    }

    #[test]
    fn one_without_a_filter_reports_everything_whatever_the_host_asks_for() {
        let mut mind = Mind::new(Options {
            filters: false,
            ..Options::default()
        });
        status(&mut mind, 0x200c, &[1, 1]);
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(mind.hear(now, ADDRESS, -60, &[2, 1, 6]).len(), 1);
        }
    }

    #[test]
    fn sets_of_commands_do_not_mix_and_parameters_wait_for_the_end_of_a_scan() {
        let mut mind = mind(true);
        assert_eq!(status(&mut mind, 0x200c, &[1, 0]), 0);
        assert_eq!(status(&mut mind, 0x200b, &[0; 7]), DISALLOWED);
        assert_eq!(status(&mut mind, 0x2042, &[1, 0, 0, 0, 0, 0]), DISALLOWED);
        assert_eq!(status(&mut mind, 0x0c03, &[]), 0);
        assert_eq!(status(&mut mind, 0x2042, &[1, 0, 0, 0, 0, 0]), 0);
        assert!(mind.scans() && !mind.filters());
        assert_eq!(
            status(&mut self::mind(false), 0x2042, &[1]),
            UNKNOWN_COMMAND
        );
        assert_eq!(status(&mut mind, 0xfc01, &[]), UNKNOWN_COMMAND);
    }

    #[test]
    fn a_long_advertisement_comes_in_parts() {
        let mut mind = Mind::new(Options {
            extended: true,
            part_len: 20,
            ..Options::default()
        });
        status(&mut mind, 0x2042, &[1, 0, 0, 0, 0, 0]);
        let reports = mind.hear(Instant::now(), ADDRESS, -60, &[7; 31]);
        let kinds: Vec<u8> = reports.iter().map(|report| report[5]).collect();
        assert_eq!(kinds, [0x20, 0x00]);
    }

    #[test]
    fn bytes_of_any_kind_are_no_panic() {
        let mut mind = mind(true);
        let whole = [1, 0x42, 0x20, 6, 1, 0, 0, 0, 0, 0];
        for cut in 0..whole.len() {
            assert!(mind.command(Instant::now(), &whole[..cut]).is_none());
        }
    }
}
