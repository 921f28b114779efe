//! Says at the start what is not known without YARN, and looks once whether YARN has work after all.

use crate::daemon::clock::Clock;
use crate::daemon::settings::YarnSettings;
use crate::daemon::sources::http_get::HttpGet;
use crate::daemon::sources::yarn::Yarn;
use crate::observation::YarnLoad;
use crate::policy::Policy;

/// Logs what a policy with `uses_yarn: false` does not know, and warns if YARN has work. YARN may be
/// down or absent: that is what the policy says.
pub async fn log(policy: &Policy, http: HttpGet, settings: &YarnSettings, clock: &Clock) {
    if policy.uses_yarn() {
        return;
    }
    tracing::info!(
        "the policy has `uses_yarn: false`: decisions do not read YARN, and which instances are busy is not known"
    );
    if let Some(load) = load(http, settings, clock).await
        && (load.containers_allocated > 0 || load.apps_running > 0 || load.apps_pending > 0)
    {
        tracing::warn!(
            "YARN has {} applications with {} containers, which a policy with `uses_yarn: false` does not see: a scale-in may terminate \
             their application masters; remove `uses_yarn: false` from the policy, or run only other engines on this cluster",
            load.apps_running + load.apps_pending,
            load.containers_allocated
        );
    }
}

/// What YARN reports, if it answers.
async fn load(http: HttpGet, settings: &YarnSettings, clock: &Clock) -> Option<YarnLoad> {
    let addresses = settings.resource_managers.clone();
    let mut yarn = Yarn::new(http, addresses, None, settings.timeout, settings.timeout);
    let reading = yarn.read(clock, false).await;
    reading.load.ok().map(|load| load.value)
}
