//! Which settings are in force: those of the file, or what the server told since.
//!
//! In: the file's [`Config`], signed settings from the uplink, what the radio hears. Out: the
//! [`Config`] to run with; for the status, the version in force or why one was refused.
//! What is told is checked whole, written down, and then applied. With another radio it is on trial
//! first: it must hear something within [`TRIAL_MS`], if the radio before it did, or that one is
//! listened to again.
//! Promises: a power cut at any moment leaves the settings before or those told; a file that cannot
//! be read leaves those of `gateway.toml`. Settings on trial that end the process twice are given up.
//! Invariant: nothing is acknowledged that is not on the disk; nothing is taken that is not signed by
//! whom the file trusts, for this gateway, newer than what it knows.

mod kept;
mod radio;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use protocol::settings::{
    Refused, SettingsState, SignedSettings, TEXT_LEN_MAX, Told, VERSION_MAX, Why, words,
};
use ring::signature::{ED25519, UnparsedPublicKey};
use tokio::sync::watch;
use tracing::{info, warn};

use self::kept::{Kept, KeptFile, Trying};
use crate::{
    clock::Monotonic,
    config::{Config, ConfigError, SealConfig},
    counts::Counters,
};

/// How long another radio may hear nothing where the one before did. Beacons send several times a
/// second, phones in a shop too: the one before was heard within the same time.
pub const TRIAL_MS: u64 = 5 * 60_000;
/// Starts of the process that settings may take to be heard with. One may be a power cut.
const STARTS_MAX: u32 = 2;

/// Shared by who is told, who listens and who tells.
#[derive(Debug, Clone)]
pub struct Settings(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    core: Mutex<Core>,
    /// Whether there is a trial: asked for each advertisement.
    on_trial: AtomicBool,
    changes: watch::Sender<u64>,
    counts: Counters,
}

/// Figures of one process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Versions that were not taken.
    pub refused_total: u64,
    /// Times that what was kept could not be read.
    pub damaged_total: u64,
}

impl Settings {
    /// As the file and what was told before say. Counts a start for settings on trial.
    pub fn open(file: &Config, counts: &Counters) -> Self {
        let mut core = Core::load(file, PathBuf::from("/"));
        core.begin();
        if let Some(version) = core.state().and_then(|state| state.version) {
            info!(version, "the server's settings are in force");
        }
        Self::with(core, counts)
    }

    fn with(core: Core, counts: &Counters) -> Self {
        Self(Arc::new(Shared {
            on_trial: AtomicBool::new(core.trial.is_some()),
            core: Mutex::new(core),
            changes: watch::Sender::new(0),
            counts: counts.clone(),
        }))
    }

    /// What to run with now.
    pub fn config(&self) -> Config {
        self.core().config().clone()
    }

    /// For the status; none: nothing was ever told.
    pub fn state(&self) -> Option<SettingsState> {
        self.core().state()
    }

    /// How often what happened.
    pub fn tally(&self) -> Tally {
        self.core().tally
    }

    /// Turns with every change of [`Settings::config`] or [`Settings::state`].
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// The server says what to do otherwise than the file says.
    pub fn told(&self, now: Monotonic, said: &SignedSettings) {
        let heard = self.0.counts.heard_at();
        self.change(|core| {
            let heard_before = heard.is_some_and(|at| now.ms_since(at) < core.trial_ms);
            core.told(said, heard_before)
        });
    }

    /// The radio of [`Settings::config`] is listened to from now on.
    pub fn listens(&self, now: Monotonic) {
        self.core().listens(now);
    }

    /// Something was heard.
    pub fn heard(&self, at: Monotonic) {
        if self.0.on_trial.load(Relaxed) {
            self.change(|core| core.heard(at));
        }
    }

    /// When [`Settings::judge`] next has something to say.
    pub fn judge_at(&self) -> Option<Monotonic> {
        if !self.0.on_trial.load(Relaxed) {
            return None;
        }
        self.core().judge_at()
    }

    /// Ends a trial that lasted long enough.
    pub fn judge(&self, now: Monotonic) {
        self.change(|core| core.judge(now));
    }

