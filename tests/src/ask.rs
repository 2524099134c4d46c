//! HTTP as a stranger speaks it: any method, any header, any bytes.
//!
//! In: a request in full. Out: status, media type, headers, body.

use std::{path::Path, time::Duration};

use anyhow::Context;
use demo::stack::Stack;
use reqwest::{
    Client, Method,
    header::{CONTENT_TYPE, HeaderMap},
    redirect,
};

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

impl Answer {
    /// A header as text; empty if it is not there.
    pub fn header(&self, name: impl reqwest::header::AsHeaderName) -> &str {
        let value = self.headers.get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or_default()
    }

    /// The media type.
    pub fn media_type(&self) -> &str {
        self.header(CONTENT_TYPE)
    }

    /// The body as JSON.
    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::from_str(&self.body).with_context(|| format!("not JSON: {}", self.body))
    }

    /// An error if this is not a problem with this status.
    pub fn ensure_problem(&self, status: u16) -> anyhow::Result<()> {
        anyhow::ensure!(self.status == status, "{} {}", self.status, self.body);
        anyhow::ensure!(
            self.media_type() == "application/problem+json",
            "{status} as {:?}: {}",
            self.media_type(),
            self.body
        );
        anyhow::ensure!(self.json()?["status"] == status, "{}", self.body);
        Ok(())
    }
}

/// A client that follows no redirect and keeps no cookie.
pub fn client(ca: Option<&Path>) -> anyhow::Result<Client> {
    let mut builder = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .timeout(Duration::from_secs(20));
    if let Some(path) = ca {
        let pem = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem)?);
    }
    Ok(builder.build()?)
}

/// Asks; `headers` are sent as they are.
pub async fn ask(
    stack: &Stack,
    method: &Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> anyhow::Result<Answer> {
    let client = client(stack.ready.ca.as_deref())?;
    let mut request = client.request(method.clone(), format!("{}{path}", stack.url()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !body.is_empty() {
        request = request.body(body);
    }
    let answer = request.send().await?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = if headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == "text/event-stream")
    {
        // It does not end by itself.
        String::new()
    } else {
        answer.text().await?
    };
    Ok(Answer {
        status,
        headers,
        body,
    })
}
