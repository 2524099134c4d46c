//! A message bus of one's own.
//!
//! In: a folder. Out: a `dbus-daemon` that listens on a socket in it and lets everybody do
//! everything.
//! Promises: listens when [`Bus::start`] returns; a bus that is started again has the same address.
//! Invariant: a bus that is dropped is killed: nothing stays behind.

use std::{
    fs, io,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Why there is no bus.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The program is not installed.
    #[error("start dbus-daemon: it is not installed (on Debian: apt install dbus-daemon)")]
    Missing,
    /// It could not be started.
    #[error("start dbus-daemon")]
    Start(#[source] io::Error),
    /// Its folder cannot be written.
    #[error("write {path}")]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It ended before it listened.
    #[error("dbus-daemon did not listen; see {log}")]
    Silent {
        /// What it said.
        log: PathBuf,
    },
}

/// A running bus.
#[derive(Debug)]
pub(super) struct Bus {
    child: Child,
}

/// What the daemon of a machine would have as its system bus.
pub(super) fn address(dir: &Path) -> String {
    format!("unix:path={}", socket(dir).display())
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("bus")
}

impl Bus {
    /// Starts it and waits until it listens.
    pub(super) async fn start(dir: &Path) -> Result<Self, BusError> {
        let dir = dir.to_owned();
        let started = tokio::task::spawn_blocking(move || start(&dir)).await;
        started.map_err(|error| BusError::Start(io::Error::other(error)))?
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // It has ended already, or ends now; there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(dir: &Path) -> Result<Bus, BusError> {
    let wrote = |path: &Path, source| BusError::Write {
        path: path.to_owned(),
        source,
    };
    fs::create_dir_all(dir).map_err(|source| wrote(dir, source))?;
    let (config, log) = (dir.join("bus.conf"), dir.join("bus.txt"));
    fs::write(&config, configuration(dir)).map_err(|source| wrote(&config, source))?;
    let file = fs::File::options().create(true).append(true).open(&log);
    let child = Command::new("dbus-daemon")
        .arg(format!("--config-file={}", config.display()))
        .args(["--nofork", "--nopidfile", "--nosyslog", "--print-address=1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(file.map_err(|source| wrote(&log, source))?)
        .spawn();
    let child = child.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => BusError::Missing,
        _ => BusError::Start(error),
    })?;
    let mut bus = Bus { child };
    // It says where it listens as soon as it does.
    let mut line = String::new();
    if let Some(stdout) = bus.child.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(BusError::Start)?;
    }
    if line.is_empty() {
        return Err(BusError::Silent { log });
    }
    Ok(bus)
}

fn configuration(dir: &Path) -> String {
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>{}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
  </policy>
</busconfig>
"#,
        address(dir)
    )
}
