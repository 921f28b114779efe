//! Signs in with `curl`, which has GSS-API where Kerberos is set up.
//!
//! curl finds the credentials as every program of Kerberos does: by the ticket cache (KRB5CCNAME), or by
//! a client keytab (KRB5_CLIENT_KTNAME), from which it gets a ticket by itself.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use reqwest::Url;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::daemon::sources::sign_in::cookie::Cookie;
use crate::daemon::sources::sign_in::problem::SignInProblem;

/// The most of curl's output that is read. Headers take a few kilobytes.
const OUTPUT_BYTES: u64 = 64 << 10;
/// The length at which an error cuts off what curl or the service says.
const QUOTED_CHARS: usize = 200;
/// curl's exit codes for an option that it does not know, and for a feature that was not built in.
const UNKNOWN_OPTION: [i32; 2] = [2, 4];

/// How to run curl.
#[derive(Clone, Debug)]
pub struct Curl {
    /// The program: a path, or a name that is looked up in PATH.
    pub program: PathBuf,
    /// A PEM file of the certificates to trust, instead of the machine's certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// The time limit for one sign-in. The library of Kerberos waits for a KDC that does not answer
    /// without regard to curl's own limit, so that the process is ended then.
    pub time_limit: Duration,
}

/// What a finished curl has written.
struct Output {
    /// `None` if a signal ended it.
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Curl {
    /// Signs in at `url`, which has no user and password, and returns the cookie.
    ///
    /// # Errors
    /// When curl cannot run, has no ticket, or the service does not accept it.
    pub async fn sign_in(&self, url: &Url) -> Result<Cookie, SignInProblem> {
        let output = self.run(self.command(url)).await?;
        match output.code {
            Some(0) => cookie(&output),
            Some(code) if UNKNOWN_OPTION.contains(&code) && !self.has_gss_api().await? => {
                Err(SignInProblem::CurlWithoutGssApi {
                    program: self.shown(),
                })
            }
            _ => Err(SignInProblem::CurlFailed {
                said: last_words(&output),
            }),
        }
    }

    /// No shell is involved, and curl reads no settings of its own. It sends the ticket to `url` only:
    /// it follows no redirects and uses no proxy.
    fn command(&self, url: &Url) -> Command {
        let mut command = Command::new(&self.program);
        command
            // Must be the first.
            .arg("--disable")
            .args(["--negotiate", "--user", ":"])
            .args(["--proto", "=http,https", "--noproxy", "*", "--globoff"])
            .args(["--silent", "--show-error"])
            // The only way to learn why there is no ticket. Only the lines of GSS-API are looked at.
            .arg("--verbose")
            .args(["--connect-timeout", "5", "--max-time"])
            .arg(self.time_limit.as_secs_f64().to_string())
            .args(["--output", "/dev/null", "--dump-header", "-"]);
        if let Some(file) = &self.ca_file {
            // Without a folder in its place, the machine's authorities would be trusted, too.
            command.arg("--cacert").arg(file);
            command.args(["--capath", "/dev/null"]);
        }
        command.args(["--url", url.as_str()]);
        command
    }

    async fn run(&self, mut command: Command) -> Result<Output, SignInProblem> {
        command
            // Messages are looked at for what they mean.
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let finished = async {
            let mut child = command.spawn()?;
            let (stdout, stderr) =
                tokio::join!(text(child.stdout.take()), text(child.stderr.take()));
            let code = child.wait().await?.code();
            Ok(Output {
                code,
                stdout: stdout?,
                stderr: stderr?,
            })
        };
        let finished: Result<std::io::Result<Output>, _> =
            tokio::time::timeout(self.time_limit, finished).await;
        match finished {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => Err(SignInProblem::CurlMissing {
                program: self.shown(),
                cause: error.to_string(),
            }),
            Err(_) => Err(SignInProblem::TimedOut {
                after: self.time_limit,
            }),
        }
    }

    async fn has_gss_api(&self) -> Result<bool, SignInProblem> {
        let mut command = Command::new(&self.program);
        command.args(["--disable", "--version"]);
        let output = self.run(command).await?;
        Ok(output.stdout.contains("GSS-API"))
    }

    fn shown(&self) -> String {
        self.program.display().to_string()
    }
}

/// What arrives at a pipe, up to the limit. Closing it then ends a program that writes more.
async fn text(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(OUTPUT_BYTES).read_to_end(&mut bytes).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The cookie in the answer, or why there is none.
fn cookie(output: &Output) -> Result<Cookie, SignInProblem> {
    let head = last_head(&output.stdout);
    let mut set = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("set-cookie")
            .then(|| Cookie::set_by(value))?
    });
    if let Some(cookie) = set.next_back() {
        return Ok(cookie);
    }
    let status = status(head);
    let said = without_ticket(&output.stderr);
    match (status, said) {
        (401, Some(said)) => Err(reason(said)),
        (401 | 403, _) => Err(refusal(head)),
        (0, _) => Err(SignInProblem::CurlFailed {
            said: "the program wrote no answer, so `kerberos.curl` may not be a curl".to_owned(),
        }),
        _ => Err(SignInProblem::NoCookie { status }),
    }
}

