//! The cookie by which Hadoop knows who has signed in.

use reqwest::header::HeaderValue;

use crate::units::Timestamp;

/// The name of the cookie, with the sign that separates it from its value.
const NAME: &str = "hadoop.auth=";

/// A cookie `hadoop.auth`. Whoever has it is the daemon's user at the service until it ends, so it is
/// never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Name and value, as the service wrote them.
    text: String,
}

impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookie(hidden)")
    }
}

impl Cookie {
    /// The cookie in the value of a header `Set-Cookie`; `None` if it is another one, or deletes it.
    pub fn set_by(header: &str) -> Option<Self> {
        let text = header.split(';').next()?.trim();
        let value = text.strip_prefix(NAME)?.trim_matches('"');
        let is_usable = !value.is_empty() && HeaderValue::from_str(text).is_ok();
        is_usable.then(|| Self {
            text: text.to_owned(),
        })
    }

    /// When the service no longer accepts it; `None` if the cookie does not say.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let ms = self.part("e=")?.parse().ok()?;
        Some(Timestamp::from_millis(ms))
    }

    /// The user that the service takes the daemon for. It is not secret.
    pub fn user(&self) -> &str {
        self.part("u=").unwrap_or("an unknown user")
    }

    /// One of the parts of the value, such as `e=1793000000000`.
    fn part(&self, name: &str) -> Option<&str> {
        let value = self.text.strip_prefix(NAME)?.trim_matches('"');
        value.split('&').find_map(|part| part.strip_prefix(name))
    }

    /// The header that sends it to `path`.
    ///
    /// On a cluster with Kerberos, YARN's proxy answers a request for the application of another user
    /// with a page that asks the reader whether to trust it, unless a cookie says that it has been
    /// confirmed. Nothing that an application answers is trusted here, and none of it is shown in a
    /// browser.
    pub fn header(&self, path: &str) -> Option<HeaderValue> {
        let application = path.strip_prefix("/proxy/").and_then(|rest| {
            let id = rest.split('/').next()?;
            id.starts_with("application_").then_some(id)
        });
        let text = match application {
            Some(id) => format!("{}; checked_{id}=true", self.text),
            None => self.text.clone(),
        };
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str =
        r#"hadoop.auth="u=me&p=me@A.B&t=kerberos&e=1793000000000&s=c2VjcmV0"; Path=/; HttpOnly"#;

    #[test]
    fn the_cookie_is_sent_as_the_service_wrote_it_and_its_parts_are_known() {
        let cookie = Cookie::set_by(SET).unwrap();
        let sent = cookie.header("/ws/v1/cluster/info").unwrap();
        assert_eq!(sent.to_str().unwrap(), SET.split(';').next().unwrap());
        assert_eq!(
            cookie.ends_at(),
            Some(Timestamp::from_millis(1_793_000_000_000))
        );
        assert_eq!(cookie.user(), "me");
        let unquoted = Cookie::set_by("hadoop.auth=u=me&e=5&s=x").unwrap();
        assert_eq!(unquoted.ends_at(), Some(Timestamp::from_millis(5)));
        let opaque = Cookie::set_by("hadoop.auth=opaque").unwrap();
        assert_eq!(opaque.ends_at(), None);
    }

    #[test]
    fn another_cookie_or_the_deletion_of_this_one_is_none() {
        for header in [
            "hadoop.auth=; Path=/; HttpOnly",
            "hadoop.auth=\"\"; Path=/",
            "checked_application_1_1=false",
            "not-hadoop.auth=x",
            "hadoop.auth=\u{7f}",
            "",
        ] {
            assert_eq!(Cookie::set_by(header), None, "{header}");
        }
    }

    #[test]
    fn an_application_behind_the_proxy_counts_as_confirmed() {
        let cookie = Cookie::set_by("hadoop.auth=x").unwrap();
        let sent = |path: &str| cookie.header(path).unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            sent("/proxy/application_1_2/metrics/json"),
            "hadoop.auth=x; checked_application_1_2=true"
        );
        assert_eq!(sent("/proxy/other/"), "hadoop.auth=x");
        assert_eq!(sent("/jmx"), "hadoop.auth=x");
    }

    #[test]
    fn neither_the_cookie_nor_its_header_shows_the_secret() {
        let cookie = Cookie::set_by(SET).unwrap();
        let shown = format!("{cookie:?} {:?}", cookie.header("/").unwrap());
        assert!(
            !shown.contains("c2VjcmV0") && !shown.contains("u=me"),
            "{shown}"
        );
    }
}
