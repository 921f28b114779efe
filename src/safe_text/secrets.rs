//! Finds what looks like a secret in a text of someone else.
//!
//! This is the second line of defence. The first one is that no credentials are written: this catches
//! those that a service repeats, as AWS does in `SignatureDoesNotMatch`.

use std::borrow::Cow;

/// What stands for a secret.
const REDACTED: &str = "[redacted]";

/// Base64 of this length is a secret key (40 characters), a session token, a ticket or a signature.
/// Names and ids are shorter, or contain a hyphen, an underscore or a colon.
const SECRET_CHARS: usize = 40;

/// The ids of AWS access keys begin with one of these. AWS calls them public, but they name an account.
const KEY_IDS: [&str; 2] = ["AKIA", "ASIA"];
const KEY_ID_CHARS: usize = 16;

/// What follows one of these, up to the next separator, is a secret. In lower case.
const NAMED: [&str; 9] = [
    "authorization",
    "x-amz-security-token",
    "aws_secret_access_key",
    "aws_session_token",
    "hadoop.auth",
    "password",
    "passwd",
    "secret",
    "token",
];
/// The schemes of `Authorization`, whose credentials are a word of their own.
const SCHEMES: [&str; 3] = ["basic", "bearer", "negotiate"];

/// The text without users and passwords of addresses, keys of AWS, tickets, and the values of fields
/// that are named like a secret.
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let steps: [fn(&str) -> Option<String>; 3] = [without_users, without_values, without_keys];
    steps
        .iter()
        .fold(Cow::Borrowed(text), |text, step| match step(&text) {
            Some(changed) => Cow::Owned(changed),
            None => text,
        })
}

/// Removes `USER:PASSWORD@` from addresses.
fn without_users(text: &str) -> Option<String> {
    let mut parts = text.split("://");
    let mut safe = parts.next()?.to_owned();
    let mut is_changed = false;
    for part in parts {
        safe.push_str("://");
        let ends = |c: char| {
            c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '`' | '<' | '>')
        };
        let authority = &part[..part.find(ends).unwrap_or(part.len())];
        match authority.rfind('@') {
            // As help texts write it.
            Some(at) if authority[..at] != *"USER:PASSWORD" => {
                is_changed = true;
                safe.push_str(&part[at + 1..]);
            }
            _ => safe.push_str(part),
        }
    }
    is_changed.then_some(safe)
}

/// Replaces the values of fields that are named like a secret: `token=VALUE`, `"password": "VALUE"`,
/// `Authorization: Basic VALUE`.
fn without_values(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let mut safe = String::new();
    let mut copied = 0;
    while let Some((name_end, value)) = next_value(&lower, copied) {
        let is_shown = value.is_empty() || text[value.clone()] == *REDACTED;
        if !is_shown {
            safe.push_str(&text[copied..value.start]);
            safe.push_str(REDACTED);
        } else {
            safe.push_str(&text[copied..value.end.max(name_end)]);
        }
        copied = value.end.max(name_end);
    }
    if copied == 0 {
        return None;
    }
    safe.push_str(&text[copied..]);
    (safe != text).then_some(safe)
}

/// The end of the next name of a secret, and where its value is.
fn next_value(lower: &str, from: usize) -> Option<(usize, std::ops::Range<usize>)> {
    let found = |name: &&str| Some((from + lower[from..].find(*name)?, name.len()));
    let (at, length) = NAMED.iter().filter_map(found).min()?;
    let name_end = at + length;
    let rest = &lower[name_end..];
    // `":`, ` = `, `=`: no more than a quote, the sign and a space stand between name and value.
    let sign = rest.trim_start_matches(['"', '\'', ' ']);
    let Some(after) = sign.strip_prefix([':', '=']) else {
        return Some((name_end, name_end..name_end));
    };
    let mut value = after.trim_start_matches(['"', '\'', ' ', '\\']);
    for scheme in SCHEMES {
        if let Some(credentials) = value
            .strip_prefix(scheme)
            .and_then(|rest| rest.strip_prefix(' '))
        {
            value = credentials;
        }
    }
    let start = lower.len() - value.len();
    let quote = lower[..start]
        .chars()
        .next_back()
        .filter(|c| matches!(c, '"' | '\''));
    let ends = |c: char| match quote {
        Some(quote) => c == quote || c == '\\' || c == '\n',
        None => {
            c.is_whitespace() || matches!(c, '"' | '\'' | '&' | ',' | ';' | '<' | '>' | '}' | ')')
        }
    };
    Some((
        name_end,
        start..start + value.find(ends).unwrap_or(value.len()),
    ))
}

