//! The table of instance types and prices that ships with Headroom, and price files that extend it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::observation::Market;
use crate::units::{Mebibytes, Percent, Resources, VirtualCores};

use super::rates::Rates;

/// The price of general-purpose EBS volumes in us-east-1, in USD per GB and month (example of
/// Amazon's EBS pricing page).
const EBS_USD_PER_GB_MONTH: f64 = 0.10;
/// The length of a month in AWS's pricing calculators.
const HOURS_PER_MONTH: f64 = 730.0;
/// The highest price that a table may have. No instance costs as much; a higher price is a typing
/// error.
const MAX_USD_H: f64 = 1_000.0;

const SHIPPED: &str = include_str!("us_east_1.csv");
const COLUMNS: [&str; 9] = [
    "type",
    "vcpu",
    "memory_mib",
    "yarn_memory_mib",
    "yarn_vcores",
    "ec2_usd_h",
    "emr_usd_h",
    "ebs_gib",
    "spot_saving_percent",
];

/// An EC2 instance type as a node of EMR.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceType {
    /// Its virtual CPUs.
    pub vcpu: u32,
    /// Its memory.
    pub memory: Mebibytes,
    /// The resources that its NodeManager offers to containers; neither is zero.
    pub yarn: Resources,
    /// The on-demand price of EC2 in USD per hour.
    pub ec2_usd_h: f64,
    /// EMR's fee in USD per hour.
    pub emr_usd_h: f64,
    /// The EBS storage that EMR attaches by default.
    pub ebs_gib: u64,
    /// How much less a spot instance costs; `None` when the table does not contain it.
    pub spot_saving: Option<Percent>,
}

impl InstanceType {
    fn rates(&self, ec2_usd_h: f64) -> Rates {
        let ebs_usd_h = self.ebs_gib as f64 * EBS_USD_PER_GB_MONTH / HOURS_PER_MONTH;
        Rates {
            ec2_usd_h,
            emr_usd_h: self.emr_usd_h,
            ebs_usd_h,
        }
    }
}

/// Instance types by name. Every price is a number from 0 to 1,000 USD per hour.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceTable(BTreeMap<String, InstanceType>);

impl PriceTable {
    /// The table that ships with Headroom: prices of us-east-1 at the date in `us_east_1.csv`.
    pub fn shipped() -> Self {
        let shipped =
            Self(BTreeMap::new()).with_overrides(Path::new("us_east_1.csv"), SHIPPED.as_bytes());
        shipped.expect("the shipped table is part of the program, and a test reads it")
    }

    /// Adds the types of a CSV file, which has the columns of the shipped table in any order.
    /// Replaces types that the table already has.
    ///
    /// # Errors
    /// When the file cannot be read, or [is invalid](Self::with_overrides).
    pub fn with_override_file(self, path: &Path) -> Result<Self, PricingError> {
        let file = File::open(path).map_err(|source| PricingError::Unreadable {
            path: path.into(),
            source: source.into(),
        })?;
        self.with_overrides(path, file)
    }

    /// Like [`with_override_file`](Self::with_override_file) for any reader. Errors show `path`.
    ///
    /// # Errors
    /// When a column is missing or unknown, a type is listed twice, or a field is not a valid number.
    /// The error names the line and column.
    pub fn with_overrides(mut self, path: &Path, csv: impl Read) -> Result<Self, PricingError> {
        let mut reader = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .from_reader(csv);
        let unreadable = |source: csv::Error| PricingError::Unreadable {
            path: path.into(),
            source: source.into(),
        };
        let columns = Columns::find(path, reader.headers().map_err(unreadable)?)?;
        let mut seen = BTreeMap::new();
        for record in reader.records() {
            let row = Row {
                path,
                columns: &columns,
                record: &record.map_err(unreadable)?,
            };
            let (name, instance_type) = row.parse()?;
            if let Some(first) = seen.insert(name.clone(), row.line()) {
                return Err(row.error(
                    "type",
                    format!("{name} is already on line {first}; keep one of them"),
                ));
            }
            self.0.insert(name, instance_type);
        }
        Ok(self)
    }

    /// The instance type of this name.
    ///
    /// # Errors
    /// When the table has no such type. The error suggests the most similar name.
    pub fn instance_type(&self, name: &str) -> Result<&InstanceType, PricingError> {
        self.0.get(name).ok_or_else(|| PricingError::UnknownType {
            name: name.to_owned(),
            nearest: self.nearest(name),
        })
    }

    /// The cost of one instance per hour. The spot market lowers the price of EC2, but not EMR's fee
    /// and EBS.
    ///
    /// # Errors
    /// When the table has no such type, or no spot saving for it.
    pub fn rates(&self, name: &str, market: Market) -> Result<Rates, PricingError> {
        let found = self.instance_type(name)?;
        let paid_share = match market {
            Market::OnDemand => 1.0,
            Market::Spot => {
                1.0 - found
                    .spot_saving
                    .ok_or_else(|| PricingError::NoSpotSaving {
                        name: name.to_owned(),
                    })?
                    .get()
                    / 100.0
            }
        };
        Ok(found.rates(found.ec2_usd_h * paid_share))
    }

