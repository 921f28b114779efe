//! The values of settings, and what is wrong with one.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Url;

use crate::policy::scalar;
use crate::safe_text::without_secrets;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A layer cannot be read, or has an unknown setting or a value of another type.
    #[error("{0}; `headroom run --help` lists every setting")]
    Read(String),
    /// A setting has an invalid value.
    #[error("setting `{key}`: {problem}")]
    Value {
        /// With its table.
        key: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

impl From<config::ConfigError> for SettingsError {
    /// Its text, not its cause, which would say the same once more.
    fn from(error: config::ConfigError) -> Self {
        // A part of the file can be in it.
        Self::Read(without_secrets(&error.to_string()).into_owned())
    }
}

pub fn wrong(key: &'static str, problem: impl Into<String>) -> SettingsError {
    SettingsError::Value {
        key,
        problem: problem.into(),
    }
}

pub fn cluster_id(text: String) -> Result<String, SettingsError> {
    let is_id = text.strip_prefix("j-").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    if is_id {
        Ok(text)
    } else {
        Err(wrong(
            "cluster_id",
            format!("`{text}` is not a cluster id, such as j-2AXXXXXXGAPLF"),
        ))
    }
}

pub fn listen(text: &str) -> Result<Option<SocketAddr>, SettingsError> {
    if text == "off" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        wrong(
            "listen",
            format!("`{text}` is not an address with a port, such as 127.0.0.1:9742, nor `off`"),
        )
    })
}

pub fn urls(key: &'static str, texts: &[String]) -> Result<Vec<Url>, SettingsError> {
    texts.iter().map(|text| url(key, text)).collect()
}

pub fn url(key: &'static str, text: &str) -> Result<Url, SettingsError> {
    let quoted = without_secrets(text);
    let parsed = Url::parse(text).map_err(|error| {
        wrong(
            key,
            format!("`{quoted}` is not a URL ({error}); write http://HOST:PORT"),
        )
    })?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() {
        return Err(wrong(
            key,
            format!("`{quoted}` does not start with http:// or https:// and a host"),
        ));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        // Not quoted: what follows the question mark can be a token.
        return Err(wrong(
            key,
            "the address has a query or a fragment; write http://HOST:PORT",
        ));
    }
    Ok(parsed)
}

pub fn duration(key: &'static str, text: &str) -> Result<Duration, SettingsError> {
    scalar::duration(text).map_err(|refusal| wrong(key, refusal.to_string()))
}

pub fn timeout(key: &'static str, text: &str) -> Result<Duration, SettingsError> {
    let timeout = duration(key, text)?;
    if timeout.is_zero() || timeout > LONGEST_TIMEOUT {
        return Err(wrong(
            key,
            format!(
                "`{text}` is not between 1ms and 2m; each tick waits that long for a slow service"
            ),
        ));
    }
    Ok(timeout)
}

const LONGEST_TIMEOUT: Duration = Duration::from_secs(120);

pub fn level(text: &str) -> Result<tracing::Level, SettingsError> {
    text.parse().map_err(|_| {
        wrong(
            "log.level",
            format!("`{text}` is not one of error, warn, info, debug, trace"),
        )
    })
}
