//! `demand:`, and the targets of a policy that has it.

use super::reader::Reader;
use super::targets::MARKETS;
use crate::observation::{GroupKind, Market, Role};
use crate::policy::demand::{Demand, DemandUnits, PerformanceIndex};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::{
    CountText, DemandDocument, MarketText, PolicyDocument, TargetDocument,
};
use crate::policy::guards::Guards;
use crate::policy::limits::Limits;
use crate::policy::scalar;
use crate::policy::selector::Selector;
use crate::policy::validated::{DemandTarget, Header, Policy};
use crate::policy::yaml::At;
use crate::units::Instances;

const UNITS: [(&str, DemandUnits); 3] = [
    (DemandUnits::Instances.as_str(), DemandUnits::Instances),
    (DemandUnits::Vcpu.as_str(), DemandUnits::Vcpu),
    (DemandUnits::FleetUnits.as_str(), DemandUnits::FleetUnits),
];

impl Reader<'_> {
    /// A policy that follows demand.
    pub(super) fn following(
        &mut self,
        header: Option<Header>,
        document: &PolicyDocument,
        at: &At<DemandDocument>,
    ) -> Option<Policy> {
        if !self.uses_yarn {
            let message =
                "`demand` follows the work on YARN, and this policy has `uses_yarn: false`";
            self.error(
                Diagnostic::error(at.span.clone(), message)
                    .help("write rules that read CloudWatch metrics, or remove `uses_yarn: false`"),
            );
        }
        let demand = self.demand(at);
        let targets = match (&document.targets, &demand) {
            (Some(at), _) => self.demand_targets(at, demand.as_ref()),
            (None, Some(demand)) => Some(default_targets(demand)),
            (None, None) => None,
        };
        Some(Policy::following(header?, demand?, targets?))
    }

    /// `demand` is `None` when it has an error of its own.
    fn demand_targets(
        &mut self,
        at: &At<Vec<At<TargetDocument>>>,
        demand: Option<&Demand>,
    ) -> Option<Vec<DemandTarget>> {
        let mut targets = Vec::new();
        let mut selectors = Vec::new();
        for document in &at.value {
            let document = &document.value;
            let selector = self.selector(&document.group);
            self.check_demand_target(document, selector.as_ref(), demand);
            selectors.push(selector.clone());
            targets.push(self.demand_target(document, selector, demand));
        }
        self.target_names(&at.value, &selectors);
        self.check_targets(at, &selectors);
        targets.into_iter().collect()
    }

    fn demand_target(
        &mut self,
        document: &TargetDocument,
        selector: Option<Selector>,
        demand: Option<&Demand>,
    ) -> Option<DemandTarget> {
        let limits = match &document.limits {
            Some(limits) => self.limits(limits),
            None => demand.map(limits_of),
        };
        let guards = self.guards(document);
        let schedule = self.schedule(&document.schedule);
        Some(DemandTarget {
            selector: selector?,
            may_be_absent: false,
            limits: limits?,
            guards: guards?,
            schedule: schedule?,
        })
    }

    fn demand(&mut self, at: &At<DemandDocument>) -> Option<Demand> {
        let DemandDocument {
            min,
            max,
            units,
            max_core,
            max_on_demand,
            market_order,
            performance_index,
        } = &at.value;
        let (least, most) = (
            self.take(min, scalar::count),
            self.take(max, |text| scalar::positive(text, "a maximum")),
        );
        let units = units
            .as_ref()
            .map_or(Some(DemandUnits::default()), |at| self.one_of(at, &UNITS));
        let max_core = self.part_of_max("max_core", max_core.as_ref(), most);
        let max_on_demand = self.part_of_max("max_on_demand", max_on_demand.as_ref(), most);
        let first_market = market_order
            .as_ref()
            .map_or(Some(Market::OnDemand), |at| self.first_market(at));
        let performance_index = performance_index
            .as_ref()
            .map_or(Some(PerformanceIndex::default()), |at| {
                self.performance_index(at)
            });
        let (least, most) = (least?, most?);
        if least > most {
            let error = Diagnostic::error(
                min.span.clone(),
                format!("`min: {least}` is above `max: {most}`"),
            );
            return self.refuse(error.help(format!(
                "write `min: {most}, max: {least}`, if they were swapped"
            )));
        }
        Some(Demand {
            min: least,
            max: most,
            units: units?,
            max_core: max_core?,
            max_on_demand: max_on_demand?,
            first_market: first_market?,
            performance_index: performance_index?,
        })
    }

    /// A maximum of some of the units: that of all of them when it is left out.
    fn part_of_max(
        &mut self,
        field: &str,
        at: Option<&At<CountText>>,
        max: Option<u32>,
    ) -> Option<u32> {
        let Some(at) = at else { return max };
        let (part, max) = (self.take(at, scalar::count)?, max?);
        if part <= max {
            return Some(part);
        }
        let error = Diagnostic::error(
            at.span.clone(),
            format!("`{field}: {part}` is above `max: {max}`"),
        );
        self.refuse(error.help(format!("write {max} or less, or leave `{field}` out")))
    }

    /// The first market of an order, which may leave the other one out.
    fn first_market(&mut self, at: &At<Vec<At<MarketText>>>) -> Option<Market> {
        let markets: Option<Vec<Market>> = at
            .value
            .iter()
            .map(|market| self.one_of(market, &MARKETS))
            .collect();
        match markets?[..] {
            [first] => Some(first),
            [first, second] if first != second => Some(first),
            _ => {
                let error = Diagnostic::error(at.span.clone(), "this is not an order of markets");
                self.refuse(error.help("write `[spot, on-demand]` or `[on-demand, spot]`"))
            }
        }
    }

    fn performance_index(&mut self, at: &At<CountText>) -> Option<PerformanceIndex> {
        let index = self.take(at, scalar::count)?;
        let known = u8::try_from(index).ok().and_then(PerformanceIndex::new);
        if known.is_none() {
            let error = Diagnostic::error(
                at.span.clone(),
                format!("`{index}` is not a performance index"),
            );
            self.error(error.help("write a number from `1` (least cost) to `100` (least waiting)"));
        }
        known
    }

    /// What is written of a target of a demand policy that cannot be there.
    fn check_demand_target(
        &mut self,
        document: &TargetDocument,
        selector: Option<&Selector>,
        demand: Option<&Demand>,
    ) {
        if let Some(rule) = document.rules.first() {
            let error = Diagnostic::error(
                rule.name.span.clone(),
                "a policy has either `demand` or rules",
            );
            self.error(error.help("remove the rules, or remove `demand`"));
        }
        let (Some(kind), Some(demand)) = (selector.and_then(Selector::kind), demand) else {
            return;
        };
        let units = demand.units;
        if units.count(kind) {
            return;
        }
        let place = document.group.span.clone();
        let error = match kind {
            GroupKind::Fleet => Diagnostic::error(
                place,
                format!("a fleet has capacity units, not {units}"),
            )
            .help("write `units: fleet-units` in `demand`"),
            GroupKind::Group => Diagnostic::error(place, "an instance group has no fleet units")
                .help("write `units: instances` in `demand`, or name a `fleet` with its `market` here"),
        };
        self.error(error);
    }
}

/// The targets of a demand policy that names none: every group that the cluster may have.
fn default_targets(demand: &Demand) -> Vec<DemandTarget> {
    let mut targets = Vec::new();
    for role in [Role::Core, Role::Task] {
        for market in [Market::OnDemand, Market::Spot] {
            let selector = if demand.units.count(GroupKind::Fleet) {
                Selector::Fleet { role, market }
            } else {
                Selector::Group { role, market }
            };
            targets.push(DemandTarget {
                selector,
                may_be_absent: true,
                limits: limits_of(demand),
                guards: Guards::default(),
                schedule: Vec::new(),
            });
        }
    }
    targets
}

/// The limits of a target that has none of its own: only those of `demand` bind. An instance is one
/// unit at least, whatever is counted.
fn limits_of(demand: &Demand) -> Limits {
    Limits::up_to(Instances(demand.max))
}
