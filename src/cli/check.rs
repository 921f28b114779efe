//! `headroom check`.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::output::{note, print};
use super::policies::DocumentArgs;
use headroom::check::lint::{Lint, lint, lint_dates};
use headroom::check::policy_test::PolicyTests;
use headroom::file::read_text;
use headroom::policy::Policy;
use headroom::policy::diagnostic::{Diagnostic, PolicyErrors, Severity};
use headroom::policy::parse::{Choices, Imported, import, parse_with_spans};
use headroom::units::Timestamp;

/// Check policies, and run their tests
#[derive(clap::Args)]
#[command(
    after_help = "An invalid policy is refused with all its errors; a valid policy that probably does not do what you \
meant gets warnings. NAME.test.yaml next to NAME.yaml is run too. Amazon's documents with scaling policies are \
accepted too (`headroom convert --help` lists them); the policies in them are listed with groups and limits.

Examples:
  headroom check mine.yaml
  headroom check --strict policies/*.yaml
  headroom check describe-cluster.json
  headroom check template.yaml --set MaxCore=20"
)]
pub struct Args {
    /// Policy files and policy tests (*.test.yaml)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    documents: DocumentArgs,
    /// Fail on warnings too
    #[arg(long)]
    strict: bool,
}

/// Prints errors and warnings to stderr, and their number to stdout.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let styled = io::stderr().is_terminal();
    let mut report = Report {
        styled,
        choices: args.documents.choices(),
        ..Report::default()
    };
    let mut tests = BTreeSet::new();
    for file in &args.files {
        if is_test(file) {
            tests.insert(file.clone());
        } else {
            report.policy(file);
            tests.extend(test_beside(file).filter(|test| test.exists()));
        }
    }
    for file in &tests {
        report.tests(file);
    }
    if report.errors == 0 {
        args.documents.check_used(&report.names)?;
    }
    for paragraph in &report.paragraphs {
        note(format_args!("{paragraph}\n"));
    }
    print(&report.summary(!tests.is_empty()))?;
    let refused = report.errors + report.failed > 0 || (args.strict && report.warnings > 0);
    Ok(if refused {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// What is suspicious about a policy, today.
fn warnings(policy: &Policy) -> Vec<Lint> {
    let mut warnings = lint(policy);
    warnings.extend(lint_dates(policy, now()));
    warnings
}

#[expect(
    clippy::disallowed_methods,
    reason = "whether a date is over depends on today; nothing else here does"
)]
fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

/// The findings so far.
#[derive(Default)]
struct Report {
    styled: bool,
    choices: Choices,
    /// The names of all templates that `--set` can give values.
    names: BTreeSet<String>,
    /// The policies of Amazon's documents, a line for each.
    listed: String,
    paragraphs: Vec<String>,
    errors: usize,
    warnings: usize,
    passed: usize,
    failed: usize,
}

impl Report {
    fn policy(&mut self, file: &Path) {
        let name = file.display().to_string();
        let Some(source) = self.read(file, &name) else {
            return;
        };
        match import(&source, &name, &self.choices) {
            Ok(Some(document)) => {
                self.names.extend(document.names);
                for imported in &document.policies {
                    self.imported(imported, &source, &name);
                }
            }
            Ok(None) => match parse_with_spans(&source, &name) {
                Ok((policy, spans)) => {
                    for found in warnings(&policy) {
                        self.remark(&found.diagnostic(&spans), &source, &name);
                    }
                }
                Err(errors) => self.refuse(&errors),
            },
            Err(errors) => self.refuse(&errors),
        }
    }

    /// A policy of one of Amazon's documents.
    fn imported(&mut self, imported: &Imported, source: &str, name: &str) {
        let lints = warnings(&imported.policy)
            .into_iter()
            .map(|warning| warning.diagnostic(&imported.spans));
        for remark in imported.remarks.iter().cloned().chain(lints) {
            self.remark(&remark, source, name);
        }
        let scales = described(&imported.policy);
        self.listed
            .push_str(&format!("{name}: `{}`: {scales}\n", imported.policy.name()));
    }

    /// A warning or a note. The policy of all groups of a cluster has those of each: they are shown
    /// once.
    fn remark(&mut self, remark: &Diagnostic, source: &str, name: &str) {
        let text = remark.render(source, name, self.styled);
        if !self.paragraphs.contains(&text) {
            self.warnings += usize::from(remark.severity == Severity::Warning);
            self.paragraphs.push(text);
        }
    }

    fn tests(&mut self, file: &Path) {
        let name = file.display().to_string();
        let Some(source) = self.read(file, &name) else {
            return;
        };
        let tests = match PolicyTests::read(&source, &name) {
            Ok(tests) => tests,
            Err(errors) => return self.refuse(&errors),
        };
        let policy_file = file
            .parent()
            .unwrap_or(Path::new(""))
            .join(tests.policy_file());
        let Some(policy) = self.policy_under_test(&policy_file, &name) else {
            return;
        };
        match tests.run(&policy) {
            Ok(outcomes) => {
                for outcome in outcomes {
                    if outcome.failures.is_empty() {
                        self.passed += 1;
                        continue;
                    }
                    self.failed += 1;
                    self.paragraphs
                        .push(format!("test failed: {}", outcome.name));
                    self.paragraphs.extend(
                        outcome
                            .failures
                            .iter()
                            .map(|failure| tests.render(failure, self.styled)),
                    );
                }
            }
            Err(errors) => self.refuse(&errors),
        }
    }

    fn policy_under_test(&mut self, file: &Path, tests: &str) -> Option<Policy> {
        let source = self.read(file, &format!("{}, which {tests} is for,", file.display()))?;
        match parse_with_spans(&source, &file.display().to_string()) {
            Ok((policy, _)) => Some(policy),
            Err(errors) => {
                self.refuse(&errors);
                None
            }
        }
    }

    fn read(&mut self, file: &Path, name: &str) -> Option<String> {
        match read_text(file) {
            Ok(source) => Some(source),
            Err(error) => {
                self.errors += 1;
                self.paragraphs
                    .push(format!("error: {name} cannot be read: {error}"));
                None
            }
        }
    }

    /// A policy can be refused twice, by itself and under its tests: it is shown once.
    fn refuse(&mut self, errors: &PolicyErrors) {
        let text = errors.render(self.styled);
        if !self.paragraphs.contains(&text) {
            self.errors += errors.diagnostics().len();
            self.paragraphs.push(text);
        }
    }

    fn summary(&self, with_tests: bool) -> String {
        let mut text = format!(
            "{}{}, {}\n",
            self.listed,
            counted(self.errors, "error"),
            counted(self.warnings, "warning")
        );
        if with_tests {
            text.push_str(&format!("{} passed", counted(self.passed, "test")));
            if self.failed > 0 {
                text.push_str(&format!(", {} failed", self.failed));
            }
            text.push('\n');
        }
        text
    }
}

/// What a policy scales, within which limits.
fn described(policy: &Policy) -> String {
    if let Some(demand) = policy.demand() {
        return format!(
            "follows demand from {} to {} {}",
            demand.min, demand.max, demand.units
        );
    }
    let targets = policy.targets().iter().map(|target| {
        format!(
            "{} from {} to {} instances with {}",
            target.selector,
            target.limits.min(),
            target.limits.max(),
            counted(target.rules.len(), "rule")
        )
    });
    targets.collect::<Vec<_>>().join("; ")
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn is_test(file: &Path) -> bool {
    file.file_name()
        .is_some_and(|name| name.to_string_lossy().ends_with(".test.yaml"))
}

/// `NAME.test.yaml` for `NAME.yaml`.
fn test_beside(file: &Path) -> impl Iterator<Item = PathBuf> {
    file.file_stem()
        .map(|stem| file.with_file_name(format!("{}.test.yaml", stem.to_string_lossy())))
        .into_iter()
}
