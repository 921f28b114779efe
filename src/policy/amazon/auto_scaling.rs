//! `AutoScalingPolicy`: rules of an instance group.

use super::alarm;
use super::document::{AutoScaling, Constraints, Rule, SimpleScaling};
use super::metrics::Metrics;
use super::names;
use super::notes::Notes;
use super::seconds::Seconds;
use super::selection::Selection;
use super::shape::Text;
use super::translated::Translated;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::{
    AmountText, CountText, DurationText, LimitsDocument, NameText, PolicyDocument, RuleDocument,
    SizeText, TargetDocument, ThenDocument,
};
use crate::policy::scalar;
use crate::policy::yaml::At;

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

/// The policy of one group, read and not yet judged.
pub struct Part<'a> {
    pub policy: &'a At<AutoScaling>,
    /// Where in the document the policy is.
    pub path: &'a str,
    /// The id of the cluster, if the document names it.
    pub cluster: Option<&'a str>,
    pub group: &'a Selection,
}

/// Translates the policies of groups of one cluster into one policy with a target for each.
///
/// # Errors
/// Everything that is wrong with them.
pub fn translate(
    parts: &[Part<'_>],
    name: &str,
    description: String,
) -> Result<Translated, Vec<Diagnostic>> {
    let mut metrics = Metrics::default();
    let (mut targets, mut descriptions) = (Vec::new(), Vec::new());
    let (mut errors, mut remarks) = (Vec::new(), Vec::new());
    for part in parts {
        let mut notes = Notes::new(part.path);
        part.group.remark(part.policy, &mut notes);
        remark_state(part.policy, &mut notes);
        let target = target(part, &mut metrics, &mut notes);
        errors.append(&mut notes.errors);
        remarks.append(&mut notes.remarks);
        targets.extend(target.map(|target| part.policy.with(target)));
        let of_rule =
            |rule: &At<Rule>| rule.value.description.as_ref().map(|at| at.value.0.clone());
        descriptions.push(part.policy.value.rules.iter().map(of_rule).collect());
    }
    let (Some(first), true) = (parts.first(), errors.is_empty()) else {
        return Err(errors);
    };
    let place = first.policy.with(());
    let document = PolicyDocument {
        name: place.with(NameText(name.to_owned())),
        description: Some(description),
        poll: None,
        uses_yarn: None,
        metrics: metrics.document(&place),
        demand: None,
        targets: Some(place.with(targets)),
    };
    Ok(Translated {
        document,
        path: match parts {
            [only] => only.path.to_owned(),
            _ => String::new(),
        },
        descriptions,
        remarks,
    })
}

/// The rules and limits of one group; `None` after an error, which is in the notes.
fn target(part: &Part<'_>, metrics: &mut Metrics, notes: &mut Notes) -> Option<TargetDocument> {
    let mut translator = Translator {
        notes,
        metrics,
        names: Vec::new(),
        cluster: part.cluster,
    };
    let rules = part.policy.value.rules.iter().enumerate();
    let rules: Vec<Option<RuleDocument>> = rules
        .map(|(position, rule)| translator.rule(position, rule))
        .collect();
    let limits = limits_document(&part.policy.value.constraints, notes);
    Some(TargetDocument {
        name: None,
        group: part.group.document(part.policy),
        limits: Some(limits?),
        rules: rules.into_iter().collect::<Option<Vec<RuleDocument>>>()?,
        step: None,
        budget: None,
        flips: None,
        reversal: None,
        stabilization: None,
        provisioning: None,
        yield_to_operator: None,
        keep_application_masters: None,
        keep_shuffle_output: None,
        hdfs: None,
        schedule: Vec::new(),
    })
}

/// A policy that EMR failed to attach, or detached, is in the answer but does nothing.
fn remark_state(policy: &At<AutoScaling>, notes: &mut Notes) {
    if let Some(state) = &policy.value.state
        && ["DETACHED", "DETACHING", "FAILED"].contains(&state.value.0.as_str())
    {
        notes.remark(
            "Status.State",
            state,
            format!("EMR says that this policy is {}", state.value.0),
            "EMR does not scale by it; Headroom reads it as if it did",
        );
    }
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

struct Translator<'a> {
    notes: &'a mut Notes,
    metrics: &'a mut Metrics,
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
            alarm,
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
        let scaling = &action.scaling;
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
        let path = format!("{path}.Trigger.CloudWatchAlarmDefinition");
        let trigger = alarm::Reader {
            alarm,
            path,
            cluster: self.cluster,
            notes: self.notes,
            metrics: self.metrics,
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
        let plain = names::allowed(&at.value.0);
        let plain = match plain.trim() {
            "" => format!("rule-{}", position + 1),
            plain => plain.to_owned(),
        };
        let name = names::distinct(&plain, &self.names);
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
