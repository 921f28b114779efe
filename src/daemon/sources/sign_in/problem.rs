//! Why the daemon cannot sign in with Kerberos.

use std::time::Duration;

/// Why a service gave no cookie. The message says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInProblem {
    #[error(
        "`{program}` cannot be started ({cause}); install curl, or set `kerberos.curl` to its path"
    )]
    CurlMissing { program: String, cause: String },
    #[error(
        "`{program}` is built without GSS-API; install a curl whose `curl --version` lists GSS-API, or set `kerberos.curl` to its path"
    )]
    CurlWithoutGssApi { program: String },
    #[error("{said}; run `curl --negotiate --user : --verbose ADDRESS` as the daemon's user")]
    CurlFailed { said: String },
    #[error(
        "there is no usable Kerberos ticket ({said}); set KRB5_CLIENT_KTNAME to a current keytab of the daemon's principal, or KRB5CCNAME to its ticket cache, and check that the daemon's user can read it"
    )]
    NoTicket { said: String },
    #[error(
        "the KDC cannot be reached ({said}); check the realm in krb5.conf (KRB5_CONFIG), and that this machine may connect to the KDC"
    )]
    NoKdc { said: String },
    #[error(
        "the KDC does not know the service ({said}); use the host name of the service's principal HTTP/HOST in the address"
    )]
    UnknownService { said: String },
    #[error(
        "the clocks of this machine, the KDC and the service differ too much ({said}); synchronize them by NTP"
    )]
    ClockSkew { said: String },
    #[error(
        "no result within {} s; check that this machine reaches the KDC in krb5.conf (KRB5_CONFIG) and the service",
        after.as_secs_f64()
    )]
    TimedOut { after: Duration },
    #[error(
        "the service refuses the ticket ({said}); check the service's keytab (`hadoop.http.authentication.kerberos.keytab`), and that the address has the host name of its principal HTTP/HOST"
    )]
    Refused { said: String },
    #[error(
        "the service answered {status} without the cookie `hadoop.auth`; Headroom supports Hadoop's own authentication over HTTP only"
    )]
    NoCookie { status: u16 },
    #[error(
        "the service refuses the cookie that it gave a moment ago; if the address leads to several servers, give all of them the same `hadoop.http.authentication.signature.secret.file`"
    )]
    CookieRefused,
    #[error(
        "the address is not in the settings, and Headroom signs in nowhere else; add it to `yarn.resource_managers`"
    )]
    OtherAddress,
}

impl SignInProblem {
    /// The name of this kind of problem, as metrics and logs show it.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::CurlMissing { .. } => "kerberos_curl_missing",
            Self::CurlWithoutGssApi { .. } => "kerberos_curl_without_gss_api",
            Self::CurlFailed { .. } => "kerberos_curl_failed",
            Self::NoTicket { .. } => "kerberos_no_ticket",
            Self::NoKdc { .. } => "kerberos_no_kdc",
            Self::UnknownService { .. } => "kerberos_unknown_service",
            Self::ClockSkew { .. } => "kerberos_clock_skew",
            Self::TimedOut { .. } => "kerberos_timed_out",
            Self::Refused { .. } => "kerberos_refused",
            Self::NoCookie { .. } => "kerberos_no_cookie",
            Self::CookieRefused => "kerberos_cookie_refused",
            Self::OtherAddress => "kerberos_other_address",
        }
    }
}
