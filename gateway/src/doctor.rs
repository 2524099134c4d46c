//! What is wrong with a gateway, in plain words, and what to type.
//!
//! In: the settings, and the machine as it is: radio, bus, clock, broker, disk.
//! Out: a [`Report`] of [`Finding`]s, for a terminal, a script, or the health page.
//! Promises: each finding that is not good says what is wrong, what to do, and mostly a command;
//! a gateway that runs on the same settings keeps its connection and its spool.
//! Invariant: changes nothing, but for one file that it writes into the spool's folder and takes
//! away again; says no password and nobody's identity.

mod broker;
mod clock;
mod disk;
pub mod measure;
mod problem;
mod radio;
mod words;

use std::{
    fs,
    path::{Path, PathBuf},
};

use protocol::settings::{Refused, SettingsState};
use serde::Serialize;

pub use self::{
    problem::{Check, Level, Problem},
    words::Language,
};
use crate::{
    config::{Config, ConfigError, SealConfig, SourceConfig},
    settings::Core,
};

/// The machine that is looked at; tests make one up.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Where `/sys`, `/run` and `/etc` are.
    pub root: PathBuf,
}

impl Default for Machine {
    fn default() -> Self {
        Self { root: "/".into() }
    }
}

/// All that was found, in the order in which things depend on each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// At least one for each check that could be made.
    pub findings: Vec<Problem>,
}

/// How a finding reads as JSON.
#[derive(Debug, Serialize)]
struct FindingView<'a> {
    check: Check,
    level: Level,
    code: &'static str,
    what: String,
    #[serde(rename = "do")]
    todo: Option<String>,
    command: Option<&'a str>,
}

/// How a report reads as JSON.
#[derive(Debug, Serialize)]
struct ReportView<'a> {
    v: u8,
    level: Level,
    findings: Vec<FindingView<'a>>,
}

impl Report {
    /// The worst of all.
    pub fn level(&self) -> Level {
        let levels = self.findings.iter().map(Problem::level);
        levels.max().unwrap_or(Level::Good)
    }

    /// 0: nothing is wrong, though there may be something to look at. 1: something is wrong.
    /// 2: the settings are.
    pub fn exit_code(&self) -> u8 {
        let wrong = |check: Option<Check>| {
            let mut wrong = self.findings.iter().filter(|f| f.level() == Level::Wrong);
            wrong.any(|f| check.is_none_or(|check| f.check() == check))
        };
        match (wrong(Some(Check::Settings)), wrong(None)) {
            (true, _) => 2,
            (false, true) => 1,
            (false, false) => 0,
        }
    }

    /// For a terminal.
    pub fn text(&self, coloured: bool) -> String {
        let paint = |level: Level, text: &str| match (coloured, level) {
            (false, _) => text.to_owned(),
            (true, Level::Good) => format!("\x1b[32m{text}\x1b[0m"),
            (true, Level::Look) => format!("\x1b[33m{text}\x1b[0m"),
            (true, Level::Wrong) => format!("\x1b[1;31m{text}\x1b[0m"),
        };
        let mut text = String::new();
        for finding in &self.findings {
            let (check, level) = (finding.check(), finding.level());
            let mark = paint(level, &format!("{:<6}", level.as_str()));
            let (what, todo) = finding.say(Language::English);
            text += &format!("{:<9} {mark} {what}\n", check.as_str());
            for line in todo.iter().flat_map(|todo| todo.lines()) {
                text += &format!("{:17}{line}\n", "");
            }
            if let Some(command) = finding.command() {
                text += &format!("{:17}$ {command}\n", "");
            }
        }
        let count = |level| {
            let of = |f: &&Problem| f.level() == level;
            self.findings.iter().filter(of).count()
        };
        let end = match (count(Level::Wrong), count(Level::Look)) {
            (0, 0) => "\nAll is well.".to_owned(),
            (0, look) => format!("\nIt works. To look at: {look}."),
            (wrong, 0) => format!("\nTo mend: {wrong}."),
            (wrong, look) => format!("\nTo mend: {wrong}. To look at: {look}."),
        };
        text + &end
    }

