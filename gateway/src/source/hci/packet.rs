//! What is said to a controller to make it listen, and how it answers.
//!
//! In: a wish. Out: the H4 packet of the command; the [`Answer`] that an event is.
//! Source: Core specification, volume 4, part E: 7.3.2 (Reset), 7.4.2 (Read Local Supported
//! Commands), 7.7.14 and 7.7.15 (Command Complete, Command Status), 7.8.10 and 7.8.11 (LE Set Scan
//! Parameters, LE Set Scan Enable), 7.8.64 and 7.8.65 (the extended ones).
//! Promises: total over any bytes.
//! Invariant: allocates nothing.

/// Packet indicators of H4.
pub(super) const H4_COMMAND: u8 = 0x01;
/// An event.
pub(super) const H4_EVENT: u8 = 0x04;
const COMMAND_COMPLETE: u8 = 0x0e;
const COMMAND_STATUS: u8 = 0x0f;

/// How long the antenna stays on a channel, and how long until it goes on to the next, in units
/// of 0.625 ms: both 60 ms, so that it never sleeps.
const INTERVAL: u16 = 96;

/// A command that a scan needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// Begin at nothing.
    Reset,
    /// Which commands do you know?
    ReadCommands,
    /// Passive, all the time, everybody.
    SetParameters(Set),
    /// Scan, without the filter of duplicates; or do not.
    Enable(Set, bool),
}

/// The two sets of commands. A controller takes one or the other until it is reset, and the
/// kernel uses the extended one where it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    /// Of Bluetooth 4.0.
    Legacy,
    /// Of Bluetooth 5.0.
    Extended,
}

impl Set {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Legacy => Self::Extended,
            Self::Extended => Self::Legacy,
        }
    }
}

/// A command as it is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet {
    bytes: [u8; 16],
    len: usize,
}

impl Packet {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Command {
    /// Group and number, as one.
    pub(super) const fn opcode(self) -> u16 {
        match self {
            Self::Reset => 0x0c03,
            Self::ReadCommands => 0x1002,
            Self::SetParameters(Set::Legacy) => 0x200b,
            Self::SetParameters(Set::Extended) => 0x2041,
            Self::Enable(Set::Legacy, _) => 0x200c,
            Self::Enable(Set::Extended, _) => 0x2042,
        }
    }

    /// Whether a command of this code, from somebody else, may have ended or changed a scan.
    pub(super) const fn touches_scan(opcode: u16) -> bool {
        matches!(opcode, 0x0c03 | 0x200b | 0x200c | 0x2041 | 0x2042)
    }

    pub(super) fn packet(self) -> Packet {
        const ANYBODY: u8 = 0;
        const PASSIVE: u8 = 0;
        const OWN_ADDRESS_PUBLIC: u8 = 0;
        const PHY_1M: u8 = 1;
        let [low, high] = INTERVAL.to_le_bytes();
        match self {
            Self::Reset | Self::ReadCommands => self.with(&[]),
            Self::SetParameters(Set::Legacy) => {
                let own = OWN_ADDRESS_PUBLIC;
                self.with(&[PASSIVE, low, high, low, high, own, ANYBODY])
            }
            Self::SetParameters(Set::Extended) => {
                let own = OWN_ADDRESS_PUBLIC;
                self.with(&[own, ANYBODY, PHY_1M, PASSIVE, low, high, low, high])
            }
            // The second byte: whether to filter duplicates.
            Self::Enable(Set::Legacy, on) => self.with(&[on.into(), 0]),
            // Then duration and period: without an end.
            Self::Enable(Set::Extended, on) => self.with(&[on.into(), 0, 0, 0, 0, 0]),
        }
    }

    fn with(self, parameters: &[u8]) -> Packet {
        let mut bytes = [0; 16];
        let [low, high] = self.opcode().to_le_bytes();
        // The longest has eight.
        let count = parameters.len().min(12);
        let len = u8::try_from(count).unwrap_or(0);
        bytes[..4].copy_from_slice(&[H4_COMMAND, low, high, len]);
        bytes[4..4 + count].copy_from_slice(&parameters[..count]);
        Packet {
            bytes,
            len: 4 + count,
        }
    }
}

/// What the controller says of a command, whoever gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// Of which command.
    pub(super) opcode: u16,
    /// 0: it is done.
    pub(super) status: u8,
    /// For [`Command::ReadCommands`]: which set to use.
    pub(super) set: Option<Set>,
}

impl Answer {
    /// Reads an event without its packet indicator; none if it is another kind of event.
    pub(super) fn of(event: &[u8]) -> Option<Self> {
        match *event {
            [
                COMMAND_COMPLETE,
                _len,
                _free,
                low,
                high,
                status,
                ref rest @ ..,
            ] => {
                let opcode = u16::from_le_bytes([low, high]);
                let asked = opcode == Command::ReadCommands.opcode() && status == 0;
                Some(Self {
                    opcode,
                    status,
                    set: asked.then(|| set_of(rest)),
                })
            }
            [COMMAND_STATUS, _len, status, _free, low, high, ..] => Some(Self {
                opcode: u16::from_le_bytes([low, high]),
                status,
                set: None,
            }),
            _ => None,
        }
    }
}

/// Octet 37 of the supported commands, bits 5 and 6: both extended commands of a scan.
fn set_of(commands: &[u8]) -> Set {
    const BOTH: u8 = 0b0110_0000;
    match commands.get(37) {
        Some(octet) if octet & BOTH == BOTH => Set::Extended,
        _ => Set::Legacy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_as_the_specification_writes_them() {
        let packet = |command: Command| hex::encode(command.packet().bytes());
        assert_eq!(packet(Command::Reset), "01030c00");
        assert_eq!(
            packet(Command::SetParameters(Set::Legacy)),
            "010b200700600060000000"
        );
        assert_eq!(packet(Command::Enable(Set::Legacy, true)), "010c20020100");
        assert_eq!(
            packet(Command::SetParameters(Set::Extended)),
            "014120080000010060006000"
        );
        assert_eq!(
            packet(Command::Enable(Set::Extended, true)),
            "01422006010000000000"
        );
    }

    #[test]
    fn answers_are_read_and_other_events_are_not() {
        let complete = Answer::of(&[0x0e, 4, 1, 0x0c, 0x20, 0x0c]).unwrap();
        assert_eq!((complete.opcode, complete.status), (0x200c, 0x0c));
        let status = Answer::of(&[0x0f, 4, 0x01, 1, 0x0c, 0x20]).unwrap();
        assert_eq!((status.opcode, status.status), (0x200c, 0x01));
        assert_eq!(Answer::of(&[0x3e, 2, 0x02, 0]), None);
        assert_eq!(Answer::of(&[0x0e, 4, 1, 0x0c]), None);
    }

    #[test]
    fn both_extended_commands_make_the_extended_set() {
        let set = |octet| {
            let mut event = vec![0x0e, 68, 1, 0x02, 0x10, 0];
            event.extend([0; 64]);
            event[6 + 37] = octet;
            Answer::of(&event).unwrap().set
        };
        assert_eq!(set(0x60), Some(Set::Extended));
        assert_eq!(set(0x20), Some(Set::Legacy));
    }
}
