//! From a source block to a running instance, the same for every builder that launches one.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::account::{Account, owned, unique_name};
use super::config::{LaunchDevice, RunOptions, SourceFacts, render_tags};
use super::network::Network;
use super::{group, key, network, profile, spot};
use crate::builder::BuilderError;
use crate::builder::ssh_options::CommunicatorChoice;
use crate::client::aws::ec2::types::{BlockDevice, Image, Instance, KeyPair, Launch, Tags};
use crate::eval::interpolate::Interpolation;
use crate::run::BuildContext;
use crate::run::aws::AwsThing;

/// Families whose instances earn and spend CPU credits.
const BURSTABLE: [&str; 4] = ["t2.", "t3.", "t3a.", "t4g."];

/// What a builder asks to be launched.
pub(super) struct Order<'a> {
    pub run: &'a RunOptions,
    pub communicator: &'a CommunicatorChoice,
    pub source: &'a Image,
    pub devices: &'a [LaunchDevice],
    /// Unrendered.
    pub volume_tags: &'a std::collections::BTreeMap<String, String>,
    pub interpolation: &'a Interpolation,
    /// Wait until it runs even when SSH could tell sooner.
    pub waits: bool,
}

/// A launched instance and the way in.
pub(super) struct Launched {
    pub instance: Instance,
    /// Whether it was waited for until it runs.
    pub is_running: bool,
    pub key: Option<KeyPair>,
    pub facts: SourceFacts,
    /// `run_tags`, rendered.
    pub run_tags: Tags,
    /// Names of the devices whose volumes outlive a build that succeeds.
    pub kept_devices: Vec<String>,
}

/// Launches an instance of `order.source`, and waits until it runs unless SSH will tell. What it needs (key pair, security group, profile) is
/// made side by side; the instance is acquired last, so that it is released first.
pub(super) async fn launch(
    account: &Account,
    order: &Order<'_>,
    network: &Network,
    cx: &BuildContext,
) -> Result<Launched, BuilderError> {
    let facts = SourceFacts::new(account.region(), order.source);
    let render = |tags| render_tags(tags, order.interpolation, &facts).map_err(BuilderError::Failed);
    let run_tags = render(&order.run.run_tags)?;
    let volume_tags = render(order.volume_tags)?;
    let ssh = match order.communicator {
        CommunicatorChoice::Ssh(ssh) => Some(ssh.as_ref()),
        CommunicatorChoice::None { .. } => None,
    };
    // Nothing comes in from outside through Session Manager.
    let port = ssh.filter(|_| order.run.network.ssh_interface != "session_manager").map(|ssh| ssh.hop.port);
    // None of the three is dropped half-way when another fails: `join`, not `try_join`.
    let (key, groups, profile) = tokio::join!(
        key::create(account, ssh, &run_tags, cx),
        group::find_or_create(account, order.run, network, port, &run_tags, cx),
        profile::find_or_create(account, order.run, &run_tags, cx),
    );
    let (key, security_groups, instance_profile) = (key?, groups?, profile?);
    if cx.cancel.is_stopped() {
        return Err(crate::run::cancel::Cancelled.into());
    }

    cx.say("Launching a source AWS instance...");
    let tag = unique_name("packer-");
    let intent = account.acquire(AwsThing::Instance { tag: tag.clone(), id: String::new() }, cx)?;
    let mut request = request(order, network)?;
    request.client_token.clone_from(&tag);
    request.key_name = key.as_ref().map_or_else(|| order.communicator.key_pair().to_owned(), |pair| pair.name.clone());
    request.security_groups.clone_from(&security_groups);
    request.instance_profile = instance_profile;
    request.instance_tags = owned(run_tags.clone(), &tag, cx);
    request.volume_tags = owned(volume_tags, &tag, cx);
    let is_spot = order.run.spot.is_wanted();
    let mut instance = if is_spot {
        let id = spot::launch(account, order, &request, &tag, cx).await?;
        Instance { id, ..Instance::default() }
    } else {
        account.ec2.run_instance(&request, &cx.cancel).await.map_err(|error| explained(error, network))?
    };
    account.acquire(AwsThing::Instance { tag: tag.clone(), id: instance.id.clone() }, cx)?;
    cx.keep(&intent)?;
    cx.detail(format!("Instance ID: {}", instance.id));
    cx.say(format!("Waiting for instance ({}) to become ready...", instance.id));
    let tells_itself = ssh.is_some_and(|ssh| ssh.pause_before_connecting.is_zero()) && port.is_some();
    let is_running = order.waits || is_spot || !tells_itself;
    if is_running {
        instance = account.ec2.wait_running(&instance.id, account.polling, &cx.cancel, |_| {}).await?;
    }
    if is_spot {
        spot::tag_request(account, order, &instance, &facts, cx).await;
    }
    let kept_devices = order.devices.iter().filter(|d| d.kept()).map(|d| d.device.device_name.clone()).collect();
    Ok(Launched { instance, is_running, key, facts, run_tags, kept_devices })
}

