//! The status page: one self-contained HTML file without scripts, most important things first.

mod html;

use std::fmt::{Display, Write};
use std::time::Duration;

use crate::daemon::telemetry::status::text;
use crate::daemon::telemetry::status::words::{self, whole_seconds};
use crate::daemon::telemetry::status::{
    Freshness, LoadStatus, RuleStatus, Status, TargetStatus, TickStatus,
};
use crate::decision::{Action, HoldReason, RuleState};
use crate::observation::node_use::NodeUse;
use crate::observation::work::Work;
use crate::units::{Mebibytes, Timestamp, display_duration};
use html::Escaped;

const STYLE: &str = include_str!("page/style.css");
const REFRESH_S: u32 = 5;

/// Renders the page.
pub fn render(status: &Status) -> String {
    let mut page = Page {
        html: String::new(),
        now: status.now,
    };
    page.add(format_args!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"refresh\" content=\"{REFRESH_S}\"><title>{title} - Headroom</title><style>{STYLE}</style></head>\n<body><main>\n",
        title = Escaped(&title(status)),
    ));
    page.header(status);
    page.problems(status);
    if let Some(tick) = &status.tick {
        tick.targets
            .iter()
            .for_each(|target| page.target(target, tick.at));
        page.add("<div class=\"columns\">\n");
        if tick.reads_yarn() {
            page.load(tick.load.as_ref());
        } else {
            page.add(format_args!(
                "<section><h2>Load</h2><p class=\"soft\">{}</p></section>\n",
                Escaped(words::WITHOUT_YARN)
            ));
        }
        page.cost(tick);
        page.add("</div>\n");
        page.sources(tick);
        page.groups(tick);
        page.work(tick);
        page.shadows(tick);
    }
    page.recent(status);
    page.footer(status);
    page.add("</main></body></html>\n");
    page.html
}

/// The title for the browser's tab: the groups' sizes, with `!` in front when there is a problem.
fn title(status: &Status) -> String {
    let sizes = status
        .tick
        .iter()
        .flat_map(|tick| &tick.targets)
        .map(|target| target.decision.requested.to_string());
    let troubled = if status.unhealthy.is_empty() && status.unready.is_empty() {
        ""
    } else {
        "! "
    };
    format!(
        "{troubled}{} {}",
        sizes.collect::<Vec<_>>().join("/"),
        status.cluster_id
    )
}

struct Page {
    html: String,
    now: Timestamp,
}

impl Page {
    fn add(&mut self, html: impl Display) {
        let _ = write!(self.html, "{html}");
    }

    fn work(&mut self, tick: &TickStatus) {
        let limits = tick.pending_limits.iter().map(ToString::to_string);
        let lines = tick.work.iter().flat_map(Work::lines).chain(limits);
        let lines: String = lines
            .map(|line| format!("<p class=\"soft\">{}</p>", Escaped(&line)))
            .collect();
        if !lines.is_empty() {
            self.add(format_args!("<section><h2>Work</h2>{lines}</section>\n"));
        }
    }

    fn header(&mut self, status: &Status) {
        let tick = status.tick.as_ref();
        self.add(format_args!(
            "<header><h1>Headroom</h1><span>{}</span><span class=\"soft\">policy {} ({})</span>",
            Escaped(&status.cluster_id),
            Escaped(&status.policy.name),
            Escaped(&status.policy.file)
        ));
        let tags = [
            Some(if status.dry_run {
                ("warn", "dry run: no resize is sent")
            } else {
                ("calm", "live")
            }),
            tick.filter(|tick| !tick.leader)
                .map(|_| ("warn", "standby: another instance is the leader")),
        ];
        for (class, text) in tags.into_iter().flatten() {
            self.add(format_args!("<span class=\"tag {class}\">{text}</span>"));
        }
        if let Some(pause) = tick.and_then(|tick| tick.pause) {
            let paused = words::paused(&pause, self.now);
            self.add(format_args!("<span class=\"tag warn\">{paused}</span>"));
        }
        if let Some(tick) = tick {
            self.add(format_args!(
                "<span class=\"soft\">cluster {}</span>",
                tick.cluster_state
            ));
        }
        self.add("</header>\n");
    }

    fn problems(&mut self, status: &Status) {
        let problems: Vec<&String> = status.unhealthy.iter().chain(&status.unready).collect();
        if problems.is_empty() {
            return;
        }
        self.add("<section class=\"banner bad\"><h2>Problems</h2>");
        for problem in problems {
            self.add(format_args!("<p>{}</p>", Escaped(problem)));
        }
        self.add("</section>\n");
    }

