//! Server, gateway and simulator as processes of this one program.
//!
//! In: the part to play as first argument. Out: a child that can be asked to stop, or killed.
//! Invariant: a child that is dropped is killed: nothing stays behind.

use std::{
    ffi::OsStr,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

/// Plays a part if this process was started for one.
pub fn part() -> Option<ExitCode> {
    let mut args = std::env::args_os();
    args.next();
    let part = args.next()?;
    let with_name = |name: &str| std::iter::once(name.into()).chain(args);
    match part.to_str()? {
        "part-server" => Some(server::cli::main_from(with_name("welkom-server"))),
        "part-gateway" => Some(gateway::cli::main_from(with_name("welkom-gateway"))),
        "part-sim" => Some(firmware_sim::cli::main_from(with_name("welkom-sim"))),
        _ => None,
    }
}

/// A running part.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// What it is, for messages.
    name: String,
    /// What it said on standard error.
    pub log: PathBuf,
}

impl Process {
    /// Starts `program part-{part} args…`; its standard error is appended to `log`.
    pub fn start<A: AsRef<OsStr>>(
        program: &Path,
        part: &str,
        args: &[A],
        env: &[(&str, &OsStr)],
        log: &Path,
    ) -> anyhow::Result<Self> {
        let err = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("open {}", log.display()))?;
        let child = Command::new(program)
            .arg(format!("part-{part}"))
            .args(args)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(err)
            .spawn()
            .with_context(|| format!("start {part}"))?;
        Ok(Self {
            child,
            name: part.to_owned(),
            log: log.to_owned(),
        })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kill -9, and wait for the end.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child
            .kill()
            .with_context(|| format!("kill {}", self.name))?;
        self.child
            .wait()
            .with_context(|| format!("wait for {}", self.name))?;
        Ok(())
    }

    /// Asks it to stop and waits for it.
    pub fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        if let Some(ended) = self.ended()? {
            return Ok(ended);
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.with_context(|| format!("{} has no process id", self.name))?;
        kill_process(pid, Signal::TERM).with_context(|| format!("stop {}", self.name))?;
        self.child
            .wait()
            .with_context(|| format!("wait for {}", self.name))
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("look at {}", self.name))
    }

    /// An error with the end of its log, if it has ended.
    pub fn still_runs(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.ended()? else {
            return Ok(());
        };
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(20).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        anyhow::bail!("{} ended with {status}:\n{}", self.name, tail.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, or ends now; there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
