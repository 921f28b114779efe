//! What the cluster costs now, and what it has cost since the daemon started.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::daemon::emr::Host;
use crate::observation::{GroupId, GroupKind, GroupStatus, InstanceId};
use crate::pricing::{PriceTable, PricingError};
use crate::units::{Timestamp, Usd};

/// Adds up the price of what runs, over time.
#[derive(Clone, Debug)]
pub struct CostMeter {
    prices: PriceTable,
    last: Option<(Timestamp, Option<f64>)>,
    total: Usd,
}

/// The cost of all groups, the primary one included: EC2, EMR's fee and EBS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CostReport {
    /// USD an hour; `None` when the price of something that runs is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_hour: Option<f64>,
    /// Since the daemon started, without the time in which the rate was not known.
    pub total_usd: Usd,
    /// What keeps the rate from being known, and how to mend it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unpriced: Vec<String>,
}

impl CostMeter {
    pub fn new(prices: PriceTable) -> Self {
        Self { prices, last: None, total: Usd(0.0) }
    }

    /// Takes what runs at `at`. Between two ticks, what ran at the earlier one is taken to have gone on.
    pub fn tick(&mut self, at: Timestamp, groups: &[GroupStatus], hosts: &BTreeMap<String, Host>) -> CostReport {
        if let Some((since, Some(usd_per_hour))) = self.last {
            self.total += Usd(usd_per_hour * at.since(since).as_secs_f64() / 3_600.0);
        }
        let hosts = instances_by_group(hosts);
        let none = BTreeMap::new();
        let rates = groups.iter().map(|group| self.rate(group, hosts.get(&group.id).unwrap_or(&none)));
        let (known, unknown): (Vec<_>, Vec<_>) = rates.partition(Result::is_ok);
        let unpriced: BTreeSet<String> = unknown.into_iter().filter_map(Result::err).collect();
        let usd_per_hour = unpriced.is_empty().then(|| known.into_iter().flatten().sum());
        self.last = Some((at, usd_per_hour));
        CostReport { usd_per_hour, total_usd: self.total, unpriced: unpriced.into_iter().collect() }
    }

    /// USD an hour of one group. A group counts instances, of which a few may not be listed yet: they cost what the others cost. A fleet
    /// counts capacity units, so that only the list tells what runs.
    fn rate(&self, group: &GroupStatus, instances: &BTreeMap<&InstanceId, &Host>) -> Result<f64, String> {
        let running = group.running.as_f64();
        if running == 0.0 {
            return Ok(0.0);
        }
        if instances.is_empty() {
            return Err(format!("{}: its instances are not listed yet", group.id));
        }
        let price = |host: &Host| self.prices.rates(&host.instance_type, host.market).map(|rates| rates.total_usd_h());
        let listed_usd_h: f64 = instances.values().map(|host| price(host)).sum::<Result<f64, PricingError>>().map_err(|e| e.to_string())?;
        Ok(match group.kind {
            GroupKind::Group => listed_usd_h / instances.len() as f64 * running,
            GroupKind::Fleet => listed_usd_h,
        })
    }
}

/// Hosts are listed by name and by address: each instance once.
fn instances_by_group(hosts: &BTreeMap<String, Host>) -> BTreeMap<&GroupId, BTreeMap<&InstanceId, &Host>> {
    let mut groups: BTreeMap<&GroupId, BTreeMap<&InstanceId, &Host>> = BTreeMap::new();
    for host in hosts.values() {
        groups.entry(&host.group).or_default().insert(&host.instance, host);
    }
    groups
}