    fn target(&mut self, target: &TargetStatus, at: Timestamp) {
        let decision = &target.decision;
        let (class, tag) = tone(target);
        self.add(format_args!(
            "<section class=\"target\"><p class=\"said\">{}</p>",
            Escaped(&target.words)
        ));
        self.add(format_args!(
            "<p><span class=\"tag {class}\">{tag}</span><span class=\"soft\">{}</span></p>",
            Escaped(&text::size(target))
        ));
        if let Some(trouble) = &target.trouble {
            self.add(format_args!("<p class=\"bad\">{}</p>", Escaped(trouble)));
        }
        let share = |part: f64| percent(part, target.max.as_f64().max(decision.requested.as_f64()));
        let waiting = (decision.requested > decision.running)
            .then_some((share(decision.requested.as_f64()), "wait"));
        self.bar(
            waiting
                .into_iter()
                .chain([(share(decision.running.as_f64()), "")]),
        );
        if let Some(resize) = &target.last_resize
            && resize.decision.at < at
        {
            let ago = display_duration(whole_seconds(self.now.since(resize.decision.at)));
            self.add(format_args!(
                "<p class=\"soft\">Last resize, {ago} ago: {}</p>",
                Escaped(&resize.words)
            ));
        }
        target.rules.iter().for_each(|rule| self.rule(rule, at));
        if let Some(demand) = &decision.demand {
            let said = demand.to_string();
            self.add(format_args!(
                "<div class=\"rule\"><p><span><b>demand</b> <span class=\"soft\">{}</span></span></p></div>",
                Escaped(&said)
            ));
        }
        self.add("</section>\n");
    }

    fn rule(&mut self, rule: &RuleStatus, at: Timestamp) {
        let (filled, class) = match &rule.state {
            Some(RuleState::Pending { since, .. }) => {
                (percent(at.since(*since).as_secs_f64(), rule.for_s), "")
            }
            Some(RuleState::Firing { .. }) => (100.0, "act"),
            Some(RuleState::CoolingDown { .. }) => (100.0, "soft"),
            Some(RuleState::Unknown) => (0.0, "warn"),
            Some(RuleState::Inactive) | None => (0.0, "soft"),
        };
        let for_time = Duration::try_from_secs_f64(rule.for_s).unwrap_or_default();
        let for_text = if for_time.is_zero() {
            String::new()
        } else {
            format!(" for {}", display_duration(for_time))
        };
        self.add(format_args!(
            "<div class=\"rule\"><p><span><b>{}</b> <code>{}{for_text}</code> <span class=\"soft\">&rarr; {}</span></span><span class=\"{class}\">{}</span></p>",
            Escaped(rule.rule.as_str()),
            Escaped(&rule.when),
            Escaped(&rule.then),
            Escaped(&rule.words)
        ));
        self.bar([(filled, "")]);
        self.add("</div>");
    }

