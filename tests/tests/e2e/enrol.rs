//! A gateway is set up with a one-time code: by the program that a person types, over TLS.
//!
//! In: codes of the server's API. Out: what the program says, and a gateway that the server hears.
//! Invariant: neither code nor password stands in the server's folder.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;
use demo::{
    process::Process,
    stack::{Options, Stack},
};
use e2e::{
    harness::test,
    rig::{Rig, program},
};
use firmware_sim::air::Source;
use libtest_mimic::Trial;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "a_gateway_sets_itself_up_over_tls_with_the_certificate_that_the_qr_code_says",
            &[],
            over_tls,
        ),
        test(
            "a_code_that_is_wrong_used_or_over_is_refused_with_what_to_do",
            &[],
            refused,
        ),
    ]
}

/// A code of the API.
#[derive(Debug, Deserialize)]
pub(crate) struct Code {
    code: String,
    qr_text: String,
    certificate_sha256: Option<String>,
}

async fn code(stack: &Stack, gateway: &str) -> anyhow::Result<Code> {
    let path = format!("/v1/stores/{}/gateways/enrolments", stack.store);
    let body = json!({ "gateway": gateway });
    Ok(stack.api.post(&path, &body).await?)
}

/// Where a gateway of a test has its settings: not in the server's folder.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
    air: String,
}

impl Machine {
    pub(crate) fn new(rig: &Rig, anchor: &str) -> anyhow::Result<Self> {
        let Some(Source::Socket(air)) = rig.air.source(&anchor.parse()?) else {
            anyhow::bail!("the air is no socket");
        };
        Ok(Self {
            folder: tempfile::tempdir()?,
            air: air.to_string(),
        })
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("gateway.toml")
    }

    /// `welkom-gateway enroll ARGS --json`: its exit code and what it said.
    pub(crate) async fn enroll(&self, args: &[&str]) -> anyhow::Result<(i32, Value)> {
        let mut command = Command::new(program()?);
        command
            .args(["part-gateway", "enroll"])
            .args(args)
            .args(["--json", "--health", "off", "--air", &self.air, "--config"])
            .arg(self.config())
            .arg("--spool")
            .arg(self.folder.path().join("spool"));
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let said = serde_json::from_slice(&output.stdout);
        let said = said.with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        Ok((output.status.code().unwrap_or(-1), said))
    }

    /// Starts the gateway with what was written.
    pub(crate) fn run(&self) -> anyhow::Result<Process> {
        let config = self.config();
        let args = ["run".as_ref(), "--config".as_ref(), config.as_os_str()];
        let log = self.folder.path().join("gateway.log");
        Process::start(&program()?, "gateway", &args, &[], &log)
    }

    /// The password that it was given.
    pub(crate) fn password(&self) -> anyhow::Result<String> {
        let file = self.folder.path().join("mqtt-password");
        Ok(std::fs::read_to_string(file)?.trim().to_owned())
    }
}

/// Files below a folder that hold one of these.
pub(crate) fn files_with(folder: &Path, secrets: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_with(&path, secrets)?);
            continue;
        }
        let bytes = std::fs::read(&path)?;
        let holds = |secret: &&str| bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
        if secrets.iter().any(holds) {
            found.push(path);
        }
    }
    Ok(found)
}

async fn over_tls() -> anyhow::Result<()> {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    let rig = Rig::start(options).await?;
    let stack = &rig.stack;
    let machine = Machine::new(&rig, "attic")?;
    let made = code(stack, "attic").await?;
    let sha256 = made.certificate_sha256.context("no certificate")?;

    // Our own authority is known to nobody; what it shows is what the page says.
    let (exit, said) = machine.enroll(&[&stack.url(), &made.code]).await?;
    anyhow::ensure!(exit == 4 && said["error"] == "untrusted", "{exit} {said}");
    let todo = said["do"].as_str().unwrap_or_default();
    anyhow::ensure!(todo.contains(&format!("--trust {sha256}")), "{todo}");
    let other = "00".repeat(32);
    let (exit, said) = machine
        .enroll(&[&stack.url(), &made.code, "--trust", &other])
        .await?;
    anyhow::ensure!(exit == 4, "{exit} {said}");
    anyhow::ensure!(said["error"] == "other-certificate", "{said}");

    let (exit, said) = machine.enroll(&[&made.qr_text]).await?;
    anyhow::ensure!(
        exit == 0 && said["enrolled"]["gateway"] == "attic",
        "{said}"
    );
    let mut gateway = machine.run()?;
    demo::stack::until("the gateway to be online", async || {
        let path = format!("/v1/stores/{}/gateways", stack.store);
        let all: Vec<Value> = stack.api.get(&path).await?;
        let online = |g: &Value| g["gateway"] == "attic" && g["state"] == "online";
        Ok(all.iter().any(online))
    })
    .await?;
    gateway.stop()?;
    let (plain, password) = (made.code.replace('-', ""), machine.password()?);
    let found = files_with(&stack.dir, &[&made.code, &plain, &password])?;
    anyhow::ensure!(found.is_empty(), "secrets in {found:?}");
    let warnings = rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}

async fn refused() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let first = Machine::new(&rig, "attic")?;
    let second = Machine::new(&rig, "attic")?;
    let url = stack.url();
    let made = code(stack, "attic").await?;
    let wrong = first.enroll(&[&url, "0000-0000-0000"]).await?;
    anyhow::ensure!(
        wrong.0 == 3 && wrong.1["error"] == "wrong-code",
        "{wrong:?}"
    );
    // Small letters without dashes.
    let typed = made.code.replace('-', "").to_lowercase();
    let right = first.enroll(&[&url, &typed]).await?;
    anyhow::ensure!(right.0 == 0, "{right:?}");
    let used = second.enroll(&[&url, &made.code]).await?;
    anyhow::ensure!(used.0 == 3 && used.1["error"] == "used-code", "{used:?}");
    let there = first.enroll(&[&url, &made.code]).await?;
    anyhow::ensure!(there.0 == 2 && there.1["error"] == "exists", "{there:?}");

    let late = code(stack, "cellar").await?;
    // An hour passes.
    rusqlite::Connection::open(stack.database())?.execute(
        "UPDATE gateway_enrolments SET expires_ms = made_ms WHERE gateway = 'cellar'",
        [],
    )?;
    let over = second.enroll(&[&url, &late.code]).await?;
    anyhow::ensure!(over.0 == 3 && over.1["error"] == "expired-code", "{over:?}");
    let nobody = second.enroll(&["http://127.0.0.1:9", &late.code]).await?;
    anyhow::ensure!(
        nobody.0 == 1 && nobody.1["error"] == "unreachable",
        "{nobody:?}"
    );
    Ok(())
}
