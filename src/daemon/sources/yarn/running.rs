//! The running applications, as the ResourceManager lists them.

use std::sync::Arc;

use reqwest::Url;

use crate::daemon::sources::yarn::wire::{App, AppState};
use crate::observation::work::ApplicationKind;
use crate::safe_text::{self, is_hidden};
use crate::units::{Mebibytes, VirtualCores};

/// The length at which the name of an application is cut off. Users choose it.
const NAME_CHARS: usize = 60;
/// Twice as long as an id can be.
const ID_CHARS: usize = 80;

/// A running application.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningApplication {
    /// YARN's id.
    pub id: Arc<str>,
    /// The name that its user gave it, without control characters and cut off.
    pub name: Arc<str>,
    /// The queue.
    pub queue: Arc<str>,
    /// The framework.
    pub kind: ApplicationKind,
    /// Memory that is allocated to it.
    pub memory_allocated: Mebibytes,
    /// Cores that are allocated to it.
    pub vcores_allocated: VirtualCores,
    /// Containers that run, the application master's included.
    pub containers: u64,
    /// The address of its web interface behind YARN's proxy; `None` if there is none, or if this user
    /// may not see it.
    pub tracking_url: Option<Url>,
}

impl RunningApplication {
    /// The running ones of a list.
    pub fn all(apps: &[App]) -> Vec<Self> {
        let running = apps.iter().filter(|app| app.state == AppState::Running);
        running.map(Self::of).collect()
    }

    fn of(app: &App) -> Self {
        // YARN writes -1 for what this user may not see.
        let seen = |number: i64| u64::try_from(number).unwrap_or(0);
        Self {
            id: safe_text::shortened(&app.id, ID_CHARS).into(),
            name: shortened(&app.name).into(),
            queue: shortened(&app.queue).into(),
            kind: match app.application_type.to_ascii_uppercase().as_str() {
                "SPARK" => ApplicationKind::Spark,
                "MAPREDUCE" => ApplicationKind::MapReduce,
                _ => ApplicationKind::Other,
            },
            memory_allocated: Mebibytes(seen(app.allocated_mib)),
            vcores_allocated: VirtualCores(seen(app.allocated_vcores)),
            containers: seen(app.running_containers),
            tracking_url: app.tracking_url.as_deref().and_then(|url| url.parse().ok()),
        }
    }
}

fn shortened(text: &str) -> String {
    let visible = text.chars().filter(|letter| !is_hidden(*letter));
    visible.take(NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::sources::yarn::wire::Apps;

    #[test]
    fn what_runs_is_read_and_what_users_wrote_is_shortened() {
        let name = format!("\u{1b}[31m{}", "long".repeat(100));
        let app = |state: &str| {
            serde_json::json!({
                "id": "application_1_0001", "state": state, "name": name, "queue": "etl",
                "applicationType": "Spark", "allocatedMB": 23552, "allocatedVCores": 12,
                "runningContainers": -1, "trackingUrl": "http://rm:8088/proxy/application_1_0001/",
            })
        };
        let list = serde_json::json!({ "apps": { "app": [app("RUNNING"), app("ACCEPTED")] } });
        let apps: Apps = serde_json::from_value(list).expect("a list");
        let running = RunningApplication::all(&apps.apps.expect("some").app);
        let [application] = &running[..] else {
            panic!("one runs");
        };
        assert_eq!(application.kind, ApplicationKind::Spark);
        assert_eq!(application.memory_allocated, Mebibytes(23552));
        assert_eq!(application.containers, 0);
        assert!(application.name.starts_with("[31mlong"));
        assert_eq!(application.name.len(), NAME_CHARS);
        assert!(application.tracking_url.is_some());
    }
}
