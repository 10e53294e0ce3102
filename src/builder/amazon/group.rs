//! Security groups of the instance: given ones, or a temporary one that lets the communicator in.

use super::account::{Account, owned, unique_name};
use super::config::RunOptions;
use super::network::Network;
use crate::aws::source_image::filters_shown;
use crate::builder::BuilderError;
use crate::client::aws::ec2::types::{Filters, Tags};
use crate::run::BuildContext;
use crate::run::aws::AwsThing;

/// Answers with the address that the caller comes from.
const WHO_AM_I: &str = "https://checkip.amazonaws.com";

/// Ids of the groups for the launch. `port` is the communicator's; nothing when no connection comes in from outside.
pub(super) async fn find_or_create(
    account: &Account,
    run: &RunOptions,
    network: &Network,
    port: Option<u16>,
    run_tags: &Tags,
    cx: &BuildContext,
) -> Result<Vec<String>, BuilderError> {
    if !run.network.security_group_ids.is_empty() {
        let none = Filters::new();
        let found = account.ec2.security_groups(&run.network.security_group_ids, &none);
        cx.cancel.unless_stopped(found).await??;
        return Ok(run.network.security_group_ids.clone());
    }
    if let Some(filter) = &run.network.security_group_filter {
        let mut filters = filter.filters.clone();
        if !network.vpc_id.is_empty() {
            filters.insert("vpc-id".to_owned(), vec![network.vpc_id.clone()]);
        }
        let found = cx.cancel.unless_stopped(account.ec2.security_groups(&[], &filters)).await??;
        let shown: Vec<String> = filters_shown(&filters).collect();
        match found.is_empty() {
            true => cx.warn(format!("no security group matches {}; AWS takes the VPC's default one", shown.join(", "))),
            false => cx.detail(format!("Found Security Group(s): {}", found.join(", "))),
        }
        return Ok(found);
    }
    temporary(account, run, network, port, run_tags, cx).await.map(|id| vec![id])
}

async fn temporary(
    account: &Account,
    run: &RunOptions,
    network: &Network,
    port: Option<u16>,
    run_tags: &Tags,
    cx: &BuildContext,
) -> Result<String, BuilderError> {
    let cidrs = match port {
        Some(_) => source_cidrs(run, cx).await?,
        None => Vec::new(),
    };
    let name = unique_name("packer_");
    cx.say(format!("Creating temporary security group for this instance: {name}"));
    let thing = |id: &str| AwsThing::SecurityGroup { name: name.clone(), id: id.to_owned() };
    let intent = account.acquire(thing(""), cx)?;
    let tags = if account.tags_access() { owned(run_tags.clone(), &name, cx) } else { Tags::new() };
    let created = account.ec2.create_security_group(&name, "Temporary group for Packer", &network.vpc_id, &tags).await;
    let id = match created {
        // By an answer that was lost: the name is nobody else's.
        Err(error) if error.is(&["InvalidGroup.Duplicate"]) => {
            let named = Filters::from([("group-name".to_owned(), vec![name.clone()])]);
            account.ec2.security_groups(&[], &named).await?.pop().ok_or(error)?
        }
        created => created?,
    };
    account.acquire(thing(&id), cx)?;
    cx.keep(&intent)?;
    if let Some(port) = port {
        cx.say(format!(
            "Authorizing access to port {port} from [{}] in the temporary security groups...",
            cidrs.join(" ")
        ));
        let (v6, v4): (Vec<String>, Vec<String>) = cidrs.into_iter().partition(|cidr| cidr.contains(':'));
        account.ec2.authorize_tcp(&id, port, &v4, &v6, &cx.cancel).await?;
    }
    Ok(id)
}

/// Where connections may come from.
async fn source_cidrs(run: &RunOptions, cx: &BuildContext) -> Result<Vec<String>, BuilderError> {
    let given = &run.network.temporary_security_group_source_cidrs;
    if !run.network.temporary_security_group_source_public_ip {
        return Ok(given.clone());
    }
    if !given.is_empty() {
        cx.detail("temporary_security_group_source_public_ip is not needed beside the given CIDRs");
        return Ok(given.clone());
    }
    let answer = cx.cancel.unless_stopped(crate::client::web::text(WHO_AM_I)).await?;
    let failed = |reason: String| {
        BuilderError::Failed(format!(
            "the public address of this machine could not be found at {WHO_AM_I}: {reason}; set \
             temporary_security_group_source_cidrs instead"
        ))
    };
    let address: std::net::IpAddr =
        answer.map_err(failed)?.trim().parse().map_err(|_| failed("no address".to_owned()))?;
    Ok(vec![if address.is_ipv4() { format!("{address}/32") } else { format!("{address}/128") }])
}
