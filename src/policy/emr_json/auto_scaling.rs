//! `AutoScalingPolicy`: rules of one instance group.

use super::alarm;
use super::document::{AutoScaling, Constraints, Rule, SimpleScaling, Text};
use super::metrics::Metrics;
use super::notes::Notes;
use super::seconds::Seconds;
use super::translated::Translated;
use crate::observation::Role;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::{
    AmountText, CountText, DurationText, GroupDocument, LimitsDocument, MarketText, NameLike,
    NameText, PolicyDocument, RoleText, RuleDocument, SizeText, TargetDocument, ThenDocument,
};
use crate::policy::scalar;
use crate::policy::selector::Selector;
use crate::policy::yaml::At;

const LONGEST_NAME: usize = 64;
const MOST_INSTANCES: i64 = scalar::MOST_INSTANCES as i64;
const MOST_GROWTH_PERCENT: i64 = scalar::MOST_GROWTH_PERCENT as i64;
const LONGEST_COOLDOWN_S: i64 = 366 * 86_400;

/// What `ScalingAdjustment` counts.
#[derive(Clone, Copy)]
enum Adjustment {
    Instances,
    Percent,
    Exactly,
}

const ADJUSTMENTS: [(&str, Adjustment); 3] = [
    ("CHANGE_IN_CAPACITY", Adjustment::Instances),
    ("PERCENT_CHANGE_IN_CAPACITY", Adjustment::Percent),
    ("EXACT_CAPACITY", Adjustment::Exactly),
];

const MARKETS: [(&str, ()); 2] = [("ON_DEMAND", ()), ("SPOT", ())];

/// What stands around a policy: which group of which cluster it is about.
#[derive(Default)]
pub struct Ids {
    pub cluster: Option<Text>,
    pub group: Option<Text>,
}

/// As a policy of one target: `group`, or else the group that is named, or else the task group.
pub fn translate(
    policy: &At<AutoScaling>,
    ids: &Ids,
    group: Option<&Selector>,
    notes: Notes,
) -> Result<Translated, Vec<Diagnostic>> {
    let cluster = ids.cluster.as_ref().map(|at| at.value.0.as_str());
    let mut translator = Translator {
        notes,
        metrics: Metrics::default(),
        names: Vec::new(),
        cluster,
    };
    let rules = policy.value.rules.iter().enumerate();
    let rules: Vec<Option<RuleDocument>> = rules
        .map(|(position, rule)| translator.rule(position, rule))
        .collect();
    let Translator {
        mut notes, metrics, ..
    } = translator;
    let (group, place) = (
        group_document(ids, group, policy, &mut notes),
        policy.with(()),
    );
    let limits = limits_document(&policy.value.constraints, &mut notes);
    let rules = rules.into_iter().collect::<Option<Vec<RuleDocument>>>();
    let Some((rules, limits)) = rules.zip(limits).filter(|_| notes.errors.is_empty()) else {
        return Err(notes.errors);
    };
    let target = TargetDocument {
        group,
        limits: Some(limits),
        rules,
        step: None,
        budget: None,
        flips: None,
        reversal: None,
        stabilization: None,
        provisioning: None,
        yield_to_operator: None,
        keep_application_masters: None,
        hdfs: None,
        schedule: Vec::new(),
    };
    let of = |what: &str, at: &Option<Text>| {
        at.as_ref()
            .map_or(String::new(), |at| format!(" of {what} {}", at.value.0))
    };
    let description = format!(
        "Amazon's automatic scaling{}{}",
        of("group", &ids.group),
        of("cluster", &ids.cluster)
    );
    let document = PolicyDocument {
        name: place.with(NameText("emr-automatic-scaling".to_owned())),
        description: Some(description),
        poll: None,
        metrics: metrics.document(&place),
        demand: None,
        targets: Some(place.with(vec![place.with(target)])),
    };
    let description =
        |rule: &At<Rule>| rule.value.description.as_ref().map(|at| at.value.0.clone());
    Ok(Translated {
        document,
        descriptions: policy.value.rules.iter().map(description).collect(),
        remarks: notes.remarks,
    })
}

