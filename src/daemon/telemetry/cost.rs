//! The cluster's cost per hour, and its cost since the daemon started.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::daemon::sources::emr::Host;
use crate::observation::{GroupId, GroupKind, GroupStatus, InstanceId};
use crate::pricing::{PriceTable, PricingError};
use crate::units::{Timestamp, Usd};

/// Adds up the price of the running instances over time.
#[derive(Clone, Debug)]
pub struct CostMeter {
    prices: PriceTable,
    last: Option<(Timestamp, Option<f64>)>,
    total: Usd,
}

/// The cost of all groups, including the primary group: EC2, EMR's fee and EBS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CostReport {
    /// The rate in USD per hour; `None` when the price of a running instance is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_hour: Option<f64>,
    /// The cost since the daemon started. Time during which the rate was not known adds nothing.
    pub total_usd: Usd,
    /// Why the rate is not known, and how to fix it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unpriced: Vec<String>,
}

impl CostMeter {
    /// Starts at zero.
    pub fn new(prices: PriceTable) -> Self {
        Self {
            prices,
            last: None,
            total: Usd(0.0),
        }
    }

    /// Adds the cost since the previous tick, at the previous tick's rate, and computes the rate of
    /// what runs at `at`.
    pub fn tick(
        &mut self,
        at: Timestamp,
        groups: &[GroupStatus],
        hosts: &BTreeMap<String, Host>,
    ) -> CostReport {
        if let Some((since, Some(usd_per_hour))) = self.last {
            self.total += Usd(usd_per_hour * at.since(since).as_secs_f64() / 3_600.0);
        }
        let hosts = instances_by_group(hosts);
        let none = BTreeMap::new();
        let rates = groups
            .iter()
            .map(|group| self.rate(group, hosts.get(&group.id).unwrap_or(&none)));
        let (known, unknown): (Vec<_>, Vec<_>) = rates.partition(Result::is_ok);
        let unpriced: BTreeSet<String> = unknown.into_iter().filter_map(Result::err).collect();
        let usd_per_hour = unpriced
            .is_empty()
            .then(|| known.into_iter().flatten().sum());
        self.last = Some((at, usd_per_hour));
        CostReport {
            usd_per_hour,
            total_usd: self.total,
            unpriced: unpriced.into_iter().collect(),
        }
    }

    /// The USD per hour of one group. Instances of an instance group that EMR does not list yet cost
    /// as much as the average of those it does. A fleet counts capacity units instead of instances,
    /// so only listed instances count.
    fn rate(
        &self,
        group: &GroupStatus,
        instances: &BTreeMap<&InstanceId, &Host>,
    ) -> Result<f64, String> {
        let running = group.running.as_f64();
        if running == 0.0 {
            return Ok(0.0);
        }
        if instances.is_empty() {
            return Err(format!("{}: EMR does not list its instances yet", group.id));
        }
        let price = |host: &Host| {
            self.prices
                .rates(&host.instance_type, host.market)
                .map(|rates| rates.total_usd_h())
        };
        let listed_usd_h: f64 = instances
            .values()
            .map(|host| price(host))
            .sum::<Result<f64, PricingError>>()
            .map_err(|e| e.to_string())?;
        Ok(match group.kind {
            GroupKind::Group => listed_usd_h / instances.len() as f64 * running,
            GroupKind::Fleet => listed_usd_h,
        })
    }
}

