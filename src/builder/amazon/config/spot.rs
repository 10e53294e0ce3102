//! Spot instances: what is paid, which types, which tags.

use std::collections::BTreeMap;

use super::tags;
use crate::diagnostic::Diagnostic;
use crate::eval::fields::Fields;

const STRATEGIES: [&str; 5] =
    ["lowest-price", "diversified", "capacity-optimized", "capacity-optimized-prioritized", "price-capacity-optimized"];

/// Options of spot instances, named as in templates. Tags are templates still.
#[derive(Debug, Clone, Default)]
pub(in crate::builder::amazon) struct SpotOptions {
    /// Empty or `0`: no spot instance, unless types are named; `auto`: the on-demand price at most.
    pub spot_price: String,
    pub spot_instance_types: Vec<String>,
    pub spot_allocation_strategy: String,
    pub spot_tags: BTreeMap<String, String>,
    pub fleet_tags: BTreeMap<String, String>,
}

impl SpotOptions {
    pub(in crate::builder::amazon) fn is_wanted(&self) -> bool {
        !matches!(self.spot_price.as_str(), "" | "0") || !self.spot_instance_types.is_empty()
    }
}

pub(super) fn decode(fields: &mut Fields<'_>) -> SpotOptions {
    let spot = SpotOptions {
        spot_price: fields.text("spot_price").unwrap_or_default(),
        spot_instance_types: fields.texts("spot_instance_types").unwrap_or_default(),
        spot_allocation_strategy: fields.text("spot_allocation_strategy").unwrap_or_default(),
        spot_tags: tags::decode(fields, "spot_tags", "spot_tag", "key"),
        fleet_tags: tags::decode(fields, "fleet_tags", "fleet_tag", "key"),
    };
    if !spot.is_wanted() && !fields.is_unknown("spot_price") {
        for (name, tags) in [("spot_tags", &spot.spot_tags), ("fleet_tags", &spot.fleet_tags)] {
            if !tags.is_empty() {
                fields.error_at(
                    name,
                    format!("\"{name}\" without a spot instance"),
                    "set spot_price, such as \"auto\"",
                );
            }
        }
    }
    let price = spot.spot_price.as_str();
    if !matches!(price, "" | "0" | "auto") && !fields.is_unknown("spot_price") && !is_price(price) {
        fields.error_at("spot_price", format!("\"spot_price\" {price:?} is not a price"), "dollars per hour, or auto");
    }
    let strategy = spot.spot_allocation_strategy.as_str();
    if !strategy.is_empty() && !fields.is_unknown("spot_allocation_strategy") && !STRATEGIES.contains(&strategy) {
        let summary = format!("unknown \"spot_allocation_strategy\" {strategy:?}");
        fields.error_at("spot_allocation_strategy", summary, format!("one of {}", STRATEGIES.join(", ")));
    }
    deprecated(fields);
    spot
}

fn is_price(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(|price| price.is_finite() && price > 0.0)
}

/// Options that have no effect any more, neither here nor in the peer.
fn deprecated(fields: &mut Fields<'_>) {
    let minutes = fields.integer("block_duration_minutes").unwrap_or_default();
    if minutes % 60 != 0 {
        fields.error_at("block_duration_minutes", "\"block_duration_minutes\" must be a multiple of 60", "or left out");
    }
    fields.text("spot_price_auto_product");
    for (name, why) in [
        ("block_duration_minutes", "AWS ended spot blocks"),
        ("spot_price_auto_product", "spot_price = \"auto\" needs no product"),
    ] {
        if let Some(span) = fields.span_of(name) {
            fields
                .push(Diagnostic::warning(format!("\"{name}\" has no effect")).at(span).detail(why).help("remove it"));
        }
    }
}