    /// Adds a bar. Each part fills it from the left up to a percentage; later parts cover earlier
    /// ones.
    fn bar<'a>(&mut self, parts: impl IntoIterator<Item = (f64, &'a str)>) {
        self.add("<div class=\"bar\">");
        for (filled, class) in parts {
            self.add(format_args!(
                "<i class=\"{class}\" style=\"width:{filled:.1}%\"></i>"
            ));
        }
        self.add("</div>");
    }

    fn load(&mut self, load: Option<&LoadStatus>) {
        self.add("<section><h2>Load</h2>");
        let Some(load) = load else {
            return self.add(
                "<p class=\"warn\">Unknown: YARN has not answered; see Sources.</p></section>\n",
            );
        };
        let (total, allocated, pending) = (
            load.memory_total,
            load.memory_allocated,
            load.memory_pending,
        );
        self.add(format_args!(
            "<p><span class=\"figure\">{:.0}%</span> of {} memory allocated, {} pending</p>",
            percent(allocated.as_f64(), total.as_f64()),
            gib(total),
            gib(pending)
        ));
        let whole = total.max(allocated + pending).as_f64();
        self.bar([
            (percent((allocated + pending).as_f64(), whole), "wait"),
            (percent(allocated.as_f64(), whole), ""),
        ]);
        self.add(format_args!(
            "<p class=\"soft\">{}</p></section>\n",
            load_details(load)
        ));
    }

    fn cost(&mut self, tick: &TickStatus) {
        self.add("<section><h2>Cost</h2>");
        match tick.cost.usd_per_hour {
            Some(usd) => self.add(format_args!(
                "<p><span class=\"figure\">{usd:.2} USD</span> per hour for all groups</p>"
            )),
            None => self.add("<p class=\"warn\">The cost per hour is not known:</p>"),
        }
        self.add(format_args!(
            "<p class=\"soft\">{} since the daemon started; EC2, EMR and EBS at list prices</p>",
            tick.cost.total_usd
        ));
        for problem in &tick.cost.unpriced {
            self.add(format_args!("<p class=\"warn\">{}</p>", Escaped(problem)));
        }
        self.add("</section>\n");
    }

    fn sources(&mut self, tick: &TickStatus) {
        self.add(
            "<section><h2>Sources</h2><table class=\"stacked\"><thead><tr><th>source</th><th class=\"n\">age</th><th class=\"n\">allowed age</th>\
             <th>state</th></tr></thead>",
        );
        for source in &tick.sources {
            let (class, word) = match source.freshness() {
                Freshness::Fresh => ("calm", "fresh"),
                Freshness::Stale => ("bad", "stale"),
                Freshness::StaleButNotNeeded => ("soft", "stale, but this policy does not need it"),
            };
            self.add(format_args!(
                "<tr><td class=\"time\"><b>{}</b></td><td class=\"n\" data-name=\"age\">{}</td><td class=\"n\" data-name=\"allowed age\">{}</td>\
                 <td><span class=\"{class}\">{word}</span>{}</td></tr>",
                source.source.label(),
                source.age_s.map_or_else(|| "no data yet".to_owned(), words::seconds),
                words::seconds(source.allowance_s),
                Escaped(&text::last_error(source))
            ));
        }
        self.add("</table></section>\n");
    }

    fn groups(&mut self, tick: &TickStatus) {
        self.add(
            "<section><h2>Groups</h2><table class=\"stacked\"><thead><tr><th>group</th><th>role</th><th>market</th><th>state</th>\
             <th class=\"n\">requested</th><th class=\"n\">running</th></tr></thead>",
        );
        for group in &tick.groups {
            let name = match &group.name {
                Some(name) => format!(" ({name})"),
                None => String::new(),
            };
            self.add(format_args!(
                "<tr><td><b>{}</b>{}</td><td data-name=\"role\">{}</td><td data-name=\"market\">{}</td>\
                 <td data-name=\"state\">{}</td><td class=\"n\" data-name=\"requested\">{}</td>\
                 <td class=\"n\" data-name=\"running\">{}</td></tr>",
                Escaped(group.id.as_str()),
                Escaped(&name),
                group.role,
                group.market,
                group.state,
                group.requested,
                group.running
            ));
        }
        self.add("</table>");
        for (index, line) in tick.nodes.iter().flat_map(NodeUse::lines).enumerate() {
            let (class, label) = if index == 0 {
                ("soft", "Nodes: ")
            } else {
                ("warn", "")
            };
            self.add(format_args!(
                "<p class=\"{class}\">{label}{}</p>",
                Escaped(&line)
            ));
        }
        self.add("</section>\n");
    }

    fn shadows(&mut self, tick: &TickStatus) {
        if tick.shadows.is_empty() {
            return;
        }
        self.add(
            "<section><h2>Shadow policies (evaluated, never carried out)</h2><table class=\"stacked\">",
        );
        for shadow in &tick.shadows {
            for (decision, words) in shadow.decisions.iter().zip(&shadow.words) {
                self.add(format_args!(
                    "<tr><td class=\"time\"><b>{}</b></td><td class=\"time soft\">{}</td><td>{}</td></tr>",
                    Escaped(&shadow.policy),
                    Escaped(decision.group.as_ref().map_or("no group", |group| group.as_str())),
                    Escaped(words)
                ));
            }
        }
        self.add("</table></section>\n");
    }

    fn recent(&mut self, status: &Status) {
        self.add("<section><h2>Recent decisions (UTC)</h2>");
        if status.recent.is_empty() {
            self.add("<p class=\"soft\">None yet.</p>");
        }
        self.add("<table class=\"stacked\">");
        for stretch in &status.recent {
            let (from, to) = (self.time(stretch.from), self.time(stretch.to));
            let when = if stretch.ticks == 1 {
                from
            } else {
                format!("{from} to {to}")
            };
            let group = stretch
                .group
                .as_ref()
                .map_or("no group", |group| group.as_str());
            self.add(format_args!(
                "<tr><td class=\"time\" title=\"{}\">{when}</td><td class=\"time soft\">{}</td><td class=\"{}\">{}</td></tr>",
                stretch.from,
                Escaped(group),
                if stretch.is_resize { "act" } else { "" },
                Escaped(&stretch.words)
            ));
        }
        self.add("</table></section>\n");
    }

    fn footer(&mut self, status: &Status) {
        self.add("<footer><p>");
        if let Some(tick) = &status.tick {
            let ago = display_duration(whole_seconds(self.now.since(tick.at)));
            let took =
                tick.took.observe_s + tick.took.decide_s + tick.took.journal_s + tick.took.act_s;
            self.add(format_args!(
                "The last tick started {ago} ago, at {}, and took {:.0} ms. The next tick is due at {}. \
                 The journal takes {:.1} MiB. ",
                self.time(tick.at),
                took * 1e3,
                self.time(tick.next_at),
                tick.journal_bytes as f64 / 1_048_576.0
            ));
        }
        self.add(format_args!(
            "Headroom {}, running since {} UTC. Status as of {} UTC; this page reloads every {REFRESH_S} s.</p>\
             <p><a href=\"/metrics\">metrics</a><a href=\"/api/v1/status\">status as JSON</a><a href=\"/healthz\">healthz</a>\
             <a href=\"/readyz\">readyz</a></p></footer>\n",
            Escaped(&status.version),
            status.started_at.to_jiff().strftime("%F %T"),
            self.time(self.now)
        ));
    }

    /// The time of day, with the date unless it is today.
    fn time(&self, at: Timestamp) -> String {
        let day = |at: Timestamp| at.to_jiff().strftime("%F").to_string();
        let format = if day(at) == day(self.now) {
            "%T"
        } else {
            "%F %T"
        };
        at.to_jiff().strftime(format).to_string()
    }
}

