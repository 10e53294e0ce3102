//! Where the instance is, and who may connect to it.

use crate::aws::filter;
use crate::client::aws::ec2::types::Filters;
use crate::eval::fields::Fields;

/// Interfaces by which a communicator finds the instance.
const INTERFACES: [&str; 6] = ["public_ip", "private_ip", "public_dns", "private_dns", "ipv6", "session_manager"];

/// A `vpc_filter`, `subnet_filter` or `security_group_filter` block.
#[derive(Debug, Clone, Default)]
pub(in crate::builder::amazon) struct NetworkFilter {
    pub filters: Filters,
    /// Of several subnets the one with the most free addresses.
    pub most_free: bool,
    /// Of several subnets any.
    pub random: bool,
}

/// Options of the network, named as in templates.
#[derive(Debug, Clone, Default)]
pub(in crate::builder::amazon) struct NetworkOptions {
    pub associate_public_ip_address: Option<bool>,
    pub availability_zone: String,
    pub vpc_id: String,
    pub vpc_filter: Option<NetworkFilter>,
    pub subnet_id: String,
    pub subnet_filter: Option<NetworkFilter>,
    pub security_group_ids: Vec<String>,
    pub security_group_filter: Option<NetworkFilter>,
    pub temporary_security_group_source_cidrs: Vec<String>,
    pub temporary_security_group_source_public_ip: bool,
    /// Empty, or one of [`INTERFACES`].
    pub ssh_interface: String,
}

pub(super) fn decode(fields: &mut Fields<'_>) -> NetworkOptions {
    let network = NetworkOptions {
        associate_public_ip_address: fields.three_state("associate_public_ip_address"),
        availability_zone: fields.text("availability_zone").unwrap_or_default(),
        vpc_id: fields.text("vpc_id").unwrap_or_default(),
        vpc_filter: decode_filter(fields, "vpc_filter"),
        subnet_id: fields.text("subnet_id").unwrap_or_default(),
        subnet_filter: decode_filter(fields, "subnet_filter"),
        security_group_ids: groups(fields),
        security_group_filter: decode_filter(fields, "security_group_filter"),
        ssh_interface: interface(fields),
        temporary_security_group_source_public_ip: fields
            .flag("temporary_security_group_source_public_ip")
            .unwrap_or(false),
        temporary_security_group_source_cidrs: cidrs(fields),
    };
    with_default_cidrs(network)
}

fn decode_filter(fields: &mut Fields<'_>, kind: &'static str) -> Option<NetworkFilter> {
    let block = fields.block(kind)?;
    let mut inner = fields.nested(block);
    let mut found = NetworkFilter { filters: filter::decode(&mut inner, "name"), ..NetworkFilter::default() };
    if kind == "subnet_filter" {
        found.most_free = inner.flag("most_free").unwrap_or(false);
        found.random = inner.flag("random").unwrap_or(false);
    }
    inner.finish();
    (!found.filters.is_empty()).then_some(found)
}

fn groups(fields: &mut Fields<'_>) -> Vec<String> {
    let one = fields.text("security_group_id").filter(|id| !id.is_empty());
    let list = fields.texts("security_group_ids").unwrap_or_default();
    match one {
        Some(_) if !list.is_empty() => {
            fields.error_at(
                "security_group_id",
                "both \"security_group_id\" and \"security_group_ids\"",
                "put all of them into security_group_ids",
            );
            list
        }
        Some(id) => vec![id],
        None => list,
    }
}

fn cidrs(fields: &mut Fields<'_>) -> Vec<String> {
    const NAME: &str = "temporary_security_group_source_cidrs";
    let cidrs = fields.texts(NAME).unwrap_or_default();
    if !fields.is_unknown(NAME) {
        for cidr in cidrs.iter().filter(|cidr| !is_cidr(cidr)) {
            fields.error_at(
                NAME,
                format!("{cidr:?} is not a range of addresses"),
                "as in 203.0.113.0/24 or 2001:db8::/32",
            );
        }
    }
    cidrs
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let longest = match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.bytes().all(|b| b.is_ascii_digit()) && bits.parse::<u8>().is_ok_and(|bits| bits <= longest)
}

/// Anybody with the key may come, unless the template narrows it.
fn with_default_cidrs(mut network: NetworkOptions) -> NetworkOptions {
    if network.temporary_security_group_source_cidrs.is_empty() && !network.temporary_security_group_source_public_ip {
        let all = if network.ssh_interface == "ipv6" { "::/0" } else { "0.0.0.0/0" };
        network.temporary_security_group_source_cidrs.push(all.to_owned());
    }
    network
}

fn interface(fields: &mut Fields<'_>) -> String {
    let interface = fields.text("ssh_interface").unwrap_or_default();
    if !interface.is_empty() && !fields.is_unknown("ssh_interface") && !INTERFACES.contains(&interface.as_str()) {
        let detail = format!("one of {}", INTERFACES.join(", "));
        fields.error_at("ssh_interface", format!("unknown \"ssh_interface\" {interface:?}"), detail);
    }
    interface
}
