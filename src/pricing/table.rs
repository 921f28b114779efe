//! The table of instance types: the shipped one, and files that add to it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::observation::Market;
use crate::units::{Mebibytes, Percent, Resources, VirtualCores};

use super::Rates;

/// Example price of Amazon's EBS page for general-purpose volumes in us-east-1, USD for a GB and
/// month.
const EBS_USD_PER_GB_MONTH: f64 = 0.10;
/// What AWS's own calculators take as a month.
const HOURS_PER_MONTH: f64 = 730.0;
/// No instance costs a thousand dollars an hour; what claims to is a slip of the decimal point, or
/// sums that overflow.
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

/// One EC2 instance type under EMR.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceType {
    pub vcpu: u32,
    pub memory: Mebibytes,
    /// What its NodeManager offers to containers; neither part is zero.
    pub yarn: Resources,
    /// On-demand.
    pub ec2_usd_h: f64,
    pub emr_usd_h: f64,
    /// Storage that EMR attaches by default.
    pub ebs_gib: u64,
    /// Off the on-demand price; `None` when the table does not say.
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

/// Instance types by name. Every price in it is a number from 0 to 1000 USD an hour.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceTable(BTreeMap<String, InstanceType>);

impl PriceTable {
    /// The table that comes with the program: us-east-1, dated in the header of `us_east_1.csv`.
    pub fn shipped() -> Self {
        let shipped =
            Self(BTreeMap::new()).with_overrides(Path::new("us_east_1.csv"), SHIPPED.as_bytes());
        shipped.expect("the shipped table is part of the program, and a test reads it")
    }

    /// Adds the types of a CSV file with the columns of the shipped table, in any order; a type
    /// that is there already is replaced.
    ///
    /// # Errors
    /// When the file cannot be read, or [as below](Self::with_overrides).
    pub fn with_override_file(self, path: &Path) -> Result<Self, PricingError> {
        let file = File::open(path).map_err(|source| PricingError::Unreadable {
            path: path.into(),
            source: source.into(),
        })?;
        self.with_overrides(path, file)
    }

    /// The same from any reader; `path` is what errors call it.
    ///
    /// # Errors
    /// A column that is missing or unknown, a type that comes twice, and a field that is no number
    /// of its kind: with line and column.
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

    /// # Errors
    /// When the table has no such type; the error names the nearest one.
    pub fn instance_type(&self, name: &str) -> Result<&InstanceType, PricingError> {
        self.0.get(name).ok_or_else(|| PricingError::UnknownType {
            name: name.to_owned(),
            nearest: self.nearest(name),
        })
    }

    /// What one instance costs an hour. On the spot market EC2 costs less, EMR's fee and EBS do
    /// not.
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