fn limits_document(at: &At<Constraints>, notes: &mut Notes) -> Option<At<LimitsDocument>> {
    let Constraints {
        min_capacity,
        max_capacity,
    } = &at.value;
    let min = notes.whole("Constraints.MinCapacity", min_capacity, 0..=MOST_INSTANCES);
    let max = notes.whole("Constraints.MaxCapacity", max_capacity, 0..=MOST_INSTANCES);
    let (min, max) = (min?, max?);
    if min > max {
        let message = format!("{min} is above MaxCapacity, {max}");
        return notes.refuse(
            "Constraints.MinCapacity",
            min_capacity,
            message,
            format!("write {max} or less"),
        );
    }
    let count = |at: &Text, number: i64| at.with(CountText(number.to_string()));
    Some(at.with(LimitsDocument {
        min: count(min_capacity, min),
        max: count(max_capacity, max),
    }))
}

fn group_document(
    ids: &Ids,
    group: Option<&Selector>,
    policy: &At<AutoScaling>,
    notes: &mut Notes,
) -> At<GroupDocument> {
    let place = ids.group.as_ref().map_or(policy.with(()), |at| at.with(()));
    let text = |text: &str| Some(place.with(NameLike(text.to_owned())));
    let role = |role: Role| Some(place.with(RoleText(role.to_string())));
    let none = GroupDocument {
        role: None,
        name: None,
        id: None,
        fleet: None,
        market: None,
    };
    place.with(match (group, &ids.group) {
        (Some(Selector::Id(id)), _) => GroupDocument {
            id: text(id.as_str()),
            ..none
        },
        (Some(Selector::Name(name)), _) => GroupDocument {
            name: text(name),
            ..none
        },
        (
            Some(Selector::Group {
                role: chosen,
                market,
            }),
            _,
        ) => GroupDocument {
            role: role(*chosen),
            market: Some(place.with(MarketText(market.to_string()))),
            ..none
        },
        (Some(Selector::Role(chosen) | Selector::Fleet { role: chosen, .. }), _) => GroupDocument {
            role: role(*chosen),
            ..none
        },
        (None, Some(id)) => GroupDocument {
            id: text(&id.value.0),
            ..none
        },
        (None, None) => {
            notes.remark(
                "Constraints",
                &policy.value.constraints,
                "no instance group is named; the task group is assumed",
                "name another one with `headroom convert --group id=ig-...`",
            );
            GroupDocument {
                role: role(Role::Task),
                ..none
            }
        }
    })
}

struct Translator<'a> {
    notes: Notes,
    metrics: Metrics,
    /// The names of the rules so far, to keep them apart.
    names: Vec<String>,
    cluster: Option<&'a str>,
}

