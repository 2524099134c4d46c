//! What a controller is told until it scans, and what to do if somebody else tells it otherwise.
//!
//! In: a wish to scan, the controller's answers, time as an argument. Out: the next [`Command`].
//! Promises: one command at a time; the set of commands that the controller does not know, or
//! refuses because the other is in use, is given up for the other.
//! Invariant: reads no clock, knows no socket.

use super::packet::{Answer, Command, Set};
use crate::clock::Monotonic;

/// What an answer may take; the kernel itself gives up after 2 s.
const ANSWER_MS_MAX: u64 = 2_500;
/// After somebody else's command for so long nothing is done: it seldom comes alone.
const OTHERS_MS: u64 = 200;

/// What an event means for the scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Send this next.
    Send(Command),
    /// It scans, from now on.
    Scans,
    /// The controller refused, with this status; it will not scan like this.
    Refused(Command, u8),
    /// Somebody else told the controller something about its scan.
    Others,
    /// Nothing.
    Nothing,
}

/// A controller's scan.
#[derive(Debug, Default)]
pub(super) struct Scan {
    set: Option<Set>,
    /// The other set was tried already.
    swapped: bool,
    waits_for: Option<(Command, Monotonic)>,
    scans: bool,
    /// When to set right what somebody else has done.
    mend_at: Option<Monotonic>,
}

impl Scan {
    /// Begins to scan, or begins again.
    pub(super) fn begin(&mut self, now: Monotonic) -> Command {
        self.scans = false;
        self.swapped = false;
        self.mend_at = None;
        match self.set {
            Some(set) => self.ask(now, Command::Enable(set, false)),
            None => self.ask(now, Command::ReadCommands),
        }
    }

    /// Begins with a controller that may be another one, or may have forgotten everything.
    pub(super) fn begin_anew(&mut self, now: Monotonic) -> Command {
        *self = Self::default();
        self.begin(now)
    }

    /// The same after a reset.
    pub(super) fn reset(&mut self, now: Monotonic) -> Command {
        *self = Self::default();
        self.ask(now, Command::Reset)
    }

    /// The command was not sent: nothing is to be waited for.
    pub(super) fn forget(&mut self) {
        self.waits_for = None;
        self.mend_at = None;
    }

    /// The command that ends a scan.
    pub(super) fn end(&self) -> Option<Command> {
        Some(Command::Enable(self.set?, false))
    }

