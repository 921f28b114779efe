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
            (0.24..=0.26).contains(&fee) || (found.emr_usd_h == 0.27 && name.starts_with("m5d.")),
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
        "no spot price is known for `m5.xlarge`; set its `spot_saving_percent` in a price file"
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
            "prices.csv:3: column `yarn_memory_mib`: is zero; write what YARN offers on this type",
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
            "prices.csv:3: column `type`: is empty; write an instance type such as m5.xlarge",
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
        (
            "",
            "prices.csv:1: column `type`: is missing in the first line",
        ),
        (
            &HEADER.replace("ebs_gib", "ebs"),
            "prices.csv:1: column `ebs`: unknown; the columns are ",
        ),
        (
            &format!("{HEADER},type"),
            "prices.csv:1: column `type`: is in the first line twice",
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