/// Each instance once, although `hosts` has it by name and by address.
fn instances_by_group(
    hosts: &BTreeMap<String, Host>,
) -> BTreeMap<&GroupId, BTreeMap<&InstanceId, &Host>> {
    let mut groups: BTreeMap<&GroupId, BTreeMap<&InstanceId, &Host>> = BTreeMap::new();
    for host in hosts.values() {
        groups
            .entry(&host.group)
            .or_default()
            .insert(&host.instance, host);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{core_group, task_group};
    use crate::observation::Market;
    use crate::units::Instances;

    const NONE: [(&str, &str, Market); 0] = [];

    fn hosts<'a>(
        listed: impl IntoIterator<Item = (&'a str, &'a str, Market)>,
    ) -> BTreeMap<String, Host> {
        let host = |n: usize, (group, instance_type, market): (&str, &str, Market)| {
            let instance = InstanceId::new(format!("i-{n}"));
            let host = Host {
                instance,
                group: GroupId::new(group),
                instance_type: instance_type.to_owned(),
                market,
                is_running: true,
            };
            [
                (format!("ip-{n}.internal"), host.clone()),
                (format!("10.0.0.{n}"), host),
            ]
        };
        listed
            .into_iter()
            .enumerate()
            .flat_map(|(n, listed)| host(n, listed))
            .collect()
    }

    fn usd_h(instance_type: &str, market: Market) -> f64 {
        PriceTable::shipped()
            .rates(instance_type, market)
            .expect("a price")
            .total_usd_h()
    }

    fn rate(groups: &[GroupStatus], hosts: &BTreeMap<String, Host>) -> CostReport {
        CostMeter::new(PriceTable::shipped()).tick(Timestamp::EPOCH, groups, hosts)
    }

    #[test]
    fn every_group_counts_at_its_own_price_and_each_instance_once() {
        let listed = hosts([
            ("ig-core", "m5.xlarge", Market::OnDemand),
            ("ig-task", "r5.2xlarge", Market::Spot),
            ("ig-task", "r5.2xlarge", Market::Spot),
        ]);
        let report = rate(&[core_group(1), task_group(2)], &listed);
        let expected =
            usd_h("m5.xlarge", Market::OnDemand) + 2.0 * usd_h("r5.2xlarge", Market::Spot);
        assert!(
            report
                .usd_per_hour
                .is_some_and(|usd| (usd - expected).abs() < 1e-9),
            "{report:?}, not {expected}"
        );
    }

    #[test]
    fn instances_that_are_not_listed_yet_cost_what_the_others_do_but_a_fleet_counts_only_what_is_listed()
     {
        let listed = hosts([("ig-task", "m5.xlarge", Market::OnDemand)]);
        let one = usd_h("m5.xlarge", Market::OnDemand);
        let mut group = task_group(3);
        assert_eq!(
            rate(&[group.clone()], &listed).usd_per_hour,
            Some(3.0 * one)
        );
        group.kind = GroupKind::Fleet;
        assert_eq!(rate(&[group], &listed).usd_per_hour, Some(one));
    }

    #[test]
    fn a_price_that_is_not_known_leaves_the_rate_out_and_says_why() {
        let report = rate(
            &[core_group(1)],
            &hosts([("ig-core", "m5.xlarg", Market::OnDemand)]),
        );
        assert_eq!((report.usd_per_hour, report.unpriced.len()), (None, 1));
        assert!(
            report.unpriced[0].contains("did you mean `m5.xlarge`?"),
            "{report:?}"
        );
        let report = rate(&[core_group(1)], &hosts(NONE));
        assert_eq!(
            (report.usd_per_hour, &report.unpriced[..]),
            (
                None,
                &["ig-core: EMR does not list its instances yet".to_owned()][..]
            )
        );
        assert_eq!(
            rate(&[core_group(0)], &hosts(NONE)).usd_per_hour,
            Some(0.0),
            "nothing costs nothing"
        );
    }

    #[test]
    fn the_total_is_the_rate_over_time_without_the_time_in_which_it_was_not_known() {
        let listed = hosts([("ig-core", "m5.xlarge", Market::OnDemand)]);
        let mut meter = CostMeter::new(PriceTable::shipped());
        let mut at = |minutes: i64, size: u32, hosts: &BTreeMap<String, Host>| {
            let mut group = core_group(1);
            group.running = Instances(size);
            meter
                .tick(Timestamp::from_millis(minutes * 60_000), &[group], hosts)
                .total_usd
                .get()
        };
        let one = usd_h("m5.xlarge", Market::OnDemand);
        let totals = [
            at(0, 1, &listed),
            at(60, 2, &listed),
            at(90, 2, &hosts(NONE)),
            at(150, 1, &listed),
            at(210, 1, &listed),
        ];
        let expected = [0.0, 1.0, 2.0, 2.0, 3.0].map(|hours| hours * one);
        assert!(
            totals
                .iter()
                .zip(expected)
                .all(|(total, expected)| (total - expected).abs() < 1e-9),
            "{totals:?}, not {expected:?}"
        );
    }
}
