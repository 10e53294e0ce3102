//! Where the instance is launched: VPC, subnet, zone, and whether it gets a public address.

use rand::seq::IndexedRandom as _;

use super::config::RunOptions;
use crate::aws::source_image::filters_shown;
use crate::builder::BuilderError;
use crate::client::aws::ec2::Ec2;
use crate::client::aws::ec2::types::{Filters, Subnet};
use crate::run::BuildContext;

/// What a launch needs to know of the network; empty means "AWS chooses".
#[derive(Debug, Clone, Default)]
pub(super) struct Network {
    pub vpc_id: String,
    pub subnet_id: String,
    pub availability_zone: String,
    /// As the template says; nothing when no subnet could be found for it.
    pub public_address: Option<bool>,
}

/// Finds VPC and subnet. No call is made when the template names neither.
pub(super) async fn find(ec2: &Ec2, run: &RunOptions, cx: &BuildContext) -> Result<Network, BuilderError> {
    let mut network = Network {
        vpc_id: run.network.vpc_id.clone(),
        subnet_id: run.network.subnet_id.clone(),
        availability_zone: run.network.availability_zone.clone(),
        public_address: run.network.associate_public_ip_address,
    };
    if let Some(filter) = run.network.vpc_filter.as_ref().filter(|_| network.vpc_id.is_empty()) {
        network.vpc_id = the_vpc(ec2, &filter.filters, cx).await?;
    }
    if network.subnet_id.is_empty() && run.network.subnet_filter.is_some() {
        let subnet = filtered_subnet(ec2, run, &network, cx).await?;
        network.take(subnet);
    }
    if network.subnet_id.is_empty() && network.public_address.is_some() {
        match inferred_subnet(ec2, run, &network, cx).await {
            Ok(subnet) => network.take(subnet),
            Err(BuilderError::Failed(reason)) => {
                cx.warn(format!("associate_public_ip_address has no effect: {reason}; set subnet_id"));
                network.public_address = None;
            }
            Err(error) => return Err(error),
        }
    }
    if !network.subnet_id.is_empty() && (network.vpc_id.is_empty() || network.availability_zone.is_empty()) {
        let ids = [network.subnet_id.clone()];
        let found = cx.cancel.unless_stopped(ec2.subnets(&ids, &Filters::new())).await??;
        let subnet = found.into_iter().next();
        let missing = || BuilderError::Failed(format!("there is no subnet {} in {}", ids[0], ec2.region()));
        network.take(subnet.ok_or_else(missing)?);
    }
    Ok(network)
}

impl Network {
    fn take(&mut self, subnet: Subnet) {
        self.subnet_id = subnet.id;
        self.vpc_id = subnet.vpc_id;
        self.availability_zone = subnet.availability_zone;
    }
}

async fn the_vpc(ec2: &Ec2, filters: &Filters, cx: &BuildContext) -> Result<String, BuilderError> {
    let mut found = cx.cancel.unless_stopped(ec2.vpcs(&[], filters)).await??;
    let shown: Vec<String> = filters_shown(filters).collect();
    match (found.pop(), found.is_empty()) {
        (Some(vpc), true) => {
            cx.detail(format!("Found VPC ID: {}", vpc.id));
            Ok(vpc.id)
        }
        (None, _) => Err(BuilderError::Failed(format!("no VPC in {} matches {}", ec2.region(), shown.join(", ")))),
        (Some(_), false) => Err(BuilderError::Failed(format!(
            "{} VPCs in {} match {}; the filter must leave exactly one",
            found.len() + 1,
            ec2.region(),
            shown.join(", ")
        ))),
    }
}

async fn filtered_subnet(
    ec2: &Ec2,
    run: &RunOptions,
    network: &Network,
    cx: &BuildContext,
) -> Result<Subnet, BuilderError> {
    let Some(filter) = &run.network.subnet_filter else { return Ok(Subnet::default()) };
    let filters = available(filter.filters.clone(), network);
    let mut found = cx.cancel.unless_stopped(ec2.subnets(&[], &filters)).await??;
    let shown: Vec<String> = filters_shown(&filters).collect();
    let subnet = match found.len() {
        0 => None,
        1 => found.pop(),
        _ if filter.most_free => most_free(found),
        _ if filter.random => found.choose(&mut rand::rng()).cloned(),
        several => {
            return Err(BuilderError::Failed(format!(
                "{several} subnets in {} match {}; narrow the filter, or set most_free = true or random = true in \
                 subnet_filter",
                ec2.region(),
                shown.join(", ")
            )));
        }
    };
    let none = || BuilderError::Failed(format!("no subnet in {} matches {}", ec2.region(), shown.join(", ")));
    let subnet = subnet.ok_or_else(none)?;
    cx.detail(format!("Found Subnet ID: {}", subnet.id));
    Ok(subnet)
}

/// A public address can only be asked for in a named subnet: the emptiest of the default VPC whose zone has the type.
async fn inferred_subnet(
    ec2: &Ec2,
    run: &RunOptions,
    network: &Network,
    cx: &BuildContext,
) -> Result<Subnet, BuilderError> {
    let mut network = network.clone();
    if network.vpc_id.is_empty() {
        let default = Filters::from([("is-default".to_owned(), vec!["true".to_owned()])]);
        let found = cx.cancel.unless_stopped(ec2.vpcs(&[], &default)).await??;
        let none = || BuilderError::Failed(format!("the account has no default VPC in {}", ec2.region()));
        network.vpc_id = found.into_iter().next().map(|vpc| vpc.id).ok_or_else(none)?;
    }
    let mut found = cx.cancel.unless_stopped(ec2.subnets(&[], &available(Filters::new(), &network))).await??;
    if !run.instance_type.is_empty() {
        let zones = cx.cancel.unless_stopped(ec2.type_zones(&run.instance_type)).await??;
        found.retain(|subnet| zones.contains(&subnet.availability_zone));
    }
    let none = || BuilderError::Failed(format!("the VPC {} has no subnet for it", network.vpc_id));
    let subnet = most_free(found).ok_or_else(none)?;
    cx.detail(format!("Using subnet {} of {} for a public address", subnet.id, network.vpc_id));
    Ok(subnet)
}

fn available(mut filters: Filters, network: &Network) -> Filters {
    filters.insert("state".to_owned(), vec!["available".to_owned()]);
    for (name, value) in [("vpc-id", &network.vpc_id), ("availabilityZone", &network.availability_zone)] {
        if !value.is_empty() {
            filters.insert(name.to_owned(), vec![value.clone()]);
        }
    }
    filters
}

fn most_free(subnets: Vec<Subnet>) -> Option<Subnet> {
    subnets.into_iter().max_by_key(|subnet| subnet.free_addresses)
}
