//! Sets this machine up as a gateway, with a one-time code from the server.
//!
//! In: a server's address and a code, the text of a QR code, or a file on the boot partition.
//! Out: `gateway.toml`, the password's file and the authority's, checked by loading them; or a
//! [`Refusal`] that says what to type next.
//! Promises: nothing that is there is lost; a code is not used up before it is sure that its answer
//! can be written; an answer that was lost on the line is asked for again with the same nonce.
//! Invariant: neither code nor password is printed, logged, or told to a server that is not trusted.

mod ask;
mod boot;
mod files;
mod pending;
mod refusal;
mod trust;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use protocol::enrol::{Answer, Fingerprint, Question, Ticket, origin};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use self::{ask::Server, files::Target, pending::Pending, trust::Trust};
pub use self::{
    boot::{BOOT_DIRS, ERROR_NAME, FILE_NAME},
    files::CONFIG,
    refusal::Refusal,
};

/// An answer that was lost is asked for so often.
const TRIES: u32 = 3;
/// After a try that came to nothing.
const PAUSE: Duration = Duration::from_secs(1);

/// Where its code comes from.
#[derive(Debug, Clone)]
pub enum From {
    /// Typed or scanned.
    Typed {
        /// An address, or the QR code's text.
        server: String,
        /// The code, unless the text has it.
        code: Option<String>,
    },
    /// A file on one of these folders.
    Boot(Vec<PathBuf>),
}

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whence.
    pub from: From,
    /// The server's certificate, if whoever signed it is not known here.
    pub trust: Option<Fingerprint>,
    /// Plain http to another machine is meant.
    pub insecure_http: bool,
    /// For how long a server that cannot be reached is tried.
    pub wait: Duration,
    /// Where the settings go.
    pub config: PathBuf,
    /// Settings that are there are replaced, and kept beside.
    pub force: bool,
    /// Where sightings wait.
    pub spool: PathBuf,
    /// Where the health page is; none: nowhere.
    pub health: Option<std::net::SocketAddr>,
    /// The simulator's air instead of a radio.
    pub air: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Done {
    /// The store.
    pub store: String,
    /// The gateway's name.
    pub gateway: String,
    /// Where its settings stand.
    pub config: PathBuf,
    /// What was there before, and where it is now.
    pub kept: Vec<PathBuf>,
    /// What to type next.
    pub next: Vec<String>,
}

/// Sets the machine up; none: there was no file on the boot partition.
pub async fn enroll(options: &Options) -> Result<Option<Done>, Refusal> {
    let dirs = match &options.from {
        From::Typed { server, code } => {
            let ticket = typed(server, code.as_deref())?;
            return set_up(&ticket, options).await.map(Some);
        }
        From::Boot(dirs) => dirs,
    };
    let Some(file) = boot::find(dirs)? else {
        return Ok(None);
    };
    let done = match file.ticket() {
        Ok(ticket) => set_up(&ticket, options).await,
        Err(refusal) => Err(refusal),
    };
    match done {
        Ok(done) => {
            file.wipe()?;
            Ok(Some(done))
        }
        Err(refusal) => {
            file.tell(&refusal)?;
            Err(refusal)
        }
    }
}

fn typed(server: &str, code: Option<&str>) -> Result<Ticket, Refusal> {
    let wrong = |e: protocol::enrol::TicketError| Refusal::Typed {
        what: e.to_string(),
    };
    let Some(code) = code else {
        return server.parse().map_err(wrong);
    };
    let (server, page) = origin(server.trim()).map_err(wrong)?;
    Ok(Ticket {
        server: server.to_owned(),
        page: page.to_owned(),
        code: code.parse().map_err(wrong)?,
        sha256: None,
    })
}

async fn set_up(ticket: &Ticket, options: &Options) -> Result<Done, Refusal> {
    let target = Target::new(&options.config, options.force)?;
    let trust = Trust::new(options.trust.or(ticket.sha256));
    let server = Server::new(&ticket.server, trust, options.insecure_http)?;
    let pending = Pending::open(target.dir(), &ticket.code)?;
    let question = Question {
        code: ticket.code.clone(),
        nonce: pending.nonce().to_owned(),
        hardware: hardware(Path::new("/")),
    };
    let answer = ask_until(&server, &question, options.wait).await?;
    let kept = target.write(&answer, options)?;
    pending.done();
    Ok(Done {
        next: next(&options.config),
        store: answer.store.to_string(),
        gateway: answer.gateway.to_string(),
        config: options.config.clone(),
        kept,
    })
}

async fn ask_until(
    server: &Server,
    question: &Question,
    wait: Duration,
) -> Result<Answer, Refusal> {
    let until = Instant::now() + wait;
    let mut tries = 0;
    loop {
        tries += 1;
        match server.ask(question).await {
            Err(refusal)
                if refusal.is_of_the_line() && (tries < TRIES || Instant::now() < until) =>
            {
                sleep(PAUSE).await;
            }
            answered => return answered,
        }
    }
}

fn next(config: &Path) -> Vec<String> {
    let config = config.display();
    vec![
        format!("sudo -u welkom-gateway welkom-gateway doctor --config {config}"),
        "sudo systemctl enable --now welkom-gateway".to_owned(),
    ]
}

/// What the machine is, as its maker calls it.
fn hardware(root: &Path) -> Option<String> {
    let files = ["proc/device-tree/model", "sys/class/dmi/id/product_name"];
    let model = files.iter().find_map(|file| {
        let text = std::fs::read(root.join(file)).ok()?;
        let text = String::from_utf8_lossy(&text);
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        let printable: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
        (!printable.is_empty()).then_some(printable)
    });
    let arch = std::env::consts::ARCH;
    Some(model.map_or_else(|| arch.to_owned(), |model| format!("{model}, {arch}")))
}

#[cfg(test)]
mod tests;
