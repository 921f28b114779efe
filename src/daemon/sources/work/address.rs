//! Which addresses of applications may be asked.
//!
//! What an application writes is not to be trusted, so only YARN's proxy is asked: the ResourceManager
//! itself, EMR's proxy on its host, or the address in the settings; and there only the path of the
//! application. YARN usually writes that address itself, but not for an application whose master it
//! did not start (an unmanaged one): that one's address is any that its user wrote.

use reqwest::Url;

/// The port of EMR's web proxy.
const EMR_PROXY_PORT: u16 = 20888;

/// YARN's proxy: where the web interfaces of applications may be asked.
#[derive(Clone, Debug)]
pub struct ProxyAddress {
    /// The address in the settings.
    configured: Option<Url>,
    /// The name of this machine; empty if it is unknown.
    this_host: String,
}

impl ProxyAddress {
    /// `configured` is the address in the settings, `this_host` the name of this machine.
    pub fn new(configured: Option<Url>, this_host: String) -> Self {
        Self {
            configured,
            this_host,
        }
    }

    /// Whether the address of the application `id` is its address at the proxy. `resource_manager` is
    /// the active one.
    pub fn includes(&self, url: &Url, id: &str, resource_manager: &Url) -> bool {
        if url.username() != "" || url.password().is_some() || url.query().is_some() {
            return false;
        }
        if url.path() != format!("/proxy/{id}/") {
            return false;
        }
        if let Some(proxy) = &self.configured {
            return proxy.origin() == url.origin();
        }
        let ports = [
            resource_manager.port_or_known_default(),
            Some(EMR_PROXY_PORT),
        ];
        url.scheme() == resource_manager.scheme()
            && ports.contains(&url.port_or_known_default())
            && self.is_host_of(url, resource_manager)
    }

    /// YARN writes the full name of its host, or what that is called in `/etc/hosts`, while the settings
    /// usually say `localhost`.
    fn is_host_of(&self, url: &Url, resource_manager: &Url) -> bool {
        let (Some(host), Some(expected)) = (url.host_str(), resource_manager.host_str()) else {
            return false;
        };
        host == expected || (self.is_this_machine(host) && self.is_this_machine(expected))
    }

    fn is_this_machine(&self, host: &str) -> bool {
        let first_label = host.split('.').next().unwrap_or(host);
        let own_label = self.this_host.split('.').next().unwrap_or_default();
        ["localhost", "127.0.0.1", "[::1]"].contains(&host)
            || (!own_label.is_empty() && first_label.eq_ignore_ascii_case(own_label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    #[test]
    fn only_the_proxy_of_the_resource_manager_is_asked() {
        let proxy = ProxyAddress::new(None, "ip-10-0-0-1.ec2.internal".to_owned());
        let cases = [
            ("http://localhost:8088", "http://localhost:8088", true),
            ("http://127.0.0.1:8088", "http://localhost:8088", true),
            ("http://localhost:8088", "http://ip-10-0-0-1:8088", true),
            (
                "http://localhost:8088",
                "http://ip-10-0-0-1.ec2.internal:20888",
                true,
            ),
            (
                "http://ip-10-0-0-1:8088",
                "http://ip-10-0-0-1.ec2.internal:8088",
                true,
            ),
            ("http://rm-1:8088", "http://rm-1:20888", true),
            (
                "http://localhost:8088",
                "http://ip-10-0-0-2.ec2.internal:20888",
                false,
            ),
            ("http://localhost:8088", "http://ip-10-0-0-1:4040", false),
            ("http://localhost:8088", "https://ip-10-0-0-1:8088", false),
            (
                "http://localhost:8088",
                "http://ip-10-0-0-1@evil:8088",
                false,
            ),
            ("http://localhost:8088", "http://user@localhost:8088", false),
            ("http://rm-1:8088", "http://ip-10-0-0-1:8088", false),
            ("http://rm-1:8088", "http://localhost:8088", false),
        ];
        for (resource_manager, origin, expected) in cases {
            let application = format!("{origin}/proxy/a/");
            let is_included = proxy.includes(&url(&application), "a", &url(resource_manager));
            assert_eq!(is_included, expected, "{application} at {resource_manager}");
        }
    }

    #[test]
    fn an_application_has_only_its_own_path_at_the_proxy() {
        let proxy = ProxyAddress::new(None, String::new());
        let resource_manager = url("http://rm:8088");
        let is_included = |path: &str| {
            let application = url(&format!("http://rm:8088{path}"));
            proxy.includes(&application, "a", &resource_manager)
        };
        assert!(is_included("/proxy/a/"));
        for path in ["/proxy/b/", "/proxy/a/../b/", "/proxy/a/?b", "/ws/v1/", "/"] {
            assert!(!is_included(path), "{path}");
        }
    }

    #[test]
    fn a_configured_proxy_is_the_only_one() {
        let proxy = ProxyAddress::new(Some(url("http://proxy:9099")), String::new());
        let resource_manager = url("http://rm:8088");
        let is_included = |text: &str| proxy.includes(&url(text), "a", &resource_manager);
        assert!(is_included("http://proxy:9099/proxy/a/"));
        assert!(!is_included("http://proxy:9099/proxy/b/"));
        assert!(!is_included("http://rm:8088/proxy/a/"));
        assert!(!is_included("http://proxy:9098/proxy/a/"));
    }
}