    /// All types, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &InstanceType)> {
        self.0.iter().map(|(name, found)| (name.as_str(), found))
    }

    fn nearest(&self, name: &str) -> Option<String> {
        let likeness = |known: &str| strsim::jaro_winkler(name, known);
        let best = self
            .0
            .keys()
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
        (likeness(best) > 0.8).then(|| best.clone())
    }
}

/// What is wrong with a price file, or why there is no price.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum PricingError {
    #[error("unknown instance type `{name}`{}", hint(.nearest.as_deref()))]
    UnknownType {
        name: String,
        nearest: Option<String>,
    },
    #[error("no spot price is known for `{name}`; set its `spot_saving_percent` in a price file")]
    NoSpotSaving { name: String },
    #[error("the price file {} cannot be read", .path.display())]
    Unreadable {
        path: PathBuf,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{}:{line}: column `{column}`: {problem}", .path.display())]
    Field {
        path: PathBuf,
        line: u64,
        column: String,
        problem: String,
    },
}

fn hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => "; add it with a price file".to_owned(),
    }
}

/// The position of each column in a file, in the order of [`COLUMNS`].
struct Columns([usize; COLUMNS.len()]);

impl Columns {
    fn find(path: &Path, header: &csv::StringRecord) -> Result<Self, PricingError> {
        let line = header.position().map_or(1, csv::Position::line);
        let wrong = |column: &str, problem: String| PricingError::Field {
            path: path.into(),
            line,
            column: column.to_owned(),
            problem,
        };
        if let Some(unknown) = header.iter().find(|name| !COLUMNS.contains(name)) {
            return Err(wrong(
                unknown,
                format!("unknown; the columns are {}", COLUMNS.join(",")),
            ));
        }
        let mut places = [0; COLUMNS.len()];
        for (place, column) in places.iter_mut().zip(COLUMNS) {
            let mut found = header
                .iter()
                .enumerate()
                .filter(|(_, name)| *name == column);
            *place = found
                .next()
                .ok_or_else(|| wrong(column, "is missing in the first line".to_owned()))?
                .0;
            if found.next().is_some() {
                return Err(wrong(column, "is in the first line twice".to_owned()));
            }
        }
        Ok(Self(places))
    }
}

/// One line of a price file.
struct Row<'a> {
    path: &'a Path,
    columns: &'a Columns,
    record: &'a csv::StringRecord,
}

impl Row<'_> {
    fn parse(&self) -> Result<(String, InstanceType), PricingError> {
        let [
            name,
            vcpu,
            memory,
            yarn_memory,
            yarn_vcores,
            ec2,
            emr,
            ebs,
            spot_saving,
        ] = COLUMNS;
        if self.text(name).is_empty() {
            return Err(self.error(
                name,
                "is empty; write an instance type such as m5.xlarge".to_owned(),
            ));
        }
        let found = InstanceType {
            vcpu: u32::try_from(self.count(vcpu)?)
                .map_err(|_| self.error(vcpu, "is too large".to_owned()))?,
            memory: Mebibytes(self.count(memory)?),
            yarn: Resources {
                memory: Mebibytes(self.some(yarn_memory)?),
                vcores: VirtualCores(self.some(yarn_vcores)?),
            },
            ec2_usd_h: self.price(ec2)?,
            emr_usd_h: self.price(emr)?,
            ebs_gib: self.count(ebs)?,
            spot_saving: if self.text(spot_saving).is_empty() {
                None
            } else {
                Some(self.percent(spot_saving)?)
            },
        };
        Ok((self.text(name).to_owned(), found))
    }

    fn count(&self, column: &str) -> Result<u64, PricingError> {
        let text = self.text(column);
        text.parse().map_err(|_| {
            self.error(
                column,
                format!("`{text}` is not a whole number, zero or more"),
            )
        })
    }

    fn some(&self, column: &str) -> Result<u64, PricingError> {
        match self.count(column)? {
            0 => Err(self.error(
                column,
                "is zero; write what YARN offers on this type".to_owned(),
            )),
            count => Ok(count),
        }
    }

    fn price(&self, column: &str) -> Result<f64, PricingError> {
        self.number(column, MAX_USD_H, "a price from 0 to 1000 USD an hour")
    }

    fn percent(&self, column: &str) -> Result<Percent, PricingError> {
        self.number(column, 100.0, "a share from 0 to 100")
            .map(Percent)
    }

    fn number(&self, column: &str, max: f64, wanted: &str) -> Result<f64, PricingError> {
        let text = self.text(column);
        let number = text
            .parse::<f64>()
            .ok()
            .filter(|number| (0.0..=max).contains(number));
        number.ok_or_else(|| self.error(column, format!("`{text}` is not {wanted}")))
    }

    fn text(&self, column: &str) -> &str {
        let place = COLUMNS
            .iter()
            .position(|known| *known == column)
            .map(|known| self.columns.0[known]);
        place
            .and_then(|place| self.record.get(place))
            .unwrap_or_default()
    }

    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    fn error(&self, column: &str, problem: String) -> PricingError {
        PricingError::Field {
            path: self.path.into(),
            line: self.line(),
            column: column.to_owned(),
            problem,
        }
    }
}

#[cfg(test)]
mod tests;