impl Translator<'_> {
    fn rule(&mut self, position: usize, rule: &At<Rule>) -> Option<RuleDocument> {
        let path = format!("Rules[{position}]");
        let Rule {
            name,
            action,
            trigger,
            ..
        } = &rule.value;
        let name = self.name(&path, position, name);
        if let Some(at) = &action.market {
            let path = format!("{path}.Action.Market");
            if self.notes.one_of(&path, at, &MARKETS).is_some() {
                let message = format!("{} changes nothing", at.value.0);
                self.notes.remark(
                    path,
                    at,
                    message,
                    "a group has one market, which this field does not change",
                );
            }
        }
        let scaling = &action.simple_scaling_policy_configuration;
        let path_of_scaling = format!("{path}.Action.SimpleScalingPolicyConfiguration");
        let then = self.change(&path_of_scaling, &scaling.value);
        let cooldown = scaling.value.cool_down.as_ref();
        let cooldown = cooldown.map(|at| {
            Some((
                at,
                self.notes.whole(
                    format_args!("{path_of_scaling}.CoolDown"),
                    at,
                    0..=LONGEST_COOLDOWN_S,
                )?,
            ))
        });
        let alarm = &trigger.cloud_watch_alarm_definition;
        let path = format!("{path}.Trigger.CloudWatchAlarmDefinition");
        let trigger = alarm::Reader {
            alarm,
            path,
            cluster: self.cluster,
            notes: &mut self.notes,
            metrics: &mut self.metrics,
        }
        .read();
        let (then, trigger, cooldown) = (
            then?,
            trigger?,
            cooldown.map_or(Some(None), |cooldown| cooldown.map(Some))?,
        );
        let cooldown = cooldown.filter(|(_, seconds)| *seconds > 0);
        Some(RuleDocument {
            name,
            when: trigger.when,
            for_duration: trigger.for_duration,
            then: scaling.value.scaling_adjustment.with(then),
            cooldown: cooldown.map(|(at, seconds)| {
                at.with(DurationText(Seconds(seconds.unsigned_abs()).to_string()))
            }),
        })
    }

    /// The rule's name, changed as far as ours must be: of certain characters, not too long, each
    /// once.
    fn name(&mut self, path: &str, position: usize, at: &Text) -> At<NameText> {
        let fine = |c: char| {
            if c.is_alphanumeric() || "-_. ".contains(c) {
                c
            } else {
                '-'
            }
        };
        let plain: String = at
            .value
            .0
            .trim()
            .chars()
            .map(fine)
            .take(LONGEST_NAME)
            .collect();
        let plain = match plain.trim() {
            "" => format!("rule-{}", position + 1),
            plain => plain.to_owned(),
        };
        let numbered = (2..).map(|number| {
            let end = format!("-{number}");
            let kept: String = plain.chars().take(LONGEST_NAME - end.len()).collect();
            kept + &end
        });
        let is_free = |name: &String| !self.names.contains(name);
        let name = std::iter::once(plain.clone())
            .chain(numbered)
            .find(is_free)
            .unwrap_or_default();
        if name != at.value.0 {
            let (message, help) = (
                format!("the rule is renamed to `{name}`"),
                "names are unique, and consist of letters, digits, `-`, `_`, `.` and spaces",
            );
            self.notes
                .remark(format_args!("{path}.Name"), at, message, help);
        }
        self.names.push(name.clone());
        at.with(NameText(name))
    }

    fn change(&mut self, path: &str, scaling: &SimpleScaling) -> Option<ThenDocument> {
        let SimpleScaling {
            adjustment_type,
            scaling_adjustment: at,
            ..
        } = scaling;
        let kind = adjustment_type
            .as_ref()
            .map_or(Some(Adjustment::Instances), |at| {
                self.notes
                    .one_of(format_args!("{path}.AdjustmentType"), at, &ADJUSTMENTS)
            });
        let path = format!("{path}.ScalingAdjustment");
        let range = match kind {
            Some(Adjustment::Exactly) => 0..=MOST_INSTANCES,
            Some(Adjustment::Percent) => -100..=MOST_GROWTH_PERCENT,
            Some(Adjustment::Instances) | None => -MOST_INSTANCES..=MOST_INSTANCES,
        };
        let adjustment = self.notes.whole(&path, at, range);
        let (kind, adjustment) = (kind?, adjustment?);
        let none = ThenDocument {
            grow: None,
            shrink: None,
            set: None,
            track: None,
        };
        let unit = match kind {
            Adjustment::Exactly => {
                return Some(ThenDocument {
                    set: Some(at.with(SizeText(adjustment.to_string()))),
                    ..none
                });
            }
            Adjustment::Instances => "",
            Adjustment::Percent => "%",
        };
        if adjustment == 0 {
            return self.notes.refuse(
                path,
                at,
                "`0` changes nothing",
                "write how many instances to add, or to remove with a minus sign",
            );
        }
        let amount = at.with(AmountText(format!("{}{unit}", adjustment.unsigned_abs())));
        Some(if adjustment > 0 {
            ThenDocument {
                grow: Some(amount),
                ..none
            }
        } else {
            ThenDocument {
                shrink: Some(amount),
                ..none
            }
        })
    }
}