    /// For a script.
    pub fn json(&self) -> serde_json::Result<String> {
        let view = |finding| {
            let (what, todo) = Problem::say(finding, Language::English);
            FindingView {
                check: finding.check(),
                level: finding.level(),
                code: finding.code(),
                what,
                todo,
                command: finding.command(),
            }
        };
        serde_json::to_string_pretty(&ReportView {
            v: 1,
            level: self.level(),
            findings: self.findings.iter().map(view).collect(),
        })
    }
}

/// Looks at everything, beginning with the settings.
pub async fn examine(path: &Path, machine: &Machine) -> Report {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => {
            let mut findings = vec![settings(path, error)];
            // What can be said of the machine without them.
            let source = SourceConfig::Btleplug(crate::config::BtleplugConfig::default());
            findings.extend(radio::examine(&source, machine).await);
            findings.extend(clock::examine(None, machine).await);
            return Report { findings };
        }
    };
    let mut findings = vec![Problem::SettingsGood {
        store: config.store.to_string(),
        gateway: config.gateway.to_string(),
    }];
    // Whoever may not look into the folder is told so further down.
    let config = match fs::read_dir(&config.spool.dir) {
        Err(_) => config,
        Ok(_) => {
            let core = Core::load(&config, machine.root.clone());
            findings.extend(told(core.state(), &config));
            core.config().clone()
        }
    };
    findings.extend(this_machine(&config, machine).await);
    findings.extend(broker::examine(&config).await);
    Report { findings }
}

/// Which settings are in force, and what came of others that the server told; nothing, if it never
/// told any.
pub(crate) fn told(state: Option<SettingsState>, config: &Config) -> Vec<Problem> {
    let mut findings = Vec::new();
    if config.local_settings {
        findings.push(Problem::SettingsLocal);
    }
    let Some(state) = state else {
        return findings;
    };
    findings.push(Problem::SettingsInForce {
        version: state.version,
    });
    if state.damaged {
        findings.push(Problem::SettingsDamaged);
    }
    if let Some(version) = state.trying {
        findings.push(Problem::SettingsTried { version });
    }
    if let Some(Refused { version, why }) = state.refused {
        findings.push(Problem::SettingsRefused { version, why });
    }
    findings
}

/// What a gateway that runs looks at: all but the settings, which it has, and, while its own line
/// stands, the broker.
pub async fn examine_running(config: &Config, machine: &Machine, has_line: bool) -> Report {
    let mut findings = this_machine(config, machine).await;
    if !has_line {
        findings.extend(broker::examine(config).await);
    }
    Report { findings }
}

async fn this_machine(config: &Config, machine: &Machine) -> Vec<Problem> {
    let unsealed = config.seal == SealConfig::Plain;
    let mut findings: Vec<Problem> = unsealed.then_some(Problem::NotSealed).into_iter().collect();
    findings.extend(radio::examine(&config.source, machine).await);
    let (spool, machine_too) = (config.spool.clone(), machine.clone());
    let disk = tokio::task::spawn_blocking(move || disk::examine(&spool, &machine_too));
    findings.extend(disk.await.unwrap_or_default());
    findings.extend(clock::examine(Some(config), machine).await);
    findings
}

fn settings(path: &Path, error: ConfigError) -> Problem {
    match error {
        ConfigError::Read { path, source } => Problem::SettingsUnreadable {
            command: match source.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    format!("ls -l {}", path.display())
                }
                _ => format!("ls {}", path.parent().unwrap_or(Path::new(".")).display()),
            },
            path,
            why: plain(&source),
        },
        ConfigError::Line {
            line, key, what, ..
        } => Problem::SettingsWrong {
            command: format!("sudo nano +{line} {}", path.display()),
            path: path.into(),
            line,
            key,
            what,
        },
    }
}

/// Without the number of the error, which helps nobody who does not know it already.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

/// The name of the user who asks.
fn user(machine: &Machine) -> String {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let passwd = fs::read_to_string(machine.root.join("etc/passwd")).unwrap_or_default();
    let mine = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    mine.unwrap_or(uid)
}

#[cfg(test)]
mod tests;