/// The CSS class and tag of a decision: business as usual, a change, or something to look into.
fn tone(target: &TargetStatus) -> (&'static str, &'static str) {
    use HoldReason as R;
    match &target.decision.action {
        Action::Hold(R::TargetNotFound { matches: 0 }) if target.may_be_absent => {
            ("calm", "no such group")
        }
        Action::Resize(_) => ("act", "resizing"),
        Action::Hold(R::NoRuleFiring | R::DemandMet) => ("calm", "steady"),
        Action::Hold(R::ResizeInFlight { .. }) => ("act", "resizing"),
        Action::Hold(
            R::CoolingDown { .. }
            | R::AskingForOutput
            | R::ReversalGuard { .. }
            | R::FlipBudgetSpent { .. }
            | R::Frozen { .. }
            | R::Paused { .. },
        ) => ("act", "waiting"),
        Action::Hold(
            R::YieldingToOperator { .. } | R::NotLeader | R::AtLimit { .. } | R::HdfsFloor { .. },
        ) => ("warn", "held back"),
        Action::Hold(
            R::StaleData { .. }
            | R::MissingSignal { .. }
            | R::NodesNotListed { .. }
            | R::Quarantined { .. }
            | R::ClusterNotReady { .. }
            | R::GroupNotReady { .. }
            | R::ScaledByAmazon
            | R::TargetNotFound { .. }
            | R::GroupTaken { .. }
            | R::CallRejected { .. }
            | R::ClockWentBack { .. },
        ) => ("bad", "needs attention"),
    }
}

/// Cores, containers, applications and nodes; nodes in a state of trouble only where there are any.
fn load_details(load: &LoadStatus) -> String {
    let mut parts = Vec::new();
    if let (Some(allocated), Some(total)) = (load.vcores_allocated, load.vcores_total) {
        let pending = load.vcores_pending.unwrap_or_default().get();
        let (allocated, total) = (allocated.get(), total.get());
        parts.push(format!(
            "{allocated} of {total} vcores allocated, {pending} pending"
        ));
    }
    parts.push(format!("containers pending: {}", load.containers_pending));
    parts.push(format!(
        "applications running: {}, pending: {}",
        load.apps_running, load.apps_pending
    ));
    let mut nodes = format!("nodes active: {}", load.nodes.active);
    for (state, count) in [
        ("draining", load.nodes.decommissioning),
        ("unhealthy", load.nodes.unhealthy),
        ("lost", load.nodes.lost),
    ] {
        if count > 0 {
            nodes.push_str(&format!(", {state}: {count}"));
        }
    }
    parts.push(nodes);
    parts.join(" &middot; ")
}

/// `part` in percent of `whole`, from 0 to 100; 0 when `whole` is 0.
fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        (100.0 * part / whole).clamp(0.0, 100.0)
    } else {
        0.0
    }
}

fn gib(memory: Mebibytes) -> String {
    format!("{:.1} GiB", memory.as_f64() / 1_024.0)
}

#[cfg(test)]
mod tests;
