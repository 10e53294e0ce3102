//! Instances after their launch: looked at, waited for, stopped, changed, ended.

use std::time::Duration;

use aws_sdk_ec2::types as sdk;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::types::{Filters, Instance};
use super::{Ec2, NOT_FOUND, convert, removed};
use crate::client::aws::error::AwsError;
use crate::client::aws::retry::Retry;
use crate::client::aws::wait::{Look, Pace, Polling, wait};
use crate::run::cancel::Cancel;

/// For each change of an instance's state.
const BUDGET: u64 = 10 * 60;
const TERMINATED: Pace = Pace::of_secs(5, BUDGET);
/// Lines of the console's end that an error shows.
const TAIL: usize = 20;
/// A stop comes at the end of a build: what is invisible then is a disturbance, not a delay.
const STOPPING: Retry = Retry { tries: 6, first: Duration::from_secs(10), longest: Duration::from_secs(60) };

/// A state that is waited for.
struct Goal {
    wanted: &'static str,
    /// States from which it never comes.
    never: &'static [&'static str],
    pace: Pace,
}

const RUNNING: Goal = Goal {
    wanted: "running",
    never: &["shutting-down", "terminated", "stopping", "stopped"],
    pace: Pace::of_secs(3, BUDGET),
};
const STOPPED: Goal =
    Goal { wanted: "stopped", never: &["shutting-down", "terminated"], pace: Pace::of_secs(6, BUDGET) };

impl Ec2 {
    pub(crate) async fn instance(&self, id: &str) -> Result<Option<Instance>, AwsError> {
        let request = self.client.describe_instances().instance_ids(id);
        let found = match self.answer("DescribeInstances", request.send().await).await {
            Ok(found) => found,
            Err(error) if error.is(&NOT_FOUND) => return Ok(None),
            Err(error) => return Err(error),
        };
        let all = found.reservations.unwrap_or_default().into_iter().flat_map(|r| r.instances.unwrap_or_default());
        Ok(all.map(convert::instance).next())
    }

