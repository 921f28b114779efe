//! What is wrong with a certificate that is not trusted, and what to do about it.

/// How rustls begins what it says about the certificate of a server.
const MARK: &str = "invalid peer certificate";

/// Whether a connection failed because of the certificate of the server. Nothing was sent then.
pub fn is_about_certificate(cause: &str) -> bool {
    cause.contains(MARK)
}

/// What to do, by what rustls says. `setting` names the file of certificates to trust.
pub fn remedy(cause: &str, setting: &str) -> String {
    if cause.contains("expired") {
        "renew the certificate of the service, and check the clock of this machine".to_owned()
    } else if cause.contains("not valid yet") {
        "check the clocks of this machine and of the authority".to_owned()
    } else if cause.contains("not valid for") {
        "set the address to a name in the certificate, or issue a certificate for this address"
            .to_owned()
    } else {
        format!(
            "set `{setting}` to a PEM file with the certificate of the authority that issued it"
        )
    }
}