/// Looks for the network beside whatever else is looked for before the launch.
pub(super) async fn find_network(
    account: &Account,
    run: &RunOptions,
    cx: &BuildContext,
) -> Result<Network, BuilderError> {
    network::find(&account.ec2, run, cx).await
}

/// The launch as the options say it, without what was made for it.
fn request(order: &Order<'_>, network: &Network) -> Result<Launch, BuilderError> {
    let run = order.run;
    let burstable = |kind: &str| BURSTABLE.iter().any(|family| kind.starts_with(family));
    let types: BTreeSet<&str> = std::iter::once(run.instance_type.as_str())
        .chain(run.spot.spot_instance_types.iter().map(String::as_str))
        .collect();
    // One request for all types of a fleet, and not all types take the word.
    let cpu_credits = match types.iter().filter(|kind| !kind.is_empty()).all(|kind| burstable(kind)) {
        true if run.enable_unlimited_credits => "unlimited",
        true => "standard",
        false => "",
    };
    let mut placement = run.placement.clone();
    if !network.availability_zone.is_empty() {
        placement.availability_zone.clone_from(&network.availability_zone);
    }
    Ok(Launch {
        image_id: order.source.id.clone(),
        instance_type: run.instance_type.clone(),
        user_data: user_data(run)?,
        ebs_optimized: Some(run.ebs_optimized),
        shutdown_behavior: run.shutdown_behavior.clone(),
        nitro_enclave: run.enable_nitro_enclave,
        cpu_credits: cpu_credits.to_owned(),
        placement,
        metadata: Some(run.metadata_options.clone()),
        devices: order.devices.iter().map(|d| d.device.clone()).collect::<Vec<BlockDevice>>(),
        subnet_id: network.subnet_id.clone(),
        public_address: network.public_address,
        licenses: run.license_specifications.clone(),
        capacity_preference: run.capacity_reservation_preference.clone(),
        capacity_reservation_id: run.capacity_reservation_id.clone(),
        capacity_group_arn: run.capacity_reservation_group_arn.clone(),
        ..Launch::default()
    })
}

/// Base64 of the user data. What is base64 already is sent as it is, as in the peer; a short word that only looks so
/// is not taken for it.
fn user_data(run: &RunOptions) -> Result<String, BuilderError> {
    let bytes = match &run.user_data_file {
        None => run.user_data.clone().into_bytes(),
        Some(path) => std::fs::read(path).map_err(|error| {
            BuilderError::Failed(format!("user_data_file: {} could not be read: {error}", path.display()))
        })?,
    };
    if bytes.is_empty() {
        return Ok(String::new());
    }
    // Tools that write base64 break its lines.
    let text = std::str::from_utf8(&bytes).unwrap_or_default().replace(['\r', '\n'], "");
    let text = text.trim();
    if text.len() >= SHORTEST_BASE64 && STANDARD.decode(text).is_ok() {
        return Ok(text.to_owned());
    }
    Ok(STANDARD.encode(&bytes))
}

/// In bytes. A shebang with a command, or a `#cloud-config` with a line, is longer than that in base64.
const SHORTEST_BASE64: usize = 16;

/// AWS's words for a missing subnet do not say what to do about it.
fn explained(error: crate::client::aws::AwsError, network: &Network) -> BuilderError {
    if error.is(&["VPCIdNotSpecified"]) && network.subnet_id.is_empty() {
        return BuilderError::Failed(format!(
            "{error}; the account has no default VPC here, so set subnet_id (or subnet_filter) and vpc_id"
        ));
    }
    error.into()
}
