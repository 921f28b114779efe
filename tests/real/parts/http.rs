//! Reads JSON over HTTP with curl.

use std::time::Duration;

use reqwest::Url;
use serde::de::DeserializeOwned;

/// The JSON answer to a GET; `None` if the service cannot be reached or answers something else.
pub async fn get<T: DeserializeOwned>(url: &Url) -> Option<T> {
    let answer = answer(url).await?;
    serde_json::from_slice(&answer.bytes().await.ok()?).ok()
}

/// The text answer to a GET, if it succeeds.
pub async fn text(url: &Url) -> Option<String> {
    let answer = answer(url).await?;
    answer.error_for_status().ok()?.text().await.ok()
}

/// The status of the answer to a GET; `None` if the service cannot be reached.
pub async fn status(url: &Url) -> Option<u16> {
    Some(answer(url).await?.status().as_u16())
}

async fn answer(url: &Url) -> Option<reqwest::Response> {
    reqwest::Client::new()
        .get(url.clone())
        .timeout(Duration::from_secs(5))
        .send()
        .await
        .ok()
}

pub fn local(port: u16) -> Url {
    Url::parse(&format!("http://127.0.0.1:{port}/")).expect("an address")
}
