//! Hadoop's `/jmx`, which serves the beans of a process as JSON.

use reqwest::Url;
use serde::Deserialize;

use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::http_get::malformed;

/// The beans that match a query.
#[derive(Debug, Deserialize)]
pub struct Beans<T> {
    pub beans: Vec<T>,
}

impl<T> Beans<T> {
    /// The only bean that matches.
    ///
    /// # Errors
    /// When none does.
    pub fn one(self, url: &Url) -> Result<T, SourceError> {
        self.beans
            .into_iter()
            .next()
            .ok_or_else(|| malformed(url, "the requested bean is missing"))
    }
}

/// The address of the beans that match `pattern` in the process at `base`.
pub fn query(base: &Url, pattern: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/jmx", base.path().trim_end_matches('/')));
    url.query_pairs_mut().clear().append_pair("qry", pattern);
    url
}