    /// The radio ended by itself; true: it was on trial, and another is to be listened to.
    pub fn radio_ended(&self, why: &str) -> bool {
        self.change(|core| core.radio_ended(why))
    }

    /// With another source on trial, of a kind that cannot be told.
    #[cfg(test)]
    pub(crate) fn try_source(&self, source: &crate::config::SourceConfig, trial_ms: u64) {
        self.change(|core| {
            core.trial_ms = trial_ms;
            core.kept.trying = Some(Trying {
                said: SignedSettings {
                    text: String::new(),
                    signature: protocol::seal::Signature([0; 64]),
                },
                starts: 1,
                heard_before: true,
            });
            let mut config = core.in_force.clone();
            config.source = source.clone();
            core.trial = Some(Trial {
                config,
                since: None,
            });
            true
        });
    }

    fn change(&self, change: impl FnOnce(&mut Core) -> bool) -> bool {
        let mut core = self.core();
        let changed = change(&mut core);
        self.0.on_trial.store(core.trial.is_some(), Relaxed);
        drop(core);
        if changed {
            self.0.changes.send_modify(|n| *n += 1);
        }
        changed
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        // Every change leaves the core whole.
        self.0.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Another radio, until it was heard.
#[derive(Debug)]
struct Trial {
    config: Config,
    /// None: it is not listened to yet.
    since: Option<Monotonic>,
}

/// What is known, and what of it is in force; time is an argument.
#[derive(Debug)]
pub(crate) struct Core {
    file: Config,
    /// Where `/sys` is.
    root: PathBuf,
    kept_file: KeptFile,
    trial_ms: u64,
    kept: Kept,
    /// The file's with what is in force.
    in_force: Config,
    trial: Option<Trial>,
    /// What was refused without a trace on the disk: anybody could have sent it.
    refused: Option<Refused>,
    damaged: bool,
    tally: Tally,
}

impl Core {
    /// Reads what was told before; changes nothing.
    pub(crate) fn load(file: &Config, root: PathBuf) -> Self {
        let kept_file = KeptFile::beside(&file.spool.dir);
        let mut core = Self {
            in_force: file.clone(),
            file: file.clone(),
            root,
            trial_ms: TRIAL_MS,
            kept: Kept::default(),
            trial: None,
            refused: None,
            damaged: false,
            tally: Tally::default(),
            kept_file,
        };
        if core.ignores().is_none()
            && let Err(why) = core.recall()
        {
            warn!(
                why,
                "what the server told cannot be read; gateway.toml alone is in force until it is told again"
            );
            (core.kept, core.trial, core.in_force) = (Kept::default(), None, file.clone());
            (core.damaged, core.tally.damaged_total) = (true, 1);
        }
        core
    }

    fn recall(&mut self) -> Result<(), String> {
        let Some(kept) = self.kept_file.read()? else {
            return Ok(());
        };
        self.kept = kept;
        if let Some(said) = &self.kept.in_force {
            let told = self.read(said).map_err(|why| why.to_string())?;
            self.kept.known = self.kept.known.max(told.version);
            self.in_force = self.overlaid(&told).map_err(|why| why.to_string())?;
        }
        if let Some(trying) = &self.kept.trying {
            let told = self.read(&trying.said).map_err(|why| why.to_string())?;
            let config = self.overlaid(&told).map_err(|why| why.to_string())?;
            self.trial = Some(Trial {
                config,
                since: None,
            });
        }
        Ok(())
    }

    /// A process starts. One that was on trial and never came to a verdict has a last try.
    fn begin(&mut self) {
        let Some(trying) = &mut self.kept.trying else {
            return;
        };
        trying.starts += 1;
        let starts = trying.starts;
        if starts > STARTS_MAX {
            self.refuse_trial(Why::Interrupted { times: STARTS_MAX });
        } else if let Err(what) = self.kept_file.write(&self.kept) {
            // Without the count it could go on for ever.
            self.refuse_trial(Why::NotWritten { what });
        }
    }

    /// What to run with.
    pub(crate) fn config(&self) -> &Config {
        self.trial.as_ref().map_or(&self.in_force, |t| &t.config)
    }

    /// For the status, and for the doctor.
    pub(crate) fn state(&self) -> Option<SettingsState> {
        let version = |said: &SignedSettings| version_of(said).unwrap_or_default();
        let state = SettingsState {
            version: self.kept.in_force.as_ref().map(version),
            trying: self.kept.trying.as_ref().map(|t| version(&t.said)),
            refused: self.refused.clone().or_else(|| self.kept.refused.clone()),
            damaged: self.damaged,
        };
        (state != SettingsState::default()).then_some(state)
    }

    /// True if anything is other than before.
    fn told(&mut self, said: &SignedSettings, heard_before: bool) -> bool {
        if self.kept.in_force.as_ref() == Some(said) && self.kept.trying.is_none()
            || self.kept.trying.as_ref().is_some_and(|t| t.said == *said)
        {
            return false;
        }
        let told = match self.ignores().map_or_else(|| self.read(said), Err) {
            Ok(told) => told,
            Err(why) => return self.refuse_in_passing(version_of(said).unwrap_or(0), why),
        };
        let version = told.version;
        let known = self.kept.known;
        if version == known
            && self
                .kept
                .refused
                .as_ref()
                .is_some_and(|r| r.version == known)
        {
            // The broker repeats what was refused already.
            return false;
        }
        if version <= known {
            return self.refuse_in_passing(version, Why::Older { known });
        }
        let checked = self.overlaid(&told).and_then(|config| {
            let missing = radio::missing(&config.source, &self.root);
            missing.map_or(Ok(config), Err)
        });
        match checked {
            Ok(config) => self.take(said, version, config, heard_before),
            Err(why) => {
                self.kept.known = version;
                self.refuse(version, why);
                if let Err(what) = self.kept_file.write(&self.kept) {
                    warn!(what, "that settings were refused is not written down");
                }
            }
        }
        true
    }

    /// Written down first, then in force, or on trial.
    fn take(&mut self, said: &SignedSettings, version: u64, config: Config, heard_before: bool) {
        let mut kept = self.kept.clone();
        (kept.known, kept.refused, kept.trying) = (version, None, None);
        let other_radio = config.source != self.in_force.source;
        if other_radio {
            // Of a trial that this one takes the place of, the radio before it counts.
            let heard_before = match &self.kept.trying {
                Some(trying) => trying.heard_before,
                None => heard_before,
            };
            kept.trying = Some(Trying {
                said: said.clone(),
                starts: 1,
                heard_before,
            });
        } else {
            kept.in_force = Some(said.clone());
        }
        if let Err(what) = self.kept_file.write(&kept) {
            self.refuse_in_passing(version, Why::NotWritten { what });
            return;
        }
        (self.kept, self.refused, self.damaged) = (kept, None, false);
        if other_radio {
            info!(
                version,
                "the server's settings name another radio: it is tried"
            );
            self.trial = Some(Trial {
                config,
                since: None,
            });
        } else {
            info!(version, "the server's settings are in force");
            (self.trial, self.in_force) = (None, config);
        }
    }

    fn listens(&mut self, now: Monotonic) {
        if let Some(trial) = &mut self.trial {
            trial.since.get_or_insert(now);
        }
    }

    fn heard(&mut self, at: Monotonic) -> bool {
        let since = self.trial.as_ref().and_then(|trial| trial.since);
        if since.is_none_or(|since| at < since) {
            return false;
        }
        self.pass();
        true
    }

    fn judge_at(&self) -> Option<Monotonic> {
        let since = self.trial.as_ref()?.since?;
        Some(since.plus_ms(self.trial_ms))
    }

    fn judge(&mut self, now: Monotonic) -> bool {
        if self.judge_at().is_none_or(|at| now < at) {
            return false;
        }
        if self.kept.trying.as_ref().is_some_and(|t| t.heard_before) {
            let minutes = self.trial_ms.div_ceil(60_000);
            self.refuse_trial(Why::HeardNothing { minutes });
        } else {
            // Where neither hears anything, nothing speaks against the one that somebody chose.
            self.pass();
        }
        true
    }

    fn radio_ended(&mut self, why: &str) -> bool {
        let on_trial = self.trial.is_some();
        if on_trial {
            self.refuse_trial(Why::RadioEnded { what: words(why) });
        }
        on_trial
    }

    /// The trial is over, well.
    fn pass(&mut self) {
        let mut kept = self.kept.clone();
        let Some(trying) = kept.trying.take() else {
            return;
        };
        kept.in_force = Some(trying.said);
        if let Err(what) = self.kept_file.write(&kept) {
            return self.refuse_trial(Why::NotWritten { what });
        }
        self.kept = kept;
        if let Some(trial) = self.trial.take() {
            self.in_force = trial.config;
        }
        let version = self.kept.known;
        info!(version, "the server's settings are in force");
    }

    /// The trial is over, and the settings before are in force still.
    fn refuse_trial(&mut self, why: Why) {
        self.trial = None;
        let Some(trying) = self.kept.trying.take() else {
            return;
        };
        self.refuse(version_of(&trying.said).unwrap_or(0), why);
        if let Err(what) = self.kept_file.write(&self.kept) {
            warn!(what, "that settings were refused is not written down");
        }
    }

    fn refuse(&mut self, version: u64, why: Why) {
        self.log_refused(version, &why);
        self.refused = None;
        self.kept.refused = Some(Refused { version, why });
    }

    /// Leaves nothing on the disk: whoever has the broker could fill a card with it.
    fn refuse_in_passing(&mut self, version: u64, why: Why) -> bool {
        let refused = Some(Refused { version, why });
        if self.refused == refused {
            return false;
        }
        if let Some(Refused { version, why }) = &refused {
            self.log_refused(*version, why);
        }
        self.refused = refused;
        true
    }

    fn log_refused(&mut self, version: u64, why: &Why) {
        self.tally.refused_total += 1;
        warn!(version, %why, "the server's settings are refused");
    }

    /// Why nothing that is told counts.
    fn ignores(&self) -> Option<Why> {
        match self.file.seal {
            _ if self.file.local_settings => Some(Why::Local),
            SealConfig::Plain => Some(Why::NoTrust),
            SealConfig::To { .. } => None,
        }
    }

    /// Whether it is signed, and for us.
    fn read(&self, said: &SignedSettings) -> Result<Told, Why> {
        let SealConfig::To { trust, .. } = &self.file.seal else {
            return Err(Why::NoTrust);
        };
        UnparsedPublicKey::new(&ED25519, &trust.0)
            .verify(&SignedSettings::signed(&said.text), &said.signature.0)
            .map_err(|_| Why::Signature)?;
        let wrong = |what: String| Why::Wrong {
            key: "settings".into(),
            what: words(&what),
        };
        let told: Told = serde_json::from_str(&said.text).map_err(|e| wrong(e.to_string()))?;
        if told.store != self.file.store || told.gateway != self.file.gateway {
            return Err(Why::NotForUs);
        }
        if told.version == 0 || told.version > VERSION_MAX {
            return Err(wrong(format!("version {} is no version", told.version)));
        }
        Ok(told)
    }

    /// As the file would be with these.
    fn overlaid(&self, told: &Told) -> Result<Config, Why> {
        let len = serde_json::to_string(&told.settings).map_or(usize::MAX, |text| text.len());
        if len > TEXT_LEN_MAX {
            return Err(Why::Wrong {
                key: "settings".into(),
                what: format!("{len} bytes, at most {TEXT_LEN_MAX} are taken"),
            });
        }
        self.file.with_told(&told.settings).map_err(|e| match e {
            ConfigError::Line { key, what, .. } => Why::Wrong {
                key: words(&key),
                what: words(&what),
            },
            ConfigError::Read { .. } => Why::Other,
        })
    }
}

/// What it claims to be.
fn version_of(said: &SignedSettings) -> Option<u64> {
    let told: Told = serde_json::from_str(&said.text).ok()?;
    Some(told.version.min(VERSION_MAX))
}

#[cfg(test)]
mod tests;
