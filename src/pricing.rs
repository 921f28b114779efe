//! The cost of instances: prices by instance type, and rates per hour integrated over a lifetime.

mod rates;
mod table;

pub use rates::{Cost, MINIMUM_BILLED, RateCurve, Rates, billed, cost};
pub use table::{InstanceType, PriceTable, PricingError};
