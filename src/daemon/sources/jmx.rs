//! Hadoop's `/jmx`: the beans of a process as JSON.

use reqwest::Url;
use serde::Deserialize;

use crate::daemon::sources::http_get::malformed;
use crate::daemon::sources::source::SourceError;

/// Beans that matched a query, as far as they are read.
#[derive(Debug, Deserialize)]
pub struct Beans<T> {
    pub beans: Vec<T>,
}

impl<T> Beans<T> {
    /// The one bean that was asked for.
    pub fn one(self, url: &Url) -> Result<T, SourceError> {
        self.beans
            .into_iter()
            .next()
            .ok_or_else(|| malformed(url, "it has no such bean"))
    }
}

/// Asks the process at `base` for the beans that match.
pub fn query(base: &Url, pattern: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/jmx", base.path().trim_end_matches('/')));
    url.query_pairs_mut().clear().append_pair("qry", pattern);
    url
}