    /// Every type, in order of name.
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

/// What is wrong with a price table, or with what is asked of it.
#[derive(Debug, thiserror::Error)]
pub enum PricingError {
    #[error("unknown instance type `{name}`{}", hint(.nearest.as_deref()))]
    UnknownType {
        name: String,
        nearest: Option<String>,
    },
    #[error("no spot price is known for `{name}`; fill its `spot_saving_percent` in a price file")]
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

/// Where each column stands in a file, in the order of [`COLUMNS`].
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
                .ok_or_else(|| wrong(column, "missing in the first line".to_owned()))?
                .0;
            if found.next().is_some() {
                return Err(wrong(column, "comes twice in the first line".to_owned()));
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
                "is empty; an instance type such as m5.xlarge is needed".to_owned(),
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
            0 => Err(self.error(column, "is zero; nothing could ever run there".to_owned())),
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
mod tests {
    use super::*;

    const HEADER: &str = "type,vcpu,memory_mib,yarn_memory_mib,yarn_vcores,ec2_usd_h,emr_usd_h,ebs_gib,spot_saving_percent";

    fn with(lines: &str) -> Result<PriceTable, PricingError> {
        PriceTable::shipped().with_overrides(Path::new("prices.csv"), lines.as_bytes())
    }

    #[test]
    fn the_shipped_fees_are_amazons_where_those_are_known() {
        let table = PriceTable::shipped();
        for (name, emr_usd_h) in [
            ("m5.xlarge", 0.048),
            ("r5.2xlarge", 0.126),
            ("r5.4xlarge", 0.252),
            ("c5.xlarge", 0.043),
        ] {
            assert_eq!(
                table.rates(name, Market::OnDemand).expect(name).emr_usd_h,
                emr_usd_h,
                "{name}"
            );
        }
    }

    #[test]
    fn every_shipped_type_is_plausible() {
        for (name, found) in PriceTable::shipped().iter() {
            assert!(
                found.yarn.memory < found.memory,
                "{name}: YARN gets less than the machine has"
            );
            assert_eq!(found.yarn.vcores.get(), u64::from(found.vcpu), "{name}");
            let fee = found.emr_usd_h / found.ec2_usd_h;
            assert!(
                (0.24..=0.26).contains(&fee)
                    || (found.emr_usd_h == 0.27 && name.starts_with("m5d.")),
                "{name}: fee {fee}"
            );
            let family = name.split('.').next().unwrap_or_default();
            let has_disks = family.starts_with('i') || family.ends_with('d');
            assert_eq!(
                found.ebs_gib,
                if has_disks {
                    0
                } else {
                    16 * u64::from(found.vcpu)
                },
                "{name}"
            );
        }
    }

    #[test]
    fn an_m5_xlarge_costs_what_amazon_says() {
        let rates = PriceTable::shipped()
            .rates("m5.xlarge", Market::OnDemand)
            .expect("shipped");
        assert_eq!((rates.ec2_usd_h, rates.emr_usd_h), (0.192, 0.048));
        assert!(
            (rates.ebs_usd_h - 6.4 / 730.0).abs() < 1e-15,
            "64 GiB at 0.10 USD a month"
        );
    }

    #[test]
    fn spot_lowers_the_price_of_ec2_only() {
        let table = PriceTable::shipped();
        let on_demand = table.rates("m5.xlarge", Market::OnDemand).expect("shipped");
        let spot = table.rates("m5.xlarge", Market::Spot).expect("shipped");
        assert!((spot.ec2_usd_h - 0.34 * 0.192).abs() < 1e-12);
        assert_eq!(
            (spot.emr_usd_h, spot.ebs_usd_h),
            (on_demand.emr_usd_h, on_demand.ebs_usd_h)
        );
    }

    #[test]
    fn a_file_replaces_and_adds_types() {
        let table = with(&format!(
            "# mine\n{HEADER}\nm5.xlarge,4,16384,12288,4,0.1,0.02,0,\nm6i.xlarge,4,16384,12288,4,0.192,0.048,64,50\n"
        ));
        let table = table.expect("right");
        assert_eq!(
            table
                .rates("m5.xlarge", Market::OnDemand)
                .expect("there")
                .ec2_usd_h,
            0.1
        );
        assert_eq!(
            table
                .rates("m6i.xlarge", Market::Spot)
                .expect("there")
                .ec2_usd_h,
            0.096
        );
        assert_eq!(
            table
                .rates("r5.xlarge", Market::OnDemand)
                .expect("still there")
                .ec2_usd_h,
            0.252
        );
        let unknown_spot = table
            .rates("m5.xlarge", Market::Spot)
            .expect_err("no saving given");
        assert_eq!(
            unknown_spot.to_string(),
            "no spot price is known for `m5.xlarge`; fill its `spot_saving_percent` in a price file"
        );
    }

    #[test]
    fn columns_may_stand_in_any_order() {
        let table = with(
            "emr_usd_h,ec2_usd_h,type,vcpu,memory_mib,yarn_vcores,yarn_memory_mib,spot_saving_percent,ebs_gib\n1,2,x.y,3,4,5,6,7,8\n",
        );
        let table = table.expect("right");
        let found = table.instance_type("x.y").expect("there");
        assert_eq!(
            (found.emr_usd_h, found.ec2_usd_h, found.vcpu, found.ebs_gib),
            (1.0, 2.0, 3, 8)
        );
        assert_eq!(
            found.yarn,
            Resources {
                memory: Mebibytes(6),
                vcores: VirtualCores(5)
            }
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_line_and_column() {
        for (line, message) in [
            (
                "a.b,4,1,1,4,-0.1,0,0,",
                "prices.csv:3: column `ec2_usd_h`: `-0.1` is not a price from 0 to 1000 USD an hour",
            ),
            (
                "a.b,4,1,1,4,0.1,NaN,0,",
                "prices.csv:3: column `emr_usd_h`: `NaN` is not a price from 0 to 1000 USD an hour",
            ),
            (
                "a.b,4,1,1,4,inf,0,0,",
                "prices.csv:3: column `ec2_usd_h`: `inf` is not a price from 0 to 1000 USD an hour",
            ),
            (
                "a.b,4,1,0,4,1,0,0,",
                "prices.csv:3: column `yarn_memory_mib`: is zero; nothing could ever run there",
            ),
            (
                "a.b,4,1,1,4,1,0,0,101",
                "prices.csv:3: column `spot_saving_percent`: `101` is not a share from 0 to 100",
            ),
            (
                "a.b,4,1.5,1,4,1,0,0,",
                "prices.csv:3: column `memory_mib`: `1.5` is not a whole number, zero or more",
            ),
            (
                "a.b,9999999999,1,1,4,1,0,0,",
                "prices.csv:3: column `vcpu`: is too large",
            ),
            (
                ",4,1,1,4,1,0,0,",
                "prices.csv:3: column `type`: is empty; an instance type such as m5.xlarge is needed",
            ),
            (
                "a.b,4,1,1,4,1,0,0,\na.b,4,1,1,4,1,0,0,",
                "prices.csv:4: column `type`: a.b is already on line 3; keep one of them",
            ),
        ] {
            let error = with(&format!("# mine\n{HEADER}\n{line}\n")).expect_err(line);
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn a_header_that_does_not_fit_is_refused() {
        for (header, message) in [
            ("", "prices.csv:1: column `type`: missing in the first line"),
            (
                &HEADER.replace("ebs_gib", "ebs"),
                "prices.csv:1: column `ebs`: unknown; the columns are ",
            ),
            (
                &format!("{HEADER},type"),
                "prices.csv:1: column `type`: comes twice in the first line",
            ),
        ] {
            let error = with(&format!("{header}\n")).expect_err(header).to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn a_row_of_the_wrong_length_is_refused_with_its_line() {
        let error = with(&format!("{HEADER}\na.b,4\n")).expect_err("short");
        let source = std::error::Error::source(&error)
            .expect("has a source")
            .to_string();
        assert!(source.contains("line: 2"), "{source}");
    }

    #[test]
    fn an_unknown_type_gets_the_nearest_name() {
        let table = PriceTable::shipped();
        for (name, message) in [
            (
                "m5.xlrge",
                "unknown instance type `m5.xlrge`; did you mean `m5.xlarge`?",
            ),
            ("?", "unknown instance type `?`; add it with a price file"),
        ] {
            assert_eq!(
                table
                    .rates(name, Market::OnDemand)
                    .expect_err(name)
                    .to_string(),
                message
            );
        }
    }
}