/// The head of the last answer: the first one may have asked for a ticket.
fn last_head(heads: &str) -> &str {
    let start = heads.rfind("\nHTTP/").map_or(0, |at| at + 1);
    &heads[start..]
}

/// The status of an answer; zero if there is none.
fn status(head: &str) -> u16 {
    let number = head.split_ascii_whitespace().nth(1);
    number.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// What GSS-API says about a ticket that it has not got.
fn without_ticket(stderr: &str) -> Option<String> {
    const MARK: &str = "gss_init_sec_context() failed: ";
    // Precedes the reason.
    const ALWAYS: &str =
        "No credentials were supplied, or the credentials were unavailable or inaccessible.";
    let lines = stderr.lines().filter(|line| line.starts_with("* "));
    let said = lines
        .filter_map(|line| line.split_once(MARK))
        .next_back()?
        .1;
    let reason = said.strip_prefix(ALWAYS).unwrap_or(said).trim();
    Some(quoted(reason.trim_end_matches('.')))
}

fn reason(said: String) -> SignInProblem {
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let has_service = |words: &str| said.contains(words) && said.contains("Server ");
    if has(&["Clock skew"]) {
        SignInProblem::ClockSkew { said }
    } else if has(&["Cannot contact any KDC", "Cannot find KDC"]) {
        SignInProblem::NoKdc { said }
    } else if has_service("not found in Kerberos database") {
        SignInProblem::UnknownService { said }
    } else {
        SignInProblem::NoTicket { said }
    }
}

/// The problem when the service got a ticket and does not accept it. Hadoop says why in the status line.
fn refusal(head: &str) -> SignInProblem {
    let line = head.lines().next().unwrap_or_default();
    let said = quoted(line.split_once(' ').map_or(line, |(_, rest)| rest));
    if said.contains("Clock skew") {
        SignInProblem::ClockSkew { said }
    } else {
        SignInProblem::Refused { said }
    }
}

/// What a failed curl says in the end.
fn last_words(output: &Output) -> String {
    let mut lines = output.stderr.lines();
    match (lines.rfind(|line| line.starts_with("curl: ")), output.code) {
        (Some(line), _) => quoted(line),
        (None, Some(code)) => format!("curl ended with code {code}"),
        (None, None) => "curl was ended by a signal".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    let text = text.trim().chars().filter(|c| !c.is_control());
    text.take(QUOTED_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::sources::sign_in::testing::StubCurl;

    const TIME_LIMIT: Duration = Duration::from_secs(60);

    fn curl(stub: &StubCurl) -> Curl {
        Curl {
            program: stub.program(),
            ca_file: None,
            time_limit: TIME_LIMIT,
        }
    }

    fn url() -> Url {
        "http://rm:8088/jmx".parse().unwrap()
    }

    async fn problem(stub: &StubCurl) -> SignInProblem {
        curl(stub).sign_in(&url()).await.unwrap_err()
    }

    /// An answer 401, and what curl says with `--verbose` about a ticket that it has not got.
    fn without_ticket(stub: &StubCurl, said: &str) {
        let head = "HTTP/1.1 401 Authentication required\r\nWWW-Authenticate: Negotiate\r\n\r\n";
        let stderr =
            format!("*   Trying 127.0.0.1:1...\n* gss_init_sec_context() failed: {said}\n");
        stub.ends(0, head, &stderr);
    }

    #[tokio::test]
    async fn a_program_that_is_no_curl_is_not_taken_for_a_service_without_a_cookie() {
        let stub = StubCurl::new();
        stub.ends(0, "", "");
        let problem = problem(&stub).await;
        assert!(
            problem.to_string().contains("may not be a curl"),
            "{problem}"
        );
    }

    #[tokio::test]
    async fn a_missing_ticket_is_told_with_its_reason_and_what_to_do() {
        let stub = StubCurl::new();
        let always =
            "No credentials were supplied, or the credentials were unavailable or inaccessible. ";
        // What MIT Kerberos 1.20 says without a ticket or keytab, with an old keytab, without a KDC,
        // with an address that has no principal, and with a wrong clock.
        let table = [
            (
                "SPNEGO cannot find mechanisms to negotiate",
                "kerberos_no_ticket",
                "KRB5_CLIENT_KTNAME",
            ),
            (
                "Decrypt integrity check failed",
                "kerberos_no_ticket",
                "KRB5_CLIENT_KTNAME",
            ),
            (
                "Client 'gone@A.B' not found in Kerberos database",
                "kerberos_no_ticket",
                "KRB5_CLIENT_KTNAME",
            ),
            (
                "Cannot contact any KDC for realm 'A.B'",
                "kerberos_no_kdc",
                "krb5.conf",
            ),
            (
                "Server HTTP/127.0.0.1@A.B not found in Kerberos database",
                "kerberos_unknown_service",
                "host name",
            ),
            ("Clock skew too great", "kerberos_clock_skew", "NTP"),
        ];
        for (said, label, remedy) in table {
            for words in [format!("{said}. "), format!("{always}{said}. ")] {
                without_ticket(&stub, &words);
                let problem = problem(&stub).await;
                assert_eq!(problem.label(), label, "{problem}");
                let message = problem.to_string();
                assert!(message.contains(&format!("({said}); ")), "{message}");
                assert!(message.contains(remedy), "{message}");
            }
        }
    }

    #[tokio::test]
    async fn a_service_that_refuses_the_ticket_is_told_in_its_words() {
        let stub = StubCurl::new();
        let table = [
            (
                "403 GSSException: Clock skew too great (37)",
                "kerberos_clock_skew",
            ),
            ("403 GSSException: Checksum failed", "kerberos_refused"),
            ("401 Unauthorized", "kerberos_refused"),
            ("200 OK", "kerberos_no_cookie"),
            ("503 Service Unavailable", "kerberos_no_cookie"),
        ];
        for (status, label) in table {
            let first = "HTTP/1.1 401 Unauthorized\r\nSet-Cookie: hadoop.auth=x\r\n\r\n";
            stub.ends(0, &format!("{first}HTTP/1.1 {status}\r\n\r\n"), "");
            let problem = problem(&stub).await;
            assert_eq!(problem.label(), label, "{problem}");
            let said = problem.to_string();
            assert!(said.contains(&status[..3]), "{said}");
        }
    }

    #[tokio::test]
    async fn a_curl_without_gss_api_is_told_apart_from_one_that_fails() {
        let stub = StubCurl::new();
        let words =
            "curl: option --negotiate: the installed libcurl version doesn't support this\n";
        stub.ends(2, "", words);
        assert_eq!(problem(&stub).await.label(), "kerberos_curl_failed");
        stub.write("version", "curl 8.0\nFeatures: SSL\n");
        let without = problem(&stub).await;
        assert_eq!(without.label(), "kerberos_curl_without_gss_api");
        assert!(without.to_string().contains("`kerberos.curl`"), "{without}");
        let tls =
            "curl: (60) SSL certificate problem: self-signed certificate\nMore details here\n";
        stub.ends(60, "", tls);
        let said = problem(&stub).await.to_string();
        assert!(
            said.starts_with("curl: (60) SSL certificate problem"),
            "{said}"
        );
        stub.ends(9, "", "");
        let said = problem(&stub).await.to_string();
        assert!(said.starts_with("curl ended with code 9"), "{said}");
    }

    #[tokio::test]
    async fn a_missing_curl_is_named() {
        let curl = Curl {
            program: "/nonexistent/curl".into(),
            ca_file: None,
            time_limit: TIME_LIMIT,
        };
        let problem = curl.sign_in(&url()).await.unwrap_err();
        assert_eq!(problem.label(), "kerberos_curl_missing");
        assert!(
            problem
                .to_string()
                .starts_with("`/nonexistent/curl` cannot be started (No such file"),
            "{problem}"
        );
    }

    #[tokio::test]
    async fn a_curl_that_hangs_is_ended() {
        let stub = StubCurl::new();
        stub.write("gate", "");
        let curl = Curl {
            time_limit: Duration::from_millis(300),
            ..curl(&stub)
        };
        let problem = curl.sign_in(&url()).await.unwrap_err();
        assert_eq!(problem.label(), "kerberos_timed_out");
    }

    #[tokio::test]
    async fn the_certificates_of_the_settings_are_the_only_ones() {
        let stub = StubCurl::new();
        let curl = Curl {
            ca_file: Some("/etc/ca.pem".into()),
            ..curl(&stub)
        };
        let _ = curl.sign_in(&url()).await;
        let calls = stub.calls().join("\n");
        assert!(
            calls.contains("--cacert /etc/ca.pem --capath /dev/null"),
            "{calls}"
        );
    }

    #[tokio::test]
    async fn endless_output_is_cut_off() {
        let stub = StubCurl::new();
        stub.ends(0, &"x".repeat(4 << 20), "");
        assert_ne!(problem(&stub).await.label(), "kerberos_timed_out");
    }
}