/// Replaces ids of access keys, and long runs of base64.
fn without_keys(text: &str) -> Option<String> {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let mut safe = String::new();
    let mut is_changed = false;
    let mut rest = text;
    while !rest.is_empty() {
        let run = &rest[..rest.find(|c| !is_base64(c)).unwrap_or(rest.len())];
        if run.len() >= SECRET_CHARS && !is_path(run) {
            (is_changed, rest) = (true, &rest[run.len()..]);
            safe.push_str(REDACTED);
            continue;
        }
        let word = &run[..run.find(['+', '/', '=']).unwrap_or(run.len())];
        if word.len() > KEY_ID_CHARS && KEY_IDS.iter().any(|begin| word.starts_with(begin)) {
            is_changed = true;
            safe.push_str(REDACTED);
        } else {
            safe.push_str(word);
        }
        rest = &rest[word.len()..];
        // The character that ended the word, too.
        if let Some(c) = rest.chars().next() {
            safe.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    is_changed.then_some(safe)
}

/// Whether a run of base64 is the path of a file or an address: words of letters between slashes.
fn is_path(run: &str) -> bool {
    run.contains('/')
        && run.split('/').all(|word| {
            word.len() < KEY_ID_CHARS
                && !word.contains(['+', '='])
                && !word.bytes().any(|b| b.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    #[test]
    fn what_looks_like_a_secret_is_redacted() {
        let table = [
            (
                "no http://user:pass@rm:8088/ws here",
                "no http://rm:8088/ws here",
            ),
            ("`http://a:b@@h` http://c@d", "`http://h` http://d"),
            ("proxy http://u:p%40q@proxy:3128", "proxy http://proxy:3128"),
            ("GET /?token=abc&x=1", "GET /?token=[redacted]&x=1"),
            (
                "{\"password\": \"hunter2\", \"a\": 1}",
                "{\"password\": \"[redacted]\", \"a\": 1}",
            ),
            (
                "Authorization: Basic dXNlcjpwYXNz\r\nHost: x",
                "Authorization: Basic [redacted]\r\nHost: x",
            ),
            (
                "authorization = Negotiate YII=, more",
                "authorization = Negotiate [redacted], more",
            ),
            (
                "x-amz-security-token:FwoGZXIvYXdz\nx",
                "x-amz-security-token:[redacted]\nx",
            ),
            (
                "Cookie: hadoop.auth=\"u=h&p=h&t=kerberos&e=1&s=x\"",
                "Cookie: hadoop.auth=\"[redacted]\"",
            ),
            (
                "the key AKIAIOSFODNN7EXAMPLE is not valid",
                "the key [redacted] is not valid",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(without_secrets(text), expected);
        }
        let said = format!("({KEY}) token FwoGZXIvYXdzEBYaDH{}==", "x".repeat(300));
        assert_eq!(without_secrets(&said), "([redacted]) token [redacted]");
    }

    #[test]
    fn what_people_need_to_read_stays() {
        for text in [
            "",
            "://",
            "http://rm:8088/ws/v1/cluster/apps?states=RUNNING",
            "user@example.com says http://rm/",
            "the address may contain them (http://USER:PASSWORD@HOST)",
            "User: arn:aws:sts::123456789012:assumed-role/EMR_EC2_DefaultRole/i-0123456789abcdef0 is not authorized to perform: elasticmapreduce:ModifyInstanceGroups on resource: arn:aws:elasticmapreduce:us-east-1:123456789012:cluster/j-2AXXXXXXGAPLF",
            "The security token included in the request is invalid",
            "set `kerberos.enabled = true` and give the daemon a keytab",
            "/usr/local/share/headroom/policies/follow/demand/of/all: No such file",
            "größe: 数 token: ",
            "a secret",
        ] {
            assert_eq!(without_secrets(text), text);
        }
    }

    proptest::proptest! {
        /// No text makes it panic, and what is redacted once stays as it is.
        #[test]
        fn any_text_is_taken(text in "(://|@|token=|AKIA|[a-zA-Z0-9+/= \"\u{e9}\n]{0,9}){0,12}") {
            let once = without_secrets(&text).into_owned();
            proptest::prop_assert_eq!(without_secrets(&once), once.clone());
        }
    }
}
