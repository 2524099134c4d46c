//! Tests that know what they need.
//!
//! A tool that is not installed makes a test skipped, and the closing line says how many were; with
//! `WELKOM_REQUIRE_ALL=1` it makes the test fail, so that nothing is skipped where it counts.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use libtest_mimic::{Arguments, Failed, Trial};

/// What a test needs beside this workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// An external MQTT broker.
    Mosquitto,
    /// A browser and its driver.
    Chromium,
    /// A C compiler, for the library that notes writes.
    Cc,
    /// A message bus, for the virtual BlueZ.
    DbusDaemon,
    /// A mount namespace of one's own, for disks that are full or read-only; not every machine lets
    /// ordinary users have one.
    Mounts,
    /// axe-core, which looks for what keeps people out of a page: the file that `WELKOM_AXE` names.
    Axe,
    /// Real advertisements, in the folder that `WELKOM_DATA` names. They are not ours to pass on,
    /// so nobody can be asked to install them: without them a test is skipped, always.
    Data,
}

impl Tool {
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Mosquitto => &["mosquitto"],
            Self::Chromium => &["chromium", "chromedriver"],
            Self::Cc => &["cc"],
            Self::DbusDaemon => &["dbus-daemon"],
            Self::Mounts => &["unshare"],
            Self::Axe => &[],
            Self::Data => &["gzip"],
        }
    }

    fn is_there(self) -> bool {
        let installed = self.programs().iter().all(|p| find(p).is_some());
        installed
            && match self {
                Self::Axe => axe().is_ok_and(|path| path.is_file()),
                Self::Mounts => may_mount(),
                Self::Data => data().is_ok(),
                _ => true,
            }
    }
}

fn may_mount() -> bool {
    let mount = [
        "--user",
        "--map-root-user",
        "--mount",
        "mount",
        "-t",
        "tmpfs",
        "none",
        "/mnt",
    ];
    let tried = std::process::Command::new("unshare").args(mount).output();
    tried.is_ok_and(|output| output.status.success())
}

/// Where axe-core is.
pub fn axe() -> anyhow::Result<PathBuf> {
    let named = std::env::var_os("WELKOM_AXE").context("WELKOM_AXE is not set")?;
    Ok(named.into())
}

/// Where real advertisements are.
pub fn data() -> anyhow::Result<PathBuf> {
    let named = std::env::var_os("WELKOM_DATA").context("WELKOM_DATA is not set")?;
    Ok(named.into())
}

/// Where a program is; Debian keeps some in `sbin`.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let extra = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(extra)
        .map(|dir| dir.join(program))
        .find(|p| p.is_file())
}

/// A test that runs on a runtime of its own.
pub fn test<F>(name: &str, needs: &[Tool], body: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = anyhow::Result<()>>,
{
    let missing: Vec<Tool> = needs
        .iter()
        .copied()
        .filter(|tool| !tool.is_there())
        .collect();
    let required = std::env::var_os("WELKOM_REQUIRE_ALL").is_some_and(|value| value == "1");
    if required && missing.iter().any(|tool| *tool != Tool::Data) {
        let words = format!("{missing:?} must be installed with WELKOM_REQUIRE_ALL=1");
        return Trial::test(name, move || Err(Failed::from(words)));
    }
    let skip = !missing.is_empty();
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| Failed::from(error.to_string()))?;
        runtime
            .block_on(body())
            .map_err(|error| Failed::from(format!("{error:?}")))
    })
    .with_ignored_flag(skip)
}

/// Runs them and prints the closing line.
pub fn run(tests: Vec<Trial>) -> ExitCode {
    // Another provider, set by whoever embeds this, serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args = Arguments::from_args();
    let conclusion = libtest_mimic::run(&args, tests);
    if !args.list {
        let (passed, failed) = (conclusion.num_passed, conclusion.num_failed);
        println!(
            "{passed} passed, {failed} failed, {} skipped",
            conclusion.num_ignored
        );
    }
    conclusion.exit_code()
}