    /// When [`Scan::due`] next has something to say.
    pub(super) fn poll_at(&self) -> Option<Monotonic> {
        let unanswered_at = self.waits_for.map(|(_, at)| at);
        match (unanswered_at, self.mend_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// What is to be done now: mend what others did, or say that an answer did not come.
    pub(super) fn due(&mut self, now: Monotonic) -> Step {
        if let Some((command, at)) = self.waits_for
            && now >= at
        {
            const NO_ANSWER: u8 = 0xff;
            self.waits_for = None;
            return Step::Refused(command, NO_ANSWER);
        }
        match self.mend_at {
            Some(at) if now >= at => Step::Send(self.begin(now)),
            _ => Step::Nothing,
        }
    }

    /// The controller answered somebody, perhaps us.
    pub(super) fn answered(&mut self, now: Monotonic, answer: Answer) -> Step {
        let ours = self
            .waits_for
            .take_if(|(command, _)| command.opcode() == answer.opcode);
        let Some((command, _)) = ours else {
            return self.others(now, answer);
        };
        match (command, answer.status) {
            (Command::Reset, _) => Step::Send(self.ask(now, Command::ReadCommands)),
            (Command::ReadCommands, _) => {
                let set = answer.set.unwrap_or(Set::Legacy);
                self.set = Some(set);
                Step::Send(self.ask(now, Command::Enable(set, false)))
            }
            // Refused if it does not scan, by some.
            (Command::Enable(set, false), _) => {
                Step::Send(self.ask(now, Command::SetParameters(set)))
            }
            (Command::SetParameters(set), 0) => {
                Step::Send(self.ask(now, Command::Enable(set, true)))
            }
            (Command::SetParameters(set), _) if !self.swapped => {
                self.swapped = true;
                let other = set.other();
                self.set = Some(other);
                Step::Send(self.ask(now, Command::Enable(other, false)))
            }
            (Command::Enable(_, true), 0) => {
                self.scans = true;
                Step::Scans
            }
            (command, status) => {
                // Which set is right is asked once more.
                self.set = None;
                Step::Refused(command, status)
            }
        }
    }

    fn others(&mut self, now: Monotonic, answer: Answer) -> Step {
        if !self.scans || !Command::touches_scan(answer.opcode) {
            return Step::Nothing;
        }
        self.mend_at = Some(now.plus_ms(OTHERS_MS));
        Step::Others
    }

    fn ask(&mut self, now: Monotonic, command: Command) -> Command {
        self.waits_for = Some((command, now.plus_ms(ANSWER_MS_MAX)));
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISALLOWED: u8 = 0x0c;

    fn at(ms: u64) -> Monotonic {
        Monotonic(ms)
    }

    fn answer(command: Command, status: u8) -> Answer {
        Answer {
            opcode: command.opcode(),
            status,
            set: None,
        }
    }

    /// Answers everything well until it scans, and says what was asked.
    fn play(scan: &mut Scan, first: Command, set: Set) -> Vec<Command> {
        let mut asked = vec![first];
        loop {
            let answer = Answer {
                set: (asked[asked.len() - 1] == Command::ReadCommands).then_some(set),
                ..answer(asked[asked.len() - 1], 0)
            };
            match scan.answered(at(1), answer) {
                Step::Send(next) => asked.push(next),
                step => {
                    assert_eq!(step, Step::Scans);
                    return asked;
                }
            }
        }
    }

    #[test]
    fn a_controller_is_asked_what_it_knows_and_then_told() {
        for set in [Set::Legacy, Set::Extended] {
            let mut scan = Scan::default();
            let first = scan.begin(at(0));
            assert_eq!(
                play(&mut scan, first, set),
                [
                    Command::ReadCommands,
                    Command::Enable(set, false),
                    Command::SetParameters(set),
                    Command::Enable(set, true)
                ]
            );
            assert_eq!(scan.poll_at(), None);
        }
    }

    #[test]
    fn a_set_that_is_refused_is_given_up_for_the_other_once() {
        let mut scan = Scan::default();
        scan.begin(at(0));
        scan.answered(at(0), answer(Command::ReadCommands, 0));
        scan.answered(at(0), answer(Command::Enable(Set::Legacy, false), 0));
        let refused = answer(Command::SetParameters(Set::Legacy), DISALLOWED);
        let next = Command::Enable(Set::Extended, false);
        assert_eq!(scan.answered(at(0), refused), Step::Send(next));
        scan.answered(at(0), answer(next, DISALLOWED));
        let again = Command::SetParameters(Set::Extended);
        assert_eq!(
            scan.answered(at(0), answer(again, DISALLOWED)),
            Step::Refused(again, DISALLOWED)
        );
        assert_eq!(scan.begin(at(1)), Command::ReadCommands);
    }

    #[test]
    fn what_somebody_else_does_to_the_scan_is_set_right_a_moment_later() {
        let mut scan = Scan::default();
        let first = scan.begin(at(0));
        play(&mut scan, first, Set::Legacy);
        let theirs = answer(Command::Enable(Set::Legacy, true), 0);
        assert_eq!(scan.answered(at(1_000), theirs), Step::Others);
        assert_eq!(scan.answered(at(1_100), theirs), Step::Others);
        assert_eq!(scan.due(at(1_299)), Step::Nothing);
        let mend = Command::Enable(Set::Legacy, false);
        assert_eq!(scan.due(at(1_300)), Step::Send(mend));
        let name = Answer {
            opcode: 0x0c14,
            status: 0,
            set: None,
        };
        assert_eq!(scan.answered(at(1_301), name), Step::Nothing);
    }

    #[test]
    fn no_answer_is_a_refusal() {
        let mut scan = Scan::default();
        scan.begin(at(0));
        assert_eq!(scan.due(at(2_499)), Step::Nothing);
        assert_eq!(
            scan.due(at(2_500)),
            Step::Refused(Command::ReadCommands, 0xff)
        );
    }
}