    /// All instances that match, every page.
    pub(crate) async fn instances(&self, filters: &Filters) -> Result<Vec<Instance>, AwsError> {
        let mut instances = Vec::new();
        let mut next = None;
        loop {
            let request = self.client.describe_instances().set_filters(convert::filters(filters)).set_next_token(next);
            let page = self.answer("DescribeInstances", request.send().await).await?;
            let found = page.reservations.unwrap_or_default().into_iter();
            instances.extend(found.flat_map(|r| r.instances.unwrap_or_default()).map(convert::instance));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(instances);
            }
        }
    }

    pub(crate) async fn terminate(&self, ids: &[String]) -> Result<bool, AwsError> {
        let request = self.client.terminate_instances().set_instance_ids(Some(ids.to_vec()));
        removed(self.answer("TerminateInstances", request.send().await).await.map(drop))
    }

    pub(crate) async fn stop(&self, id: &str, cancel: &Cancel) -> Result<(), AwsError> {
        let request = self.client.stop_instances().instance_ids(id);
        let passing = |error: &AwsError| error.is(&["InvalidInstanceID.NotFound"]);
        let done = STOPPING
            .run(cancel, passing, || async { self.answer("StopInstances", request.clone().send().await).await });
        done.await.map(drop)
    }

    pub(crate) async fn set_ena(&self, id: &str, on: bool) -> Result<(), AwsError> {
        let on = sdk::AttributeBooleanValue::builder().value(on).build();
        let request = self.client.modify_instance_attribute().instance_id(id).ena_support(on);
        self.answer("ModifyInstanceAttribute", request.send().await).await.map(drop)
    }

    pub(crate) async fn set_sriov(&self, id: &str) -> Result<(), AwsError> {
        let simple = sdk::AttributeValue::builder().value("simple").build();
        let request = self.client.modify_instance_attribute().instance_id(id).sriov_net_support(simple);
        self.answer("ModifyInstanceAttribute", request.send().await).await.map(drop)
    }

    /// Says of each device whether its volume ends with the instance.
    pub(crate) async fn set_delete_on_termination(&self, id: &str, devices: &[(String, bool)]) -> Result<(), AwsError> {
        let devices = devices.iter().map(|(name, delete)| {
            let disk = sdk::EbsInstanceBlockDeviceSpecification::builder().delete_on_termination(*delete).build();
            sdk::InstanceBlockDeviceMappingSpecification::builder().device_name(name).ebs(disk).build()
        });
        let request =
            self.client.modify_instance_attribute().instance_id(id).set_block_device_mappings(Some(devices.collect()));
        self.answer("ModifyInstanceAttribute", request.send().await).await.map(drop)
    }

    /// The end of what the instance wrote to its console; empty when there is nothing.
    pub(crate) async fn console_tail(&self, id: &str) -> Result<String, AwsError> {
        let request = self.client.get_console_output().instance_id(id);
        let output = self.answer("GetConsoleOutput", request.send().await).await?.output.unwrap_or_default();
        let bytes = STANDARD.decode(output.trim()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        Ok(lines[lines.len().saturating_sub(TAIL)..].join("\n"))
    }

    /// Waits until the instance runs. `saw` is told of every look.
    pub(crate) async fn wait_running(
        &self,
        id: &str,
        polling: Polling,
        cancel: &Cancel,
        saw: impl Fn(&Instance) + Send + Sync,
    ) -> Result<Instance, AwsError> {
        match self.wait_state(id, &RUNNING, polling, cancel, saw).await {
            Err(AwsError::Wait(text)) => Err(AwsError::Wait(self.with_console(id, text).await)),
            done => done,
        }
    }

    /// An error's text with the end of the console: what the machine itself said is often the only explanation.
    pub(crate) async fn with_console(&self, id: &str, error: String) -> String {
        match self.console_tail(id).await {
            Ok(tail) if !tail.is_empty() => format!("{error}\nthe end of its console:\n{tail}"),
            _ => error,
        }
    }

    pub(crate) async fn wait_stopped(&self, id: &str, polling: Polling, cancel: &Cancel) -> Result<Instance, AwsError> {
        self.wait_state(id, &STOPPED, polling, cancel, |_| {}).await
    }

    async fn wait_state(
        &self,
        id: &str,
        goal: &Goal,
        polling: Polling,
        cancel: &Cancel,
        saw: impl Fn(&Instance) + Send + Sync,
    ) -> Result<Instance, AwsError> {
        let what = format!("instance {id} in {} to be {}", self.region, goal.wanted);
        wait(&what, polling, goal.pace, &cancel.stop, || async {
            let Some(instance) = self.instance(id).await? else {
                return Ok(Look::Missing);
            };
            saw(&instance);
            Ok(match instance.state.as_str() {
                state if state == goal.wanted => Look::Ready(instance),
                state if goal.never.contains(&state) && instance.state_reason.is_empty() => {
                    Look::Failed(format!("it is {state}"))
                }
                state if goal.never.contains(&state) => {
                    Look::Failed(format!("it is {state}: {}", instance.state_reason))
                }
                state => Look::Pending(state.to_owned()),
            })
        })
        .await
    }

    /// Waits until all are terminated. Goes on after the first signal: what an instance uses can only go after it.
    pub(crate) async fn wait_terminated(&self, ids: &[String], polling: Polling) -> Result<(), AwsError> {
        let what = format!("the end of {} in {}", ids.join(", "), self.region);
        let forever = tokio_util::sync::CancellationToken::new();
        let filters = Filters::from([("instance-id".to_owned(), ids.to_vec())]);
        wait(&what, polling, TERMINATED, &forever, || async {
            let found = self.instances(&filters).await?;
            if found.len() < ids.len() {
                // Ended ones are seen for about an hour.
                return Ok(Look::Missing);
            }
            let open: Vec<&str> = found.iter().filter(|i| i.state != "terminated").map(|i| i.state.as_str()).collect();
            Ok(if open.is_empty() { Look::Ready(()) } else { Look::Pending(open.join(", ")) })
        })
        .await
    }
}
