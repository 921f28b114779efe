//! What was translated, as a file in Headroom's own language. It writes the fields that a
//! translation fills, and no others.

use super::translated::Translated;
use crate::policy::document::{
    DemandDocument, Entries, GroupDocument, MetricDocument, RuleDocument, TargetDocument,
    ThenDocument,
};
use crate::policy::yaml::{At, scalar};

const WIDTH: usize = 78;

/// The file, with what needs a person in comments.
pub fn yaml(translated: &Translated, file_name: &str) -> String {
    let Translated {
        document,
        path,
        descriptions,
        remarks,
    } = translated;
    let mut out = Writer(String::new());
    let place = if path.is_empty() {
        String::new()
    } else {
        format!(", {path}")
    };
    out.comment("", &format!("Converted from {file_name}{place}."));
    if !remarks.is_empty() {
        out.comment(
            "",
            "Fields without a counterpart, or whose counterpart has another meaning:",
        );
        for remark in remarks {
            let help = remark
                .help
                .as_ref()
                .map_or(String::new(), |help| format!("; {help}"));
            out.comment("", &format!("- {}{help}", remark.message));
        }
    }
    out.field("", "name", &document.name.value.0);
    if let Some(description) = &document.description {
        out.field("", "description", description);
    }
    out.metrics(&document.metrics);
    if let Some(demand) = &document.demand {
        out.demand(&demand.value);
    }
    if let Some(targets) = &document.targets {
        out.line("targets:");
        for (target, descriptions) in targets.value.iter().zip(descriptions) {
            out.target(&target.value, descriptions);
        }
    }
    out.0
}

struct Writer(String);

impl Writer {
    fn line(&mut self, text: impl AsRef<str>) {
        self.0.push_str(text.as_ref());
        self.0.push('\n');
    }

    fn field(&mut self, indent: &str, name: &str, value: &str) {
        self.line(format!("{indent}{name}: {}", scalar(value)));
    }

    fn optional<T: AsRef<str>>(&mut self, indent: &str, name: &str, at: Option<&At<T>>) {
        if let Some(at) = at {
            self.line(format!("{indent}{name}: {}", at.value.as_ref()));
        }
    }

    /// Words of a person or of a document: whatever they hold, each line is a comment.
    fn comment(&mut self, indent: &str, text: &str) {
        let mut line = format!("{indent}#");
        let printable = |c: char| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') {
                ' '
            } else {
                c
            }
        };
        let text: String = text.chars().map(printable).collect();
        for word in text.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH && !line.ends_with('#') {
                self.line(&line);
                line = format!("{indent}#  ");
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(line);
    }

    fn metrics(&mut self, metrics: &Entries<MetricDocument>) {
        if metrics.0.is_empty() {
            return;
        }
        self.line("metrics:");
        for (name, metric) in &metrics.0 {
            self.line(format!("  {}:", name.value.0));
            self.field("    ", "namespace", &metric.namespace.value.0);
            self.field("    ", "metric_name", &metric.metric_name.value.0);
            self.line("    dimensions:");
            for (key, value) in &metric.dimensions.0 {
                self.line(format!(
                    "      {}: {}",
                    scalar(&key.value.0),
                    scalar(&value.0)
                ));
            }
            self.optional("    ", "statistic", metric.statistic.as_ref());
            self.optional("    ", "period", metric.period.as_ref());
            self.optional("    ", "unit", metric.unit.as_ref());
        }
    }

    fn demand(&mut self, demand: &DemandDocument) {
        self.line("demand:");
        self.optional("  ", "min", Some(&demand.min));
        self.optional("  ", "max", Some(&demand.max));
        self.optional("  ", "units", demand.units.as_ref());
        self.optional("  ", "max_core", demand.max_core.as_ref());
        self.optional("  ", "max_on_demand", demand.max_on_demand.as_ref());
        self.optional("  ", "performance_index", demand.performance_index.as_ref());
    }

    fn target(&mut self, target: &TargetDocument, descriptions: &[Option<String>]) {
        // Automatic scaling is for instance groups: there is no fleet.
        let GroupDocument {
            role,
            name,
            id,
            fleet: _,
            market,
        } = &target.group.value;
        let market = market.as_ref().map_or(String::new(), |market| {
            format!(", market: {}", market.value.0)
        });
        let group = match (role, name, id) {
            (Some(role), ..) => format!("role: {}{market}", role.value.0),
            (_, Some(name), _) => format!("name: {}", scalar(&name.value.0)),
            (_, _, Some(id)) => format!("id: {}", scalar(&id.value.0)),
            (None, None, None) => String::new(),
        };
        self.line(format!("  - group: {{ {group} }}"));
        if let Some(limits) = &target.limits {
            let (min, max) = (&limits.value.min.value.0, &limits.value.max.value.0);
            self.line(format!("    limits: {{ min: {min}, max: {max} }}"));
        }
        if !target.rules.is_empty() {
            self.line("    rules:");
        }
        for (rule, description) in target.rules.iter().zip(descriptions) {
            self.rule(rule, description.as_deref());
        }
    }

    fn rule(&mut self, rule: &RuleDocument, description: Option<&str>) {
        if let Some(description) = description.filter(|text| !text.trim().is_empty()) {
            self.comment("      ", description);
        }
        self.field("      - ", "name", &rule.name.value.0);
        self.optional("        ", "when", Some(&rule.when));
        self.optional("        ", "for", rule.for_duration.as_ref());
        let ThenDocument {
            grow, shrink, set, ..
        } = &rule.then.value;
        let change = match (grow, shrink, set) {
            (Some(amount), ..) => format!("grow: {}", amount.value.0),
            (_, Some(amount), _) => format!("shrink: {}", amount.value.0),
            (_, _, Some(size)) => format!("set: {}", size.value.0),
            (None, None, None) => String::new(),
        };
        self.line(format!("        then: {{ {change} }}"));
        self.optional("        ", "cooldown", rule.cooldown.as_ref());
    }
}
