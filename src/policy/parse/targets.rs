//! `targets`: the groups that a policy scales by rules, and how a target names its group.

use std::ops::Range;

use super::metrics::Metrics;
use super::reader::Reader;
use crate::observation::{GroupId, Market, Role};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::{GroupDocument, PolicyDocument, RoleText, TargetDocument};
use crate::policy::resolve::Scope;
use crate::policy::selector::Selector;
use crate::policy::target::Target;
use crate::policy::yaml::At;

/// One core group and up to 48 task groups.
const MOST_TARGETS: usize = 49;
/// The markets as a policy writes them.
pub(super) const MARKETS: [(&str, Market); 2] =
    [("on-demand", Market::OnDemand), ("spot", Market::Spot)];

impl Reader<'_> {
    pub(super) fn ruled_targets(
        &mut self,
        document: &PolicyDocument,
        metrics: &Metrics,
    ) -> Option<Vec<Target>> {
        let Some(at) = &document.targets else {
            let error = Diagnostic::error(
                document.name.span.clone(),
                "this policy has neither `targets` nor `demand`",
            );
            return self
                .refuse(error.help("add `targets:` with rules, or `demand: { min: 2, max: 20 }`"));
        };
        let selectors: Vec<Option<Selector>> = at
            .value
            .iter()
            .map(|document| self.selector(&document.value.group))
            .collect();
        let names = self.target_names(&at.value, &selectors);
        let targets: Vec<Option<Target>> = at
            .value
            .iter()
            .zip(&selectors)
            .map(|(document, selector)| {
                self.ruled_target(&document.value, selector.clone(), &names, metrics)
            })
            .collect();
        self.check_targets(at, &selectors);
        targets.into_iter().collect()
    }

    /// The names of targets, by which rules of others read them, and what they select.
    pub(super) fn target_names(
        &mut self,
        targets: &[At<TargetDocument>],
        selectors: &[Option<Selector>],
    ) -> Vec<(String, Selector)> {
        let mut names: Vec<(String, Selector)> = Vec::new();
        for (target, selector) in targets.iter().zip(selectors) {
            let Some(at) = &target.value.name else {
                continue;
            };
            let name = &at.value.0;
            let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !name.starts_with(|c: char| c.is_ascii_digit());
            if !is_word {
                self.error(
                    Diagnostic::error(
                        at.span.clone(),
                        format!("`{name}` cannot be the name of a target"),
                    )
                    .help("write letters, digits and `_`, such as `task_spot`"),
                );
            } else if names.iter().any(|(known, _)| known == name) {
                self.error(
                    Diagnostic::error(at.span.clone(), format!("another target is named `{name}`"))
                        .help("give each target a different name"),
                );
            } else if let Some(selector) = selector {
                names.push((name.clone(), selector.clone()));
            }
        }
        names
    }

    pub(super) fn ruled_target(
        &mut self,
        document: &TargetDocument,
        selector: Option<Selector>,
        names: &[(String, Selector)],
        metrics: &Metrics,
    ) -> Option<Target> {
        let limits = match &document.limits {
            Some(limits) => self.limits(limits),
            None => {
                let error =
                    Diagnostic::error(document.group.span.clone(), "this target has no limits");
                self.refuse(error.help("add `limits: { min: 0, max: 20 }`"))
            }
        };
        let mut scope = Scope {
            targets: names,
            metrics,
            uses_yarn: self.uses_yarn,
            signals: Vec::new(),
            windows: Vec::new(),
        };
        let rules = self.rules(&document.rules, &mut scope);
        let guards = self.guards(document);
        let schedule = self.schedule(&document.schedule);
        Some(Target {
            may_be_absent: false,
            selector: selector?,
            limits: limits?,
            rules: rules?,
            guards: guards?,
            schedule: schedule?,
            signals: scope.signals,
            windows: scope.windows,
        })
    }

    pub(super) fn selector(&mut self, at: &At<GroupDocument>) -> Option<Selector> {
        let GroupDocument {
            role,
            name,
            id,
            fleet,
            market,
        } = &at.value;
        let help = "write one of `role: task` (with `market: spot` where it has groups of both), `name: ...`, `id: ig-...`, or `fleet: task` \
                    with `market: spot`";
        match (role, name, id, fleet, market) {
            (Some(role), None, None, None, None) => self.role(role).map(Selector::Role),
            (None, Some(name), None, None, None) => {
                self.filled(name).map(|name| Selector::Name(name.into()))
            }
            (None, None, Some(id), None, None) => {
                self.filled(id).map(|id| Selector::Id(GroupId::new(id)))
            }
            (Some(role), None, None, None, Some(market)) => {
                let (role, market) = (self.role(role), self.one_of(market, &MARKETS));
                Some(Selector::Group {
                    role: role?,
                    market: market?,
                })
            }
            (None, None, None, Some(fleet), Some(market)) => {
                let (role, market) = (self.role(fleet), self.one_of(market, &MARKETS));
                Some(Selector::Fleet {
                    role: role?,
                    market: market?,
                })
            }
            (None, None, None, Some(fleet), None) => {
                let error = Diagnostic::error(fleet.span.clone(), "a fleet has two capacities");
                self.refuse(error.help("add `market: spot` or `market: on-demand`"))
            }
            (_, _, _, None, Some(market)) => self.refuse(
                Diagnostic::error(
                    market.span.clone(),
                    "`market` belongs to a `role` or a `fleet`",
                )
                .help(help),
            ),
            (None, None, None, None, None) => self.refuse(
                Diagnostic::error(at.span.clone(), "this does not name a group").help(help),
            ),
            _ => self.refuse(
                Diagnostic::error(at.span.clone(), "this names a group in more than one way")
                    .help(help),
            ),
        }
    }

    pub(super) fn role(&mut self, at: &At<RoleText>) -> Option<Role> {
        if matches!(at.value.0.as_str(), "primary" | "master") {
            let error = Diagnostic::error(at.span.clone(), "primary nodes are never resized");
            return self.refuse(error.help("write `core` or `task`"));
        }
        self.one_of(at, &[("core", Role::Core), ("task", Role::Task)])
    }

    pub(super) fn check_targets(
        &mut self,
        documents: &At<Vec<At<TargetDocument>>>,
        selectors: &[Option<Selector>],
    ) {
        if selectors.is_empty() {
            self.error(
                Diagnostic::error(documents.span.clone(), "a policy needs a target")
                    .help("add a `- group: { role: task }`"),
            );
        }
        let places = || {
            documents
                .value
                .iter()
                .map(|target| target.value.group.span.clone())
        };
        if let Some(place) = places().nth(MOST_TARGETS) {
            let error =
                Diagnostic::error(place, format!("there are more than {MOST_TARGETS} targets"));
            self.error(error.help("a cluster has one core group and at most 48 task groups"));
        }
        let selectors: Vec<(Range<usize>, &Selector)> = places()
            .zip(selectors)
            .filter_map(|(place, selector)| Some((place, selector.as_ref()?)))
            .collect();
        for (position, (place, selector)) in selectors.iter().enumerate() {
            let earlier = &selectors[..position];
            let is_part = |s: &Selector, of: &Selector| matches!((s, of), (Selector::Group { role, .. }, Selector::Role(whole)) if role == whole);
            if earlier.iter().any(|(_, other)| {
                *other == *selector || is_part(other, selector) || is_part(selector, other)
            }) {
                let error = Diagnostic::error(
                    place.clone(),
                    format!("two targets select the same group ({selector})"),
                );
                self.error(error.help("put all rules of a group into one target"));
            } else if let Some(kind) = selector.kind()
                && earlier
                    .iter()
                    .any(|(_, other)| other.kind().is_some_and(|other| other != kind))
            {
                let error = Diagnostic::error(
                    place.clone(),
                    "a cluster has either instance groups or instance fleets",
                );
                self.error(error.help("write one policy for each kind of cluster"));
            }
        }
    }
}
